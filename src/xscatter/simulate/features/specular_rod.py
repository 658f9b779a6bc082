"""The specular rod of a film: mirror reflection, and diffuse scattering by its roughness.

Along q_z: the specular spot at q_z = 2 k α_i, and a rod that falls as 1/(1 + (q_z/κ)ᵖ), with the
fringes 1 + c cos(q_z d) of a film of thickness d (Kiessig). Across: exp(−q_y²/2w²) about q_y = 0, w
that of the beam, and a wider foot by roughness, 1/(1 + (q_y ξ)²). Fresnel's factors and the horizon
are those of the experiment.

Source: Sinha, Sirota, Garoff & Stanley, Phys. Rev. B 38 (1988) 2297; Kiessig, Ann. Phys. 402 (1931)
769.
"""

import numpy as np

from xscatter.simulate.components import Plane
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "sample"
FAMILIES: dict[str, float] = {}
GRAZING = 4.0
TAGS = ("specular rod",)
UP = -np.pi / 2  # without a film: rows count downwards
PARAMETERS = (
    Parameter("decay", "nm⁻¹", 0.3, (1e-4, 300.0), "κ, where the rod begins to fall"),
    Parameter("power", "", 3.0, (1.0, 6.0), "p, exponent of its fall"),
    Parameter("thickness", "", 0.0, (0.0, 200.0), "d times κ; 0: no fringes"),
    Parameter("fringes", "", 0.3, (0.0, 1.0), "c, contrast of the fringes"),
    Parameter("width", "", 1.5, (0.3, 20.0), "w over the deviation of the point spread"),
    Parameter("foot", "", 0.1, (0.0, 1.0), "height of the wider foot"),
    Parameter("spread", "", 6.0, (1.5, 60.0), "1/ξ over w"),
    Parameter("spot", "", 30.0, (0.0, 1e5), "height of the specular spot over the rod"),
)


def rod(q, decay, power, thickness, fringes):
    """Return the intensity of the rod at `q` = q_z (n,) in nm⁻¹, 1 at 0 without fringes.

    Args:
        q: q_z (n,) in nm⁻¹.
        decay: κ in nm⁻¹, where the rod begins to fall.
        power: p, exponent of its fall.
        thickness: d times κ; 0: no fringes.
        fringes: c, contrast of the fringes.
    """
    x = np.maximum(np.asarray(q, float), 0.0) / decay
    return (1 + fringes * (thickness > 0) * np.cos(x * thickness)) / (1 + x**power)


REFERENCES = (
    (rod, (0.3, 0.3, 4.0, 0.0, 0.3), 0.5, "half at κ"),
    (rod, (0.3, 0.3, 4.0, np.pi, 1.0), 0.0, "first minimum of the fringes at q d = π"),
)


def draw(rng, experiment):
    return {
        "decay": float(np.clip(log_uniform(rng, 0.05, 0.5) * experiment.q_high, 1e-4, 300)),
        "power": rng.uniform(1.5, 4.5),
        "thickness": log_uniform(rng, 3, 60) if rng.random() < 0.4 else 0.0,
        "fringes": rng.uniform(0.1, 0.8),
        "width": log_uniform(rng, 0.7, 6.0),
        "foot": float(rng.beta(1, 4)),
        "spread": log_uniform(rng, 3, 30),
        "spot": log_uniform(rng, 3, 1000) if rng.random() < 0.7 else 0.0,
    }


def contribute(parameters, experiment):
    p, axis = parameters, experiment.axis
    # Never narrower than a step of the table, between whose points it could vanish.
    sigma = max(p["width"] * experiment.resolution, experiment.q_step)
    near = np.exp(-0.5 * (axis / sigma) ** 2)
    foot = p["foot"] / (1 + (axis / (p["spread"] * sigma)) ** 2)
    along = rod(axis, p["decay"], p["power"], p["thickness"], p["fringes"])
    incidence = experiment.film.incidence if experiment.film else 0.0
    specular = 4e-9 * np.pi / experiment.geometry.wavelength * np.sin(incidence)
    spot = (
        p["spot"]
        * rod(specular, p["decay"], p["power"], 0.0, 0.0)
        * np.exp(-0.5 * ((axis - specular) / sigma) ** 2)
    )
    angle = experiment.film.azimuth if experiment.film else UP
    tables = {"along": np.stack([along, spot]), "across": np.stack([near + foot, near])}
    return [Plane(tags=TAGS, angle=angle, **tables)]
