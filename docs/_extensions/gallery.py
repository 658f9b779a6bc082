"""Pictures for the reference, drawn by the code: every scattering feature and every tag."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from from_code import Generated, cell
from sphinx.application import Sphinx

from xscatter import pictures, tags
from xscatter.simulate import simulate_experiment
from xscatter.simulate.gallery import feature_page, write_pictures
from xscatter.simulate.law_gallery import process_page, write_law_pictures
from xscatter.store.experiments import open_experiment
from xscatter.study import parse_study

_ACROSS = 3


class FeatureGallery(Generated):
    """Every feature with its definition, its parameters, its possible tags and three draws."""

    def text(self) -> str:
        write_pictures(gallery_folder(self.env.srcdir), examples=_ACROSS, dpi=100)
        return feature_page("/_build/gallery/")


class ProcessGallery(Generated):
    """Every process, and every law with its definition, its parameters and some frames."""

    def text(self) -> str:
        write_law_pictures(gallery_folder(self.env.srcdir), dpi=100)
        return process_page("/_build/gallery/")


class TagTable(Generated):
    """Every tag by group: its definition, what it implies, and an image that shows it."""

    def text(self) -> str:
        groups: dict[str, list[tags.Tag]] = {}
        for tag in tags.TAGS:
            groups.setdefault(tag.group, []).append(tag)
        folder = gallery_folder(self.env.srcdir)
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
                    "An image for each tag, which may show other tags too. "
                    "Masked pixels are blue-grey.",
                    "```",
                ]
            lines.append("")
        return "\n".join([*lines, *_relations()])


def _relations() -> list[str]:
    """Return the tags that exclude each other, and the published vocabularies, as Markdown."""
    lines = ["## Tags that exclude each other", "", "At most one tag of each row is true.", ""]
    lines += [f"- {', '.join(row)}" for row in tags.EXCLUSIVE]
    lines += ["", "## Published vocabularies", "", "| vocabulary | tags |", "|---|---|"]
    for name, published in tags.VOCABULARIES.items():
        columns = (
            f"{tag} (here {tags.ALIASES[tag]})" if tag in tags.ALIASES else tag for tag in published
        )
        lines.append(f"| {name} | {', '.join(columns)} |")
    return [*lines, ""]


def gallery_folder(source: Path | str) -> Path:
    """Return the folder of the pictures, beside the built pages; it is made if need be."""
    folder = Path(source) / "_build" / "gallery"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def tag_examples(experiments: int = 40, images: int = 8) -> dict[str, pictures.Panel]:
    """Return a simulated image for every tag that occurs.

    Of the images that show a tag clearly, it is the one with the fewest other tags.
    """
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directives with Sphinx."""
    app.add_directive("feature-gallery", FeatureGallery)
    app.add_directive("process-gallery", ProcessGallery)
    app.add_directive("tag-table", TagTable)
    return {"version": "1", "parallel_read_safe": True}
