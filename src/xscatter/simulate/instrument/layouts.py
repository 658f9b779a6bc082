"""Layouts of detectors: pixels, modules and gaps, and how they count.

An image is a square of fixed side, described in the pixels of a layout (`REFERENCE` on a side).
With ``sampling: resample`` the image divides that square into size × size pixels, whatever the
size; with ``sampling: extend`` pixels keep the pitch of the layout, and the side grows.
"""

from typing import NamedTuple

from xscatter.geometry import DETECTOR_SHAPES, PIXEL_SIZES
from xscatter.study.simulate import Simulate

REFERENCE = 1000  # pixels on a side of the square that the layouts describe


def layout_pixels(simulate: Simulate) -> float:
    """Return the side of a pixel of the image in pixels of the layout."""
    return REFERENCE / simulate.size if simulate.sampling == "resample" else 1.0


class Layout(NamedTuple):
    """One kind of detector; lengths in pixels of its own pitch unless stated otherwise."""

    name: str
    pitch: float  # metres
    module: tuple[int, int] | None  # rows and columns of live pixels in a module
    gap: tuple[int, int]  # rows and columns between modules
    models: dict[tuple[int, int], float]  # rows and columns, and how common such detectors are
    taper: bool  # behind a taper, which is round or bent
    point_spread: float  # standard deviation; of a phosphor about the largest
    dark: float  # counts of a pixel in an image without beam
    saturation: int  # largest count of a pixel
    flat_field: float  # relative standard deviation of the sensitivity of pixels
    integrating: bool  # reads charge: gain, offset and read-out noise instead of single photons


_PILATUS, _EIGER = DETECTOR_SHAPES["pilatus"], DETECTOR_SHAPES["eiger"]
_PILATUS_MODELS = {
    "1m": 0.32, "2m": 0.18, "6m": 0.1, "300k": 0.1, "300kw": 0.12, "900k": 0.12, "100k": 0.06,
}  # fmt: skip
_EIGER_MODELS = {"1m": 0.4, "4m": 0.3, "9m": 0.1, "16m": 0.08, "500k": 0.12}

# Gaps: DECTRIS data sheets. The CCD is a fibre-optic taper behind a phosphor; its strips, and those
# of the square, are regions of interest.
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            name="pilatus",
            pitch=PIXEL_SIZES["pilatus"],
            module=_PILATUS["100k"],
            gap=(17, 7),
            models={_PILATUS[model]: weight for model, weight in _PILATUS_MODELS.items()},
            taper=False,
            point_spread=0.3,
            dark=5e-3,
            saturation=1_048_575,
            flat_field=0.010,
            integrating=False,
        ),
        Layout(
            name="eiger",
            pitch=PIXEL_SIZES["eiger"],
            module=_EIGER["500k"],
            gap=(37, 10),
            models={_EIGER[model]: weight for model, weight in _EIGER_MODELS.items()},
            taper=False,
            point_spread=0.3,
            dark=5e-3,
            saturation=400_000,
            flat_field=0.008,
            integrating=False,
        ),
        Layout(
            name="ccd",
            pitch=158e-6,
            module=None,
            gap=(0, 0),
            models={(1000, 1000): 0.9, (1000, 500): 0.05, (1000, 200): 0.05},
            taper=True,
            point_spread=1.3,
            dark=2.0,
            saturation=65_535,
            flat_field=0.015,
            integrating=True,
        ),
        Layout(
            name="square",
            pitch=100e-6,
            module=None,
            gap=(0, 0),
            models={(1000, 1000): 0.65, (800, 1000): 0.2, (500, 1000): 0.08, (1000, 140): 0.07},
            taper=False,
            point_spread=0.5,
            dark=0.1,
            saturation=262_143,
            flat_field=0.010,
            integrating=False,
        ),
    )
}
