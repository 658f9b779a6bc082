"""A ring and its higher orders, isotropic or oriented.

I(q, χ) = Σ_k exp(−σ²(q_k² − q_1²)) P((q − q_k)/w) A(χ), orders at q_k = k q_1, P a pseudo-Voigt
peak, the decay that of Debye and Waller, and A the wrapped Cauchy distribution of orientations
(1 − η²)/(1 + η² − 2η cos nχ) with n maxima (Mardia & Jupp 2000). Orders at 1 : 2 : 3 with at most
two maxima are those of a lamellar stack, whatever it is made of, and are tagged so.
"""

import numpy as np

from xscatter.simulate.components import Arcs, Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.lattice import LAMELLAR
from xscatter.simulate.physics.profiles import debye_waller, peak, wrapped_cauchy
from xscatter.simulate.shared.draws import between
from xscatter.simulate.shared.rings import equal_orders, orientation_tags, widest, width_tag

KIND = "sample"
FAMILIES = {"powder": 1.0, "block copolymer": 2.5, "polymer": 2.0, "fibre": 1.5, "any": 0.8}
GRAZING = 1.0
TAGS = (
    "ring", "ring: isotropic", "ring: anisotropic", "ring: textured", "ring: oriented in plane",
    "ring: oriented out of plane", "ring: sharp", "ring: intermediate", "ring: broad",
    "symmetry ring", "2-fold", "4-fold", "6-fold", "8-fold and higher",
    "orientation: broad", "orientation: intermediate", "orientation: sharp",
    "lamellar", "structure factor",
)  # fmt: skip
PARAMETERS = (
    Parameter("position", "nm⁻¹", 1.0, (1e-3, 300.0), "q of the first order"),
    Parameter("width", "", 0.05, (0.002, 0.2), "full width at half maximum over q"),
    Parameter("lorentzian", "", 0.3, (0.0, 1.0), "fraction of the Lorentzian in the peaks"),
    Parameter("orders", "", 1, (1, 20), "number of orders"),
    Parameter(
        "displacement",
        "",
        0.2,
        (0.0, 2.0),
        "root mean square displacement times q of the first order",
    ),
    Parameter("fold", "", 0, (0, 20), "maxima on a turn; 0: isotropic, 1: one-sided"),
    Parameter("eta", "", 0.0, (0.0, 0.98), "order of the orientation"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of a maximum"),
)


REFERENCES = (
    (width_tag, (0.01,), "ring: sharp", "definition of the tag"),
    (
        lambda: float(peak(np.linspace(0, 2, 2001), 1.0, 0.2, 0.4)[900]),
        (),
        0.5,
        "half maximum at half the width",
    ),
    (lambda: float(debye_waller(2.0, 0.5)), (), 0.36787944117144233, "exp(-1)"),
)


def draw(rng, experiment):
    oriented = rng.random() < 0.6
    fold = int(rng.choice([1, 2, 2, 2, 2, 4, 4, 6, 6, 8, 10, 12])) if oriented else 0
    angle = rng.uniform(-180, 180) if rng.random() < 0.3 else rng.choice([0, 90]) + rng.normal(0, 6)
    return {
        "position": between(rng, experiment, 0.1, 0.95),
        "width": min(np.exp(rng.uniform(np.log(0.006), np.log(0.2))), widest(experiment)),
        "lorentzian": rng.beta(1.2, 2),
        "orders": int(min(rng.geometric(0.4), 20)),
        "displacement": rng.uniform(0.05, 0.6),
        "fold": fold,
        "eta": float(np.clip(rng.beta(2, 1.5), 0.05, 0.98)) if oriented else 0.0,
        "angle": angle,
    }


def contribute(parameters, experiment):
    p = parameters
    fold, eta = p["fold"], p["eta"]
    if fold and eta > 0:
        azimuth = wrapped_cauchy(experiment.chi, eta, np.deg2rad(p["angle"]), fold)
        kinds = ("ring: anisotropic", *orientation_tags(fold, eta, p["angle"]))
        kinds += ("ring: textured",) if eta >= 0.5 else ()
        kinds += ("symmetry ring",) if fold >= 2 else ()
    else:
        azimuth, kinds = None, ("ring: isotropic",)
    arcs = None if azimuth is None else Arcs(fold, eta, p["angle"])
    first = p["position"]
    # All orders share one azimuth array, so that the renderer treats them as one family.
    components = []
    for order in range(1, p["orders"] + 1):
        at = order * first
        if at > experiment.q[-1]:
            break
        height = debye_waller(np.sqrt(order**2 - 1.0), p["displacement"])
        profile = height * peak(experiment.q, at, p["width"] * first, p["lorentzian"])
        stack = order == 2 and fold <= 2
        components.append(
            Radial(
                tags=(
                    "ring",
                    *kinds,
                    width_tag(p["width"] / order, experiment.wavelength_spread),
                    *((LAMELLAR, "structure factor") if stack else ()),
                ),
                order=order,
                profile=profile,
                azimuth=azimuth,
                peak=Peak(at, p["width"] * first, p["lorentzian"]),
                arcs=arcs,
                pattern=equal_orders(p, experiment.q, p["lorentzian"]) if stack else None,
            )
        )
    return components
