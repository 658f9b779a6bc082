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
    weight: float  # how common it is among experiments
    pitch: float  # metres
    module: tuple[int, int] | None  # rows and columns of live pixels in a module
    gap: tuple[int, int]  # rows and columns between modules
    models: dict[str, tuple[int, int, float]]  # rows, columns, and how common such detectors are
    round_edges: float  # fraction of the square models that are round, as behind a taper
    bent_edges: float  # fraction whose edges are bent by a taper
    point_spread: float  # standard deviation; of a phosphor about the largest
    dark: float  # counts of a pixel in an image without beam
    saturation: int  # largest count of a pixel
    flat_field: float  # relative standard deviation of the sensitivity of pixels
    integrating: bool = False  # noise of neighbours is correlated; gain and read-out noise
    log_gain: tuple[float, float] = (0.0, 0.0)  # log10 of digits per photon, least and most
    read_out: tuple[float, float] = (0.0, 0.0)  # noise in photons, least and most


_PILATUS, _EIGER = DETECTOR_SHAPES["pilatus"], DETECTOR_SHAPES["eiger"]
_PILATUS_MODELS = {
    "1m": 0.32, "2m": 0.18, "6m": 0.1, "300k": 0.1, "300kw": 0.12, "900k": 0.12, "100k": 0.06,
}  # fmt: skip
_EIGER_MODELS = {"1m": 0.4, "4m": 0.3, "9m": 0.1, "16m": 0.08, "500k": 0.12}
_CCD_MODELS = (("whole", 1000, 0.88), ("half", 500, 0.06), ("strip", 160, 0.06))
_SQUARE_MODELS = (
    ("whole", 1000, 0.65), ("wide", 800, 0.2), ("half", 500, 0.08), ("strip", 140, 0.07),
)  # fmt: skip

# Gaps: DECTRIS data sheets. The CCD is a fibre-optic taper behind a phosphor; its strips, and those
# of the square, are regions of interest. The neutron detector has 128 to 192 pixels on a side, so
# that each count spreads over several pixels of the layout. The image plate is that of
# a scanner, which reads a disk.
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            name="pilatus",
            weight=0.30,
            pitch=PIXEL_SIZES["pilatus"],
            module=_PILATUS["100k"],
            gap=(17, 7),
            models={model: (*_PILATUS[model], weight) for model, weight in _PILATUS_MODELS.items()},
            round_edges=0.0,
            bent_edges=0.0,
            point_spread=0.3,
            dark=5e-3,
            saturation=1_048_575,
            flat_field=0.010,
        ),
        Layout(
            name="eiger",
            weight=0.24,
            pitch=PIXEL_SIZES["eiger"],
            module=_EIGER["500k"],
            gap=(37, 10),
            models={model: (*_EIGER[model], weight) for model, weight in _EIGER_MODELS.items()},
            round_edges=0.0,
            bent_edges=0.0,
            point_spread=0.3,
            dark=5e-3,
            saturation=400_000,
            flat_field=0.008,
        ),
        Layout(
            name="ccd",
            weight=0.17,
            pitch=158e-6,
            module=None,
            gap=(0, 0),
            models={name: (1000, cols, weight) for name, cols, weight in _CCD_MODELS},
            round_edges=0.45,
            bent_edges=0.25,
            point_spread=1.3,
            dark=2.0,
            saturation=65_535,
            flat_field=0.015,
            integrating=True,
            log_gain=(-0.2, 0.8),
            read_out=(0.3, 1.0),
        ),
        Layout(
            name="square",
            weight=0.13,
            pitch=100e-6,
            module=None,
            gap=(0, 0),
            models={name: (rows, 1000, weight) for name, rows, weight in _SQUARE_MODELS},
            round_edges=0.0,
            bent_edges=0.0,
            point_spread=0.5,
            dark=0.1,
            saturation=262_143,
            flat_field=0.010,
        ),
        Layout(
            name="neutron",
            weight=0.09,
            pitch=0.8e-3,
            module=None,
            gap=(0, 0),
            models={"whole": (1000, 1000, 0.8), "wide": (750, 1000, 0.2)},
            round_edges=0.15,
            bent_edges=0.0,
            point_spread=6.0,
            dark=1e-3,
            saturation=1_000_000,
            flat_field=0.015,
            integrating=True,
            log_gain=(0.0, 2.5),
        ),
        Layout(
            name="image plate",
            weight=0.07,
            pitch=150e-6,
            module=None,
            gap=(0, 0),
            models={"whole": (1000, 1000, 1.0)},
            round_edges=0.9,
            bent_edges=0.0,
            point_spread=1.2,
            dark=0.5,
            saturation=131_071,
            flat_field=0.015,
            integrating=True,
            log_gain=(-0.3, 0.7),
            read_out=(0.3, 1.5),
        ),
    )
}
WEIGHTS = {layout.name: layout.weight for layout in LAYOUTS.values()}
KINDS = tuple(f"detector: {name} {model}" for name, one in LAYOUTS.items() for model in one.models)
