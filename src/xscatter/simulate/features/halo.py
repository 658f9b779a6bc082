"""A halo: the broad ring of a short-range order, isotropic or oriented.

I(q, χ) = exp(−4 ln2 ((q − q₀)/w)²) A(χ) with w/q₀ > 0.2 and A the wrapped Cauchy distribution of
orientations with n maxima (Mardia & Jupp 2000).
"""

import numpy as np

from xscatter.simulate.components import Arcs, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak, wrapped_cauchy
from xscatter.simulate.shared.draws import between
from xscatter.simulate.shared.rings import orientation_tags

KIND = "sample"
FAMILIES = {"polymer": 2.5, "block copolymer": 1.5, "fibre": 1.5, "any": 0.7}
GRAZING = 0.8
TAGS = (
    "halo", "halo: isotropic", "halo: anisotropic", "symmetry halo", "2-fold", "4-fold", "6-fold",
    "8-fold and higher", "orientation: broad", "orientation: intermediate", "orientation: sharp",
)  # fmt: skip
PARAMETERS = (
    Parameter("position", "nm⁻¹", 1.0, (1e-3, 300.0), "q of the maximum"),
    Parameter("width", "", 0.4, (0.2, 1.0), "full width at half maximum over q"),
    Parameter("fold", "", 0, (0, 20), "maxima on a turn; 0: isotropic, 1: one-sided"),
    Parameter("eta", "", 0.0, (0.0, 0.95), "order of the orientation"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of a maximum"),
)
REFERENCES = (
    (
        lambda: float(peak(np.linspace(0, 2, 2001), 1.0, 0.4)[800]),
        (),
        0.5,
        "half maximum at half the width",
    ),
)


def draw(rng, experiment):
    oriented = rng.random() < 0.5
    return {
        "position": between(rng, experiment, 0.25, 0.92),
        "width": rng.uniform(0.22, 0.6),
        "fold": int(rng.choice([1, 2, 2, 2, 4, 4, 6, 6, 8])) if oriented else 0,
        "eta": float(np.clip(rng.beta(2, 2.5), 0.1, 0.9)) if oriented else 0.0,
        "angle": rng.uniform(-180, 180)
        if rng.random() < 0.6
        else rng.choice([0, 90]) + rng.normal(0, 6),
    }


def contribute(parameters, experiment):
    p = parameters
    azimuth, kinds, arcs = None, ("halo: isotropic",), None
    if p["fold"] and p["eta"] > 0:
        arcs = Arcs(p["fold"], p["eta"], p["angle"])
        azimuth = wrapped_cauchy(experiment.chi, p["eta"], np.deg2rad(p["angle"]), p["fold"])
        # A halo is oriented as rings are, but no tag says in which direction.
        oriented = tuple(
            t for t in orientation_tags(p["fold"], p["eta"], p["angle"]) if not t.startswith("ring")
        )
        kinds = ("halo: anisotropic", *oriented, *(("symmetry halo",) if p["fold"] >= 2 else ()))
    profile = peak(experiment.q, p["position"], p["width"] * p["position"])
    return [Radial(tags=("halo", *kinds), profile=profile, azimuth=azimuth, arcs=arcs)]
