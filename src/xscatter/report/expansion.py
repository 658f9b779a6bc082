"""An image, its Fourier-Bessel coefficients, and the image made of them."""

from collections.abc import Callable

import numpy as np

from xscatter.paths import StudyPaths
from xscatter.pictures import COLOURS, Frame, count_limits, new_figure, read_frame, show_frame
from xscatter.report.svg import inline_svg, page_style
from xscatter.shards import open_shard

# What was applied to the counts before the expansion, and its inverse.
_COUNTS: dict[str, tuple[Callable, Callable]] = {
    "none": (lambda n: n, lambda f: f),
    "log": (np.log1p, lambda f: np.expm1(np.clip(f, None, 50))),
    "anscombe": (lambda n: 2 * np.sqrt(n + 0.375), lambda f: (np.maximum(f, 0) / 2) ** 2 - 0.375),
}


def draw(paths: StudyPaths, experiment: int, image: int, name: str) -> tuple[str, float]:
    """An image, its coefficients, and the image made of them alone; with the relative error of the last.

    The error is ||made - f|| / ||f|| over the live pixels of the disk, f being the counts after the
    transform that was applied before the expansion.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    with open_shard(paths.experiment(experiment)) as file:
        frame = read_frame(file, image)
    with open_shard(paths.coefficients(experiment)) as file:
        data = file["entry/coefficients"]
        coefficients = data[image]
        attributes = dict(data.attrs)
    made, error = _reconstruct(frame, coefficients, attributes)
    strength = np.abs(coefficients)
    with page_style():
        figure = new_figure(9.4, 3.3)
        left, middle, right = figure.subplots(1, 3)
        limits = count_limits(frame.counts, frame.hidden)
        show_frame(
            left,
            frame.counts,
            frame.mask,
            geometry=frame.geometry,
            saturation=frame.saturation,
            limits=limits,
            colorbar=False,
            most=400,
        )
        left.set_title("image")
        top = strength.max() or 1.0
        picture = middle.imshow(
            np.maximum(strength.T, 1e-4 * top),
            origin="lower",
            aspect="auto",
            cmap=colormaps[COLOURS],
            norm=LogNorm(1e-4 * top, top),
            interpolation="nearest",
        )
        middle.set(title="coefficients", xlabel="angular order $m$", ylabel="radial order $k$")
        middle.xaxis.set_major_locator(MaxNLocator(integer=True))
        middle.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.colorbar(picture, ax=middle, fraction=0.046, pad=0.03, label="|c|")
        show_frame(right, made, geometry=frame.geometry, limits=limits, most=400)
        right.set_title("image made of the coefficients")
        right.set_ylabel("")
        alt = f"Image {image} of experiment {experiment}, the size of its coefficients, and the image made of them"
        return inline_svg(figure, alt, name), error


def _reconstruct(frame: Frame, coefficients: np.ndarray, attributes: dict) -> tuple[np.ndarray, float]:
    from xscatter.fourier_bessel import Plan

    assert frame.geometry is not None
    radius = float(attributes["radius"])
    plan = Plan(
        frame.counts.shape,
        frame.geometry.center,
        radius,
        int(attributes["angular_orders"]),
        int(attributes["radial_orders"]),
        boundary=str(attributes["boundary"]),
    )
    made = np.asarray(plan.inverse(coefficients[None]))[0]
    kind = str(attributes["counts"])
    rows, cols = np.indices(frame.counts.shape)
    live = ~frame.hidden & (np.hypot(rows - frame.geometry.center[0], cols - frame.geometry.center[1]) < radius)
    counts = frame.counts.astype(float)
    forward, backward = _COUNTS[kind]
    given = forward(counts[live])
    error = float(np.linalg.norm(made[live] - given)) / max(float(np.linalg.norm(given)), 1e-12)
    return backward(made), error
