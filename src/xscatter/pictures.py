"""Draw detector frames: logarithmic scale, perceptual colours, masked pixels marked, axes in q.

Row 0 of a frame is drawn at the top. Nothing here uses pyplot or needs a screen. Matplotlib is
imported only when something is drawn, because most commands draw nothing and it is slow to load.
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
from xscatter.core.masking import marked, saturated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from xscatter.geometry import Geometry

# Inferno runs from black over red to pale yellow, so blues stand out for every kind of colour
# vision.
COLOURS = "inferno"
MASKED_COLOUR = "#8da9c4"
SATURATED_COLOUR = "#00e5ff"


@dataclass(frozen=True)
class Panel:
    """One frame to draw; the fields are arguments of :func:`show_frame`."""

    counts: np.ndarray
    mask: np.ndarray | None = None
    geometry: Geometry | None = None
    saturation: float | None = None
    title: str = ""

    @property
    def hidden(self) -> np.ndarray:
        """(rows, cols) bool, True = masked or saturated: the count is not known."""
        masked = _masked(self.counts, self.mask)
        return masked | saturated(self.counts, masked, self.saturation)


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
    """Draw a detector frame on `axes`.

    Args:
        axes: Matplotlib axes to draw on.
        counts: (rows, cols). Values that are not finite, and the largest value of an unsigned type,
            are drawn as masked.
        mask: (rows, cols) bool, True = not usable.
        geometry: For axes in q (nm⁻¹); without it they are in pixels.
        saturation: Live pixels with this count or more are marked as saturated.
        title: Title of the axes.
        limits: Counts at the ends of the colour scale; by default from :func:`count_limits`.
        colorbar: Whether to draw a colour bar and a legend of the marked pixels.
        label: Label of the colour bar.
        most: A frame with more pixels than this on a side is averaged over square blocks first.

    Returns:
        The drawn image.

    Example:
        >>> import numpy as np
        >>> from matplotlib.figure import Figure
        >>> from xscatter import show_frame
        >>> figure = Figure()
        >>> counts = np.random.default_rng(1).poisson(20.0, (100, 120))
        >>> image = show_frame(figure.add_subplot(), counts, title="a dark evening")
        >>> figure.savefig("frame.png")
    """
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    counts = np.asarray(counts)
    masked = _masked(counts, mask)
    full = saturated(counts, masked, saturation)
    low, high = limits or count_limits(counts, masked | full)
    block = max(1, math.ceil(max(counts.shape) / most))
    shown, masked, full = reduced(counts, masked, full, block)
    # A logarithmic scale has no place for 0: without this, empty pixels would look masked.
    shown = np.ma.array(np.maximum(shown, low), mask=masked)
    colours = colormaps[COLOURS].with_extremes(bad=MASKED_COLOUR)
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
        entries = {"masked": (MASKED_COLOUR, masked), "saturated": (SATURATED_COLOUR, full)}
        _legend(axes, {name: colour for name, (colour, where) in entries.items() if where.any()})
    return image


def count_limits(counts: np.ndarray, hidden: np.ndarray | None = None) -> tuple[float, float]:
    """Return the ends of the colour scale: the 1st and the 99.8th percentile of the live pixels.

    Percentiles, not extremes, so that a few hot pixels do not darken the whole picture.

    Args:
        counts: (rows, cols).
        hidden: (rows, cols) bool, True = leave this pixel out.
    """
    live = np.asarray(counts)[~hidden] if hidden is not None else np.asarray(counts).ravel()
    if not live.size:
        return 0.5, 10.0
    low, high = np.percentile(live, (1, 99.8))
    low = max(float(low), 0.5)
    return low, max(float(high), 4 * low)


def reduced(
    counts: np.ndarray, masked: np.ndarray, full: np.ndarray, block: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, mask and saturated pixels with every block averaged over its live pixels.

    A block without live pixels is masked; a single saturated pixel marks its block as saturated.

    Args:
        counts: (rows, cols).
        masked: (rows, cols) bool.
        full: (rows, cols) bool, saturated pixels.
        block: pixels a side.
    """
    counts = np.where(masked, 0.0, counts)
    if block > 1:
        rows, cols = (-(-side // block) * block for side in counts.shape)
        wider = [(0, rows - counts.shape[0]), (0, cols - counts.shape[1])]

        def total(values: np.ndarray, fill: float) -> np.ndarray:
            padded = np.pad(values.astype(float), wider, constant_values=fill)
            return padded.reshape(rows // block, block, cols // block, block).sum((1, 3))

        live = block**2 - total(masked, 1)
        counts, masked = total(counts, 0) / np.maximum(live, 1), live == 0
        full = total(full, 0) > 0
    return counts, masked, full


def _masked(counts: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    return marked(counts) if mask is None else marked(counts) | np.asarray(mask, bool)


def _mark(axes: Axes, full: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    from matplotlib.colors import ListedColormap

    axes.imshow(
        np.ma.array(np.ones(full.shape), mask=~full),
        cmap=ListedColormap([SATURATED_COLOUR]),
        extent=extent,
        interpolation="nearest",
    )


def _legend(axes: Axes, colours: dict[str, str]) -> None:
    """Name the colours of marked pixels, on white: the frame below may be of any colour."""
    from matplotlib.patches import Patch

    if colours:
        axes.legend(
            handles=[Patch(color=colour, label=name) for name, colour in colours.items()],
            loc="lower left",
            fontsize="x-small",
            handlelength=1.0,
            facecolor="white",
            labelcolor="black",
            edgecolor="none",
            framealpha=0.85,
        )


def signed_q(geometry: Geometry, side: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixel edges along an axis through the beam centre, and q (nm⁻¹) at these edges.

    Args:
        geometry: Geometry of the detector.
        side: Number of pixels along the axis.
        axis: 1 for the row through the beam: q_x, which grows to the right. 0 for the column
            through the beam: q_y, which falls with the row, so that it grows upwards in a frame
            drawn with row 0 at the top, and scattering above the horizon of a surface has q_y > 0.

    Returns:
        Edges in pixels and q, both (side + 1,).
    """
    places = np.arange(side + 1) - 0.5
    across = np.full(places.shape, geometry.center[1 - axis])
    q, _ = geometry.q_chi(*((places, across) if axis == 0 else (across, places)))
    return places, q * np.sign(places - geometry.center[axis]) * (1 if axis == 1 else -1)


def label_axes(axes: Axes, shape: tuple[int, ...], geometry: Geometry | None = None) -> None:
    """Label both axes in q (nm⁻¹) through the beam centre; in pixels without a geometry.

    q_x grows to the right and q_y upwards. Rows are counted from the top.

    Args:
        axes: of an image.
        shape: (rows, cols) of the image in pixels.
        geometry: of the detector that took the image, or None.
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
        # Pixels stay evenly spaced, and ticks are placed at round values of q: at wide angles and
        # on tilted detectors q is not proportional to the pixel number.
        axis.set_major_locator(FixedLocator(list(np.interp(ticks, q, places))))
        axis.set_major_formatter(
            FixedFormatter([f"{tick:.6g}".replace("-", "−") if tick else "0" for tick in ticks])
        )
    axes.set_xlabel("$q_x$ (nm⁻¹)")
    axes.set_ylabel("$q_y$ (nm⁻¹)")


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Return an empty figure, `width` by `height` inches, that draws without a screen.

    Args:
        width: Width in inches.
        height: Height in inches.
        options: Other arguments of Matplotlib's ``Figure``.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), **{"layout": "constrained", **options})
    FigureCanvasAgg(figure)
    return figure


def contact_sheet(
    frames: Sequence[Panel], columns: int = 4, side: float = 2.6, most: int = 256
) -> Figure:
    """Draw many frames in one figure, each with its own colour scale.

    Args:
        frames: The frames.
        columns: Frames in a row.
        side: Width of each frame in inches.
        most: A frame with more pixels than this on a side is averaged over square blocks first.
    """
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
        # Each frame may have its own beam centre, so each keeps its ticks; only labels are shared.
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
    """Return the figure as the bytes of a file; equal figures give equal bytes.

    Args:
        figure: The figure.
        kind: "png" or "svg".
        dpi: Pixels per inch.
        margin: Crop the page to the drawing, with this margin in inches; None: keep the figure's
            size.
    """
    from matplotlib import rc_context

    stream = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None} if kind == "svg" else {}
    page: dict[str, Any] = {} if margin is None else {"bbox_inches": "tight", "pad_inches": margin}
    with rc_context({"svg.hashsalt": "xscatter"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata=metadata, **page)
    return stream.getvalue()


def save_figure(figure: Figure, path: str | Path, dpi: int = 150) -> None:
    """Write the figure to a PNG or SVG file, which appears only when it is complete.

    Args:
        figure: The figure.
        path: Name of the file, ending in ``.png`` or ``.svg``.
        dpi: Pixels per inch.

    Raises:
        UserError: The name has another ending, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg"):
        raise UserError(f"{path}: unknown picture format; use a name that ends in .png or .svg")
    data = to_bytes(figure, path.suffix.lower()[1:], dpi, margin=0.15)
    with complete_file(path) as part:
        part.write_bytes(data)
