"""An oval ring: the ring of a structure that is strained, sheared or compressed.

I(q, χ) = P((q s(χ) − q₀)/w) with s = √(cos²χ' + ε² sin²χ'): an affine deformation turns the sphere
|q| = q₀ of reciprocal space into an ellipsoid, whose axes on the detector are in the ratio ε.

Source: Ward, Structure and Properties of Oriented Polymers (1975), chapter 9 (affine deformation).
"""

import numpy as np

from xscatter.simulate.components import Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.rings import widest, width_tag

KIND = "sample"
FAMILIES = {"polymer": 1.0, "block copolymer": 1.2, "fibre": 0.5, "superlattice": 0.3, "any": 0.15}
GRAZING = 0.2
TAGS = ("oval ring", "ring", "ring: sharp", "ring: intermediate", "ring: broad")
PARAMETERS = (
    Parameter("position", "nm⁻¹", 1.0, (1e-3, 300.0), "q₀, along the long axis"),
    Parameter("width", "", 0.08, (0.003, 0.2), "full width at half maximum over q₀"),
    Parameter("ratio", "", 1.2, (1.0, 3.0), "ε, ratio of the axes"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of the long axis"),
    Parameter("orders", "", 1, (1, 5), "number of orders, each half as strong as the one before"),
)


def stretch(chi, ratio):
    """Return s at azimuth `chi` (radians) from the long axis."""
    return np.sqrt(np.cos(chi) ** 2 + (ratio * np.sin(chi)) ** 2)


REFERENCES = (
    (stretch, (0.0, 1.5), 1.0, "on the long axis"),
    (stretch, (1.5707963267948966, 1.5), 1.5, "on the short one"),
)


def draw(rng, experiment):
    return {
        "position": between(rng, experiment, 0.25, 0.95),
        "width": min(log_uniform(rng, 0.012, 0.2), widest(experiment)),
        "ratio": 1.05 + float(rng.beta(1.2, 4)) * 1.2,
        "angle": rng.uniform(-180, 180)
        if rng.random() < 0.4
        else rng.choice([0, 90]) + rng.normal(0, 6),
        "orders": int(min(rng.geometric(0.6), 5)),
    }


def contribute(parameters, experiment):
    p = parameters
    shape = stretch(experiment.chi - np.deg2rad(p["angle"]), p["ratio"])
    tags = ("ring", "oval ring") if p["ratio"] >= 1.05 else ("ring",)
    components = []
    for order in range(1, p["orders"] + 1):
        at = order * p["position"]
        if at < experiment.q[-1]:
            width = width_tag(p["width"] / order, experiment.wavelength_spread)
            line = peak(experiment.q, at, p["width"] * p["position"], 0.3)
            profile = 0.5 ** (order - 1) * line
            components.append(
                Radial(
                    tags=(*tags, width),
                    order=order,
                    profile=profile,
                    stretch=shape,
                    peak=Peak(at, p["width"] * p["position"], 0.3),
                )
            )
    return components
