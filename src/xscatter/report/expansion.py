"""An image, its Fourier-Bessel coefficients, and the image made of them."""

from collections.abc import Callable

import numpy as np

from xscatter.pictures import COLOURS, Panel, count_limits, new_figure, show_frame
from xscatter.report.svg import inline_svg, page_style
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# The inverses of xscatter.transform.counts.COUNTS.
_BACK: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda f: f,
    "log": lambda f: np.expm1(np.clip(f, None, 50)),
    "anscombe": lambda f: (np.maximum(f, 0) / 2) ** 2 - 0.375,
}


def draw(
    study: Study, paths: StudyPaths, experiment: int, image: int, name: str
) -> tuple[str, float]:
    """An image, its coefficients, and the image made of them alone; with the relative error of the last.

    The error is ||made - f|| / ||f|| over the live pixels of the disk, f being the counts after the
    transform that was applied before the expansion.
    """
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import MaxNLocator

    with open_experiment(paths.experiment(experiment)) as shard:
        frame = shard.picture(image)
    with open_coefficients(
        paths.coefficients(experiment), study_hash=study.fingerprint("transform")
    ) as file:
        coefficients = file.dataset[image]
    made, error = _reconstruct(study, frame, coefficients)
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
        middle.set_box_aspect(1)  # as high as the images beside it
        middle.set(title="coefficients", xlabel="angular order $m$", ylabel="radial order $k$")
        middle.xaxis.set_major_locator(MaxNLocator(integer=True))
        middle.yaxis.set_major_locator(MaxNLocator(integer=True))
        figure.colorbar(picture, ax=middle, fraction=0.046, pad=0.03, label="|c|")
        show_frame(right, made, geometry=frame.geometry, limits=limits, most=400)
        right.set_title("image made of the coefficients")
        right.set_ylabel("")
        alt = f"Image {image} of experiment {experiment}, the size of its coefficients, and the image made of them"
        return inline_svg(figure, alt, name), error


def _reconstruct(study: Study, frame: Panel, coefficients: np.ndarray) -> tuple[np.ndarray, float]:
    from xscatter.transform.counts import COUNTS
    from xscatter.transform.plans import build_plan, transform_parameters

    assert frame.geometry is not None
    center = frame.geometry.center
    plan = build_plan(transform_parameters(study), frame.counts.shape, center)
    made = plan.inverse(coefficients)
    rows, cols = np.indices(frame.counts.shape)
    live = ~frame.hidden & (np.hypot(rows - center[0], cols - center[1]) < study.radius)
    given = COUNTS[study.transform.counts](frame.counts[live])
    error = float(np.linalg.norm(made[live] - given)) / max(float(np.linalg.norm(given)), 1e-12)
    return _BACK[study.transform.counts](made), error
