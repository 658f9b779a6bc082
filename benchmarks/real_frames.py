"""How well a tagger tags real frames: average precision per tag and source, beside the prevalence.

    python benchmarks/real_frames.py [FOLDER] [--model results/demo] [--json out.json]

FOLDER (default: the environment variable XSCATTER_REAL_FRAMES) holds frames and MANIFEST.csv with
the columns `file`, `tags`, `tags17` and `unknown` (names separated by semicolons). A tag named in
`unknown` is left out of the score for that frame; a tag of which the truth is unknown in every row
is left out of all. Frames that cannot be read are named and passed over. Intervals (95 %) are by
bootstrap over sources, the first part of a file's name up to `__`. For evaluation only: no
threshold and no weight may ever be chosen by this table.
"""

import argparse
import csv
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xscatter.scores import metrics
from xscatter.tagging.tagger import Tagger

UNKNOWN = {"BCC", "FCC", "Structure factor", "High background", "Diffuse high-q"}
# One name of the manifest may be several tags; the most probable of them counts.
NAMES = {
    "ring": ("ring",),
    "arcs": ("ring: anisotropic", "halo: anisotropic"),
    "halo": ("halo",),
    "spots": ("single crystal", "ring: spotted"),
    "layer_lines": ("layer lines",),
    "streak": ("equatorial streak", "specular rod"),
    "low_q_diffuse": ("diffuse low-q",),
    "form_factor": ("form factor",),
    "speckle": ("coherent speckle",),
    "blank": ("blank",),
    "zingers": ("zingers",),
    "aperture": ("windowed",),
    "yoneda": ("Yoneda",),
    "beamstop": ("circular beamstop", "linear beamstop", "wedge beamstop"),
    "Beam Off Image": ("beam off image",),
    "Circular Beamstop": ("circular beamstop",),
    "Diffuse low-q": ("diffuse low-q",),
    "Halo": ("halo",),
    "Higher orders": ("higher orders",),
    "Linear beamstop": ("linear beamstop",),
    "Many rings": ("many rings",),
    "Polycrystalline": ("polycrystalline",),
    "Ring": ("ring",),
    "Strong scattering": ("strong scattering",),
    "Weak scattering": ("weak scattering",),
    "Wedge beamstop": ("wedge beamstop",),
}


class Truth(NamedTuple):
    """The tags of n frames in one column of the manifest.

    Attributes:
        tags: T names of the manifest.
        labels: (n, T) 0 or 1.
        known: (n, T) False where the truth is not known.
        source: (n,) name of the source of each frame.
    """

    tags: list[str]
    labels: np.ndarray
    known: np.ndarray
    source: np.ndarray


def words(text: str | None) -> set[str]:
    """Return the names in one cell of the manifest."""
    return {word.strip() for word in (text or "").split(";")} - {""}


def truth(rows: list[dict[str, str]], column: str) -> Truth:
    """Return the tags of the frames of `rows` in one column of the manifest."""
    named = [words(row[column]) for row in rows]
    tags = sorted(set().union(*named) & set(NAMES) - UNKNOWN)
    unknown = [words(row.get("unknown")) for row in rows]
    return Truth(
        tags,
        np.array([[tag in some for tag in tags] for some in named], float),
        np.array([[tag not in some for tag in tags] for some in unknown]),
        np.array([row["file"].partition("__")[0] for row in rows]),
    )


def bounds(draws: np.ndarray, value: float) -> str:
    """Return an interval as text."""
    ends = metrics.interval(draws, value)
    return f"[{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "[-, -]"


def report(title: str, true: Truth, scores: np.ndarray) -> dict:
    """Print one table; return its figures.

    Args:
        title: its first line.
        true: tags of the frames.
        scores: (n, T) their probabilities.
    """
    labels, known = true.labels, true.known
    names = np.unique(true.source)
    # A single source gives no draws.
    weights = metrics.resampled(np.unique(true.source, return_inverse=True)[1], 2017)
    each, drawn = [], []
    for t in range(len(true.tags)):
        rows = known[:, t]
        each.append(metrics.average_precision(labels[rows, t], scores[rows, t]))
        drawn.append(
            metrics.weighted_average_precision(labels[rows, t], scores[rows, t], weights[:, rows])
        )
    macro = float(np.nanmean(each))
    macro_drawn = metrics.mean_of(np.stack(drawn, 1))
    error = metrics.reliability(labels[known], scores[known]).expected_calibration_error
    prevalence = labels[known].mean()
    print(f"\n{title}: {len(labels)} frames of {len(names)} sources")
    print(f"  {'macro mean':24s} {macro:.3f} {bounds(macro_drawn, macro)}  ", end="")
    print(f"prevalence {prevalence:.3f}  calibration error {error:.3f}")
    for t, tag in enumerate(true.tags):
        rows = known[:, t]
        print(
            f"  {tag:24s} {each[t]:.3f} {bounds(drawn[t], each[t])}  "
            f"prevalence {labels[rows, t].mean():.3f}  mean given {scores[rows, t].mean():.3f}"
        )
    by_source = {}
    for name in names:
        mine = known & (true.source == name)[:, None]
        by_source[str(name)] = metrics.average_precision(labels[mine], scores[mine])
        print(
            f"  source {name:17s} {by_source[str(name)]:.3f}  "
            f"prevalence {labels[mine].mean():.3f}  ({(true.source == name).sum()} frames)"
        )
    return {
        "macro": macro,
        "interval": metrics.interval(macro_drawn, macro),
        "prevalence": float(prevalence),
        "calibration_error": error,
        "frames": len(labels),
        "sources": by_source,
        "tags": dict(zip(true.tags, map(float, each), strict=True)),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("XSCATTER_REAL_FRAMES")
    parser.add_argument("folder", type=Path, nargs="?", default=default)
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if arguments.folder is None:
        parser.error("name a folder, or set XSCATTER_REAL_FRAMES")
    tagger, figures = Tagger.load(arguments.model), {}
    with open(arguments.folder / "MANIFEST.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    # One frame a file: the hand-made tags are those of its first.
    ready = [next(iter(tagger.batches([arguments.folder / row["file"]])))[0] for row in rows]
    for row, item in zip(rows, ready, strict=True):
        if not hasattr(item, "inputs"):
            print(f"passed over: {row['file']}: {item.reason}", file=sys.stderr)
    readable = [n for n, item in enumerate(ready) if hasattr(item, "inputs")]
    rows, ready = [rows[n] for n in readable], [ready[n] for n in readable]
    for view in tagger.views:
        answers = [tagger.tag([item], view)[0] for item in ready]
        # Where a view lacks the beam centre, the image view answers, as in `xscatter predict`.
        lacking = [n for n, answer in enumerate(answers) if answer.view is None]
        for n in lacking:
            answers[n] = tagger.tag([ready[n]], "image" if "image" in tagger.views else None)[0]
        print(f"\n{view}: {len(lacking)} of {len(rows)} frames answered by the image view")
        probability = np.nan_to_num(np.stack([answer.probability for answer in answers]))
        for column in ("tags17", "tags"):
            true = truth(rows, column)
            names = [[name for name in NAMES[tag] if name in tagger.tags] for tag in true.tags]
            missing = [tag for tag, some in zip(true.tags, names, strict=True) if not some]
            if missing:
                raise SystemExit(f"the model knows nothing of {', '.join(missing)}")
            scores = np.stack(
                [probability[:, [tagger.tags.index(n) for n in some]].max(1) for some in names], 1
            )
            figures[f"{view}/{column}"] = report(f"{view}, column {column}", true, scores)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
