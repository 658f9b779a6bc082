import numpy as np
import pytest

from xscatter.frames import Frame, from_array
from xscatter.frames.photons import in_photons
from xscatter.tagging.prepare import coefficients, plan_of, prepare

pytestmark = pytest.mark.floats


def frame(counts, mask=None, saturated=None, **keys):
    empty = np.zeros(counts.shape, bool)
    return Frame(
        counts, empty if mask is None else mask, empty if saturated is None else saturated, **keys
    )


def test_a_frame_of_the_models_size_passes_unchanged():
    counts = np.random.default_rng(1).poisson(20, (64, 64)).astype(np.int32)
    mask = np.zeros((64, 64), bool)
    mask[10:12] = True
    done = prepare(frame(np.where(mask, 0, counts), mask).with_center((3.5, 60.25), "user", 1), 64)
    np.testing.assert_array_equal(done.mask, mask)
    np.testing.assert_array_equal(done.counts, np.where(mask, 0, counts))
    assert done.center == (3.5, 60.25)
    assert (done.image[mask] == -1).all()


@pytest.mark.parametrize("shape", [(195, 1475), (1679, 1475), (1043, 981), (300, 300), (257, 256)])
def test_single_photons_survive_and_none_is_invented(shape):
    random = np.random.default_rng(2)
    counts = np.zeros(shape, np.int32)
    places = random.integers(0, shape, (40, 2))
    counts[tuple(places.T)] = 1
    done = prepare(frame(counts), 256)
    scale = max(shape) / 256
    lit = {
        (
            int((y + 0.5 + done.grid.padding[0]) / scale),
            int((x + 0.5 + done.grid.padding[1]) / scale),
        )
        for y, x in places
    }
    lit = {place for place in lit if not done.mask[place]}
    assert {tuple(p) for p in np.argwhere(done.counts > 0).tolist()} == lit
    assert len(lit) > 30


@pytest.mark.parametrize("shape", [(900, 700), (100, 150), (256, 200), (1043, 981)])
def test_masked_pixels_never_leak(shape):
    random = np.random.default_rng(3)
    counts = random.poisson(5, shape).astype(np.int64)
    mask = random.random(shape) < 0.2
    mask[shape[0] // 3 : shape[0] // 3 + 9] = True
    clean = prepare(frame(np.where(mask, 0, counts), mask), 256)
    dirty = prepare(frame(np.where(mask, 10**7, counts), mask), 256)
    np.testing.assert_array_equal(clean.counts, dirty.counts)
    np.testing.assert_array_equal(clean.mask, dirty.mask)
    assert clean.mask.any()


def test_level_stays_even_over_gaps_and_odd_ratios():
    """Ten counts a pixel everywhere become ten times the area, whatever the ratio of sizes."""
    counts = np.full((1043, 981), 10, np.int32)
    mask = np.zeros(counts.shape, bool)
    mask[195:212] = True
    done = prepare(frame(np.where(mask, 0, counts), mask), 256)
    live = done.counts[~done.mask]
    np.testing.assert_allclose(live, 10 * (1043 / 256) ** 2, rtol=0.02)
    assert done.mask[:, :6].all()  # beside the narrower side there is no frame


def test_center_and_features_land_where_the_scale_says():
    counts = np.zeros((500, 1000), np.int32)
    counts[102:106, 800:804] = 50
    done = prepare(frame(counts).with_center((103.5, 801.5), "user", 1), 250)
    row, col = np.unravel_index(np.argmax(done.counts), done.counts.shape)
    assert done.center == pytest.approx((row, col), abs=0.51)
    assert done.counts[row, col] == pytest.approx(800, rel=0.01)


def test_hot_and_saturated_pixels_do_not_decide_the_scale():
    counts = np.random.default_rng(4).poisson(3, (512, 512)).astype(np.int32)
    counts[50, 50] = 1_378_010
    counts[200, 200] = 2**20
    counts[300:308, 300:308] = 2**20
    done = prepare(from_array(counts, saturation=2**20), 256)
    assert done.counts[25, 25] < 40
    assert done.counts[100, 100] < 40
    assert done.counts[151, 151] == done.counts.max() < 60
    assert not done.mask.any()


def test_values_that_are_no_counts_get_photon_noise():
    random = np.random.default_rng(5)
    y, x = np.mgrid[:200, :200]
    expected = 5 + 400 * np.exp(-np.hypot(y - 90, x - 80) / 30)
    counts = random.poisson(expected)
    done = in_photons((counts * 0.0371 + 1e-4).astype(np.float32), np.zeros(counts.shape, bool))
    assert np.median(done / np.maximum(counts, 1)) == pytest.approx(1, rel=0.15)
    smooth = in_photons(expected.astype(np.float32) + 0.123, np.zeros(counts.shape, bool))
    assert np.percentile(smooth, 99) <= 1.01e6


@pytest.mark.parametrize("shape", [(100, 100), (150, 128), (60, 160), (255, 255)])
def test_photons_of_small_frames_are_shared_out(shape):
    """As many as before, masked ones none, Poisson, and independent of their neighbours."""
    counts = np.random.default_rng(6).poisson(40, shape).astype(np.int32)
    mask = np.zeros(shape, bool)
    mask[20:30, 20:30] = True
    scale = max(shape) / 256
    done = prepare(frame(np.where(mask, 0, counts), mask), 256)
    live = ~done.mask
    inner = np.zeros(live.shape, bool)
    for axis, beside in enumerate(done.grid.padding):
        edge = int(np.ceil(beside / scale)) + 2
        keep = np.arange(256)
        keep = (keep >= edge) & (keep < 256 - edge)
        inner = keep[:, None] if axis == 0 else inner & keep[None, :]
    part = done.counts[inner & live]
    assert part.mean() == pytest.approx(40 * scale**2, rel=0.02)
    assert part.var() == pytest.approx(part.mean(), rel=0.1)
    hidden = np.count_nonzero(done.mask & inner)
    assert hidden == pytest.approx(100 / scale**2, rel=0.15)
    rows, cols = np.flatnonzero(inner.any(1)), np.flatnonzero(inner.any(0))
    block = done.counts[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    right = live[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    pair = right[:, 1:] & right[:, :-1]
    assert abs(np.corrcoef(block[:, 1:][pair], block[:, :-1][pair])[0, 1]) < 0.03
    again = prepare(frame(np.where(mask, 10**6, counts), mask), 256)
    np.testing.assert_array_equal(again.counts, done.counts)


def test_small_frames_keep_their_shape_and_their_full_pixels():
    y, x = np.mgrid[:100, :100]
    expected = 5 + 400 * np.exp(-np.hypot(y - 30, x - 60) / 15)
    saturated = np.zeros(expected.shape, bool)
    saturated[80:90, 10:20] = True
    counts = np.random.default_rng(7).poisson(expected).astype(np.int32)
    done = prepare(
        frame(np.where(saturated, 10**6, counts), saturated=saturated).with_center(
            (30, 60), "user", 1
        ),
        256,
    )
    v, u = (np.mgrid[:256, :256] + 0.5) / 2.56 - 0.5
    wanted = (5 + 400 * np.exp(-np.hypot(v - 30, u - 60) / 15)) / 2.56**2
    clear = ~((v > 78) & (v < 92) & (u > 8) & (u < 22))
    assert (done.counts[clear] - wanted[clear]).mean() == pytest.approx(0, abs=0.05)
    assert ((done.counts - wanted)[clear] ** 2 / wanted[clear]).mean() == pytest.approx(1, abs=0.1)
    middle = (v > 81) & (v < 89) & (u > 11) & (u < 19)
    assert (
        done.counts[middle] == done.counts.max()
    ).all()  # what the code of the records makes of full pixels
    assert not done.mask.any()
    assert done.center == pytest.approx((30.5 * 2.56 - 0.5, 60.5 * 2.56 - 0.5))


def test_frames_one_by_one_give_what_they_give_in_a_series():
    """What a series shares (its plan) changes no coefficient, in any order, with any masks."""
    random = np.random.default_rng(8)
    transform = {
        "angular_orders": 8, "radial_orders": 8, "radius": 64.0, "boundary": "dirichlet",
        "fill": "ring-mean", "counts": "anscombe", "tolerance": 5e-5, "minimum_coverage": 0.03,
    }  # fmt: skip
    prepared = []
    for n in range(6):
        counts = random.poisson(20, (64, 64)).astype(np.int32)
        counts[10 * (n % 3)] = -1
        prepared.append(prepare(from_array(counts, center=(30.0 + n // 3, 31.0)), 64))
    series = [coefficients(one, transform) for one in prepared]
    for n in (3, 0, 5, 1, 4, 2):
        plan_of.cache_clear()
        np.testing.assert_array_equal(coefficients(prepared[n], transform), series[n])
