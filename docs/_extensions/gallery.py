"""Directives that draw: the scattering features, each alone on a detector, from the registry itself."""

from pathlib import Path
from typing import Any

import numpy as np
from from_code import Generated
from sphinx.application import Sphinx

from xscatter import pictures
from xscatter.seeds import Purpose, generator
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.features.registry import Feature, all_features
from xscatter.study import parse_study

_STUDY = parse_study({"name": "gallery", "seed": 4, "simulate": {"experiments": 400, "images": 1, "size": 256}})
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
                pictures.save_figure(_draw(feature), folder / f"{feature.name}.png", dpi=100)
                first, _, rest = (feature.module.__doc__ or "").partition("\n\n")
                lines += [f"### {name}", "", _plain(first), "", _plain(rest), ""]
                lines += [f"```{{figure}} /_build/gallery/{feature.name}.png", f":alt: Three draws of {name}", ""]
                lines += [f"Three draws of {name} alone, of different experiments, on logarithmic scales.", "```", ""]
                lines += [f"Gives: {', '.join(f'*{tag}*' for tag in feature.tags)}.", ""] if feature.tags else []
                lines += ["| parameter | unit | default | bounds | meaning |", "|---|---|---|---|---|"]
                for p in feature.parameters:
                    bounds = f"{p.bounds[0]:g} to {p.bounds[1]:g}"
                    lines.append(f"| `{p.name}` | {p.unit} | {p.default:g} | {bounds} | {_plain(p.meaning)} |")
                lines.append("")
        return "\n".join(lines)


def _plain(text: str) -> str:
    """Text of a docstring as Markdown that shows the same characters."""
    for mark in "\\*_<|+#":
        text = text.replace(mark, "\\" + mark)
    # Indented lines are formulas: each keeps a line of its own.
    lines = [f"\\\n{line.strip()}" if line.startswith("  ") else line for line in text.split("\n")]
    return "\n".join(lines).replace("``", "`").strip()


def _draw(feature: Feature):
    frames = []
    for number in range(_STUDY.simulate.experiments):
        experiment = Experiment(_STUDY, number)
        on_image = all(0.1 < place < 0.9 for place in experiment.settings["center"])
        # A few experiments with the feature at its likeliest, so that the pictures show what it is.
        if len(frames) < _ACROSS and on_image and feature.weight(experiment) >= 0.6 * _best(feature):
            parameters = feature.draw(generator(_STUDY.seed, Purpose.SCENE, number, 0), experiment)
            entry = {"feature": feature.name, "share": 1.0, "parameters": parameters}
            scene = {"photons": 2e6, "drift": [0.0, 0.0], "zingers": 0, "features": [entry]}
            counts = np.empty((_STUDY.simulate.size,) * 2, np.uint32)
            simulate_image(experiment, 0, counts, scene)
            frames.append(pictures.Frame(counts, experiment.mask, experiment.geometry, experiment.saturation))
    return pictures.contact_sheet(frames, columns=_ACROSS, side=2.7)


def _best(feature: Feature) -> float:
    return max(feature.weight(Experiment(_STUDY, number)) for number in range(60))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("feature-gallery", FeatureGallery)
    return {"version": "1", "parallel_read_safe": True}
