"""From a frame of any size to the inputs of the networks.

The steps are the same for real and simulated frames. A frame is put in the middle of a square,
whose empty parts count as masked, and the square is divided into size × size pixels. Where pixels
merge, their photons are added up; where pixels are divided, their photons are shared out (see
`resample`). The result passes through the code of the record batches.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from xscatter.core.errors import UserError
from xscatter.fourier_bessel import Plan
from xscatter.frames import Frame, Unreadable
from xscatter.frames.photons import in_photons
from xscatter.records import code
from xscatter.records.constants import NOT_USABLE
from xscatter.tagging.resample import Grid, merged, spread
from xscatter.transform.counts import COUNTS_TRANSFORMS
from xscatter.transform.plans import build_plan

_TOGETHER = 2**24  # pixels in memory at the same time, of about seven bytes
T = TypeVar("T")


@dataclass(frozen=True)
class Prepared:
    """A frame in the model's pixels.

    Attributes:
        counts: (size, size) float32, masked pixels 0.
        mask: (size, size) bool, True = not usable or outside the frame.
        center: beam centre (row, column) in these pixels, or None.
        grid: where these pixels are on the frame.
    """

    counts: np.ndarray
    mask: np.ndarray
    center: tuple[float, float] | None
    grid: Grid

    @property
    def image(self) -> np.ndarray:
        """Input of the image view: (size, size) float32, counts, -1 where masked."""
        return np.where(self.mask, np.float32(NOT_USABLE), self.counts)


def taken(frames: Iterator[Frame | Unreadable], most: int) -> list[Frame | Unreadable]:
    """Return the next frames, up to `most` of them, fewer where they are large."""
    some: list[Frame | Unreadable] = []
    pixels = 0
    while len(some) < most and pixels < _TOGETHER:
        frame = next(frames, None)
        if frame is None:
            break
        some.append(frame)
        pixels += frame.counts.size if isinstance(frame, Frame) else 0
    return some


def guarded(
    make: Callable[[Frame], T], frame: Frame | Unreadable, what: str = "prepared"
) -> T | Unreadable:
    """Return what `make` makes of a frame; where it fails, why, so that others get their tags.

    Args:
        make: any function of a frame.
        frame: as read; one that is unreadable is returned as it is.
        what: the frame could not be, for the message.
    """
    if isinstance(frame, Unreadable):
        return frame
    try:
        return make(frame)
    except Exception as error:  # whatever it is, it is one frame's
        return unreadable(frame, error, what)


def unreadable(frame: Frame, error: Exception, what: str) -> Unreadable:
    """Return why a frame has no tags.

    Args:
        frame: as read.
        error: of any library.
        what: the frame could not be.
    """
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    where = f"{frame.source}: frame {frame.index}"
    return Unreadable(frame.source, frame.index, f"{where}: could not be {what} ({reason})")


def prepare(frame: Frame, size: int) -> Prepared:
    """Return `frame` in the pixels of a model of images of `size` × `size` pixels."""
    grid = Grid.over(frame.shape, size)
    # Integrating detectors store digits; networks learnt from photons.
    counts, mask, full = frame.counts, frame.mask, frame.saturated
    counts = in_photons(counts, mask, frame.unit)
    if grid.scale > 1:
        counts, mask, full = merged(counts, mask, full, grid)
    elif frame.shape != (size, size):
        counts, mask, full = spread(counts, mask, full, grid)
    # The rounding of the records is repeated: networks have never seen other values.
    decoded, mask = code.decode(code.encode(counts, mask, full))
    center = None if frame.center is None else grid.place(*frame.center)
    return Prepared(decoded, mask, center, grid)


def coefficients(prepared: Prepared, transform: Mapping[str, Any]) -> np.ndarray | None:
    """Expand a prepared frame as the images of the records were.

    Args:
        prepared: the frame.
        transform: the entry of this name in records.json.

    Returns:
        Coefficients (angular_orders, radial_orders) complex64; None where the beam centre is not
        known, or too little of the disk is on live pixels.
    """
    if prepared.center is None:
        return None
    try:
        plan = plan_of(tuple(sorted(transform.items())), prepared.counts.shape, prepared.center)
    # Too little of the disk is on the frame: the image network answers alone.
    except UserError:
        return None
    values = COUNTS_TRANSFORMS[transform["counts"]](prepared.counts)
    expanded = plan.forward(values, mask=prepared.mask, fill=transform["fill"])
    # NaN stands for a frame without a live pixel in the disk.
    return expanded.astype(np.complex64) if np.isfinite(expanded).all() else None


# A plan is a megabyte and takes ten times as long to make as to use, and a series has one centre.
@lru_cache(maxsize=16)
def plan_of(
    transform: tuple[tuple[str, Any], ...], shape: tuple[int, int], center: tuple[float, float]
) -> Plan:
    """Return the plan of the expansion; the last ones are kept.

    Args:
        transform: see :func:`coefficients`, as sorted pairs.
        shape: (rows, cols) of the prepared frame.
        center: beam centre in its pixels.

    Raises:
        UserError: too little of the disk lies on the frame.
    """
    return build_plan(dict(transform), shape, center)
