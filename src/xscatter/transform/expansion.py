"""Pictures of an expansion: the image, its coefficients, and the image rebuilt from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xscatter.core.errors import UserError
from xscatter.pictures import COLOURS, MASKED_COLOUR, Panel, count_limits, new_figure, show_frame
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.transform.counts import BACK_TO_COUNTS, COUNTS_TRANSFORMS
from xscatter.transform.plans import build_plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PIXELS = 400  # of a panel a side: wider images are averaged over blocks


@dataclass(frozen=True)
class Expansion:
    """One image of a coefficient file.

    Attributes:
        frame: the image, its counts (rows, cols).
        coefficients: (angular_orders, radial_orders) complex.
        rebuilt: counts (rows, cols) of the image rebuilt from the coefficients alone.
        residual: (rows, cols) what the rebuilt image lacks, in the units of the expansion; NaN
            where no pixel is live, and outside of the disk.
        error: ||residual|| / ||f|| over the live pixels of the disk, f being the transformed
            counts.
        formula: the transform of the counts n before the expansion.
        title: names experiment and image.
    """

    frame: Panel
    coefficients: np.ndarray
    rebuilt: np.ndarray
    residual: np.ndarray
    error: float
    formula: str
    title: str


def read_expansion(
    coefficient_file: str | Path, experiment_shard: str | Path, image: int, **expected: object
) -> Expansion:
    """Read one image and its coefficients, and rebuild the image from them.

    Args:
        coefficient_file: the file with the coefficients.
        experiment_shard: the shard that they were made from.
        image: number of the image.
        expected: root attributes that the coefficient file must have, such as ``study_hash``.

    Raises:
        UserError: the file has no such image, or the shard is missing or has changed since.
    """
    with open_coefficients(coefficient_file, **expected) as file:
        if not 0 <= image < len(file):
            raise UserError(
                f"{coefficient_file}: has no image {image}; its images are 0 to {len(file) - 1}"
            )
        coefficients, plan_facts = file.dataset[image], file.facts
        checksum, number = file.source_checksum, file.number
    # A shard that was made again may show another image.
    with open_experiment(experiment_shard, checksum=checksum) as shard:
        frame = shard.picture(image)
    row, col = (float(value) for value in plan_facts["beam_center"])
    plan = build_plan(plan_facts, frame.counts.shape, (row, col))
    values = plan.inverse(coefficients)
    rows, cols = np.indices(frame.counts.shape)
    # Elsewhere the expansion was given values that nobody measured.
    live = ~frame.hidden & (np.hypot(rows - row, cols - col) < plan.radius)
    name = str(plan_facts["counts_transform"])
    original = COUNTS_TRANSFORMS[name](frame.counts[live])
    residual = np.full(values.shape, np.nan, np.float32)
    residual[live] = original - values[live]
    norms = [float(np.linalg.norm(part)) for part in (residual[live], original)]
    return Expansion(
        frame,
        coefficients,
        BACK_TO_COUNTS[name](values),
        residual,
        norms[0] / max(norms[1], 1e-12),
        str(plan_facts["counts_formula"]),
        f"experiment {number}, image {image}",
    )


def show_expansion(coefficient_file: str | Path, image: int) -> "Figure":
    """Draw one image of a coefficient file, with the experiment shard that is beside it.

    Raises:
        UserError: as :func:`read_expansion`.
    """
    path = Path(coefficient_file)
    expansion = read_expansion(path, path.parent.parent / "experiments" / path.name, image)
    return draw_expansion(expansion, large=True)


def draw_expansion(expansion: Expansion, large: bool = False) -> "Figure":
    """Draw the image, the absolute values of its coefficients, and the image rebuilt from them.

    A `large` figure has a title, a colour bar to each image, and a fourth panel: the residual.
    """
    frame = expansion.frame
    if large:
        figure = new_figure(12, 9)
        figure.suptitle(expansion.title)
        first, second, third, last = figure.subplots(2, 2).flat
    else:
        figure = new_figure(9.4, 3.3)
        first, second, third = figure.subplots(1, 3)
    limits = count_limits(frame.counts, frame.hidden)
    show_frame(
        first,
        frame.counts,
        frame.mask,
        geometry=frame.geometry,
        saturation=frame.saturation,
        limits=limits,
        colorbar=large,
        most=MOST_PIXELS,
    )
    first.set_title("image")
    _draw_coefficients(second, expansion.coefficients)
    show_frame(
        third,
        expansion.rebuilt,
        geometry=frame.geometry,
        limits=limits,
        most=MOST_PIXELS,
    )
    third.set_title("image made of the coefficients")
    if large:
        _draw_residual(last, expansion)
    else:
        third.set_ylabel("")
    return figure


def _draw_coefficients(axes: "Axes", coefficients: np.ndarray) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    # NaN: the image had no live pixel.
    strength = np.nan_to_num(np.abs(coefficients))
    top = strength.max() or 1.0
    picture = axes.imshow(
        np.maximum(strength.T, 1e-4 * top),
        origin="lower",
        aspect="auto",
        cmap=colormaps[COLOURS],
        norm=LogNorm(1e-4 * top, top),
        interpolation="nearest",
    )
    axes.set_box_aspect(1)  # as high as the images beside it
    axes.set(title="coefficients", xlabel="angular order $m$", ylabel="radial order $k$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.03, label="|c|")


def _draw_residual(axes: "Axes", expansion: Expansion) -> None:
    from matplotlib import colormaps

    known = np.abs(expansion.residual[np.isfinite(expansion.residual)])
    # A few wild pixels must not make all others look alike.
    top = max(float(np.percentile(known, 99)) if known.size else 0.0, 1e-6)
    picture = axes.imshow(
        np.ma.masked_invalid(expansion.residual),
        cmap=colormaps["RdBu_r"].with_extremes(bad=MASKED_COLOUR),
        vmin=-top,
        vmax=top,
        interpolation="nearest",
    )
    axes.set(title=f"residual, {expansion.error:.1%} of the image")
    axes.set(xlabel="column (pixels)", ylabel="row (pixels)")
    axes.figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.03, label=expansion.formula)
