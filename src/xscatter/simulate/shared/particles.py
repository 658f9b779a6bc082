"""Single and correlated particles: how their sizes are drawn, their components and tags."""

from collections.abc import Callable
from typing import Any

import numpy as np

from xscatter.simulate.components import Component, Particle, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.sizes import tabulated
from xscatter.simulate.shared.draws import between

RADIUS = (0.02, 1e5)  # nm
# Logarithm of their share of the photons: particles are often measured alone, in a clear solvent.
PARTICLE_SHARE = (-0.7, 0.5)

POLYDISPERSITY = Parameter(
    "polydispersity", "", 0.06, (0.0, 0.3), "standard deviation of the logarithm of the size"
)


def draw_size(rng: np.random.Generator, experiment: Any, minimum: float) -> float:
    """Draw a size in nm whose first minimum, at q size = `minimum`, is seen with some others.

    Args:
        rng: random stream.
        experiment: it sees q from `q_low` to `q_high`.
        minimum: q times size at the first minimum of the form factor.
    """
    return float(np.clip(minimum / between(rng, experiment, 0.03, 0.38), *RADIUS))


def draw_polydispersity(rng: np.random.Generator) -> float:
    """Most particles that are made on purpose are within a few per cent of one size."""
    return float(rng.beta(1.5, 5) * 0.2 + 0.01)


def particle_components(
    curve: Callable[[np.ndarray], np.ndarray], q: np.ndarray, split: float, tag: str
) -> list[Component]:
    """Return the scattering of particles below and beyond its first minimum.

    Below it is a shoulder as any compact object has; only what is beyond tells their shape.

    Args:
        curve: gives the intensity at q (n,).
        q: scattering vectors (n,) in nm⁻¹.
        split: q of the first minimum in nm⁻¹.
        tag: of the kind of particle.
    """
    profile = tabulated(curve, q)
    beyond = 1 / (1 + np.exp(np.clip((split - q) / (0.04 * split), -60, 60)))
    return [
        Radial(tags=("diffuse low-q: isotropic",), profile=profile * (1 - beyond)),
        Radial(tags=(tag,), profile=profile * beyond, particle=Particle(tag, split)),
    ]


def correlation_components(
    profile: np.ndarray, q: np.ndarray, peak: float, tags: tuple[str, ...]
) -> list[Component]:
    """Return the scattering of correlated particles: below their first peak, the peak, the rest.

    Args:
        profile: intensity (n,).
        q: scattering vectors (n,) in nm⁻¹.
        peak: q of the peak in nm⁻¹.
        tags: what the peak looks like.
    """
    above = 1 / (1 + np.exp(np.clip((0.6 * peak - q) / (0.05 * peak), -60, 60)))
    beyond = 1 / (1 + np.exp(np.clip((1.5 * peak - q) / (0.05 * peak), -60, 60)))
    return [
        Radial(profile=profile * (1 - above)),
        Radial(tags=("structure factor", *tags), profile=profile * (above - above * beyond)),
        Radial(tags=("structure factor",), profile=profile * (above * beyond)),
    ]
