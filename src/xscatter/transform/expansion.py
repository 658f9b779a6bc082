"""What an expansion keeps of an image, drawn: the image, its reconstruction, what is left, and the coefficients."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xscatter.core.errors import UserError
from xscatter.pictures import COLOURS, MASKED_COLOUR, new_figure
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.transform.counts import COUNTS
from xscatter.transform.plans import build_plan

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show_expansion(coefficient_file: str | Path, image: int) -> "Figure":
    """Figure of one image of a coefficient file; its counts come from the experiment shard beside it.

    Raises:
        UserError: the file has no such image, or its experiment is not there or has changed since.
    """
    path = Path(coefficient_file)
    with open_coefficients(path) as file:
        if not 0 <= image < len(file):
            raise UserError(f"{path}: has no image {image}; its images are 0 to {len(file) - 1}")
        found, facts = file.dataset[image], file.facts
        source, number = file.source_checksum, file.number
    experiment = path.parent.parent / "experiments" / path.name
    with open_experiment(experiment, checksum=source) as shard:
        frame = shard.picture(image)
    values = COUNTS[str(facts["counts_transform"])](frame.counts)
    hidden = frame.hidden
    center = (float(facts["beam_center"][0]), float(facts["beam_center"][1]))
    plan = build_plan(facts, values.shape, center)
    y, x = np.indices(values.shape)
    hidden = hidden | (np.hypot(y - center[0], x - center[1]) > plan.radius)
    return draw_expansion(
        values,
        hidden,
        plan.inverse(found),
        found,
        f"experiment {number}, image {image}",
        str(facts["counts_formula"]),
    )


def draw_expansion(
    values: np.ndarray,
    hidden: np.ndarray,
    rebuilt: np.ndarray,
    coefficients: np.ndarray,
    title: str,
    label: str,
) -> "Figure":
    """Draw transformed counts (rows, cols), what the expansion makes of them, the difference, and |c_mk| (m, k)."""
    figure = new_figure(11, 9)
    figure.suptitle(title)
    (first, second), (third, fourth) = figure.subplots(2, 2)
    live = values[~hidden] if (~hidden).any() else np.zeros(1)
    low, high = np.percentile(live, (0.5, 99.8))
    limits = (low, max(high, low + 1e-6))
    _panel(first, values, hidden, "image", label, COLOURS, limits)
    _panel(
        second,
        rebuilt,
        hidden,
        f"reconstruction, {coefficients.size} coefficients",
        label,
        COLOURS,
        limits,
    )
    residual = values - rebuilt
    spread = max(
        float(np.percentile(np.abs(residual[~hidden]), 99)) if (~hidden).any() else 1.0, 1e-6
    )
    share = (
        np.sqrt(np.mean(residual[~hidden] ** 2) / max(np.mean(live**2), 1e-30))
        if (~hidden).any()
        else np.nan
    )
    _panel(
        third,
        residual,
        hidden,
        f"residual, {share:.1%} of the image",
        label,
        "RdBu_r",
        (-spread, spread),
    )
    _map(fourth, coefficients)
    return figure


def _panel(
    axes: "Axes", values, hidden, title: str, label: str, colours: str, limits: tuple[float, float]
) -> None:
    from matplotlib import colormaps

    shown = np.ma.array(values, mask=hidden)
    picture = axes.imshow(
        shown,
        cmap=colormaps[colours].with_extremes(bad=MASKED_COLOUR),
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    axes.set(title=title, xlabel="column (pixels)", ylabel="row (pixels)")
    axes.figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.03).set_label(label)


def _map(axes: "Axes", coefficients: np.ndarray) -> None:
    from matplotlib.colors import LogNorm

    size = np.abs(coefficients)
    top = float(np.nanmax(size)) if np.isfinite(size).any() and np.nanmax(size) > 0 else 1.0
    picture = axes.imshow(
        np.maximum(size, top * 1e-6).T, cmap=COLOURS, norm=LogNorm(top * 1e-5, top), origin="lower", aspect="auto",
        interpolation="nearest",
    )  # fmt: skip
    axes.set(title="coefficients", xlabel="angular order m", ylabel="radial order k")
    axes.figure.colorbar(picture, ax=axes, fraction=0.046, pad=0.03).set_label("|c|")
