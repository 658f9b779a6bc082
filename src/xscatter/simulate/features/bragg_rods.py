"""Bragg rods of a film with order in its plane: peaks in q_y that are drawn out along q_z.

Across: Σ_n h_n [L(q_y − q_n) + L(q_y + q_n)], q_n = q_1 (1, 2, 3 ...) for lines and q_1 (1, √3, 2,
√7 ...) for particles packed hexagonally in domains of all directions, h_n falling as exp(−n²d²)
(Debye and Waller). Along: the form factor of particles of height h, [sin(q_z h/2)/(q_z h/2)]² with
its minima filled by the spread of heights; or, of crystals that are many layers thick, the peaks
Σ_l g_l L(q_z − q_l), q_l = l q_z1 and g_l falling with order. At wide angles rods and peaks are
where the Ewald sphere meets those of grains in all directions about the surface normal. Fresnel's
factors and the horizon are those of the experiment.

Source: Renaud, Lazzari & Leroy, Surf. Sci. Rep. 64 (2009) 255, sections 3 and 4.
"""

import numpy as np

from xscatter.simulate.components import Plane
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.draws import between, log_uniform

KIND = "sample"
FAMILIES: dict[str, float] = {}
GRAZING = 3.5
TAGS = ("Bragg rods",)
UP = -np.pi / 2  # without a film: rows count downwards
PARAMETERS = (
    Parameter("position", "nm⁻¹", 0.3, (1e-3, 300.0), "q_1, the first rod"),
    Parameter("rods", "", 3, (1, 6), "number of rods on each side"),
    Parameter("packing", "", 0, (0, 1), "0 lines: 1, 2, 3 ...; 1 hexagonal: 1, √3, 2, √7 ..."),
    Parameter("width", "", 0.06, (0.003, 0.3), "full width of the first rod over its q"),
    Parameter("decay", "", 0.3, (0.0, 2.0), "d, loss of intensity with order"),
    Parameter("height", "nm", 10.0, (0.01, 1e4), "h, height of the particles"),
    Parameter("filling", "", 0.3, (0.0, 1.0), "what the spread of heights leaves in the minima"),
    Parameter("layers", "nm⁻¹", 0.0, (0.0, 300.0), "q_z1, first peak along the rods; 0: no peaks"),
    Parameter("layer_width", "", 0.1, (0.003, 0.5), "full width of these peaks over q_z1"),
)
RATIOS = (np.arange(1.0, 7.0), np.sqrt([1.0, 3.0, 4.0, 7.0, 9.0, 12.0]))


def profile(q, height, filling):
    """Intensity along a rod at `q` = q_z (n,) in nm⁻¹, 1 at 0.

    Args:
        q: q_z (n,) in nm⁻¹.
        height: of the particles in nm.
        filling: what the spread of heights leaves in the minima, 0 to 1.
    """
    x = np.asarray(q) * height / 2
    sharp = np.sinc(x / np.pi) ** 2
    return (1 - filling) * sharp + filling / (1 + x**2)


REFERENCES = (
    (profile, (2 * np.pi, 1.0, 0.0), 0.0, "first minimum at q h = 2π"),
    (profile, (2.0, 1.0, 1.0), 0.5, "half at q h = 2"),
)


def draw(rng, experiment):
    layered = rng.random() < 0.35
    return {
        "position": between(rng, experiment, 0.2, 0.75),
        "rods": int(rng.integers(1, 7)),
        "packing": int(rng.random() < 0.5),
        "width": log_uniform(rng, 0.008, 0.2),
        "decay": rng.uniform(0.05, 0.6),
        "height": float(np.clip(2 * np.pi / between(rng, experiment, 0.3, 1.0), 0.01, 1e4)),
        "filling": rng.uniform(0.1, 0.8),
        "layers": between(rng, experiment, 0.25, 0.8) if layered else 0.0,
        "layer_width": log_uniform(rng, 0.02, 0.4),
    }


def contribute(parameters, experiment):
    p, axis = parameters, experiment.axis
    across = np.zeros_like(axis)
    for order, ratio in enumerate(RATIOS[p["packing"]][: p["rods"]], start=1):
        at = ratio * p["position"]
        if at > axis[-1]:
            break
        # Paracrystalline order widens the rods in proportion to their number.
        width = p["width"] * p["position"] * order**0.5
        height = np.exp(-((order - 1) ** 2) * p["decay"] ** 2) / order**0.5
        across += height * (peak(axis, at, width, 0.6) + peak(axis, -at, width, 0.6))
    along = profile(axis, p["height"], p["filling"])
    if p["layers"] > 0:
        for order in range(7):
            at = order * p["layers"]
            tall = np.exp(-order * p["decay"])
            # The peaks stand well above the rod that joins them.
            width = p["layer_width"] * p["layers"]
            along += 4 * tall * (peak(axis, at, width, 0.6) + peak(axis, -at, width, 0.6))
    angle = experiment.film.azimuth if experiment.film else UP
    # As of a fibre: grains turn about the normal, which stands across the beam.
    return [Plane(tags=TAGS, along=along[None], across=across[None], angle=angle, tilt=0.0)]
