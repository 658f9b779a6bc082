"""Layer lines of a fibre: a structure that repeats along an axis, with no order across it.

Lines at q_z = l q_c, l = 1, 2, 3 ... On a helix of radius R line l has the intensity J_n²(q_r R)
with n = l; on a structure that only repeats, n = 0 on every line and the intensity lies on the
meridian. Lines fade with order as exp(−l²d²) and along q_r as exp(−q_r²u²). Muscle and other packed
filaments have both: short reflections on the meridian on some lines, and on others long ones that
begin beside it, the function of order n on every line.

On the detector the lines are curved: they are where planes of equal q_z meet the Ewald sphere
(`Plane.tilt`).

Source: Cochran, Crick & Vand, Acta Cryst. 5 (1952) 581; Vainshtein, Diffraction of X-rays by Chain
Molecules (1966).
"""

import numpy as np

from xscatter.simulate.components import Plane
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.fibre import fibre_axis

KIND = "sample"
FAMILIES = {"fibre": 5.0, "polymer": 0.6, "any": 0.06}
GRAZING = 0.0
TAGS = ("layer lines",)
HELIX_LINES = 6
PARAMETERS = (
    Parameter("position", "nm⁻¹", 1.0, (1e-3, 300.0), "q_c, distance of the lines"),
    Parameter(
        "lines",
        "",
        4,
        (1, 16),
        "number of lines on each side of the equator; at most 6 of a helix are drawn",
    ),
    Parameter(
        "helix",
        "",
        0,
        (0, 2),
        "line of order l: 0: the Bessel function J₀; 1: J_l; 2: one of J₀, J₁, J₂",
    ),
    Parameter("radius", "", 1.0, (0.05, 20.0), "radius R times q_c"),
    Parameter("extent", "", 1.5, (0.05, 20.0), "length of the lines, 1/u over q_c"),
    Parameter("width", "", 0.06, (0.005, 0.5), "full width of the lines over q_c"),
    Parameter("decay", "", 0.3, (0.0, 2.0), "d, loss of intensity with order"),
    Parameter("angle", "°", 90.0, (-180.0, 180.0), "azimuth of the fibre axis"),
    Parameter("tilt", "°", 0.0, (-60.0, 60.0), "β, tilt of the fibre axis towards the beam"),
    Parameter("seed", "", 0, (0, 2**31), "of the strengths of lines"),
)


def bessel(order, x):
    """J_order at `x` (n,): the mean of cos(order τ − x sin τ) over a turn (Bessel's integral)."""
    x = np.asarray(x, float)
    points = 30 + order + int(x.max())  # the sum is exact to rounding from there on
    turn = (np.arange(points) + 0.5) * (
        np.pi / points
    )  # the other half of the turn is its mirror image
    return np.cos(order * turn - x[..., None] * np.sin(turn)).mean(axis=-1)


def line(y, order, radius, extent):
    """Intensity along a line at `y` (n,) = q_r/q_c: J_order²(y radius) exp(−(y/extent)²).

    Args:
        y: q_r/q_c (n,), across the fibre axis.
        order: of the Bessel function.
        radius: R times q_c.
        extent: length of the lines, 1/u over q_c.
    """
    return bessel(order, np.asarray(y) * radius) ** 2 * np.exp(-((np.asarray(y) / extent) ** 2))


REFERENCES = (
    (line, (3.8317059702, 1, 1.0, 1e6), 0.0, "first zero of J1"),
    (bessel, (6, 30.0), 0.004862235, "scipy.special.jv"),
    (line, (1.0, 0, 1.0, 1e6), 0.7651976865579665**2, "J0(1), Abramowitz & Stegun table 9.1"),
)


def draw(rng, experiment):
    position = between(rng, experiment, 0.1, 0.6)
    helix = int(rng.choice([0, 1, 2], p=[0.4, 0.3, 0.3]))
    angle, tilt = fibre_axis(rng, experiment)
    return {
        "position": max(position * (0.4 if helix == 2 else 1.0), 1e-3),
        "lines": int(rng.integers(2, 7)) if helix == 1 else int(rng.integers(2 + 2 * helix, 17)),
        "helix": helix,
        "radius": log_uniform(rng, 0.3, 4.0),
        "extent": log_uniform(rng, 0.1, 4.0),
        "width": log_uniform(rng, 0.02, 0.15),
        "decay": rng.uniform(0.05, 0.5) if helix == 1 else rng.uniform(0.02, 0.25),
        "angle": angle,
        "tilt": tilt,
        "seed": int(rng.integers(2**31)),
    }


def _bessel_order(p, order, kinds):
    """Order of the Bessel function of line `order`."""
    return (0, order, int(kinds[order - 1]))[p["helix"]]


def contribute(parameters, experiment):
    p, axis = parameters, experiment.axis
    random = np.random.default_rng(p["seed"])
    strength = random.exponential(size=16) + 0.1
    kinds = random.integers(3, size=16)
    along, across = [], []
    # Beyond four times the extent nothing is left.
    table = np.linspace(0, min(axis[-1], 4 * p["extent"] * p["position"]), 240)
    for order in range(1, p["lines"] + 1):
        at = order * p["position"]
        if at > axis[-1] or (p["helix"] == 1 and order > HELIX_LINES):
            break
        width = p["width"] * p["position"]
        height = strength[order - 1] * np.exp(-((order * p["decay"]) ** 2))
        along.append(height * (peak(axis, at, width, 0.3) + peak(axis, -at, width, 0.3)))
        values = line(
            table / p["position"], _bessel_order(p, order, kinds), p["radius"], p["extent"]
        )
        across.append(np.interp(np.abs(axis), table, values / max(values.max(), 1e-30), right=0.0))
    if not along:
        return []
    if p["helix"] != 1:  # lines of one shape are one term
        kind = np.array([_bessel_order(p, order, kinds) for order in range(1, len(along) + 1)])
        shapes = sorted(set(kind.tolist()))
        across = [across[int(np.flatnonzero(kind == shape)[0])] for shape in shapes]
        along = [np.sum(np.array(along)[kind == shape], axis=0) for shape in shapes]
    direction = {"angle": np.deg2rad(p["angle"]), "tilt": np.deg2rad(p["tilt"])}
    return [Plane(tags=TAGS, along=np.array(along), across=np.array(across), **direction)]
