"""Counts are Poisson: against scipy's distribution, over all branches of the sampler."""

import numpy as np
import pytest
from scipy import stats

from xscatter.simulate.instrument.poisson import poisson_counts

pytestmark = pytest.mark.floats


def draw(mean, shape=(500, 400), key=1, largest=2**32 - 2):
    expected = np.full(shape, mean, np.float32)
    return poisson_counts(
        expected,
        np.ones(shape, bool),
        largest,
        np.random.SeedSequence(key),
        np.empty(shape, np.uint32),
    )


# On both sides of every boundary of the sampler: 1/16, 64, 4096.
@pytest.mark.parametrize(
    "mean",
    [0.003, 0.0624, 0.0626, 0.7, 5.3, 31.9, 63.99, 64.01, 100.3, 1000.7, 4095.5, 4097.0, 2e5],
)
def test_counts_follow_the_poisson_distribution(mean):
    counts = draw(mean).ravel()
    mean = float(np.float32(mean))
    edges = np.unique(stats.poisson.ppf(np.linspace(0.002, 0.998, 60), mean))
    observed = np.histogram(counts, np.concatenate([[-1], edges, [2**33]]) + 0.5)[0]
    expected = np.diff(np.concatenate([[0], stats.poisson.cdf(edges, mean), [1]])) * counts.size
    kept = expected > 5
    chi2 = float(np.sum((observed - expected)[kept] ** 2 / expected[kept]))
    assert stats.chi2.sf(chi2, max(np.count_nonzero(kept) - 1, 1)) > 1e-4


def test_no_counts_where_none_are_expected():
    assert not draw(0.0).any()


def test_neighbours_are_independent():
    counts = draw(3.0).astype(float)
    for a, b in ((counts[:, 1:], counts[:, :-1]), (counts[1:], counts[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.01


def test_masked_pixels_and_saturation():
    live = np.ones((50, 50), bool)
    live[3] = False
    counts = poisson_counts(
        np.full((50, 50), 100.0, np.float32),
        live,
        90,
        np.random.SeedSequence(1),
        np.empty((50, 50), np.uint32),
    )
    assert (counts[3] == 2**32 - 1).all()
    assert counts[live].max() == 90


def test_the_key_decides_the_counts():
    assert np.array_equal(draw(2.0, key=5), draw(2.0, key=5))
    assert not np.array_equal(draw(2.0, key=5), draw(2.0, key=6))
