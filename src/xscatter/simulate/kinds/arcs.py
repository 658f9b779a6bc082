"""Orientation and symmetry: told from other numbers of maxima, orders and directions.

The intensity of a family over the azimuth, A(χ), is compared in sectors, with the weights that the
family as a whole has there. What gaps and the edge of the detector hide is left out, so that one
visible arc tells no symmetry.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from xscatter.simulate.components import Arcs
from xscatter.simulate.kinds.fits import Difference, Fraction, fraction_left
from xscatter.simulate.render import SECTORS
from xscatter.simulate.shared.rings import IN_PLANE

FOLDS = (1, 2, 4, 6, 8, 10, 12)
ORDERS = (0.2, 0.5, 0.75, 0.92)  # of the alternatives
BORDERS = {
    "orientation: broad": (0.3,),
    "orientation: intermediate": (0.3, 0.75),
    "orientation: sharp": (0.75,),
    "ring: textured": (0.5,),
}
DIRECTIONS = ("ring: oriented in plane", "ring: oriented out of plane")
ISOTROPIC = ("ring: anisotropic", "halo: anisotropic")
SYMMETRIES = ("symmetry ring", "symmetry halo")
COUNTS = {"2-fold": (2,), "4-fold": (4,), "6-fold": (6,), "8-fold and higher": (8, 10, 12)}
TAGS = frozenset((*BORDERS, *DIRECTIONS, *ISOTROPIC, *SYMMETRIES, *COUNTS))
EDGES = np.linspace(-np.pi, np.pi, SECTORS + 1)


def in_sectors(fold: int, eta: ArrayLike, angle: ArrayLike) -> np.ndarray:
    """Return the wrapped Cauchy distribution (..., SECTORS), averaged over sectors.

    Its integral is χ + 2/n · atan(η sin nχ / (1 − η cos nχ)), term by term of its Fourier series.

    Args:
        fold: number of maxima on a turn.
        eta: order of the orientation (...).
        angle: azimuth of a maximum in radians (...).
    """
    order, turn = np.asarray(eta)[..., None], fold * (EDGES - np.asarray(angle)[..., None])
    integral = EDGES + 2 / fold * np.arctan2(order * np.sin(turn), 1 - order * np.cos(turn))
    return (integral[..., 1:] - integral[..., :-1]) * (SECTORS / (2 * np.pi))


@cache
def _templates() -> tuple[list[int], np.ndarray, np.ndarray, np.ndarray]:
    """Return folds (n,), distributions (n, SECTORS), conjugate transforms of them and squares."""
    values = np.concatenate([in_sectors(fold, ORDERS, np.zeros(len(ORDERS))) for fold in FOLDS])
    spectrum, squares = (np.conj(np.fft.rfft(table)) for table in (values, values**2))
    return [fold for fold in FOLDS for _ in ORDERS], values, spectrum, squares


class ArcFits:
    """Alternatives of one oriented family, fitted when they are asked for.

    Args:
        arcs: the orientation.
        sums: information and flux (SECTORS,) of the family.
    """

    def __init__(self, arcs: Arcs, sums: tuple[np.ndarray, np.ndarray]):
        self.arcs, (self.weights, self.flux) = arcs, sums
        self.truth = in_sectors(arcs.fold, arcs.eta, np.deg2rad(arcs.angle))
        self._explained: np.ndarray | None = None

    def difference(self, tag: str, seen: tuple[float, float]) -> Difference:
        """Return how the family differs from the best alternative of `tag`.

        Args:
            tag: one of `TAGS`.
            seen: d' and contrast of the component.
        """
        fractions = list(self._fractions(tag))
        return min(fractions, key=lambda one: one.information).of(*seen)

    def _fractions(self, tag: str):
        isotropic = np.ones((1, SECTORS))
        if tag in DIRECTIONS:
            yield from self._turned(tag)
        elif tag in ISOTROPIC:
            yield self._fit(isotropic)
        elif tag in SYMMETRIES:
            yield self._of_folds({1})
        elif tag in COUNTS:
            yield self._of_folds(set(FOLDS) - set(COUNTS[tag]))
        else:
            if tag == "orientation: broad":
                yield self._fit(isotropic)
            for eta in BORDERS[tag]:
                border = in_sectors(self.arcs.fold, eta, np.deg2rad(self.arcs.angle))
                yield self._fit(np.array([border, np.gradient(border)]))

    def _fit(self, columns: np.ndarray) -> Fraction:
        return fraction_left(self.weights, self.flux, self.truth, columns)

    def _turned(self, tag: str):
        """Yield fits of arcs whose direction is the border of the tag, of any order."""
        axis = 0.0 if tag == DIRECTIONS[0] else 90.0
        away = (self.arcs.angle - axis + 90) % 180 - 90
        angles = np.deg2rad(self.arcs.angle - away + np.array([[IN_PLANE], [-IN_PLANE]]))
        etas = np.array((self.arcs.eta, *ORDERS[1:]))
        others = in_sectors(self.arcs.fold, etas, angles).reshape(-1, SECTORS)
        weighted = self.weights * others
        explained = np.maximum(weighted @ self.truth, 0) ** 2 / (weighted * others).sum(axis=1)
        yield self._fit(others[explained.argmax()][None])

    def _of_folds(self, folds: set[int]) -> Fraction:
        """Return the best fit of another symmetry, in any direction, on a constant."""
        known, values, spectra, squares = _templates()
        if self._explained is None:
            w, a = self.weights, self.truth
            whole = max(float(w.sum()), 1e-300)
            of_w, of_wa = np.fft.rfft(w), np.fft.rfft(w * a)
            # Sums over sectors for every turn of every template at once.
            mean = np.fft.irfft(of_w * spectra, SECTORS)
            square = np.fft.irfft(of_w * squares, SECTORS)
            product = np.fft.irfft(of_wa * spectra, SECTORS)
            spread = np.maximum(square - mean**2 / whole, 1e-9 * square + 1e-300)
            self._explained = np.maximum(product - mean * float(w @ a) / whole, 0) ** 2 / spread
        allowed = [n for n, fold in enumerate(known) if fold in folds]
        row, turn = divmod(int(self._explained[allowed].argmax()), SECTORS)
        best = allowed[row]
        # Its neighbours in order and its derivative make up for the steps of the table.
        near = [n for n in (best - 1, best, best + 1) if n in allowed and known[n] == known[best]]
        columns = np.ones((len(near) + 2, SECTORS))
        columns[1:-1, turn:] = values[near, : SECTORS - turn]
        columns[1:-1, :turn] = values[near, SECTORS - turn :]
        own = columns[1 + near.index(best)]
        columns[-1, 1:-1] = own[2:] - own[:-2]
        columns[-1, 0], columns[-1, -1] = own[1] - own[-1], own[0] - own[-2]
        return self._fit(columns)
