import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from direct_sum import basis_function, direct_sum, lattice
from tolerances import sum_tolerance
from xscatter.core.errors import UserError
from xscatter.fourier_bessel import Plan, loops, pixels, ring_loops

pytestmark = pytest.mark.floats

ORDERS = [(0, 0), (0, 3), (1, 0), (5, 14), (15, 15)]
FILLS = ("zero", "ring-mean", "partner")


def smooth(shape, center):
    y, x = np.indices(shape)
    r = np.hypot(y - center[0], x - center[1]) / max(shape)
    theta = np.arctan2(y - center[0], x - center[1])
    rings = 100 * np.exp(-6 * r) + 40 * np.exp(-(((r - 0.3) / 0.03) ** 2))
    return rings * (1 + 0.4 * r * np.cos(2 * theta) + 0.3 * r**2 * np.sin(6 * theta))


def noise(shape, seed=0):
    return np.random.default_rng(seed).poisson(3.0, shape) - 3.0


def rounding(plan, coefficients):
    """Return how far two float32 ways to the same coefficients may differ.

    Pixels are summed into cells, cells along rings and rings along the radius: none of these sums
    has more than about two radii of terms.
    """
    return sum_tolerance(2 * plan.radius) * np.abs(coefficients).max()


def relative_error(plan, image, orders, mask=None, fill="zero"):
    found = plan.forward(image, mask, fill)
    found = np.array([found[m, k] for m, k in orders])
    expected = direct_sum(image, plan.center, plan.radius, orders, plan.boundary, mask, fill)
    return np.linalg.norm(found - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
@pytest.mark.parametrize(
    ("side", "center", "radius"),
    [
        (64, (31.5, 31.5), 32),
        (64, (25.3, 40.8), 64),
        (128, (-10.0, 65.1), 100),
        (200, (70.2, 99.5), 90),
    ],
)
def test_direct_sum(side, center, radius, boundary, dtype, tolerance):
    plan = Plan((side, side), center, radius, 16, 16, dtype, boundary, tolerance)
    mask = np.zeros((side, side), bool)
    mask[side // 3 : side // 3 + side // 20] = mask[:, side // 2 : side // 2 + side // 30] = True
    for image in (smooth((side, side), center), noise((side, side))):
        image = image.astype(dtype)
        assert relative_error(plan, image, ORDERS) < tolerance
        for fill in FILLS:
            assert relative_error(plan, image, ORDERS, mask, fill) < tolerance


def test_direct_sum_of_many_orders_at_1000_pixels():
    center = (480.5, 511.0)
    mask = np.zeros((1000, 1000), bool)
    mask[300:320] = True
    orders = [(0, 3), (40, 31), (63, 63)]
    for image in (smooth((1000, 1000), center), noise((1000, 1000))):
        expected = direct_sum(
            image.astype(np.float32), center, 460, orders, "dirichlet", mask, "ring-mean"
        )
        for dtype, tolerance in (("float32", 5e-5), ("float64", 1e-10)):
            plan = Plan((1000, 1000), center, 460, 64, 64, dtype, tolerance=tolerance)
            found = plan.forward(image.astype(np.float32), mask)
            error = np.linalg.norm([found[m, k] for m, k in orders] - expected) / np.linalg.norm(
                expected
            )
            assert error < tolerance


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.tuples(st.integers(16, 90), st.integers(16, 90)),
    where=st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)),
    size=st.floats(0.2, 1.5),
    orders=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    boundary=st.sampled_from(["dirichlet", "neumann"]),
    fill=st.sampled_from(FILLS),
    seed=st.integers(0, 999),
)
def test_any_shape_centre_and_order(shape, where, size, orders, boundary, fill, seed):
    center = (where[0] * shape[0], where[1] * shape[1])
    radius = max(2.0, size * min(shape))
    if len(lattice(center, radius)[0]) > 20 * np.prod(shape):  # hardly any of it on the detector
        return
    try:
        plan = Plan(shape, center, radius, *orders, "float64", boundary, 1e-10)
    except UserError:
        y, x = lattice(center, radius)
        on = (y >= 0) & (y < shape[0]) & (x >= 0) & (x < shape[1])
        assert on.mean() < 0.1
        return
    rng = np.random.default_rng(seed)
    image, mask = rng.poisson(5.0, shape).astype(float), rng.random(shape) < 0.2
    image[rng.random(shape) < 0.02] = np.nan
    wanted = [(0, 0), (orders[0] - 1, orders[1] - 1), (orders[0] // 2, 0)]
    found = plan.forward(image, mask, fill)
    if np.isnan(found).any():
        assert np.isnan(found).all()
        return
    expected = direct_sum(image, center, radius, wanted, boundary, mask, fill)
    scale = (
        np.linalg.norm(direct_sum(np.abs(np.nan_to_num(image)), center, radius, [(0, 0)], boundary))
        + 1e-3
    )
    np.testing.assert_allclose(
        [found[m, k] for m, k in wanted], expected, atol=2e-10 * scale + 1e-12
    )


@pytest.mark.parametrize("center", [(3.0, 26.5), (20.0, -2.5), (-2.0, 25.0)])
def test_rows_of_the_disk_beside_the_detector(center, monkeypatch):
    # Interpreted, an index out of bounds is an error; compiled, it would write into foreign memory.
    monkeypatch.setattr(ring_loops, "cell_sums", ring_loops.cell_sums.py_func)
    monkeypatch.setattr(ring_loops, "add_rings", ring_loops.add_rings.py_func)
    image = noise((24, 24))
    wanted = [(0, 0), (3, 2)]
    found = Plan((24, 24), center, 20.0, 4, 4, "float64", tolerance=1e-10).forward(image)
    expected = direct_sum(image, center, 20.0, wanted, "dirichlet", None, "ring-mean")
    np.testing.assert_allclose([found[m, k] for m, k in wanted], expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 5e-5), ("float64", 1e-10)])
@pytest.mark.parametrize(("radius", "orders"), [(6, 32), (25, 16), (160, 32), (700, 9)])
def test_nearly_all_of_the_disk_lies_beside_the_detector(radius, orders, dtype, tolerance):
    """From rings as wide as several steps of the polar grid to rings of a hundredth of a step."""
    image = noise((radius, 8), radius) + 3.0
    plan = Plan(
        image.shape,
        (2.3, -1.7),
        radius,
        orders,
        orders,
        dtype,
        tolerance=tolerance,
        minimum_coverage=1e-3,
    )
    last, middle = orders - 1, orders // 2
    wanted = [(0, 0), (0, last), (1, middle), (last, 0), (last, last)]
    assert relative_error(plan, image, wanted, fill="ring-mean") < tolerance


@pytest.mark.parametrize("side", [64, 65, 300])
def test_symmetries_of_the_square_are_exact(side):
    center = ((side - 1) / 2,) * 2
    plan = Plan((side, side), center, side / 2, 12, 10, "float64", tolerance=1e-10)
    image = noise((side, side), 3)
    c, m = plan.forward(image), np.arange(12)[:, None]
    turns = {
        "rot90": (np.rot90(image), np.exp(1j * m * np.pi / 2) * c),
        "flip rows": (image[::-1], c.conj()),
        "flip columns": (image[:, ::-1], (-1.0) ** m * c.conj()),
        "transpose": (image.T, (-1j) ** m * c.conj()),
        "inversion": (image[::-1, ::-1], (-1.0) ** m * c),
    }
    for name, (turned, expected) in turns.items():
        error = np.abs(plan.forward(turned) - expected).max() / np.abs(c).max()
        assert error < 1e-10, name
    np.testing.assert_allclose(
        plan.rotate(c, -np.pi / 2), turns["rot90"][1], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann"])
@pytest.mark.parametrize(("side", "limit"), [(64, 3e-3), (256, 3e-4)])
def test_synthesis_then_analysis(side, limit, boundary):
    plan = Plan((side, side), ((side - 1) / 2,) * 2, side / 2, 8, 8, boundary=boundary)
    rng = np.random.default_rng(1)
    c = (rng.normal(size=(3, 8, 8)) + 1j * rng.normal(size=(3, 8, 8))).astype(np.complex64)
    c[:, 0].imag = 0
    images = plan.inverse(c)
    assert images.shape == (3, side, side)
    found = plan.forward(images)
    # The error is that of a sum over square pixels in place of the integral; a basis that vanishes
    # at the rim does not see the steps of the pixels there.
    assert np.linalg.norm(found - c) / np.linalg.norm(c) < limit * (
        30 if boundary == "neumann" else 1
    )


def test_inverse_is_the_sum_of_the_basis():
    for side in (60, 400):
        center = (side * 0.45, side * 0.52)
        plan = Plan((side, side), center, side * 0.4, 6, 5, "float64", tolerance=1e-10)
        c = np.zeros((6, 5), complex)
        c[0, 2], c[3, 4], c[5, 0] = 0.7, 1 - 2j, 0.3j
        y, x = lattice(center, plan.radius)
        expected = np.zeros((side, side))
        for m, k in ((0, 2), (3, 4), (5, 0)):
            function = basis_function(m, k, center, plan.radius, y, x)
            expected[y, x] += (1 if m == 0 else 2) * (c[m, k] * function).real
        np.testing.assert_allclose(plan.inverse(c), expected, atol=1e-9)


def test_batches_types_and_views_agree():
    rng = np.random.default_rng(2)
    images = rng.integers(0, 1000, (21, 70, 90)).astype(np.uint16)
    plan = Plan((70, 90), (33.0, 47.5), 60, 8, 9)
    together = plan.forward(images)
    assert together.shape == (21, 8, 9)
    assert together.dtype == np.complex64
    for dtype in (np.uint32, np.float32, np.float64, np.int32, ">u2", ">f4", np.longdouble):
        found = plan.forward(images.astype(dtype))
        np.testing.assert_allclose(found, together, rtol=0, atol=rounding(plan, together))
    np.testing.assert_array_equal(plan.forward(images[16:19]), together[16:19])
    np.testing.assert_array_equal(plan.forward(images[5]), plan.forward(images[5:6])[0])
    wide = np.zeros((21, 140, 90), np.uint16)
    wide[:, ::2] = images
    found = plan.forward(wide[:, ::2])
    np.testing.assert_allclose(found, together, rtol=0, atol=rounding(plan, together))


def test_masks_of_each_image_and_bad_pixels():
    rng = np.random.default_rng(4)
    images = rng.poisson(20.0, (5, 64, 64)).astype(np.float32)
    masks = rng.random(images.shape) < 0.1
    plan = Plan((64, 64), (30.0, 33.0), 50, 8, 8)
    for fill in FILLS:
        together = plan.forward(images, masks, fill)
        for image, mask, expected in zip(images, masks, together, strict=True):
            found = plan.forward(image, mask, fill)
            np.testing.assert_allclose(found, expected, rtol=0, atol=rounding(plan, expected))
        bad = images.copy()
        bad[masks] = np.where(rng.random(masks.sum()) < 0.5, np.nan, np.inf)
        np.testing.assert_array_equal(plan.forward(bad, None, fill), together)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("side", [64, 700])  # without and with the coarser grid
def test_rows_whose_bins_are_not_kept_give_the_same(fill, side, monkeypatch):
    images = np.random.default_rng(5).poisson(20.0, (2, side, side)).astype(np.uint16)
    masks = np.random.default_rng(6).random(images.shape) < 0.1
    masks[1] = False

    def found():
        return Plan((side, side), (0.4 * side, 0.6 * side), 0.9 * side, 8, 8).forward(
            images, masks, fill
        )

    kept = found()
    monkeypatch.setattr(pixels, "MOST_BIN_BYTES", 2 * side * side // 3)  # a third of the rows
    np.testing.assert_array_equal(found(), kept)


def test_tables_of_the_largest_detectors_stay_below_fifty_megabytes():
    """A CCD of 340 mm, not binned, with the beam in its corner."""
    shape = (7680, 7680)
    plan = Plan(shape, (10.0, 20.0), max(shape), 64, 64)
    mask = np.zeros(shape, bool)
    mask[2000:2040] = True
    assert np.isfinite(plan.forward(np.ones(shape, np.uint16), mask)).all()
    assert plan.nbytes < 50e6


@pytest.mark.parametrize("fill", FILLS)
def test_an_image_without_live_pixels_gives_nan_and_spoils_no_other(fill):
    images = np.ones((3, 40, 40), np.float32)
    masks = np.zeros(images.shape, bool)
    masks[1] = True
    found = Plan((40, 40), (20.0, 20.0), 20, 4, 4).forward(images, masks, fill)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


def test_rotating_coefficients_turns_the_image():
    plan = Plan((200, 200), (99.5, 99.5), 95, 12, 20)
    y, x = np.indices((200, 200)) - 99.5

    def blob(angle):
        return np.exp(-((y - 40 * np.sin(angle)) ** 2 + (x - 40 * np.cos(angle)) ** 2) / 300)

    turned = plan.rotate(plan.forward(blob(0.3)), 0.7)
    # Both sides are as exact as the plan promises.
    error = 2 * plan.tolerance * np.linalg.norm(turned)
    np.testing.assert_allclose(turned, plan.forward(blob(1.0)), rtol=0, atol=error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"center": (400.0, 400.0)}, "0.0% of the disk"),
        ({"center": (-30.0, 32.0), "radius": 40}, "correct the centre"),
        ({"boundary": "robin"}, "dirichlet, neumann"),
        ({"dtype": "int32"}, "float32 or float64"),
        ({"tolerance": 1e-9}, "out of bounds"),
        ({"radius": 0.1}, "at least 1 pixel"),
        ({"center": (np.nan, 3.0)}, "finite"),
        ({"angular_orders": 0}, "at least 1"),
    ],
)
def test_bad_plans_say_what_is_wrong(arguments, words):
    good = {
        "shape": (64, 64),
        "center": (32.0, 32.0),
        "radius": 32,
        "angular_orders": 4,
        "radial_orders": 4,
    }
    with pytest.raises(UserError, match=words.replace("(", r"\(")):
        Plan(**{**good, **arguments})


def test_bad_calls_say_what_is_wrong():
    plan = Plan((64, 60), (32.0, 30.0), 30, 4, 4)
    images = np.ones((2, 64, 60))
    with pytest.raises(UserError, match="do not fit the plan"):
        plan.forward(np.ones((2, 64, 64)))
    with pytest.raises(UserError, match="mask"):
        plan.forward(images, np.zeros((60, 64), bool))
    with pytest.raises(UserError, match="zero, ring-mean, partner"):
        plan.forward(images, fill="mean")
    with pytest.raises(UserError, match="coefficients"):
        plan.inverse(np.ones((3, 5)))


def test_a_mask_that_was_changed_in_place_counts():
    plan, image, mask = (
        Plan((40, 40), (19.0, 20.0), 25.0, 6, 6),
        noise((40, 40)),
        np.zeros((40, 40), bool),
    )
    plan.forward(image, mask)
    mask[5:12] = True
    fresh = Plan((40, 40), (19.0, 20.0), 25.0, 6, 6)
    np.testing.assert_array_equal(plan.forward(image, mask), fresh.forward(image, mask))
    np.testing.assert_array_equal(plan.forward(image), fresh.forward(image))


def test_only_nan_and_infinity_are_not_finite():
    for value in (np.nan, np.inf, -np.inf):
        image = np.full((30, 41), 3e38, np.float32)
        assert loops.finite(image)
        assert loops.finite(image.astype(np.float64) * 1e269)
        image[29, 40] = value
        assert not loops.finite(image)
        assert not loops.finite(image.astype(np.float64))


def test_an_accumulator_gives_what_forward_gives():
    rng = np.random.default_rng(7)
    images = rng.poisson(20.0, (5, 64, 64)).astype(np.float32)
    masks = rng.random(images.shape) < 0.1
    masks[1], masks[3] = False, True
    plan = Plan((64, 64), (30.0, 33.0), 50, 8, 8)
    for fill in FILLS:
        accumulator, image = plan.accumulator(fill), np.empty((64, 64), np.float32)
        for n in range(5):
            image[:] = images[n]  # one array for all: each is taken in before the next one
            accumulator.add(image, masks[n])
        coefficients, live_fraction = accumulator.finish()
        np.testing.assert_array_equal(coefficients, plan.forward(images, masks, fill))
        y, x = lattice(plan.center, plan.radius)
        on = (y >= 0) & (y < 64) & (x >= 0) & (x < 64)
        live = [(~mask[y[on], x[on]]).sum() / y.size for mask in masks]
        np.testing.assert_allclose(live_fraction, live, rtol=1e-12)


def test_an_accumulator_refuses_what_does_not_fit():
    accumulator = Plan((20, 24), (10.0, 12.0), 10, 2, 2).accumulator()
    with pytest.raises(UserError, match="does not fit the plan"):
        accumulator.add(np.ones((24, 20)))
    with pytest.raises(UserError, match="does not fit the plan"):
        accumulator.add(np.ones((20, 24), complex))
    with pytest.raises(UserError, match="mask"):
        accumulator.add(np.ones((20, 24)), np.zeros((24, 20), bool))
    for _ in range(16):
        accumulator.add(np.ones((20, 24)))
    with pytest.raises(UserError, match="takes 16 images"):
        accumulator.add(np.ones((20, 24)))
    with pytest.raises(UserError, match="zero, ring-mean, partner"):
        Plan((20, 24), (10.0, 12.0), 10, 2, 2).accumulator("mean")


def test_angles_are_exact_to_rounding():
    dy, dx = np.random.default_rng(8).normal(size=(2, 1000))
    for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (0, 1)):
        points = list(zip(signs[0] * dy, signs[1] * dx, strict=True))
        angles = np.array([ring_loops._angle(y, x) for y, x in points])
        expected = np.arctan2(*np.transpose(points))
        # -π and π are the same angle.
        difference = np.abs(np.exp(1j * angles) - np.exp(1j * expected)).max()
        assert difference < 4 * np.pi * np.finfo(float).eps
