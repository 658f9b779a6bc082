import json

import numpy as np
import pytest

from xscatter.core.errors import UserError
from xscatter.frames.poni import read_poni

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("orientation", [None, 1, 2, 3, 4])
def test_poni_beam_center_agrees_with_pyfai(orientation, tmp_path):
    """The beam meets the detector where pyFAI finds 2θ = 0."""
    pyFAI = pytest.importorskip("pyFAI")
    shape, pitch = (300, 200), 1e-4
    settings = {"pixel1": pitch, "pixel2": pitch, "max_shape": list(shape)}
    if orientation:
        settings["orientation"] = orientation
    path = tmp_path / "a.poni"
    path.write_text(
        f"# saved\nponi_version: 2.1\nDetector: Detector\nDetector_config: {json.dumps(settings)}\n"
        "Distance: 0.2\nPoni1: 0.012\nPoni2: 0.007\nRot1: 0.03\nRot2: -0.02\nRot3: 0.4\n"
        "Wavelength: 1e-10\n"
    )
    geometry = read_poni(path, shape)
    theta = pyFAI.load(str(path)).center_array(shape, unit="2th_rad")
    row, col = np.unravel_index(np.argmin(theta), shape)
    assert geometry.center == pytest.approx((row, col), abs=0.75)
    assert geometry.distance == 0.2


def test_poni_of_version_one_and_bad_ones(tmp_path):
    path = tmp_path / "old.poni"
    path.write_text(
        "PixelSize1: 1e-4\nPixelSize2: 1e-4\nDistance: 1\nPoni1: 0.01\nPoni2: 0.02\nPoni1: 0.03\n"
    )
    assert read_poni(path, (50, 50)).center == pytest.approx((299.5, 199.5))
    path.write_text("PixelSize1: 1e-4\n")
    with pytest.raises(UserError, match=r"old\.poni: is not a PONI file: lacks distance"):
        read_poni(path, (50, 50))
    path.write_text("Distance: far\nPoni1: 0\nPoni2: 0\n")
    with pytest.raises(UserError, match="not a number"):
        read_poni(path, (50, 50))
    path.write_text("PixelSize1: 1e-4\nPixelSize2: 1e-4\nDistance: 1\nPoni1: nan\nPoni2: 0.02\n")
    with pytest.raises(UserError, match="not finite"):
        read_poni(path, (50, 50))
    with pytest.raises(UserError, match="cannot be read"):
        read_poni(tmp_path / "none.poni", (50, 50))


@pytest.mark.parametrize(
    ("detector", "config", "shape"),
    [
        ("Pilatus1M", "{}", (1043, 981)),
        ("Pilatus CdTe 300kw", "{}", (195, 1475)),
        ("Eiger4M", "{}", (2167, 2070)),
        ("Eiger2CdTe_4M", "{}", (2162, 2068)),
        ("Detector", '{"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [50, 60]}', (50, 60)),
    ],
)
def test_poni_of_another_detector_is_refused(detector, config, shape, tmp_path):
    path = tmp_path / "a.poni"
    path.write_text(
        f"Detector: {detector}\nDetector_config: {config}\nDistance: 1\nPoni1: 0.01\nPoni2: 0.02\n"
    )
    assert read_poni(path, shape) == read_poni(path, None)
    with pytest.raises(
        UserError, match=rf"a\.poni: is of a detector of {shape[0]}x{shape[1]} pixels"
    ):
        read_poni(path, shape[::-1])


@pytest.mark.parametrize("detector", ["Pilatus1M", "Pilatus300kw", "Eiger4M", "Eiger2_16M"])
def test_shapes_of_detectors_are_those_of_pyfai(detector, tmp_path):
    detectors = pytest.importorskip("pyFAI.detectors")
    path = tmp_path / "a.poni"
    path.write_text(f"Detector: {detector}\nDistance: 1\nPoni1: 0.01\nPoni2: 0.02\n")
    read_poni(path, tuple(detectors.detector_factory(detector).max_shape))
