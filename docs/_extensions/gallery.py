"""Pictures for the reference: every scattering feature, and an example of every tag, made of the code itself."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from from_code import Generated, cell
from sphinx.application import Sphinx

from xscatter import pictures, tags
from xscatter.simulate import simulate_experiment
from xscatter.simulate.gallery import feature_figure
from xscatter.simulate.registry import all_features
from xscatter.store.experiments import open_experiment
from xscatter.study import parse_study

_ACROSS = 3
_KINDS = {
    "sample": "Features of samples",
    "background": "Backgrounds",
    "standard": "Calibration standards",
}


class FeatureGallery(Generated):
    """Every feature: what it is, its parameters, the tags it can give, and three draws of it."""

    def text(self) -> str:
        folder = Path(self.env.srcdir) / "_build" / "gallery"
        folder.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        for kind, title in _KINDS.items():
            chosen = [feature for feature in all_features().values() if feature.kind == kind]
            if chosen:
                lines += [f"## {title}", ""]
            for feature in chosen:
                name = feature.name.replace("_", " ")
                pictures.save_figure(
                    feature_figure(feature, _ACROSS), folder / f"{feature.name}.png", dpi=100
                )
                first, _, rest = (feature.module.__doc__ or "").partition("\n\n")
                lines += [f"### {name}", "", _plain(first), "", _plain(rest), ""]
                lines += [
                    f"```{{figure}} /_build/gallery/{feature.name}.png",
                    f":alt: Three draws of {name}",
                    "",
                ]
                lines += [
                    "Three draws, of different experiments: above with many photons, below as exposed.",
                    "```",
                    "",
                ]
                lines += (
                    [f"Gives: {', '.join(f'*{tag}*' for tag in feature.tags)}.", ""]
                    if feature.tags
                    else []
                )
                lines += [
                    "| parameter | unit | default | bounds | meaning |",
                    "|---|---|---|---|---|",
                ]
                for p in feature.parameters:
                    bounds = f"{p.bounds[0]:g} to {p.bounds[1]:g}"
                    lines.append(
                        f"| `{p.name}` | {p.unit} | {p.default:g} | {bounds} | {_plain(p.meaning)} |"
                    )
                lines.append("")
        return "\n".join(lines)


class TagTable(Generated):
    """Every tag by group: its definition, what it implies, and an image that shows it."""

    def text(self) -> str:
        groups: dict[str, list[tags.Tag]] = {}
        for tag in tags.TAGS:
            groups.setdefault(tag.group, []).append(tag)
        folder = Path(self.env.srcdir) / "_build" / "gallery"
        folder.mkdir(parents=True, exist_ok=True)
        examples = tag_examples()
        lines: list[str] = []
        for place, (group, members) in enumerate(groups.items()):
            lines += [
                f"## {group[0].upper()}{group[1:]}",
                "",
                "| tag | true when | implies |",
                "|---|---|---|",
            ]
            lines += [
                f"| {tag.name} | {cell(tag.definition)} | {', '.join(tag.implies)} |"
                for tag in members
            ]
            shown = [examples[tag.name] for tag in members if tag.name in examples]
            if shown:
                file = f"tags-{place}.png"
                pictures.save_figure(
                    pictures.contact_sheet(shown, columns=4, side=2.5), folder / file, dpi=100
                )
                lines += [
                    "",
                    f"```{{figure}} /_build/gallery/{file}",
                    f":alt: An image for each tag of {group}",
                    "",
                ]
                lines += [
                    "An image for each tag, with what else was in it; masked pixels in blue-grey.",
                    "```",
                ]
            lines.append("")
        return "\n".join(lines)


def tag_examples(experiments: int = 40, images: int = 8) -> dict[str, pictures.Panel]:
    """A simulated frame for every tag that occurs: of those that show it clearly, the one with the fewest tags."""
    simulate = {"experiments": experiments, "images": images, "size": 192}
    study = parse_study({"name": "examples", "seed": 4, "simulate": simulate})
    best: dict[str, tuple[float, pictures.Panel]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(experiments):
            path = Path(folder) / f"{number}.h5"
            simulate_experiment(study, number, path)
            with open_experiment(path) as file:
                labels = file.labels[()].astype(bool)
                clear = np.nan_to_num(file.detectability[()], nan=np.inf) > 5 * tags.DETECTABLE
                for image, column in zip(*np.nonzero(labels & clear), strict=True):
                    name, others = tags.TAGS[column].name, float(labels[image].sum())
                    if name not in best or others < best[name][0]:
                        frame = file.picture(int(image))
                        best[name] = (
                            others,
                            pictures.Panel(frame.counts, frame.mask, frame.geometry, title=name),
                        )
    return {name: frame for name, (_, frame) in best.items()}


def _plain(text: str) -> str:
    """Text of a docstring as Markdown that shows the same characters."""
    for mark in "\\*_<|+#":
        text = text.replace(mark, "\\" + mark)
    # Indented lines are formulas: each keeps a line of its own.
    lines = [f"\\\n{line.strip()}" if line.startswith("  ") else line for line in text.split("\n")]
    return "\n".join(lines).replace("``", "`").strip()


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("feature-gallery", FeatureGallery)
    app.add_directive("tag-table", TagTable)
    return {"version": "1", "parallel_read_safe": True}
