"""Particles with short-range order: the paracrystal.

S(q) = (1 − g²) / (1 + g² − 2 g cos q d), g = exp(−q² σ² d²/2): along a line of neighbours at the
distance d, each distance varies by σ d, and the deviations add up, so the peaks broaden and fade
with their order. I(q) = P(q) [1 + β(q) (S(q) − 1)], P the form factor of polydisperse spheres; the
decoupling factor β = exp(−q² s²) with s the spread of radii keeps the form factor where order is
lost.

Source: Hosemann & Bagchi, Direct Analysis of Diffraction by Matter (1962), chapter 8.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import sphere
from xscatter.simulate.physics.sizes import tabulated
from xscatter.simulate.shared.draws import between
from xscatter.simulate.shared.particles import (
    POLYDISPERSITY,
    correlation_components,
    draw_polydispersity,
)
from xscatter.simulate.shared.rings import width_tag

KIND = "sample"
FAMILIES = {
    "solution": 0.7,
    "superlattice": 1.2,
    "block copolymer": 1.2,
    "polymer": 0.8,
    "any": 0.2,
}
GRAZING = 0.5
TAGS = (
    "structure factor",
    "halo: isotropic",
    "ring",
    "ring: isotropic",
    "ring: sharp",
    "ring: intermediate",
    "ring: broad",
)
PARAMETERS = (
    Parameter("distance", "nm", 30.0, (0.04, 1e5), "mean distance of neighbours"),
    Parameter(
        "disorder", "", 0.15, (0.02, 0.5), "standard deviation of the distance, relative to it"
    ),
    Parameter("filling", "", 0.3, (0.05, 0.5), "median radius over distance"),
    POLYDISPERSITY,
)


def structure_factor(q: np.ndarray, distance: float, disorder: float) -> np.ndarray:
    """Return S (n,) of a paracrystal.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        distance: of neighbours in nm.
        disorder: σ, its relative standard deviation.
    """
    g = np.exp(-0.5 * (q * disorder * distance) ** 2)
    return (1 - g**2) / (1 + g**2 - 2 * g * np.cos(q * distance) + 1e-12)


def peak_width(disorder: float) -> float:
    """Return the full width at half maximum of the first peak over its q."""
    g = np.exp(-0.5 * (2 * np.pi * disorder) ** 2)
    return float((1 - g) / (np.pi * np.sqrt(g)))


def intensity(
    q: np.ndarray, distance: float, disorder: float, filling: float, polydispersity: float
) -> np.ndarray:
    """Return I (n,) of spheres with the order of a paracrystal.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        distance: of neighbours in nm.
        disorder: its relative standard deviation.
        filling: median radius over distance.
        polydispersity: standard deviation of the logarithm of the radius.
    """
    radius = filling * distance
    beta = np.exp(-((q * polydispersity * radius) ** 2))
    return sphere(q, radius, polydispersity) * (
        1 + beta * (structure_factor(q, distance, disorder) - 1)
    )


REFERENCES = (
    # g = exp(−2π²·0.01) = 0.82091 there.
    (
        lambda: float(structure_factor(np.array([2 * np.pi]), 1.0, 0.1)[0]),
        (),
        10.165,
        "(1 + g)/(1 − g), first peak",
    ),
)


def draw(rng, experiment):
    return {
        "distance": float(np.clip(2 * np.pi / between(rng, experiment, 0.15, 0.7), 0.04, 1e5)),
        "disorder": rng.uniform(0.07, 0.26),
        "filling": rng.uniform(0.15, 0.48),
        "polydispersity": draw_polydispersity(rng),
    }


def contribute(parameters, experiment):
    p = parameters
    profile = tabulated(lambda q: intensity(q, **p), experiment.q)
    width = peak_width(p["disorder"])
    seen = np.hypot(width, experiment.wavelength_spread)
    tags = ("halo: isotropic",) if seen > 0.2 else ("ring", "ring: isotropic", width_tag(seen))
    return correlation_components(profile, experiment.q, 2 * np.pi / p["distance"], tags)
