"""One way to draw a detector frame: log scale, perceptual colours, masked pixels apart, axes in q.

Nothing here touches the state of pyplot or needs a screen, and matplotlib is imported only when
something is drawn. Row 0 of a frame is drawn at the top.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.files import complete_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from xscatter.geometry import Geometry

# Inferno runs from black over red to pale yellow: blues are told from it by every kind of colour vision.
COLOURS = "inferno"
MASKED = "#8da9c4"
SATURATED = "#00e5ff"


@dataclass(frozen=True)
class Panel:
    """One frame to be drawn; the fields are the arguments of :func:`show_frame`."""

    counts: np.ndarray
    mask: np.ndarray | None = None
    geometry: Geometry | None = None
    saturation: float | None = None
    title: str = ""

    @property
    def hidden(self) -> np.ndarray:
        """(rows, cols) bool, True = masked or saturated: no count is known."""
        hidden = _hidden(self.counts, self.mask)
        return hidden if self.saturation is None else hidden | (self.counts >= self.saturation)


def show_frame(
    axes: Axes,
    counts: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    geometry: Geometry | None = None,
    saturation: float | None = None,
    title: str = "",
    limits: tuple[float, float] | None = None,
    colorbar: bool = True,
    label: str = "counts per pixel",
    most: int = 800,
) -> AxesImage:
    """Draw `counts` (rows, cols) on `axes`.

    Args:
        axes: where to draw.
        counts: counts of each pixel; not finite ones, and the largest value of an unsigned type, count as masked.
        mask: (rows, cols) bool, True = not usable.
        geometry: gives axes in q; without it they are in pixels.
        saturation: live pixels at or above this value are marked as saturated.
        title: title of the axes.
        limits: counts at the ends of the colour scale; default: :func:`count_limits`.
        colorbar: whether a colour bar, and a key to the marked pixels, are drawn.
        label: what the colour bar says.
        most: frames of more pixels a side than this are averaged over square blocks first.

    Returns:
        The drawn image.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    counts = np.asarray(counts)
    hidden = _hidden(counts, mask)
    full = ~hidden & (counts >= saturation) if saturation is not None else np.zeros_like(hidden)
    low, high = limits or count_limits(counts, hidden | full)
    block = max(1, math.ceil(max(counts.shape) / most))
    shown, hidden, full = _reduce(counts, hidden, full, block)
    # Empty pixels get the lowest colour; on a log scale they would else be lost among the masked ones.
    shown = np.ma.array(np.maximum(shown, low), mask=hidden)
    colours = colormaps[COLOURS].with_extremes(bad=MASKED)
    rows, cols = counts.shape
    extent = (-0.5, cols - 0.5, rows - 0.5, -0.5)
    image = axes.imshow(
        shown, cmap=colours, norm=LogNorm(low, high), extent=extent, interpolation="nearest"
    )
    if full.any():
        _mark(axes, full, extent)
    axes.set_title(title)
    label_axes(axes, counts.shape, geometry)
    if colorbar:
        bar = axes.figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03, extend="both")
        bar.set_label(label)
        _key(
            axes,
            {"masked": (MASKED, bool(hidden.any())), "saturated": (SATURATED, bool(full.any()))},
        )
    return image


def count_limits(counts: np.ndarray, hidden: np.ndarray | None = None) -> tuple[float, float]:
    """Ends of a log scale that a few hot pixels cannot stretch: the 1st and 99.8th percentile of live pixels."""
    live = np.asarray(counts)[~hidden] if hidden is not None else np.asarray(counts).ravel()
    if not live.size:
        return 0.5, 10.0
    low, high = np.percentile(live, (1, 99.8))
    low = max(float(low), 0.5)
    return low, max(float(high), 4 * low)


def _hidden(counts: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    hidden = ~np.isfinite(counts)
    if counts.dtype.kind == "u":
        hidden |= counts == np.iinfo(counts.dtype).max
    return hidden if mask is None else hidden | np.asarray(mask, bool)


def _reduce(counts, hidden, full, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean of the live pixels of every block; a block without any is hidden, one saturated pixel marks it."""
    counts = np.where(hidden, 0.0, counts)
    if block > 1:
        rows, cols = (-(-side // block) * block for side in counts.shape)
        wider = [(0, rows - counts.shape[0]), (0, cols - counts.shape[1])]

        def total(values: np.ndarray, fill: float) -> np.ndarray:
            padded = np.pad(values.astype(float), wider, constant_values=fill)
            return padded.reshape(rows // block, block, cols // block, block).sum((1, 3))

        live = block**2 - total(hidden, 1)
        counts, hidden, full = total(counts, 0) / np.maximum(live, 1), live == 0, total(full, 0) > 0
    return counts, hidden, full


def _mark(axes: Axes, full: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    from matplotlib.colors import ListedColormap

    axes.imshow(
        np.ma.array(np.ones(full.shape), mask=~full),
        cmap=ListedColormap([SATURATED]),
        extent=extent,
        interpolation="nearest",
    )


def _key(axes: Axes, entries: dict[str, tuple[str, bool]]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color=colour, label=name) for name, (colour, present) in entries.items() if present
    ]
    paper: dict[str, Any] = {
        "facecolor": "white",
        "labelcolor": "black",
        "edgecolor": "none",
        "framealpha": 0.85,
    }
    if handles:
        axes.legend(
            handles=handles, loc="lower left", fontsize="x-small", handlelength=1.0, **paper
        )


def signed_q(geometry: Geometry, side: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of pixel edges along an axis through the beam centre, and q (nm^-1) there; both (side + 1,).

    `axis` 1 is the row through the beam: q_x, which grows with the column, to the right. `axis` 0 is the
    column through the beam: q_y, which falls with the row, so that it grows upwards in a frame that is
    drawn with row 0 at the top, and what a surface scatters above its horizon has q_y > 0.
    """
    places = np.arange(side + 1) - 0.5
    across = np.full(places.shape, geometry.center[1 - axis])
    q, _ = geometry.q_chi(*((places, across) if axis == 0 else (across, places)))
    return places, q * np.sign(places - geometry.center[axis]) * (1 if axis == 1 else -1)


def label_axes(axes: Axes, shape: tuple[int, ...], geometry: Geometry | None = None) -> None:
    """Label both axes: in q (nm^-1) along the row and the column through the beam centre, or in pixels.

    q_x grows to the right and q_y upwards; rows, which are counted from the top, grow downwards.
    """
    if geometry is None:
        axes.set_xlabel("column (pixels)")
        axes.set_ylabel("row (pixels)")
        return
    from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator

    for axis, number in ((axes.yaxis, 0), (axes.xaxis, 1)):
        places, q = signed_q(geometry, shape[number], number)
        if number == 0:
            places, q = places[::-1], q[::-1]
        ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(q[0], q[-1])
        ticks = ticks[(ticks >= q[0]) & (ticks <= q[-1])]
        # Pixels stay evenly spaced; the ticks lie where q has round values, at wide angles and on tilted detectors too.
        axis.set_major_locator(FixedLocator(list(np.interp(ticks, q, places))))
        axis.set_major_formatter(
            FixedFormatter([f"{tick:.6g}".replace("-", "−") if tick else "0" for tick in ticks])
        )
    axes.set_xlabel("$q_x$ (nm⁻¹)")
    axes.set_ylabel("$q_y$ (nm⁻¹)")


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure, `width` by `height` inches, that draws without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), **{"layout": "constrained", **options})
    FigureCanvasAgg(figure)
    return figure


def contact_sheet(
    frames: Sequence[Panel], columns: int = 4, side: float = 2.6, most: int = 256
) -> Figure:
    """A figure of many frames, `columns` in a row, each `side` inches wide, on colour scales of their own."""
    rows = max(1, math.ceil(len(frames) / columns))
    figure = new_figure(side * columns, (side + 0.25) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for number, (axes, frame) in enumerate(zip(grid.flat, frames, strict=False)):
        show_frame(
            axes,
            frame.counts,
            frame.mask,
            geometry=frame.geometry,
            saturation=frame.saturation,
            colorbar=False,
            most=most,
        )
        axes.set_title(frame.title, fontsize="small")
        axes.tick_params(labelsize="x-small")
        # Every frame may have a beam centre of its own, so each keeps its ticks; only the words are shared.
        if not axes.get_subplotspec().is_first_col():
            axes.set_ylabel("")
        if number + columns < len(frames):
            axes.set_xlabel("")
    for axes in grid.flat[len(frames) :]:
        axes.set_axis_off()
    return figure


def to_bytes(
    figure: Figure, kind: str = "png", dpi: int = 100, margin: float | None = None
) -> bytes:
    """The figure as the bytes of a PNG or SVG file, the same bytes every time.

    With a `margin` (inches) the page fits all that is drawn, whatever the size of the figure.
    """
    from matplotlib import rc_context

    stream = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    page: dict[str, Any] = {} if margin is None else {"bbox_inches": "tight", "pad_inches": margin}
    with rc_context({"svg.hashsalt": "xscatter"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata=metadata, **page)
    return stream.getvalue()


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure, whole or not at all.

    Raises:
        UserError: the name ends in neither .png nor .svg, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg"):
        raise UserError(f"{path}: unknown kind of picture; let the name end in .png or .svg")
    data = to_bytes(figure, path.suffix.lower()[1:], dpi, margin=0.15)
    with complete_file(path) as part:
        part.write_bytes(data)
