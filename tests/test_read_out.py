"""Noise of an integrating detector: correlation against photons one by one, variance, mean."""

import math

import numpy as np
import pytest

from tolerances import sum_tolerance
from xscatter.simulate import Experiment
from xscatter.simulate.instrument.read_out import covariance, read_out, spread_kernel
from xscatter.study import parse_study

pytestmark = pytest.mark.floats


def light(spread, lag):
    """Σ over pixels of p_i p_(i + lag), averaged over the place of the photon: by brute force."""
    total = 0.0
    for place in (np.arange(400) + 0.5) / 400:
        edges = np.arange(-15, 17) - place
        share = np.diff([0.5 * math.erf(x / (spread * math.sqrt(2))) for x in edges])
        total += np.sum(share[: len(share) - lag] * share[lag:]) / 400
    return total


@pytest.mark.parametrize("spread", [0.08, 0.33, 0.7, 1.5])
def test_covariance_is_that_of_the_light_of_photons(spread):
    middle = 10
    ours = covariance(spread, middle)
    for lag in range(4):
        assert ours[middle + lag] == pytest.approx(light(spread, lag), abs=2e-5)
    kernel = spread_kernel(spread).astype(float)
    again = np.convolve(np.pad(kernel, 4), np.pad(kernel, 4))
    for lag in range(4):
        assert again[len(again) // 2 + lag] == pytest.approx(ours[middle + lag], abs=3e-3)
    assert kernel.sum() == pytest.approx(1, abs=sum_tolerance(kernel.size))


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_a_wide_spread_gives_the_correlation_of_a_gaussian(lag):
    """exp(−m²/4σ²): a Gaussian filter has a Gaussian autocorrelation √2 as wide."""
    ours = covariance(2.5, 20)
    # The pixel adds 1/12 to the variance of the light.
    assert ours[20 + lag] / ours[20] == pytest.approx(
        math.exp(-(lag**2) / (4 * (2.5**2 + 1 / 12))), abs=1e-3
    )


@pytest.fixture(scope="module", params=[128, 400])
def detectors(request):
    study = {"size": request.param, "detectors": ["ccd"], "experiments": 40, "images": 1}
    study = parse_study({"name": "t", "seed": 5, "simulate": study})
    return [Experiment(study, number) for number in range(6)]


def read(experiment, expected, seed=1):
    out = np.random.default_rng(seed).poisson(expected).astype(np.uint32)
    out[experiment.mask] = 2**32 - 1
    rng = np.random.default_rng(seed + 1)
    read_out(out, expected.astype(np.float32), experiment.live, experiment.setup.detector, rng)
    assert (out[experiment.mask] == 2**32 - 1).all()
    return out.astype(float)


def test_noise_of_neighbours_is_correlated_by_the_point_spread(detectors):
    for experiment in detectors:
        size = experiment.size
        gain, noise = (
            experiment.setup.detector.gain,
            experiment.setup.detector.read_out * experiment.scale,
        )
        light = covariance(experiment.setup.detector.point_spread / experiment.scale, 12)[12:]
        out = read(experiment, np.full((size, size), 400.0))
        # Beside masked pixels some of the light is missing.
        part = (slice(size // 4, 3 * size // 4),) * 2
        live, value = experiment.live[part], out[part] - 400 * gain - 3 * noise
        assert value[live].mean() == pytest.approx(0, abs=0.02 * 20 * gain + 0.01 * noise)
        for rows, cols in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2)):
            one, other = value[: len(value) - rows, : len(value) - cols], value[rows:, cols:]
            both = live[: len(live) - rows, : len(live) - cols] & live[rows:, cols:]
            expected = 400 * gain**2 * light[rows] * light[cols] + (
                noise**2 if rows == cols == 0 else 0
            )
            tolerance = 4 * (400 * gain**2 * light[0] ** 2 + noise**2) / np.sqrt(both.sum() / 4)
            assert np.mean(one[both] * other[both]) == pytest.approx(expected, abs=tolerance)


def test_what_is_expected_is_not_blurred_again(detectors):
    experiment = detectors[0]
    size, gain = experiment.size, experiment.setup.detector.gain
    expected = np.where(np.arange(size)[None, :] < size // 2, 100.0, 1000.0) * np.ones((size, 1))
    out = np.where(experiment.live, read(experiment, expected), np.nan)
    offset = 3 * experiment.setup.detector.read_out * experiment.scale
    columns = np.nanmean(out[:, size // 2 - 3 : size // 2 + 3], axis=0) - offset
    np.testing.assert_allclose(columns, gain * np.repeat([100, 1000], 3), rtol=0.05)


def test_digits_saturate_and_their_neighbours_do_not_suffer(detectors):
    experiment = detectors[0]
    expected = np.full((experiment.size,) * 2, 50.0)
    middle = experiment.size // 2
    expected[middle, middle] = 1e8
    out = read(experiment, expected)
    assert out[middle, middle] == experiment.setup.detector.saturation
    # The shot noise of 10⁸ photons is 10⁴, and spreads; nothing else of them does.
    assert np.median(out[experiment.live]) == pytest.approx(
        50 * experiment.setup.detector.gain, rel=0.6
    )
    far = np.r_[middle - 8 : middle - 3, middle + 4 : middle + 9]
    assert (out[far, middle] < 200 * experiment.setup.detector.gain).all()
