"""A frame beside the evidence for its tags."""

from typing import TYPE_CHECKING

import numpy as np

from xscatter.pictures import new_figure, show_frame, to_bytes
from xscatter.tagging.tagger import Ready

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREEN = "#4dff88"  # neither in the colours of counts nor that of masked pixels
_MOST = 400  # pixels a side that are drawn


def draw_evidence(
    item: Ready, patches: dict[str, np.ndarray], orders: dict[str, np.ndarray]
) -> bytes:
    """Return a PNG picture of a frame and of the evidence for its tags.

    Args:
        item: the frame.
        patches: by tag: fall of the logit (n, n) when a patch of the image is masked.
        orders: by tag: fall of the logit (angular_orders,) without an angular order.
    """
    count = 1 + len(patches) + bool(orders)
    figure = new_figure(3.4 * count, 3.6)
    axes = figure.subplots(1, count, squeeze=False)[0]
    _draw_frame(axes[0], item)
    for place, (tag, falls) in zip(axes[1:], patches.items(), strict=False):
        _draw_patches(place, item, falls)
        place.set_title(f"evidence: {tag}", fontsize="small")
    if orders:
        _draw_orders(axes[-1], orders)
    return to_bytes(figure, dpi=80)


def _draw_frame(axes: "Axes", item: Ready) -> None:
    show_frame(axes, item.frame.counts, item.frame.mask, colorbar=False, most=_MOST)
    axes.set_title("frame", fontsize="small")
    if item.frame.center:
        row, col = item.frame.center
        axes.plot(col, row, "+", color=_GREEN, markersize=12, scalex=False, scaley=False)


def _draw_patches(axes: "Axes", item: Ready, falls: np.ndarray) -> None:
    from matplotlib.colors import ListedColormap

    show_frame(axes, item.prepared.counts, item.prepared.mask, colorbar=False, most=_MOST)
    # Only what speaks for the tag is shown; what speaks against it is clipped to 0.
    strength = np.clip(falls / max(float(np.abs(falls).max()), 1e-6), 0, 1)
    side = len(item.prepared.counts) - 0.5
    axes.imshow(
        np.ones_like(strength),
        cmap=ListedColormap([_GREEN]),
        alpha=0.7 * strength,
        extent=(-0.5, side, side, -0.5),
    )
    axes.set_xlabel("column (pixels of the model)")
    axes.set_ylabel("row (pixels of the model)")


def _draw_orders(axes: "Axes", orders: dict[str, np.ndarray]) -> None:
    for tag, falls in orders.items():
        axes.plot(np.arange(len(falls)), falls, ".-", label=tag)
    axes.set_xlabel("angular order m")
    axes.set_ylabel("decrease of the output without it")
    axes.legend(fontsize="x-small")
