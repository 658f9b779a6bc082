"""Facts that files hold about their frames: beam centre, mask, cut-off, unit; and doubtful ones."""

import bz2

import fabio
import h5py
import numpy as np
import pytest

from xscatter import frames
from xscatter.core.errors import UserError
from xscatter.frames import find_center, from_array
from xscatter.frames.headers import geometry, saturation
from xscatter.frames.photons import photon_unit
from xscatter.tagging.prepare import prepare

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def counts():
    return np.random.default_rng(1).poisson(20, (60, 45)).astype(np.uint16)


def nexus(path, data, facts=None, units=None):
    """A NeXus file of frames with `facts` of its detector by name, some with `units`."""
    with h5py.File(path, "w") as file:
        group = file.create_group("entry/data")
        group.attrs["signal"] = "data"
        group["data"] = data
        for name, value in (facts or {}).items():
            item = file.create_dataset(f"entry/instrument/detector/{name}", data=value)
            if name in (units or {}):
                item.attrs["units"] = units[name]
    return path


def cbf(path, data, *lines):
    """A CBF file with comments as PILATUS detectors write them."""
    header = "".join(f"# {line}\r\n" for line in lines)
    image = fabio.cbfimage.CbfImage(
        data=data.astype(np.int32), header={"_array_data.header_contents": header}
    )
    image.write(str(path))
    return path


CENTERS = [
    ((20.5, 31.25), None, None, (31.25, 20.5)),
    ((20.5, 31.25), "pixels", None, (31.25, 20.5)),
    ((3.526, 5.375), "mm", 172e-6, (31.25, 20.5)),
    ((0.3526, 0.5375), "cm", 172e-6, (31.25, 20.5)),
    ((3.526e-3, 5.375e-3), "m", 172e-6, (31.25, 20.5)),
    ((3.526e-3, 5.375e-3), None, 172e-6, (31.25, 20.5)),
    ((3.526, 5.375), "mm", None, None),  # the size of a pixel is not known
    ((20.5, 31.25), "furlong", 172e-6, None),
    # Without a unit: near a corner in pixels, and on the detector in millimetres: it may be both.
    ((3.526, 5.375), None, 172e-6, None),
    ((60.0, 31.25), None, 2e-3, None),
    ((8.5, 5.375), None, 100e-6, (5.375, 8.5)),  # 85 columns of 45 would be in millimetres
    ((3.5, 31.25), None, 172e-6, (31.25, 3.5)),
    ((3.5, 5.25), None, 5e-3, (5.25, 3.5)),
    ((np.nan, np.nan), None, None, None),
    ((np.inf, 3.0), None, None, None),
    ((1e12, 30.0), None, None, None),
    ((-1, -1), None, None, None),
    ((0, 0), None, None, None),
    ((-250.3, 40.3), None, None, (40.3, -250.3)),
]


@pytest.mark.parametrize(("given", "unit", "pitch", "wanted"), CENTERS)
def test_a_beam_centre_of_nexus_has_a_unit_or_is_none(given, unit, pitch, wanted, counts, tmp_path):
    facts = {"beam_center_x": given[0], "beam_center_y": given[1]}
    units = {"x_pixel_size": "m"}
    if pitch:
        facts["x_pixel_size"] = pitch
    if unit:
        units |= {"beam_center_x": unit, "beam_center_y": unit}
    frame = frames.read(nexus(tmp_path / "a.nxs", counts, facts, units))
    assert frame.center == (None if wanted is None else pytest.approx(wanted))
    assert frame.center_from == (None if wanted is None else "header")


def test_a_beam_centre_of_two_numbers_has_a_unit_too(counts, tmp_path):
    facts, units = {"beam_center": [5.375, 3.526], "x_pixel_size": 172e-6}, {"x_pixel_size": "m"}
    path = nexus(tmp_path / "a.nxs", counts, facts, units | {"beam_center": "mm"})
    assert frames.read(path).center == pytest.approx((31.25, 20.5))
    path = nexus(tmp_path / "b.nxs", counts, facts, units | {"beam_center": "pixel"})
    assert frames.read(path).center == pytest.approx((5.375, 3.526))


def test_each_frame_has_its_own_centre_arm_and_mask(counts, tmp_path):
    masks = np.zeros((3, 60, 45), np.uint32)
    masks[1, 7] = 1
    masks[2, 9] = 1 << 31  # says more about pixels that can be used
    facts = {
        "beam_center_x": [20.0, 21.0, 22.0], "beam_center_y": 30.0, "pixel_mask": masks,
        "goniometer/two_theta": [0.0, 0.0, 25.0],
    }  # fmt: skip
    path = nexus(tmp_path / "a.nxs", np.stack([counts] * 3), facts)
    read = list(frames.read_all(path))
    assert [frame.center for frame in read] == [(30, 20), (30, 21), None]
    assert [int(frame.mask.sum()) for frame in read] == [0, 45, 0]
    facts = {"beam_center_x": 20.0, "beam_center_y": 30.0, "two_theta": 0.5}
    path = nexus(tmp_path / "b.nxs", counts, facts, {"two_theta": "rad"})
    assert frames.read(path).center is None


def test_a_mask_that_is_turned_is_refused(counts, tmp_path):
    path = nexus(tmp_path / "a.nxs", counts, {"pixel_mask": np.zeros((45, 60), np.uint32)})
    with pytest.raises(UserError, match=r"60x45 pixels, its mask .* is 45x60; store the mask"):
        frames.read(path)


def test_units_in_latin_1_are_understood(counts, tmp_path):
    path = tmp_path / "a.nxs"
    nexus(path, counts, {"incident_wavelength": 1.5, "distance": 2.0}, {"distance": "m"})
    with h5py.File(path, "a") as file:
        detector = file["entry/instrument/detector"]
        detector["incident_wavelength"].attrs["units"] = np.bytes_("Å".encode("latin-1"))
    assert frames.read(path).geometry.wavelength == pytest.approx(1.5e-10)


def test_a_minus_in_a_header_is_one(counts, tmp_path):
    path = cbf(tmp_path / "a.cbf", counts, "Beam_xy (-250.30, 40.30) pixels")
    assert frames.read(path).center == (40.3, -250.3)
    path = cbf(tmp_path / "a.cbf", counts, "Beam_xy (nan, 40.30) pixels")
    assert frames.read(path).center is None


@pytest.mark.parametrize("value", ["0 counts", "(nil)", "(nil) counts"])
def test_a_cutoff_that_is_none(value, counts, tmp_path):
    lines = ("Count_cutoff 12345 counts", "Exposure_time 0.5 s", "Beam_xy (20.5, 31.25) pixels")
    path = cbf(tmp_path / "a.cbf", counts, *lines)
    content = path.read_bytes().replace(b"12345 counts", value.encode())
    path.write_bytes(content)
    frame = frames.read(path)
    np.testing.assert_array_equal(frame.counts, counts)
    assert not frame.saturated.any()
    assert frame.center == (31.25, 20.5)
    assert saturation({"text": "Count_cutoff 300 counts"}) == 300


BAD_HEADERS = [
    {"DETTYPE": "", "CENTER": "", "ANGLES": "", "WAVELEN": "x", "DISTANC": ""},
    {"DETTYPE": "CCD", "CENTER": "nan inf"},
    {"PSize_1": "unknown", "Center_1": "?"},
    {"beam_x": None, "source_wavelength": "-"},
    {"PixelLength": "", "TwoTheta": None},
    {"_array_data.header_contents": "# Beam_xy (\n# Wavelength\n# Pixel_size m x m"},
]


@pytest.mark.parametrize("header", BAD_HEADERS)
def test_no_header_costs_a_frame(header):
    told = geometry(header, (512, 512))
    assert told.center is told.wavelength is told.distance is told.pixel_size is None


def test_bruker_without_angles_has_its_centre(tmp_path):
    data = np.random.default_rng(2).poisson(9, (512, 512)).astype(np.uint8)
    words = {
        "FORMAT": "86", "VERSION": "9", "HDRBLKS": "15", "NROWS": "512", "NCOLS": "512",
        "NPIXELB": "1", "NOVERFL": "0", "ANGLES": "", "CENTER": "260.5 240.25",
        "DETTYPE": "CCD 32.0", "DISTANC": "8.9", "WAVELEN": "0.5166",
    }  # fmt: skip
    lines = [f"{name:7}:{value:<72}" for name, value in words.items()]
    header = "".join(lines).ljust(15 * 512)
    path = tmp_path / "a.0001.bz2"
    path.write_bytes(bz2.compress(header.encode() + data.tobytes()))
    frame = frames.read(path)
    np.testing.assert_array_equal(frame.counts, data)
    assert frame.center == (511 - 240.25, 260.5)
    assert frame.geometry.wavelength == pytest.approx(5.166e-11)


def test_gaps_of_8_bits_and_marks_of_the_largest_float():
    data = np.random.default_rng(3).poisson(9, (60, 50)).astype(np.uint8)
    data[20:24] = 255
    data[40, 7] = 255  # a dead pixel
    frame = from_array(data)
    np.testing.assert_array_equal(frame.mask, data == 255)
    data[:20, :30] = 255  # so many are saturated
    frame = from_array(data)
    assert frame.mask.sum() == 4 * 50
    assert frame.saturated.sum() == 20 * 30 + 1
    floats = np.random.default_rng(4).poisson(9, (60, 50)).astype(np.float64)
    floats[3], floats[4], floats[5, 5] = np.finfo("f4").max, -np.finfo("f8").max, 1e300
    assert from_array(floats).mask.sum() == 101


def scene(exposure):
    y, x = np.mgrid[:200, :200]
    r = np.hypot(y - 90, x - 80)
    expected = exposure * (1 + 300 * np.exp(-r / 20) + 20 * np.exp(-(((r - 60) / 3) ** 2)))
    return np.random.default_rng(5).poisson(expected)


@pytest.mark.floats
@pytest.mark.parametrize("exposure", [0.05, 1, 300])
@pytest.mark.parametrize("unit", [1e-6, 0.37, 1 / 3, 2.0, 1e9, 3.3e-13])
def test_multiples_of_any_unit_are_the_counts(unit, exposure):
    counts = scene(exposure)
    counts[100:104] = 0
    counts[9, 9] = 10**6  # hot
    plain, scaled = from_array(counts), from_array((counts * unit).astype(np.float32))
    assert scaled.unit == pytest.approx(unit, rel=1e-5)
    np.testing.assert_array_equal(plain.mask, scaled.mask)
    one, other = prepare(plain, 64).counts, prepare(scaled, 64).counts
    assert (one != other).mean() < 1e-3  # a sum that is rounded up or down
    np.testing.assert_allclose(one, other, rtol=3e-3)
    estimates = [find_center(frame.counts, frame.mask) for frame in (plain, scaled)]
    assert estimates[0].center == pytest.approx(estimates[1].center, abs=0.1)


@pytest.mark.floats
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1.0, 1e9])
def test_corrected_frames_have_the_noise_of_photons_on_any_scale(scale):
    counts = scene(3)
    flat = np.random.default_rng(6).normal(1, 0.02, counts.shape)
    values = (0.37 * scale * counts * flat + 1e-3 * scale).astype(np.float32)
    unit, whole = photon_unit(values, np.zeros(counts.shape, bool))
    assert not whole
    assert unit == pytest.approx(0.37 * scale, rel=0.15)
    sparse = np.random.default_rng(7).poisson(0.02, counts.shape) * flat
    unit, _ = photon_unit((0.37 * scale * sparse).astype(np.float32), np.zeros(flat.shape, bool))
    assert unit == pytest.approx(0.37 * scale, rel=0.15)


@pytest.mark.floats
def test_decimals_are_no_photons():
    counts = scene(3)
    flat = np.random.default_rng(6).normal(1, 0.02, counts.shape)
    rounded = np.round(1e-5 * counts * flat, 6).astype(np.float32)
    unit, whole = photon_unit(rounded, np.zeros(counts.shape, bool))
    assert not whole
    assert unit == pytest.approx(1e-5, rel=0.15)


def test_whole_numbers_are_counts_whatever_their_size():
    for exposure in (0.01, 1, 1000):
        counts = scene(exposure)
        for kind in (np.int32, np.uint16, np.float32, np.float64):
            assert from_array(counts.astype(kind)).unit == 1
    assert from_array(np.zeros((64, 64), np.float32)).unit == 1
    assert from_array(np.full((64, 64), 7.0)).unit == 1
