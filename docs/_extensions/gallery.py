"""The gallery of scattering features, made of the registry itself."""

from pathlib import Path
from typing import Any

from from_code import Generated
from sphinx.application import Sphinx

from xscatter import pictures
from xscatter.simulate.features.registry import all_features
from xscatter.simulate.gallery import feature_figure

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
                pictures.save_figure(feature_figure(feature, _ACROSS), folder / f"{feature.name}.png", dpi=100)
                first, _, rest = (feature.module.__doc__ or "").partition("\n\n")
                lines += [f"### {name}", "", _plain(first), "", _plain(rest), ""]
                lines += [f"```{{figure}} /_build/gallery/{feature.name}.png", f":alt: Three draws of {name}", ""]
                lines += [
                    "Three draws, of different experiments: above with many photons, below as exposed.",
                    "```",
                    "",
                ]
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("feature-gallery", FeatureGallery)
    return {"version": "1", "parallel_read_safe": True}
