"""The base of all obstacles; the package `obstacles` tells what one file of it holds."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np


class Factor(NamedTuple):
    """A change of the scattering on its way to the detector.

    Attributes:
        name: a tag of `tags.py`, or a name of its own if no tag is about it.
        factor: (rows, cols) float32, 1 where nothing is changed.
        brightens: whether it is seen where it adds to the scattering, not where it takes away.
    """

    name: str
    factor: np.ndarray
    brightens: bool = False

    def changed(self) -> np.ndarray:
        """Return (rows, cols) bool: where the change is large enough to be seen."""
        return self.factor > 1.1 if self.brightens else self.factor < 0.9


class Obstacle:
    """Base of all obstacles, which are frozen dataclasses."""

    @property
    def tag(self) -> str | None:
        """Its tag, if it has one of its own."""
        return None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of obstacle that it is, of those in `KINDS` of its file."""
        return ()

    def factors(self, experiment: Any) -> Iterator[Factor]:
        """Yield its changes of the scattering."""
        raise NotImplementedError

    def mask(self, experiment: Any) -> np.ndarray | None:
        """Return the pixels (rows, cols) that somebody masked because of it, True = not usable."""
        return None

    def settings(self) -> dict[str, Any]:
        """Return all that was drawn as plain values for the shard."""
        return asdict(self)  # type: ignore[call-overload]


def edge(distance: np.ndarray, blur: float) -> np.ndarray:
    """Return a shadow, 1 well within an edge and 0 well outside: a logistic.

    Edges are blurred: they are out of focus by the divergence of the beam, and by the point spread.

    Args:
        distance: from the edge in pixels, positive outside; any shape.
        blur: standard deviation of the Gaussian that the logistic resembles, in pixels.
    """
    return 1.0 / (1.0 + np.exp(np.clip(distance * (1.702 / max(blur, 0.2)), -40, 40)))
