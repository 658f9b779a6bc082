"""Something shadows a part of the detector: a bubble, a drop, the edge of a cell.

A disk or all beyond an edge loses a part of the light; it comes, and stays or leaves again, over
some frames. X is the part of its opacity.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform
from xscatter.simulate.shared.kinetics import ONSET, TIME, logistic

KIND = "instrument"
TAGS = ("obstruction",)
PARAMETERS = (
    ONSET,
    TIME,
    Parameter("stays", "frame", 0.0, (0.0, 1e6), "frames until it leaves; 0: never"),
    Parameter("form", "", 0, (0, 1), "0 a disk, 1 an edge"),
    Parameter("row", "", 0.5, (-0.5, 1.5), "row of the centre over the side of the image"),
    Parameter("col", "", 0.5, (-0.5, 1.5), "its column"),
    Parameter("radius", "", 0.2, (0.005, 1.0), "of the disk, over the side"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "direction of the edge"),
    Parameter("blur", "", 5.0, (0.1, 100.0), "of the edge in pixels of the layout"),
    Parameter("opacity", "", 0.8, (0.02, 1.0), "part of the light that it takes"),
)


def draw(rng, experiment, frames, entries):
    time = max(log_uniform(rng, 0.01, 0.2) * frames, 1.0)
    # Within the detector, whose part of the image may be small.
    outline = experiment.setup.detector.outline
    row, col = np.array(outline.begin) + np.array(outline.extent) * rng.uniform(0.1, 0.9, 2)
    return {
        "onset": rng.uniform(0.1, 0.9) * frames,
        "time": time,
        "stays": time + log_uniform(rng, 0.05, 0.5) * frames if rng.random() < 0.6 else 0.0,
        "form": int(rng.random() < 0.4),
        "row": row,
        "col": col,
        "radius": log_uniform(rng, 0.03, 0.3),
        "angle": rng.uniform(-180, 180),
        "blur": log_uniform(rng, 1, 30),
        "opacity": rng.uniform(0.1, 1.0),
    }


def progress(parameters, t):
    p = parameters
    come = logistic(t, p["onset"], p["time"])
    return come - logistic(t, p["onset"] + p["stays"], p["time"]) if p["stays"] else come


def disturb(parameters, x, t, scene):
    p = parameters
    shadow = {
        "kind": "edge" if p["form"] else "disk",
        "left": 1 - p["opacity"] * x,
        **{key: p[key] for key in ("row", "col", "radius", "angle", "blur")},
    }
    return {**scene, "shadows": [*scene.get("shadows", []), shadow]} if x > 1e-3 else scene


REFERENCES = (
    (
        lambda: disturb({"form": 0, "opacity": 0.8, "row": 0.5, "col": 0.5, "radius": 0.1,
                         "angle": 0.0, "blur": 1.0}, 0.5, 0.0, {})["shadows"][0]["left"],
        (),
        0.6,
        "half of its opacity",
    ),
)  # fmt: skip
