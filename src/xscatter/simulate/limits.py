"""Checks of a study before anything is drawn: features, masks and sizes that cannot work."""

import os
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.simulate.instrument.kinds import all_kinds
from xscatter.simulate.registry import chosen_features
from xscatter.study import Study

BYTES_A_PIXEL = 130  # of the maps of an experiment and the image in hand, at their most
BYTES_AT_LEAST = 200e6  # of Python, libraries and tables


def memory_limit() -> float:
    """Return the bytes that this process may use, of the machine or of its control group."""
    # A job on a cluster may use less than the machine has.
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(name).read_text()))
        except (OSError, ValueError):  # no such file, or "max"
            continue
    return float(min(limits))


def check_study(study: Study) -> None:
    """Refuse a study that cannot be simulated.

    Raises:
        UserError: an unknown feature or kind of instrument, a mask that cannot be used, or an image
        larger than memory allows.
    """
    chosen = chosen_features(study.simulate.features)
    if not any(feature.kind == "sample" for feature in chosen.values()):
        raise UserError("simulate.features: no sample feature is selected; add one, such as ring")
    _check_kinds(study)
    size, limit = study.simulate.size, memory_limit()
    needed = size**2 * BYTES_A_PIXEL + BYTES_AT_LEAST
    if needed > limit:
        # The message names a size that would fit.
        largest = int(max((limit - BYTES_AT_LEAST) / BYTES_A_PIXEL, 0) ** 0.5)
        raise UserError(
            f"simulate.size: {size} needs {needed / 1e9:.1f} GB of memory, "
            f"and there are {limit / 1e9:.1f}; at most {largest} fits"
        )
    user_mask(study)


def _check_kinds(study: Study) -> None:
    known, simulate = all_kinds(), study.simulate
    for key in ("exclude_kinds", "require_kinds"):
        for kind in getattr(simulate, key):
            if kind not in known:
                raise UserError(
                    f"simulate.{key}: {kind} is not a kind of instrument; "
                    f"there are {', '.join(known)}"
                )
    if simulate.require_kinds and set(simulate.require_kinds) <= set(simulate.exclude_kinds):
        raise UserError("simulate.require_kinds: all are in simulate.exclude_kinds; remove some")


def user_mask(study: Study) -> np.ndarray | None:
    """Return the mask (size, size) bool that `simulate.mask` names, True = not usable, or None.

    Raises:
        UserError: it cannot be read, is of another shape, or leaves too little of the image.
    """
    path = study.simulate.mask
    if path is None:
        return None
    try:
        if str(path).endswith(".npy"):
            mask = np.load(path)
        else:
            import fabio

            with fabio.open(str(path)) as image:
                mask = image.data
    except Exception as error:  # every format of fabio fails in its own way
        reason = " ".join(str(error).split())[:120]
        raise UserError(
            f"simulate.mask: {path} cannot be read ({reason}); give a .npy or a detector image"
        ) from error
    size = study.simulate.size
    if mask.shape != (size, size):
        shape = " × ".join(map(str, mask.shape))
        raise UserError(
            f"simulate.mask: {path} is {shape}, the images are {size} × {size}; make them equal"
        )
    mask = mask != 0
    if mask.mean() > 0.5:
        raise UserError(
            f"simulate.mask: {path} hides {mask.mean():.0%} of the image "
            "(non-zero is not usable); at most half is allowed"
        )
    return mask
