import numpy as np
import pytest

from xscatter.core.errors import UserError
from xscatter.study import parse_study
from xscatter.transform.plans import build_plan, transform_parameters

SHAPE, CENTER = (48, 48), (20.5, 23.0)


def parameters(**transform):
    study = parse_study({"name": "t", "simulate": {"size": 48}, "transform": transform})
    return transform_parameters(study)


def test_the_radius_of_a_study_is_filled_in():
    assert parameters()["radius"] == 48.0
    assert parameters(radius=30)["radius"] == 30.0


def test_single_precision_limits_the_tolerance():
    assert build_plan(parameters(tolerance=1e-9), SHAPE, CENTER).tolerance == 1e-6
    assert build_plan(parameters(tolerance=1e-3), SHAPE, CENTER).tolerance == 1e-3


def test_a_plan_accepts_a_little_less_coverage_than_the_simulator():
    coverage = build_plan(parameters(), SHAPE, CENTER).coverage
    build_plan(parameters(minimum_coverage=1.1 * coverage), SHAPE, CENTER)
    with pytest.raises(UserError, match="of the disk"):
        build_plan(parameters(minimum_coverage=1.2 * coverage), SHAPE, CENTER)


def test_a_coefficient_file_says_enough_to_rebuild_its_images():
    given = parameters(boundary="neumann", angular_orders=6, radial_orders=7)
    written = {
        "radius": np.float64(given["radius"]),
        "angular_orders": np.int64(6),
        "radial_orders": np.int64(7),
        "boundary": "neumann",
        "tolerance": np.float64(given["tolerance"]),
    }
    coefficients = np.random.default_rng(0).normal(size=(6, 7)).astype(np.complex64)
    np.testing.assert_array_equal(
        build_plan(written, SHAPE, CENTER).inverse(coefficients),
        build_plan(given, SHAPE, CENTER).inverse(coefficients),
    )
