"""The rule of processes: against the whole table, the ideal observer, and what it must not see."""

import numpy as np
import pytest

from xscatter.simulate.homogeneity import HomogeneityTable, totals_contrast, totals_course

pytestmark = pytest.mark.floats


def whole_table(table):
    """D and contrast of a table (frames, pixels) by the definition."""
    table = np.asarray(table, float)
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    away = table - expected
    live = expected > 0
    power = (away[live] ** 2 / expected[live]).sum()
    return np.sqrt(power), power / np.abs(away).sum()


def streamed(table):
    result = HomogeneityTable(table.shape[1])
    for row in table:
        result.add(row)
    for row in table:
        result.compare(row)
    return result


def growing(frames=40, pixels=300, photons=1e4, amplitude=0.1, seed=0):
    """A ring that grows on a background: expected counts (frames, pixels)."""
    rng = np.random.default_rng(seed)
    background = rng.gamma(2.0, size=pixels)
    ring = np.exp(-0.5 * ((np.arange(pixels) - pixels / 2) / (pixels / 30)) ** 2)
    x = 1 - np.exp(-((np.clip(np.arange(frames) - 0.4 * frames, 0, None) / (frames / 8)) ** 3))
    background, ring = background / background.sum(), ring / ring.sum()
    return photons * ((1 - amplitude * x)[:, None] * background + (amplitude * x)[:, None] * ring)


@pytest.mark.parametrize("seed", range(5))
def test_streaming_gives_the_whole_table(seed):
    rng = np.random.default_rng(seed)
    table = rng.gamma(0.5, size=(17, 90)) * rng.gamma(2.0, 100.0, size=(17, 1))
    table[:, 3] = 0  # a pixel without light
    table[5] = 0  # a frame without light
    result = streamed(table)
    strength, contrast = whole_table(np.delete(table, 5, axis=0))
    assert result.detectability == pytest.approx(strength, rel=1e-9)
    assert result.contrast == pytest.approx(contrast, rel=1e-9)
    for frames in range(1, 17):
        so_far = np.delete(table[:frames], 5, axis=0) if frames > 5 else table[:frames]
        assert result.course[frames - 1] == pytest.approx(
            whole_table(so_far)[0], rel=1e-6, abs=1e-3
        )


def test_nothing_changes_gives_nothing():
    flux = np.random.default_rng(1).gamma(5.0, size=(50, 1))
    pattern = np.random.default_rng(2).gamma(1.0, size=(1, 1000))
    assert streamed(1e4 * flux * pattern).detectability < 0.5  # of 10⁹ photons: rounding
    empty = streamed(np.zeros((3, 4)))
    assert empty.detectability == empty.contrast == 0


def test_flux_noise_moves_it_by_less_than_a_hundredth():
    table = growing(frames=60)
    still = streamed(table).detectability
    for seed in range(20):
        flux = 1 + 0.05 * np.random.default_rng(seed).normal(size=(60, 1))
        noisy = table * flux * (60 / flux.sum())
        assert streamed(noisy).detectability == pytest.approx(still, rel=0.01)


def test_it_grows_with_the_root_of_photons_and_frames_and_with_the_amplitude():
    base = streamed(growing()).detectability
    assert streamed(growing(photons=4e4)).detectability == pytest.approx(2 * base, rel=1e-9)
    assert streamed(growing(frames=160)).detectability == pytest.approx(2 * base, rel=0.02)
    assert streamed(growing(amplitude=0.05)).detectability == pytest.approx(base / 2, rel=0.25)


def test_it_does_not_depend_on_the_number_of_pixels():
    """Every pixel divided into four: the same light, the same D."""
    table = growing()
    divided = np.repeat(table / 4, 4, axis=1)
    assert streamed(divided).detectability == pytest.approx(streamed(table).detectability, rel=1e-9)


def test_the_chi_square_statistic_has_it_as_non_centrality():
    """On average the statistic of a drawn table exceeds its degrees of freedom by D²."""
    table = growing(frames=10, pixels=40, photons=2e4, amplitude=0.06)
    strength = streamed(table).detectability
    rng = np.random.default_rng(4)
    excess = [whole_table(rng.poisson(table))[0] ** 2 - 9 * 39 for _ in range(600)]
    error = np.std(excess) / np.sqrt(len(excess))
    assert np.mean(excess) == pytest.approx(strength**2, abs=4 * error)
    quiet = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    excess = [whole_table(rng.poisson(quiet))[0] ** 2 - 9 * 39 for _ in range(600)]
    assert np.mean(excess) == pytest.approx(0, abs=4 * np.std(excess) / np.sqrt(len(excess)))


@pytest.mark.parametrize("amplitude", [0.01, 0.03])
def test_the_ideal_observer_reaches_it(amplitude):
    """The signal-to-noise ratio of a matched filter for the change is D."""
    table = growing(frames=12, pixels=50, photons=1e4, amplitude=amplitude)
    strength = streamed(table).detectability
    quiet = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    template = (table - quiet) / quiet
    rng = np.random.default_rng(5)
    with_change = [(template * rng.poisson(table)).sum() for _ in range(1500)]
    without = [(template * rng.poisson(quiet)).sum() for _ in range(1500)]
    ratio = (np.mean(with_change) - np.mean(without)) / np.std(without)
    assert ratio == pytest.approx(strength, rel=0.06, abs=0.1)


def test_totals_are_a_table_of_one_column():
    rows = np.array([100.0, 100.0, 80.0, 0.0, 110.0])
    mean = rows.mean()
    power = ((rows - mean) ** 2 / mean).sum()
    assert totals_course(rows)[-1] == pytest.approx(np.sqrt(power))
    assert totals_contrast(rows) == pytest.approx(power / np.abs(rows - mean).sum())
    assert totals_course(rows)[:2] == pytest.approx([0, 0])
    assert totals_contrast(np.zeros(3)) == 0
