"""How well a model tags real frames: average precision per tag and source, beside the prevalence.

    python benchmarks/real_frames.py FOLDER [--model results/demo] [--json out.json]

FOLDER holds frames and MANIFEST.csv with the columns `file`, `tags` and `tags17` (names separated
by semicolons). Tags of which the truth is unknown in every row are left out. Intervals (95 %) are
by bootstrap over sources, the first part of a file's name up to `__`. For evaluation only: no
threshold and no weight may ever be chosen by this table.
"""

import argparse
import csv
import json
from pathlib import Path

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


def truth(folder: Path, column: str) -> tuple[list[str], list[str], np.ndarray]:
    """Files, tags, and labels (files, tags) of one column of the manifest."""
    with open(folder / "MANIFEST.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    named = [{word.strip() for word in row[column].split(";")} for row in rows]
    tags = sorted(set().union(*named) & set(NAMES) - UNKNOWN)
    return (
        [row["file"] for row in rows],
        tags,
        np.array([[tag in some for tag in tags] for some in named], float),
    )


def report(
    view: str,
    column: str,
    files: list[str],
    tags: list[str],
    labels: np.ndarray,
    scores: np.ndarray,
) -> dict:
    """Print one table; return its figures."""
    sources = np.unique([name.partition("__")[0] for name in files], return_inverse=True)
    weights = metrics.resampled(sources[1], 2017)
    each, drawn = metrics.per_tag(labels, scores), metrics.bootstrap(labels, scores, weights)
    flat = np.repeat(weights, len(tags), axis=1)
    micro = metrics.weighted_average_precision(
        labels.ravel(), scores.ravel(), np.ones((1, labels.size))
    )[0]
    micro_drawn = metrics.weighted_average_precision(labels.ravel(), scores.ravel(), flat)
    macro = float(np.nanmean(each))

    def bounds(values, value):
        found = metrics.interval(values, value)
        return f"[{found[0]:.2f}, {found[1]:.2f}]" if found else "[-, -]"

    print(f"\n{view}, column {column}: {len(files)} frames of {len(sources[0])} sources")
    print(
        f"  {'macro mean':24s} {macro:.3f} {bounds(metrics.mean_of(drawn), macro)}  "
        f"prevalence {labels.mean():.3f}"
    )
    print(
        f"  {'micro':24s} {micro:.3f} {bounds(micro_drawn, micro)}  prevalence {labels.mean():.3f}"
    )
    for t, tag in enumerate(tags):
        print(
            f"  {tag:24s} {each[t]:.3f} {bounds(drawn[:, t], each[t])}  "
            f"prevalence {labels[:, t].mean():.3f}"
        )
    by_source = {}
    for number, name in enumerate(sources[0]):
        mine = sources[1] == number
        part = metrics.average_precision(labels[mine].ravel(), scores[mine].ravel())
        by_source[str(name)] = part
        print(
            f"  source {name:17s} {part:.3f}  prevalence {labels[mine].mean():.3f}  "
            f"({mine.sum()} frames)"
        )
    figures = {
        "macro": macro,
        "micro": float(micro),
        "prevalence": float(labels.mean()),
        "sources": by_source,
    }
    return figures | {"tags": dict(zip(tags, map(float, each), strict=True))}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="default: the shipped tagger")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    tagger, found = Tagger.load(arguments.model), {}
    files = truth(arguments.folder, "tags")[0]
    ready = [
        item
        for batch in tagger.batches([arguments.folder / name for name in files])
        for item in batch
    ]
    for view in tagger.views:
        answers = [tagger.tag([item], view)[0] for item in ready]
        # Where a view lacks the beam centre, the image view answers, as in `xscatter predict`.
        lacking = [n for n, answer in enumerate(answers) if answer.view is None]
        for n in lacking:
            answers[n] = tagger.tag([ready[n]], "image" if "image" in tagger.views else None)[0]
        print(f"\n{view}: {len(lacking)} of {len(files)} frames answered by the image view")
        probability = np.nan_to_num(np.stack([answer.probability for answer in answers]))
        for column in ("tags17", "tags"):
            _, tags, labels = truth(arguments.folder, column)
            names = [[name for name in NAMES[tag] if name in tagger.tags] for tag in tags]
            missing = [tag for tag, some in zip(tags, names, strict=True) if not some]
            if missing:
                raise SystemExit(f"the model knows nothing of {', '.join(missing)}")
            scores = np.stack(
                [probability[:, [tagger.tags.index(n) for n in some]].max(1) for some in names], 1
            )
            found[f"{view}/{column}"] = report(view, column, files, tags, labels, scores)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
