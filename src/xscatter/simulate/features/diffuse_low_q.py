"""Diffuse scattering that falls from the beam outwards, isotropic or elliptical.

form 0: Guinier, exp(−q²R²/3) (Guinier 1939)
form 1: power law, q^−p with a Guinier shoulder towards the beam (Porod 1951; Beaucage 1995)
form 2: Ornstein-Zernike, 1/(1 + q²ξ²) (Ornstein & Zernike 1914)
form 3: Debye-Bueche, 1/(1 + q²ξ²)² (Debye & Bueche 1949)

An elliptical pattern has q √(cos²χ' + ε² sin²χ') in the place of q.
"""

import numpy as np

from xscatter.simulate.components import Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "sample"
FAMILIES = {"any": 3.0}
GRAZING = 2.0
TAGS = ("diffuse low-q", "diffuse low-q: isotropic", "diffuse low-q: anisotropic")
PARAMETERS = (
    Parameter("form", "", 0, (0, 3), "0 Guinier, 1 power law, 2 Ornstein-Zernike, 3 Debye-Bueche"),
    Parameter("length", "nm", 10.0, (0.01, 1e5), "radius of gyration or correlation length"),
    Parameter("power", "", 4.0, (1.0, 4.5), "exponent of the power law"),
    Parameter("ratio", "", 1.0, (1.0, 6.0), "ratio ε of the axes of the pattern"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of the long axis"),
)


def intensity(q, form, length, power):
    """Intensity at `q` (nm⁻¹), 1 at q = 0 (power law: at q = 1/length).

    Args:
        q: any shape, in nm⁻¹.
        form: number of the law, 0 to 3; see the module.
        length: radius of gyration or correlation length in nm.
        power: exponent of the power law.
    """
    x2 = (q * length) ** 2
    if form == 0:
        return np.exp(-x2 / 3)
    if form == 1:
        return (2.0 / (1.0 + x2)) ** (power / 2)
    return 1 / (1 + x2) ** (form - 1)


REFERENCES = (
    (intensity, (3.0**0.5, 0, 1.0, 4.0), 0.36787944117144233, "Guinier: exp(-q²R²/3)"),
    (intensity, (2.0, 2, 0.5, 4.0), 0.5, "Ornstein-Zernike at q = 1/ξ"),
    (intensity, (2.0, 3, 0.5, 4.0), 0.25, "Debye-Bueche at q = 1/ξ"),
)


def draw(rng, experiment):
    form = int(rng.integers(4))
    # The decay must lie where it can be seen; a power law begins inside of the beamstop.
    near, far = (0.05, 0.8) if form == 1 else (1.0, 6.0)
    at = log_uniform(rng, near * experiment.q_low, min(far * experiment.q_low, experiment.q_high))
    elliptical = rng.random() < 0.35
    return {
        "form": form,
        "length": (1.73 if form == 0 else 1.0) / at,
        "power": rng.uniform(2.0, 4.5),
        "ratio": float(np.clip(1.2 + rng.lognormal(-0.4, 0.6), 1.2, 6)) if elliptical else 1.0,
        "angle": rng.uniform(-180, 180),
    }


def contribute(parameters, experiment):
    p = parameters
    profile = intensity(experiment.q, p["form"], p["length"], p["power"])
    if p["ratio"] <= 1:
        return [Radial(tags=("diffuse low-q: isotropic",), profile=profile)]
    turned = experiment.chi - np.deg2rad(p["angle"])
    stretch = np.sqrt(np.cos(turned) ** 2 + (p["ratio"] * np.sin(turned)) ** 2)
    kind = "diffuse low-q: anisotropic" if p["ratio"] > 1.2 else "diffuse low-q: isotropic"
    return [Radial(tags=(kind,), profile=profile, stretch=stretch)]
