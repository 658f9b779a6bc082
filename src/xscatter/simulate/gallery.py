"""Pictures and tables of every feature: ``python -m xscatter.simulate.gallery [FEATURE ...]``.

One PNG a feature: expected counts of a clean instrument above, what a detector makes of them below;
and `features.md`, with the tables of parameters. The documentation is made of the same.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import pictures
from xscatter.core.files import write_text
from xscatter.core.seeds import Purpose, generator
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.image import simulate_image
from xscatter.simulate.registry import Feature, all_features, get
from xscatter.study import parse_study

EXAMPLES = 6
MANY = 3e7  # photons of a picture without visible noise
KINDS = {
    "sample": "Features of samples",
    "background": "Backgrounds",
    "standard": "Calibration standards",
}


def find_experiments(feature: Feature, number: int, size: int = 256) -> list[Experiment]:
    """Return experiments in which a feature may occur, with the beam on a wide detector.

    Args:
        feature: to be shown.
        number: of experiments.
        size: of their images in pixels.
    """
    study = parse_study(
        {"name": "gallery", "simulate": {"experiments": 1000, "images": 1, "size": size}}
    )
    chosen: list[Experiment] = []
    for n in range(1000):
        experiment = Experiment(study, n)
        wide = min(experiment.setup.detector.outline.extent) > 0.9
        clear = experiment.setup.placement.on_image and wide and experiment.setup.window is None
        if clear and feature.weight(experiment) > 0:
            chosen.append(experiment)
        if len(chosen) == number:
            break
    return chosen


def feature_figure(feature: Feature, examples: int = EXAMPLES) -> Any:
    """Return a figure of `feature` in `examples` experiments: strong above, as exposed below."""
    panels = []
    for n, experiment in enumerate(find_experiments(feature, examples)):
        rng = generator(experiment.study.seed, Purpose.SCENE, experiment.number, n)
        parameters = feature.draw(rng, experiment)
        entries = [{"feature": feature.name, "share": 1.0, "parameters": parameters}]
        if feature.kind != "background":
            air = get("background").draw(rng, experiment)
            entries.append({"feature": "background", "share": 0.1, "parameters": air})
        for photons in (MANY, 10**experiment.setup.exposure.log_photons):
            scene = {
                "photons": float(photons),
                "drift": [0.0, 0.0],
                "zingers": 0,
                "features": entries,
            }
            counts = np.empty((experiment.size, experiment.size), np.uint32)
            simulate_image(experiment, n, counts, scene)
            title = f"{photons:.1e} photons"
            panels.append(pictures.Panel(counts, experiment.mask, experiment.geometry, title=title))
    figure = pictures.contact_sheet([*panels[::2], *panels[1::2]], columns=max(len(panels) // 2, 1))
    figure.suptitle(feature.name.replace("_", " "))
    return figure


def feature_page(pictures_in: str = "") -> str:
    """Return Markdown about every feature: its words, picture, tags and parameters.

    Args:
        pictures_in: folder of the pictures, with a slash at its end.
    """
    sections: list[str] = []
    for kind, title in KINDS.items():
        chosen = [feature for feature in all_features().values() if feature.kind == kind]
        sections += [f"## {title}"] if chosen else []
        sections += [_section(feature, f"{pictures_in}{feature.name}.png") for feature in chosen]
    return "\n\n".join(sections) + "\n"


def _section(feature: Feature, picture: str) -> str:
    caption = "Draws of different experiments: above with many photons, below as exposed."
    return described(feature, picture, caption)


def described(one: Any, picture: str, caption: str) -> str:
    """Return Markdown about a feature or a law: its words, picture, tags and parameters.

    Args:
        one: feature or law.
        picture: path of its picture.
        caption: below the picture.
    """
    name = one.name.replace("_", " ")
    lines = [f"### {name}", "", _plain(one.module.__doc__ or ""), ""]
    lines += [f"![Draws of {name}]({picture})", "", caption, ""]
    if one.tags:
        lines += [f"Gives: {', '.join(f'*{tag}*' for tag in one.tags)}.", ""]
    lines += ["| parameter | unit | default | bounds | meaning |", "|---|---|---|---|---|"]
    for p in one.parameters:
        bounds = f"{p.bounds[0]:g} to {p.bounds[1]:g}"
        lines.append(f"| `{p.name}` | {p.unit} | {p.default:g} | {bounds} | {_plain(p.meaning)} |")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a docstring as Markdown that shows the same characters."""
    for mark in "\\*_<|+#":
        text = text.replace(mark, "\\" + mark)
    # Indented lines are formulas: each keeps a line of its own.
    lines = [f"\\\n{line.strip()}" if line.startswith("  ") else line for line in text.split("\n")]
    return "\n".join(lines).replace("``", "`").strip()


def write_pictures(
    folder: str | Path, names: list[str] | None = None, examples: int = EXAMPLES, dpi: int = 60
) -> list[Path]:
    """Write the picture of every feature, or of those in `names`, and return their paths.

    Args:
        folder: where they go.
        names: of features; None for all.
        examples: experiments in one picture.
        dpi: resolution of the pictures.

    Raises:
        UserError: a name is not that of a feature, or the folder cannot be written.
    """
    written = []
    for feature in [get(name) for name in names] if names else all_features().values():
        path = Path(folder) / f"{feature.name}.png"
        pictures.save_figure(feature_figure(feature, examples), path, dpi=dpi)
        written.append(path)
    return written


def main() -> None:
    """Entry point of ``python -m xscatter.simulate.gallery``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="FEATURE", help="default: all")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("gallery"), help="folder (default: gallery)"
    )
    args = parser.parse_args()
    for path in write_pictures(args.output, args.names):
        print(path)
    if not args.names:
        write_text(args.output / "features.md", "# Features\n\n" + feature_page())
        print(args.output / "features.md")


if __name__ == "__main__":
    main()
