"""The one builder of plans, from the parameters of a study, records.json or a coefficient file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from xscatter.fourier_bessel.plan import Plan, tables_key
from xscatter.fourier_bessel.polar import PolarTables, keep_tables, polar_tables

if TYPE_CHECKING:
    from xscatter.study import Study  # tagging needs none, and its checks take time to load

# Plans of the pipeline compute in single precision, which carries no more than this.
LEAST_TOLERANCE = 1e-6
# The simulator measures coverage on a coarser grid of pixels than a plan does.
COVERAGE_MARGIN = 0.9


def transform_parameters(study: Study) -> dict[str, Any]:
    """Return the section `transform` of a study as plain values, its radius in pixels filled in."""
    return {**study.transform.model_dump(), "radius": study.radius}


def build_plan(
    transform: Mapping[str, Any], shape: tuple[int, int], center: tuple[float, float]
) -> Plan:
    """Return the plan that expands images, or rebuilds them, as `transform` says.

    Args:
        transform: `radius` (pixels), `angular_orders`, `radial_orders`, `boundary`, `tolerance` and
            `minimum_coverage`, as :func:`transform_parameters` returns them and as records.json and
            the attributes of a coefficient file hold them. A coefficient file has no
            `minimum_coverage`: whatever was expanded can be rebuilt.
        shape: (rows, cols) of the images.
        center: beam centre (row, col) in pixels.

    Raises:
        UserError: too little of the disk lies on the detector.
    """
    return Plan(
        shape,
        center,
        transform["radius"],
        transform["angular_orders"],
        transform["radial_orders"],
        boundary=transform["boundary"],
        tolerance=_tolerance(transform),
        minimum_coverage=COVERAGE_MARGIN * transform.get("minimum_coverage", 0.0),
    )


def share_tables(
    transform: Mapping[str, Any], once: Callable[[Callable[[], PolarTables]], PolarTables]
) -> None:
    """Let `once` make the tables that all plans of `transform` have in common.

    Args:
        transform: as for :func:`build_plan`.
        once: is given a function that makes the tables; returns what it makes, or a copy of it.
    """
    orders = (transform["angular_orders"], transform["radial_orders"], transform["boundary"])
    _, key = tables_key(transform["radius"], *orders, _tolerance(transform), "float32")
    keep_tables(key, once(lambda: polar_tables(*key)))


def _tolerance(transform: Mapping[str, Any]) -> float:
    # A study may ask for more than single precision holds.
    return max(transform["tolerance"], LEAST_TOLERANCE)
