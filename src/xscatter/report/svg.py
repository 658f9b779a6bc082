"""Figures as inline SVG that follow the page: its text colour, its width, light or dark."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np
from PIL import Image

from xscatter.pictures import to_bytes

# Text and lines are drawn in this colour, which no colour map has; it is then replaced by the
# colour of the page's text.
_INK = "#010203"
STYLE: Any = {
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.framealpha": 0.0,
    "legend.edgecolor": "none",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@contextmanager
def page_style() -> Iterator[None]:
    """Give the figures that are drawn in the `with` block the style of the page."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        yield


def inline_svg(figure, alt: str, name: str) -> str:
    """Return the figure as an ``<svg>`` element.

    Args:
        figure: The figure.
        alt: Description for screen readers.
        name: Start of every id in the element, so that ids of several figures on a page differ.
    """
    with page_style():
        text = to_bytes(figure, "svg", dpi=100).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.S)
    text = re.sub(r"<style type=\"text/css\">.*?</style>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.S)
    text = text.replace(_INK, "currentColor")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)", _smaller, text)
    text = re.sub(r"\n\s*", "\n", text)
    size = re.match(r"<svg[^>]*?>", text)
    assert size is not None
    box = re.search(r'viewBox="[^"]+"', size[0])
    width = re.search(r'width="([\d.]+)pt"', size[0])
    assert box is not None
    assert width is not None
    # Without a height the browser keeps the proportions; the width limit is the size in pixels
    # that the figure was drawn for.
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'{box[0]} role="img" aria-label="{escape(alt)}" '
        f'style="max-width:{float(width[1]) * 4 / 3:.0f}px">'
    )
    return head + text[size.end() :]


def _smaller(match: re.Match) -> str:
    """Store the picture with a palette: for a colour map, one byte a pixel is enough."""
    picture = Image.open(io.BytesIO(base64.b64decode(match[1])))
    pixels = np.ascontiguousarray(np.asarray(picture.convert("RGBA"))).view(np.uint32)[..., 0]
    colours, index = np.unique(pixels, return_inverse=True)
    if len(colours) > 256:
        return match[0]
    small = Image.fromarray(index.reshape(pixels.shape).astype(np.uint8), "P")
    palette = colours.view(np.uint8).reshape(-1, 4)
    small.putpalette(palette[:, :3].tobytes(), "RGB")
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True, transparency=palette[:, 3].tobytes())
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
