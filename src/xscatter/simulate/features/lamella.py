"""Form factor of wide flat sheets in random orientation, polydisperse in thickness.

P(q) = 2/(qD)² [1 − J₁(2qD)/(qD)] · [sin(q t/2)/(q t/2)]²: the thin disk of radius D, which goes as
q⁻² beyond q D = 1, times the profile of the thickness t ≪ D.

Source: Kratky & Porod, J. Colloid Sci. 4 (1949) 35; Nallet, Laversanne & Roux, J. Phys. II 3 (1993)
487.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import disk_amplitude, ratio
from xscatter.simulate.physics.sizes import size_average
from xscatter.simulate.shared.particles import (
    PARTICLE_SHARE,
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
)

KIND = "sample"
FAMILIES = {"solution": 1.5, "superlattice": 0.5, "polymer": 0.6, "any": 0.2}
GRAZING = 0.1
SHARE = PARTICLE_SHARE
TAGS = ("form factor: lamella", "diffuse low-q: isotropic")
PARAMETERS = (
    Parameter("thickness", "nm", 5.0, RADIUS, "median thickness"),
    Parameter("extent", "", 40.0, (5.0, 1000.0), "lateral radius over thickness"),
    POLYDISPERSITY,
)


def form_factor(
    q: np.ndarray, thickness: float, extent: float, polydispersity: float
) -> np.ndarray:
    """Return P (n,) of wide flat sheets in random orientation.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        thickness: median thickness in nm.
        extent: lateral radius over thickness.
        polydispersity: standard deviation of the logarithm of the thickness.
    """
    x = np.maximum(q * (extent * thickness), 1e-2)
    disk = 2 / x**2 * (1 - disk_amplitude(2 * x))
    return disk * size_average(
        lambda k: np.sinc(k * (thickness / (2 * np.pi))) ** 2, q, polydispersity
    )


# Shapes that other form factors have to be told from, at one size.
SHAPES = ({"thickness": 1.0, "extent": 50.0},)

REFERENCES = (
    (ratio, (form_factor, 0.5, 1.0, 5.0, 1000.0, 0.0), 0.0248570, "sasmodels 1.1, lamellar"),
)


def draw(rng, experiment):
    return {
        "thickness": draw_size(rng, experiment, 2 * np.pi),
        "extent": np.exp(rng.uniform(np.log(10), np.log(400))),
        "polydispersity": draw_polydispersity(rng),
    }


def contribute(parameters, experiment):
    p = parameters
    # Scattering weighs sizes with the square of the volume, which shifts the minimum by exp(6σ²).
    split = 2 * np.pi / (p["thickness"] * np.exp(6 * p["polydispersity"] ** 2))
    return particle_components(
        lambda q: form_factor(q, **p), experiment.q, split, "form factor: lamella"
    )
