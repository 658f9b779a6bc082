"""Phase separation by spinodal decomposition: a ring at low q brightens, then moves inwards.

Early, the fastest of all waves grows at a fixed q*: I ∝ exp(2 t/τ), τ the time of Cahn's linear
theory. Late, domains coarsen: q* ∝ (1 + t/τ)^−a, a = 1/3 by diffusion and 1 by flow, while the
invariant ∫ I q² dq is kept, so that the peak rises as q*⁻³ and the light on a detector, ∫ I q dq,
as 1/q*. X goes from 0 to 1/2 early and to 1 late.

Source: Cahn, J. Chem. Phys. 42 (1965) 93; Furukawa, Adv. Phys. 34 (1985) 703; Siggia, Phys. Rev. A
20 (1979) 595 (flow).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled

KIND = "sample"
TAGS = ("phase separation",)
FEATURES = (("halo",),)
EARLY = 2.5  # times τ that the early stage lasts; it begins at exp(−5) of its end
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("exponent", "", 0.333, (0.2, 1.0), "a, of the coarsening"),
    Parameter("shift", "", 0.4, (0.0, 0.8), "relative decrease of q* in the end"),
)


def draw(rng, experiment, frames, entries):
    (halo,) = entries
    # A single broad ring, without a direction.
    halo["parameters"] |= {"width": rng.uniform(0.4, 0.9), "fold": 0, "eta": 0.0}
    return {
        # The early stage takes 2.5 τ, and the late one several.
        **draw_times(rng, frames, quickness=5),
        "exponent": 1 / 3 if rng.random() < 0.7 else 1.0,
        "shift": rng.uniform(0.1, 0.65),
    }


def progress(parameters, t):
    p = parameters
    u = (np.asarray(t, float) - p["onset"]) / p["time"]
    early = np.where(u > 0, np.exp(2 * (np.minimum(u, EARLY) - EARLY)), 0.0)
    moved = 1 - (1 + np.maximum(u - EARLY, 0.0)) ** -p["exponent"]
    late = np.minimum(moved / p["shift"], 1.0) if p["shift"] else 0.0
    return 0.5 * early + 0.5 * late


def values(parameters, x, t, entries):
    (halo,) = entries
    inward = 1 - parameters["shift"] * max(2 * x - 1, 0.0)
    position = halo["parameters"]["position"] * inward
    return [scaled(halo, min(2 * x, 1.0) / inward, position=position)]


REFERENCES = (
    (
        lambda: progress({"onset": 0, "time": 1, "exponent": 1 / 3, "shift": 0.5}, [2.5, 9.5]),
        (),
        [0.5, 1.0],
        "q* has halved after 7 τ: 8^(−1/3) = 1/2",
    ),
    (
        lambda: float(
            np.log(
                progress({"onset": 0, "time": 1, "exponent": 1, "shift": 0.5}, 2.0)
                / progress({"onset": 0, "time": 1, "exponent": 1, "shift": 0.5}, 1.0)
            )
        ),
        (),
        2.0,
        "the intensity grows as exp(2 t/τ)",
    ),
)
