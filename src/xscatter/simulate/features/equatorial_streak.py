"""The equator of a fibre: a streak across its axis, with the reflections of its packing.

Voids and fibrils are long and thin: their scattering is a streak, I(q_r, q_z) = S(q_r)
exp(−q_z²/2w²) with S = 1/(1 + (q_r/κ)²)^(p/2); w is the inverse length and the misorientation.
Filaments packed side by side add peaks at q_r = k, √3 k, 2 k. Fibrils that are not quite parallel
open the streak into a fan of constant angle.

Source: Ruland, J. Polym. Sci. C 28 (1969) 143; Huxley & Brown, J. Mol. Biol. 30 (1967) 383 (packing
of filaments).
"""

import numpy as np

from xscatter.simulate.components import Plane, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.fibre import fibre_axis

KIND = "sample"
FAMILIES = {"fibre": 5.0, "polymer": 1.0, "block copolymer": 0.3, "any": 0.06}
GRAZING = 0.0
TAGS = ("equatorial streak",)
PARAMETERS = (
    Parameter("decay", "nm⁻¹", 0.2, (1e-4, 300.0), "κ, where the streak begins to fall"),
    Parameter("power", "", 3.0, (1.0, 5.0), "p, exponent of its fall"),
    Parameter("width", "", 0.3, (0.01, 3.0), "w over κ"),
    Parameter(
        "packing", "nm⁻¹", 1.0, (1e-3, 300.0), "k, position of the first reflection of the packing"
    ),
    Parameter(
        "height", "", 0.0, (0.0, 100.0), "height of that reflection over the streak; 0 for none"
    ),
    Parameter("sharpness", "", 0.1, (0.01, 0.5), "full width of the reflections over k"),
    Parameter("fan", "°", 3.0, (0.2, 40.0), "standard deviation of the directions of fibrils"),
    Parameter("fanned", "", 0.0, (0.0, 1.0), "fraction of the fibrils that have this spread"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of the streak"),
    Parameter(
        "tilt",
        "°",
        0.0,
        (-60.0, 60.0),
        "tilt of the fibre axis towards the beam, which bends the streak",
    ),
)


def streak(q, decay, power):
    """S at `q` (n,) in nm⁻¹.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        decay: κ in nm⁻¹, where the streak begins to fall.
        power: p, exponent of its fall.
    """
    return (1 + (np.asarray(q) / decay) ** 2) ** (-power / 2)


REFERENCES = ((streak, (2.0, 2.0, 2.0), 0.5, "half at q = κ for p = 2"),)


def draw(rng, experiment):
    packed = rng.random() < 0.5
    axis, tilt = fibre_axis(rng, experiment)
    decay = float(np.clip(experiment.q_low * log_uniform(rng, 0.3, 3.0), 1e-4, 300))
    return {
        "decay": decay,
        "power": rng.uniform(1.5, 4.0),
        "width": float(np.clip(experiment.q_low * log_uniform(rng, 0.08, 0.7) / decay, 0.01, 3)),
        "packing": between(rng, experiment, 0.15, 0.6),
        "height": log_uniform(rng, 1.0, 30.0) if packed else 0.0,
        "sharpness": log_uniform(rng, 0.04, 0.25),
        "fan": log_uniform(rng, 1.0, 15.0),
        "fanned": float(rng.beta(1, 2)),
        "angle": (axis + 270) % 360 - 180,  # across the axis
        "tilt": tilt,
    }


def contribute(parameters, experiment):
    p, axis = parameters, experiment.axis
    along = np.exp(-0.5 * (axis / (p["width"] * p["decay"])) ** 2)
    angle = np.deg2rad(p["angle"])
    across = (1 - p["fanned"]) * _equator(axis, p)
    # A Plane of a fibre is described along the axis of the fibre, across the streak.
    fibre = {"angle": angle - np.pi / 2, "tilt": np.deg2rad(p["tilt"])}
    parts = [Plane(tags=TAGS, along=along[None], across=across[None], **fibre)]
    if p["fanned"] > 0:
        # The angle to the nearer of both directions of the streak.
        turned = (experiment.chi - angle + np.pi / 2) % np.pi - np.pi / 2
        fan = np.exp(-0.5 * (turned / np.deg2rad(p["fan"])) ** 2)
        parts.append(
            Radial(tags=TAGS, profile=p["fanned"] * _equator(experiment.q, p), azimuth=fan)
        )
    return parts


def _equator(q, p):
    """Return the streak and the reflections of the packing, at both signs of `q` (n,)."""
    along = streak(q, p["decay"], p["power"])
    for ratio, part in ((1.0, 1.0), (3**0.5, 0.5), (2.0, 0.25)):
        at = ratio * p["packing"]
        if p["height"] > 0 and at < q[-1]:
            top = part * p["height"] * streak(at, p["decay"], p["power"])
            width = p["sharpness"] * p["packing"]
            along = along + top * (peak(q, at, width, 0.3) + peak(q, -at, width, 0.3))
    return along
