"""Structure factor of hard spheres in the Percus-Yevick approximation, on polydisperse spheres.

I(q) = P(q) [1 + β(q) (S(q) − 1)] with the decoupling of size and position, β = ⟨A⟩²/⟨A²⟩; S(q) = 1
/ (1 + 24 φ G(x)/x), x = 2 q R, and with α = (1 + 2φ)²/(1 − φ)⁴, b = −6φ (1 + φ/2)²/(1 − φ)⁴, γ = φ
α/2:

G(x) = α (sin x − x cos x)/x² + b (2x sin x + (2 − x²) cos x − 2)/x³
       + γ (−x⁴ cos x + 4 [(3x² − 6) cos x + (x³ − 6x) sin x + 6])/x⁵

Source: Percus & Yevick, Phys. Rev. 110 (1958) 1; Kinning & Thomas, Macromolecules 17 (1984) 1712;
Kotlarchyk & Chen, J. Chem. Phys. 79 (1983) 2461 (decoupling).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import sphere_amplitude
from xscatter.simulate.physics.sizes import size_nodes, tabulated
from xscatter.simulate.shared.draws import between
from xscatter.simulate.shared.particles import (
    POLYDISPERSITY,
    RADIUS,
    correlation_components,
    draw_polydispersity,
)

KIND = "sample"
FAMILIES = {"solution": 2.0, "superlattice": 0.6, "polymer": 0.5, "any": 0.2}
GRAZING = 0.2
TAGS = ("structure factor", "halo: isotropic")
GAP = (1.0, 3.0)
PARAMETERS = (
    Parameter("radius", "nm", 10.0, RADIUS, "median radius"),
    POLYDISPERSITY,
    Parameter("fraction", "", 0.3, (0.0, 0.55), "fraction of the volume that the spheres fill"),
    Parameter("gap", "", 1.0, GAP, "closest distance of centres over the diameter"),
)


def structure_factor(q: np.ndarray, radius: float, fraction: float) -> np.ndarray:
    """Return S (n,) of hard spheres.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: of the spheres in nm.
        fraction: φ, of the volume that they fill.
    """
    alpha = (1 + 2 * fraction) ** 2 / (1 - fraction) ** 4
    beta = -6 * fraction * (1 + fraction / 2) ** 2 / (1 - fraction) ** 4
    gamma = fraction * alpha / 2
    x = np.maximum(2 * radius * q, 0.1)  # below, differences of nearly equal terms; S is flat there
    sine, cosine = np.sin(x), np.cos(x)
    first = alpha * (sine - x * cosine) / x**2
    second = beta * (2 * x * sine + (2 - x**2) * cosine - 2) / x**3
    third = (
        gamma
        * (-(x**4) * cosine + 4 * ((3 * x**2 - 6) * cosine + (x**3 - 6 * x) * sine + 6))
        / x**5
    )
    return 1 / (1 + 24 * fraction * (first + second + third) / x)


def intensity(
    q: np.ndarray, radius: float, polydispersity: float, fraction: float, gap: float
) -> np.ndarray:
    """Return I (n,) of polydisperse spheres that keep a distance.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median radius in nm.
        polydispersity: standard deviation of the logarithm of the size.
        fraction: φ, of the volume that they fill.
        gap: closest distance of centres over the diameter, 1 for contact.
    """
    sizes, weights = size_nodes(polydispersity)
    amplitudes = sphere_amplitude(sizes[:, None] * (radius * q)[None, :])
    squared = amplitudes**2
    # The weights count volume squared; ⟨A⟩² needs the mean of the volume-weighted amplitude.
    number = weights / sizes**3
    mean_amplitude = number @ amplitudes
    mean_square = weights @ squared
    beta = mean_amplitude**2 / (mean_square * (weights / sizes**6).sum())
    structure = structure_factor(q, radius * gap, fraction)
    return mean_square * (1 + np.minimum(beta, 1.0) * (structure - 1))


REFERENCES = (
    (
        lambda q: float(structure_factor(np.array([q]), 5.0, 0.2)[0]),
        (1.0,),
        0.930587,
        "sasmodels 1.1, hardsphere",
    ),
    (
        lambda: float(structure_factor(np.array([1e-6]), 5.0, 0.3)[0]),
        (),
        0.7**4 / 1.6**2,
        "compressibility: (1 − φ)⁴/(1 + 2φ)²",
    ),
)


def draw(rng, experiment):
    # The correlation peak lies near 2 q R = 6.5 to 7.2.
    return {
        "radius": float(np.clip(3.4 / between(rng, experiment, 0.15, 0.65), *RADIUS)),
        "polydispersity": min(draw_polydispersity(rng) * 1.5, POLYDISPERSITY.bounds[1]),
        "fraction": rng.uniform(0.15, 0.5),
        "gap": float(min(np.exp(rng.exponential(0.12)), GAP[1])),
    }


def contribute(parameters, experiment):
    p = parameters
    profile = tabulated(lambda q: intensity(q, **p), experiment.q)
    # The peak is that of sizes weighed with the square of the volume, which scatter most.
    mean = p["radius"] * np.exp(6 * p["polydispersity"] ** 2)
    # Below a quarter of the volume the peak is too low to look like one.
    tags = ("halo: isotropic",) if p["fraction"] >= 0.25 else ()
    return correlation_components(profile, experiment.q, 3.5 / (mean * p["gap"]), tags)
