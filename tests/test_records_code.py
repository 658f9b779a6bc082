import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolerances import step_tolerance
from xscatter.records import code

pytestmark = pytest.mark.floats


def test_small_counts_are_exact():
    counts = np.arange(65).reshape(5, 13)
    decoded, mask = code.decode(code.encode(counts))
    np.testing.assert_array_equal(decoded, counts)
    assert not mask.any()


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_error_stays_below_the_photon_noise(values):
    counts = np.array(values)[None]
    error = np.abs(code.decode(code.encode(counts))[0].astype(float) - counts)
    allowed = np.where(counts <= 2**20, np.sqrt(counts) / 16, 0.64 * np.sqrt(counts)) + 0.01
    assert (error <= allowed + step_tolerance(8) * counts).all()


def test_codes_rise_with_counts_and_decode_to_themselves():
    codes = np.arange(65534, dtype=np.uint16)[None]
    counts = code.decode(codes)[0].astype(np.float64)
    assert (np.diff(counts) > 0).all()
    np.testing.assert_array_equal(code.encode(counts)[0, :129], codes[0, :129])
    again = code.encode(np.rint(counts))
    assert np.abs(again.astype(int) - codes).max() <= 1


def test_marks_survive_and_hot_pixels_do_not_outshine():
    counts = np.full((2, 4, 4), 7, np.uint32)
    counts[:, 0, 0] = 2**32 - 1
    counts[:, 1, 1] = 2**20
    codes = code.encode(counts, counts == 2**32 - 1, counts >= 2**20)
    assert (codes[:, 0, 0] == code.MASKED_CODE).all()
    assert (codes[:, 1, 1] == code.SATURATED_CODE).all()
    decoded, mask = code.decode(codes)
    assert mask.sum() == 2
    assert mask[:, 0, 0].all()
    assert decoded.max() == 7
    assert (decoded[:, 0, 0] == 0).all()


def test_masked_pixels_may_hold_anything():
    counts = np.array([[np.nan, -1.0], [np.inf, 3.4]])
    codes = code.encode(counts, ~np.isfinite(counts) | (counts < 0))
    assert codes.tolist() == [[code.MASKED_CODE, code.MASKED_CODE], [code.MASKED_CODE, 3]]


def test_the_description_decodes_with_numpy_alone():
    codes = np.arange(65536, dtype=np.uint16)
    namespace = {"np": np, "code": codes}
    exec(code.describe()["numpy"], namespace)
    # Float32 through a sum, a quotient and a square.
    decoded = code.decode(codes[None])[0][0, :65534]
    np.testing.assert_allclose(namespace["counts"][:65534], decoded, rtol=step_tolerance(8))
    assert np.flatnonzero(namespace["masked"]).tolist() == [code.describe()["masked"]]
    assert np.flatnonzero(namespace["saturated"]).tolist() == [code.describe()["saturated"]]
