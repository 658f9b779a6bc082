"""One detector frame: counts, what of it is usable, and where the beam was."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """What is known of where a frame was taken; None = not told. Lengths in metres.

    The beam centre is (row, column) in pixels of the array, pixel centres at integers.
    """

    wavelength: float | None = None
    distance: float | None = None
    pixel_size: float | None = None
    center: tuple[float, float] | None = None


@dataclass(frozen=True)
class Frame:
    """A frame as it was read.

    Attributes:
        counts: (rows, cols); integers stay integers, the rest is float32; masked pixels hold 0.
        mask: (rows, cols) bool, True = not usable.
        saturated: (rows, cols) bool, True = the count is this large or larger.
        geometry: what the header or a PONI file tells.
        center_from: where the beam centre comes from: "user", "poni", "header", "estimate", or None.
        confidence: 0 to 1, of the beam centre.
        source: name of the file, with ``::/dataset`` where it matters.
        index: number of the frame in its file.
        frames: how many frames the file holds.
    """

    counts: np.ndarray
    mask: np.ndarray
    saturated: np.ndarray
    geometry: Geometry = Geometry()
    center_from: str | None = None
    confidence: float = 0.0
    source: str = ""
    index: int = 0
    frames: int = 1

    @property
    def center(self) -> tuple[float, float] | None:
        """Beam centre (row, column) in pixels, or None."""
        return self.geometry.center

    @property
    def center_outside(self) -> bool:
        """Whether the beam centre is known, and no pixel of the frame is there."""
        return self.center is not None and not all(
            0 <= c < n for c, n in zip(self.center, self.shape, strict=True)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.counts.shape  # type: ignore[return-value]

    def with_center(
        self, center: tuple[float, float] | None, origin: str | None, confidence: float
    ) -> "Frame":
        """The same frame with another beam centre."""
        return replace(
            self,
            geometry=replace(self.geometry, center=center),
            center_from=origin,
            confidence=float(confidence),
        )


@dataclass
class Raw:
    """What a format reader hands on: one array and what its header says."""

    data: np.ndarray
    header: dict[str, Any]
    frames: int = 1
    mask: np.ndarray | None = None
    saturation: float | None = None
    geometry: Geometry = Geometry()
