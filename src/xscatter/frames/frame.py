"""One detector frame: counts, which pixels can be used, and where the beam was."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

CUT = "ends before its data does; it is truncated or still being written"
MOST_TURNED = 0.5  # degrees: on an arm turned further the beam does not meet the detector there


@dataclass(frozen=True)
class BeamGeometry:
    """Geometry of a frame according to its header or a PONI file; None = not known.

    Attributes:
        wavelength: in metres.
        distance: from sample to detector, in metres.
        pixel_size: in metres.
        center: beam centre (row, column) in pixels of the array, pixel centres at integers.
    """

    wavelength: float | None = None
    distance: float | None = None
    pixel_size: float | None = None
    center: tuple[float, float] | None = None


def is_plausible(center: tuple[float, float] | None, shape: tuple[int, ...]) -> bool:
    """Whether a header's beam centre (row, column) may be one, in an image of `shape`."""
    if center is None or center in ((0, 0), (-1, -1)):
        return False  # not filled in
    # A centre ten frames away is an error of the file.
    return all(abs(place) < 10 * max(shape) for place in center)


@dataclass(frozen=True)
class Frame:
    """A complete frame, as :func:`xscatter.frames.read` and `from_array` return it.

    Attributes:
        counts: (rows, cols); integers stay integers, everything else is float32. Masked pixels
            hold 0, except hot ones.
        mask: (rows, cols) bool, True = not usable; includes hot pixels.
        saturated: (rows, cols) bool, True = the true count is this large or larger.
        hot: (rows, cols) bool, single pixels that count far more than any neighbour; None: none.
        geometry: according to the header or a PONI file.
        center_from: where the beam centre comes from: "user", "poni", "header", "estimate", None.
        confidence: 0 to 1, of the beam centre.
        source: name of the file, with ``::/dataset`` if one was named.
        index: number of the frame in its file.
        frames: number of frames in the file.
        unit: value of one photon in `counts`, 1 where they are counts; None: not known, so that
            :func:`xscatter.frames.photons.photon_unit` has to find it.
        time: when it was measured, in seconds, as metadata beside it tell; None: not known.

    Example:
        >>> import numpy as np
        >>> from xscatter.frames import from_array
        >>> counts = np.random.default_rng(0).poisson(9, (64, 48))
        >>> counts[20:24] = -1  # a gap between two modules
        >>> frame = from_array(counts)
        >>> frame.shape, int(frame.mask.sum())
        ((64, 48), 192)
    """

    counts: np.ndarray
    mask: np.ndarray
    saturated: np.ndarray
    hot: np.ndarray | None = None
    geometry: BeamGeometry = BeamGeometry()
    center_from: str | None = None
    confidence: float = 0.0
    source: str = ""
    index: int = 0
    frames: int = 1
    unit: float | None = None
    time: float | None = None

    @property
    def center(self) -> tuple[float, float] | None:
        """Beam centre (row, column) in pixels, or None."""
        return self.geometry.center

    @property
    def center_outside(self) -> bool:
        """Whether the beam centre is known and lies outside the frame."""
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
        """Return the same frame with another beam centre.

        Args:
            center: (row, column) in pixels.
            origin: where it comes from, see `center_from`.
            confidence: 0 to 1.
        """
        return replace(
            self,
            geometry=replace(self.geometry, center=center),
            center_from=origin,
            confidence=float(confidence),
        )


@dataclass(frozen=True)
class Unreadable:
    """A frame that could not be read.

    Attributes:
        source: name of the file.
        index: number of the frame in its file.
        reason: why, in one line that names the file.
    """

    source: str
    index: int
    reason: str


@dataclass
class Raw:
    """An array as a format's reader returns it, and the facts that the file holds about it.

    Attributes:
        data: (rows, cols), as stored.
        mask: (rows, cols) bool, True = not usable; None: the file has none.
        saturation: counts at which a pixel is full; None: not known.
        geometry: according to the header.
    """

    data: np.ndarray
    mask: np.ndarray | None = None
    saturation: float | None = None
    geometry: BeamGeometry = BeamGeometry()


@dataclass(frozen=True)
class Reader:
    """The frames of an open file, or of one series of it.

    Attributes:
        source: name of the file, with ``::/dataset`` if there are several series or one was named.
        count: number of frames that can be read.
        get: reads one of them; raises an error where it is damaged or missing.
        rest: why there are no more, though the file has room for more; "": it has none.
    """

    source: str
    count: int
    get: Callable[[int], Raw]
    rest: str = ""
