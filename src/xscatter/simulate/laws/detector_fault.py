"""A fault of the detector: a dead module, bad rows, a frame read out twice, a frame too bright.

form 0: a module reads nothing from t₀ on, or for a while
form 1: stripes of rows lose a part of their counts, in single frames
form 2: a frame is a copy of the one before
form 3: a frame is exposed for much longer than the others, and saturates

A copy changes no expected count: the process has no D and is true if it happens.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "instrument"
TAGS = ("detector fault",)
RETURNS = True
MODULE, STRIPES, COPY, BRIGHT = range(4)
PARAMETERS = (
    Parameter("form", "", 0, (0, 3), "0 module, 1 rows, 2 copy, 3 too bright"),
    Parameter("onset", "frame", 30.0, (-1e6, 1e6), "when the module fails"),
    Parameter("time", "frame", 1e6, (1.0, 1e6), "how long the module reads nothing"),
    Parameter("row", "", 0.3, (0.0, 1.0), "first row of the module over the side of the image"),
    Parameter("col", "", 0.3, (0.0, 1.0), "first column"),
    Parameter("height", "", 0.2, (0.01, 1.0), "rows of the module, or of a stripe"),
    Parameter("width", "", 0.4, (0.01, 1.0), "columns of the module"),
    Parameter("left", "", 0.0, (0.0, 1.0), "fraction that is left of the counts of a stripe"),
    Parameter("rate", "", 0.05, (0.0, 1.0), "fraction of the frames with a fault of forms 1 to 3"),
    Parameter("factor", "", 30.0, (1.0, 1e4), "exposure of a frame that is too bright"),
    Parameter("seed", "", 0, (0, 2**31), "of the frames"),
)


def draw(rng, experiment, frames, entries):
    outline = experiment.setup.detector.outline
    row, col = np.array(outline.begin) + np.array(outline.extent) * rng.uniform(0.0, 0.8, 2)
    form = int(rng.integers(4))
    return {
        "form": form,
        "onset": rng.uniform(0.1, 0.9) * frames,
        "time": log_uniform(rng, 0.05, 0.5) * frames if rng.random() < 0.5 else 1e6,
        "row": float(np.clip(row, 0, 1)),
        "col": float(np.clip(col, 0, 1)),
        "height": log_uniform(rng, 0.02, 0.1) if form == STRIPES else rng.uniform(0.08, 0.3),
        "width": rng.uniform(0.15, 0.5),
        "left": rng.uniform(0.0, 0.8),
        "rate": log_uniform(rng, 0.01, 0.15),
        "factor": log_uniform(rng, 5, 300),
        "seed": int(rng.integers(2**31)),
    }


def progress(parameters, t):
    p = parameters
    frames = np.asarray(t).astype(int)
    if p["form"] == MODULE:
        late = frames - p["onset"]
        return ((late >= 0) & (late < p["time"])).astype(float)
    chance = np.random.Generator(np.random.PCG64(p["seed"])).random(frames.max() + 1)
    # There is nothing to copy before the first frame.
    return ((chance[frames] < p["rate"]) & (frames > 0)).astype(float)


def table(parameters):
    return {COPY: "", BRIGHT: "rows"}.get(int(parameters["form"]), "pattern")


def disturb(parameters, x, t, scene):
    p = parameters
    if not x:
        return scene
    if p["form"] == COPY:
        return {**scene, "repeats": 1}
    if p["form"] == BRIGHT:
        return {**scene, "photons": scene["photons"] * p["factor"]}
    whole = p["form"] == STRIPES
    shadow = {
        "kind": "block",
        "left": p["left"] if whole else 0.0,
        "first": [p["row"], 0.0 if whole else p["col"]],
        "last": [p["row"] + p["height"], 1.0 if whole else p["col"] + p["width"]],
    }
    return {**scene, "shadows": [*scene.get("shadows", []), shadow]}


REFERENCES = (
    (
        lambda: progress({"form": 0, "onset": 3.0, "time": 2.0}, np.arange(7)),
        (),
        [0, 0, 0, 1, 1, 0, 0],
        "definition",
    ),
)
