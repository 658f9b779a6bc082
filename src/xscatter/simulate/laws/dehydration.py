"""Dehydration of a layered crystal: lamellar peaks jump between a few spacings.

A hydrate loses its water in steps. Each shortens the spacing by 3 to 20 %, and before and after
layers coexist for a part of the step: there the old peaks fade and the new ones grow, and none
moves.

Source: Ferrage et al., J. Phys. Chem. C 114 (2010) 4515 (hydration steps of clay).
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.kinetics import ONSET, TIME, draw_times, scaled, since

KIND = "sample"
TAGS = ("dehydration",)
FEATURES = (("lamellar", "lamellar"),)
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("steps", "", 2, (1, 3), "number of steps"),
    Parameter("step", "", 0.1, (0.02, 0.25), "relative decrease of the spacing in a step"),
    Parameter("coexistence", "", 0.3, (0.01, 1.0), "part of a step in which both coexist"),
)


def draw(rng, experiment, frames, entries):
    before, after = entries
    # The same sheets, at another distance.
    after["parameters"] = dict(before["parameters"])
    after["share"] = before["share"]
    return {
        **draw_times(rng, frames),
        "steps": int(rng.integers(1, 4)),
        "step": rng.uniform(0.03, 0.2),
        "coexistence": rng.uniform(0.05, 0.6),
    }


def progress(parameters, t):
    return np.minimum(since(t, parameters["onset"], parameters["time"]), 1.0)


def states(x, steps, coexistence):
    """Return the number of steps that are complete, and the fraction of the next one.

    Args:
        x: progress.
        steps: number of steps.
        coexistence: part of a step in which both states coexist, at its end.
    """
    done = min(int(x * steps), steps - 1)
    part = x * steps - done
    return done, float(np.clip((part - 1 + coexistence) / coexistence, 0, 1))


def values(parameters, x, t, entries):
    p = parameters
    done, fraction = states(x, p["steps"], p["coexistence"])
    spacing = entries[0]["parameters"]["spacing"]
    return [
        scaled(entry, part, spacing=spacing * (1 - p["step"]) ** count)
        for entry, part, count in zip(
            entries, (1 - fraction, fraction), (done, done + 1), strict=True
        )
    ]


REFERENCES = (
    (states, (0.25, 2, 1.0), (0, 0.5), "half of the first of two steps"),
    (states, (1.0, 3, 0.2), (2, 1.0), "all three steps"),
)
