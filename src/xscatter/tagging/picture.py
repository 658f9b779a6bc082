"""Small pictures for pages: a frame, the evidence for a tag, lines.

Pages show hundreds of frames, and a figure of Matplotlib takes half a second.
"""

import base64
import io
from collections.abc import Mapping
from functools import cache
from html import escape

import numpy as np
from PIL import Image

from xscatter.pictures import COLOURS, MASKED_COLOUR, count_limits, reduced

_GREEN = (77, 255, 136)  # neither in the colours of counts nor that of masked pixels
_MASKED = 254  # index of its colour; those of the counts are below
_LINES = ("#0b6e4f", "#b35900", "#5b4bb0")  # of up to three tags


def frame_picture(
    counts: np.ndarray,
    mask: np.ndarray,
    most: int,
    center: tuple[float, float] | None = None,
    strength: np.ndarray | None = None,
) -> str:
    """Return a picture of a frame as the address of an image, the data themselves.

    Args:
        counts: (rows, cols), shown on a logarithmic scale.
        mask: (rows, cols) bool, True = not usable; shown in grey-blue.
        most: pixels a side; larger frames are averaged.
        center: (row, column) where a green cross is drawn, if it is on the frame.
        strength: (n, n), 0 to 1: how strongly a part is coloured green.
    """
    block = -(-max(counts.shape) // most)
    live, hidden, _ = reduced(counts, mask, np.zeros_like(mask), block)
    low, high = count_limits(live, hidden)
    level = np.log(np.maximum(live, low) / low) / np.log(high / low)
    index = np.where(hidden, _MASKED, np.clip(level * (_MASKED - 1), 0, _MASKED - 1))
    pixels = _palette()[index.astype(int)]
    if strength is not None:
        sides = zip(index.shape, strength.shape, strict=True)
        rows, cols = (np.arange(n) * side // n for n, side in sides)
        share = 0.7 * strength[rows][:, cols, None]
        pixels = pixels * (1 - share) + np.array(_GREEN) * share
    if center is not None:
        _cross(pixels, center[0] / block, center[1] / block)
    # A palette makes the file a third of its size.
    image = Image.fromarray(pixels.astype(np.uint8)).quantize(256, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def lines(
    values: Mapping[str, np.ndarray], caption: str, width: int = 260, top: float | None = None
) -> str:
    """Return lines over 0, 1, 2 … with their names, as an ``<svg>`` element.

    Args:
        values: by name.
        caption: below the lines.
        width: in pixels.
        top: value at the upper end; None: the largest one.
    """
    height, every = width // 2, np.concatenate([[0.0], *values.values()])
    low = float(every.min())
    high = max(float(every.max()) if top is None else top, low + 1e-9)
    parts = []
    for number, (name, line) in enumerate(values.items()):
        colour = _LINES[number % len(_LINES)]
        x = np.linspace(2, width - 2, len(line)) if len(line) > 1 else np.array([width / 2])
        y = height - 2 - (line - low) / (high - low) * (height - 4)
        points = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(f"<polyline points='{points}' fill=none stroke='{colour}' stroke-width=1.5 />")
        base = height + 14 * (number + 1)
        parts.append(f"<text x=2 y={base} font-size=11 fill='{colour}'>{escape(name)}</text>")
    total = height + 14 * (len(values) + 1) + 4
    text = f"<text x=2 y={total - 4} font-size=11>{escape(caption)}</text>"
    return f"<svg width={width} height={total}>{''.join(parts)}{text}</svg>"


def _cross(pixels: np.ndarray, row: float, col: float) -> None:
    """Draw a cross, as far as it is on the picture."""
    arm = max(len(pixels) // 40, 2)
    rows, cols = pixels.shape[:2]
    for offset in range(-arm, arm + 1):
        for r, c in ((round(row) + offset, round(col)), (round(row), round(col) + offset)):
            if 0 <= r < rows and 0 <= c < cols:
                pixels[r, c] = _GREEN


@cache
def _palette() -> np.ndarray:
    """Colours (255, 3) of the counts, and of what is masked."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    counts = colormaps[COLOURS](np.linspace(0, 1, _MASKED))[:, :3]
    return np.concatenate([counts, [to_rgb(MASKED_COLOUR)]]) * 255
