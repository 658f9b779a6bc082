"""An image, its Fourier-Bessel coefficients, and the image made of them, for the page."""

from xscatter.report.svg import inline_svg, page_style
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.transform.expansion import draw_expansion, read_expansion


def draw(
    study: Study, paths: StudyPaths, experiment: int, image: int, name: str
) -> tuple[str, float]:
    """Return the picture of an expansion as SVG, and its relative error.

    Args:
        study: the study that the coefficients must be of.
        paths: where its files are.
        experiment: number of the experiment.
        image: number of the image.
        name: start of every id of the picture.

    Returns:
        The ``<svg>`` element; ||rebuilt - f|| / ||f|| over the live pixels of the disk, f being the
        counts after the transform that was applied before the expansion.
    """
    expansion = read_expansion(
        paths.coefficients(experiment),
        paths.experiment(experiment),
        image,
        study_hash=study.fingerprint("transform"),
    )
    with page_style():
        figure = draw_expansion(expansion)
    alt = (
        f"Image {image} of experiment {experiment}, the size of its coefficients, and the image "
        "made of them"
    )
    return inline_svg(figure, alt, name), expansion.error
