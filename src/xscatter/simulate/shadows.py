"""Shadows that come and go: parts of the detector that see less light in some frames.

A shadow is plain data in the scene of a frame, {"kind", "left", ...}: `left` is the fraction of the
light that is left. Lengths are fractions of the side of the image, `blur` is in pixels of the
layout:

- "disk": `row`, `col`, `radius`, `blur`;
- "edge": all beyond a line through `row`, `col` in the direction `angle` (degrees), `blur`;
- "block": rows and columns from `first` to `last`, both (row, col).
"""

import copy
from typing import Any

import numpy as np

from xscatter.simulate.experiment import Experiment
from xscatter.simulate.instrument.obstacle import edge

Shadow = dict[str, Any]


def shaded(experiment: Experiment, shadows: list[Shadow]) -> Experiment:
    """Return `experiment` with what `shadows` leave of its gain; all other maps are shared."""
    if not shadows:
        return experiment
    gain, weight, altered = experiment._passage
    gain = gain.copy()
    for shadow in shadows:
        # Masked pixels are negative, and stay so: no shadow takes all of their value.
        factor = experiment.map_of(_Factor(shadow, experiment))
        np.multiply(gain, factor, out=gain, where=experiment.live)
    clone = copy.copy(experiment)
    clone.__dict__["_passage"] = (gain, weight, altered)
    return clone


class _Factor:
    """The factor of a shadow, a function of the indices of pixels."""

    def __init__(self, shadow: Shadow, experiment: Experiment):
        self._shadow, self._size = shadow, experiment.size
        blur = shadow.get("blur", 0.0) / experiment.scale
        self._blur = float(np.hypot(blur, experiment.spread_pixels))

    def __call__(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        s, size = self._shadow, self._size
        y, x = rows + 0.5, cols + 0.5
        if s["kind"] == "block":
            (top, left), (bottom, right) = s["first"], s["last"]
            inside = (y >= top * size) & (y < bottom * size)
            covered = (inside & (x >= left * size) & (x < right * size)).astype(np.float32)
        else:
            y, x = y - s["row"] * size, x - s["col"] * size
            if s["kind"] == "disk":
                distance = np.hypot(y, x) - s["radius"] * size
            else:
                angle = np.deg2rad(s["angle"])
                distance = y * np.cos(angle) - x * np.sin(angle)
            covered = edge(distance, self._blur)
        return (1 - (1 - s["left"]) * covered).astype(np.float32)
