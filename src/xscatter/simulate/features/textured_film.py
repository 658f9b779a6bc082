"""A textured film at wide angles: arcs of crystallites that turn about the surface normal (GIWAXS).

Lamellae at q_k = k q_1 along one direction of the crystallite, and a stack at q_s along another. A
direction at the angle ω from the normal of the film gives arcs where the angle φ between q and the
normal is ω (and 180° − ω),

    A(χ) = f + (1 − f) [P(φ − ω) + P(φ + ω − 180°)], cos φ = cos θ cos(χ − χ_n),

P a Gaussian of mosaicity σ, f the part of crystallites without a preferred direction, χ_n the
azimuth of the normal and θ half the scattering angle: a flat detector never shows q along the
normal itself, the missing wedge.

Source: Baker et al., Langmuir 26 (2010) 9146; Rivnay, Mannsfeld, Miller, Salleo & Toney, Chem. Rev.
112 (2012) 5488.
"""

import numpy as np

from xscatter.simulate.components import Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.lattice import LAMELLAR
from xscatter.simulate.physics.profiles import debye_waller, peak
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.rings import equal_orders, widest, width_tag

KIND = "sample"
FAMILIES: dict[str, float] = {}
GRAZING = 2.5
TAGS = (
    "ring", "ring: anisotropic", "ring: textured", "ring: oriented in plane",
    "ring: oriented out of plane", "ring: sharp", "ring: intermediate", "ring: broad",
    "lamellar", "structure factor",
)  # fmt: skip
UP = -np.pi / 2  # without a film: rows count downwards
NEAR = 15.0  # degrees from the horizontal or vertical within which arcs are in or out of plane
PARAMETERS = (
    Parameter("position", "nm⁻¹", 3.0, (1e-3, 300.0), "q_1 of the lamellae"),
    Parameter("orders", "", 3, (1, 8), "number of their orders"),
    Parameter("width", "", 0.06, (0.002, 0.2), "full width at half maximum over q_1"),
    Parameter("displacement", "", 0.4, (0.0, 2.0), "root mean square displacement times q_1"),
    Parameter("angle", "°", 0.0, (0.0, 90.0), "ω of the lamellae"),
    Parameter("stack", "nm⁻¹", 0.0, (0.0, 300.0), "q_s of the stack; 0: none"),
    Parameter("stack_angle", "°", 90.0, (0.0, 90.0), "ω of the stack"),
    Parameter("stack_width", "", 0.1, (0.002, 0.2), "full width at half maximum over q_s"),
    Parameter("stack_height", "", 0.5, (0.0, 10.0), "of the stack over that of the lamellae"),
    Parameter("mosaicity", "°", 10.0, (0.5, 60.0), "σ of the directions"),
    Parameter("powder", "", 0.1, (0.0, 1.0), "f, without a preferred direction"),
)


def texture(polar, angle, mosaicity):
    """Return how many crystallites have a direction at `polar` (n,) from the normal, 1 at most.

    Args:
        polar: angle from the normal (n,) in degrees, 0 to 180.
        angle: ω, where they are most.
        mosaicity: σ in degrees.
    """
    # Normals point both ways: what is at ω is at 180° − ω, too.
    away = np.minimum(np.abs(polar - angle), np.abs(polar - (180 - angle)))
    return np.exp(-0.5 * (away / mosaicity) ** 2)


REFERENCES = (
    (texture, (30.0, 30.0, 5.0), 1.0, "most at ω"),
    (texture, (155.0, 30.0, 5.0), 0.6065306597126334, "one σ from 180° − ω"),
)


def draw(rng, experiment):
    edge_on, tilted = rng.random() < 0.6, rng.random() < 0.3
    angle = rng.uniform(0, 90) if tilted else 0.0 if edge_on else 90.0
    two = rng.random() < 0.6
    first = between(rng, experiment, 0.05, 0.6)
    # Lamellae are further apart than the molecules in them.
    second = min(first * rng.uniform(1.5, 5.0), experiment.q_high)
    return {
        "position": first,
        "orders": int(rng.integers(1, 6)),
        "width": min(log_uniform(rng, 0.01, 0.2), widest(experiment)),
        "displacement": rng.uniform(0.1, 0.8),
        "angle": angle,
        "stack": second if two else 0.0,
        "stack_angle": 90.0 - angle,
        "stack_width": min(log_uniform(rng, 0.02, 0.2), widest(experiment)),
        "stack_height": log_uniform(rng, 0.1, 2.0),
        "mosaicity": log_uniform(rng, 2.0, 40.0),
        "powder": 0.0 if rng.random() < 0.4 else float(rng.beta(1, 4)),
    }


def contribute(parameters, experiment):
    p = parameters
    lamellae = _arcs(p, experiment, p["position"], p["angle"])
    components = []
    for order in range(1, p["orders"] + 1):
        at = order * p["position"]
        if at > experiment.q[-1]:
            break
        height = debye_waller(np.sqrt(order**2 - 1.0), p["displacement"])
        profile = height * peak(experiment.q, at, p["width"] * p["position"], 0.4)
        tags = (*lamellae[1], width_tag(p["width"] / order, experiment.wavelength_spread))
        # The first order alone could be of anything.
        stack = equal_orders(p, experiment.q, 0.4) if order == 2 else None
        components.append(
            Radial(
                tags=(*tags, LAMELLAR, "structure factor") if stack else tags,
                order=order,
                profile=profile,
                azimuth=lamellae[0],
                peak=Peak(at, p["width"] * p["position"], 0.4),
                pattern=stack,
            )
        )
    if 0 < p["stack"] < experiment.q[-1]:
        azimuth, names = _arcs(p, experiment, p["stack"], p["stack_angle"])
        profile = p["stack_height"] * peak(
            experiment.q, p["stack"], p["stack_width"] * p["stack"], 0.4
        )
        tags = (*names, width_tag(p["stack_width"], experiment.wavelength_spread))
        shape = Peak(p["stack"], p["stack_width"] * p["stack"], 0.4)
        components.append(Radial(tags=tags, profile=profile, azimuth=azimuth, peak=shape))
    return components


def _arcs(p, experiment, q, angle):
    """Return the azimuthal table of arcs at `q` and `angle`, and their tags."""
    normal = experiment.film.azimuth if experiment.film else UP
    # sin θ = q λ/4π; no reflection lies beyond 1.
    sine = min(q * 1e9 * experiment.geometry.wavelength / (4 * np.pi), 1.0)
    cosine = np.sqrt(1 - sine**2) * np.cos(experiment.chi - normal)
    polar = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    azimuth = p["powder"] + (1 - p["powder"]) * texture(polar, angle, p["mosaicity"])
    names = ["ring", "ring: anisotropic"]
    # As wide as a wrapped Cauchy of η = 0.5 with two maxima, whose half maximum is at 21°.
    if p["mosaicity"] <= 18 and p["powder"] < 0.4:
        names.append("ring: textured")
    # The tags are about the image, which the film may stand in upright or level.
    for sign in (-1, 1):
        away = abs((np.degrees(normal) + sign * angle + 90) % 180 - 90)
        if away <= NEAR and p["powder"] < 0.6:
            names.append("ring: oriented in plane")
        if away >= 90 - NEAR and p["powder"] < 0.6:
            names.append("ring: oriented out of plane")
    return azimuth, tuple(dict.fromkeys(names))
