"""Pictures of every feature over its range: ``python -m xscatter.simulate.gallery [-o FOLDER] [FEATURE ...]``.

One PNG a feature: expected counts of a clean instrument above, what a detector makes of them below;
and `features.md`, the parameter tables, for the docs.
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


def find_experiments(feature: Feature, number: int, size: int = 256) -> list[Experiment]:
    """`number` experiments in which `feature` may occur, some behind detectors with gaps, the beam on the image."""
    study = parse_study(
        {"name": "gallery", "simulate": {"experiments": 1000, "images": 1, "size": size}}
    )
    found: list[Experiment] = []
    for n in range(1000):
        experiment = Experiment(study, n)
        wide = min(experiment.detector.outline.extent) > 0.9
        inside = experiment.placement.on_image and wide and experiment.window is None
        if inside and feature.weight(experiment) > 0:
            found.append(experiment)
        if len(found) == number:
            break
    return found


def feature_figure(feature: Feature, examples: int = EXAMPLES) -> Any:
    """Figure of `feature`, drawn in `examples` experiments: strong above, as exposed below."""
    frames = []
    for n, experiment in enumerate(find_experiments(feature, examples)):
        rng = generator(experiment.study.seed, Purpose.SCENE, experiment.number, n)
        parameters = feature.draw(rng, experiment)
        entries = [{"feature": feature.name, "share": 1.0, "parameters": parameters}]
        if feature.kind != "background":
            plain = {
                "feature": "background",
                "share": 0.1,
                "parameters": get("background").draw(rng, experiment),
            }
            entries.append(plain)
        for photons in (3e7, 10**experiment.exposure.log_photons):
            scene = {
                "photons": float(photons),
                "drift": [0.0, 0.0],
                "zingers": 0,
                "features": entries,
            }
            frame = np.empty((experiment.size, experiment.size), np.uint32)
            simulate_image(experiment, n, frame, scene)
            title = f"{photons:.1e} photons"
            frames.append(pictures.Panel(frame, experiment.mask, experiment.geometry, title=title))
    figure = pictures.contact_sheet([*frames[::2], *frames[1::2]], columns=max(len(frames) // 2, 1))
    figure.suptitle(feature.name.replace("_", " "))
    return figure


def feature_page() -> str:
    """Markdown: every feature, its words, its parameter table, its tags and its picture."""
    lines = ["# Features", ""]
    for feature in all_features().values():
        title = feature.name.replace("_", " ").capitalize()
        lines += [f"## {title}", "", (feature.module.__doc__ or "").strip(), ""]
        if feature.parameters:
            lines += ["| parameter | unit | default | bounds | meaning |", "|---|---|---|---|---|"]
            for p in feature.parameters:
                low, high = p.bounds
                lines.append(
                    f"| {p.name} | {p.unit} | {p.default:g} | {low:g} to {high:g} | {p.meaning} |"
                )
            lines.append("")
        if feature.tags:
            lines += [f"Tags: {', '.join(sorted(feature.tags))}.", ""]
        lines += [f"![{title}]({feature.name}.png)", ""]
    return "\n".join(lines)


def write_gallery(folder: str | Path, names: list[str] | None = None) -> list[Path]:
    """Write the picture of every feature (or of those in `names`) and `features.md` into `folder`.

    Raises:
        UserError: a name is not that of a feature, or the folder cannot be written.
    """
    written = []
    chosen = [get(name) for name in names] if names else list(all_features().values())
    for feature in chosen:
        path = Path(folder) / f"{feature.name}.png"
        pictures.save_figure(feature_figure(feature), path, dpi=60)
        written.append(path)
    if not names:
        write_text(Path(folder) / "features.md", feature_page())
        written.append(Path(folder) / "features.md")
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
    for path in write_gallery(args.output, args.names):
        print(path)


if __name__ == "__main__":
    main()
