"""The weighted least-squares fit by which alternatives are compared."""

from typing import NamedTuple

import numpy as np

from xscatter.core.compiled import compiled


class Difference(NamedTuple):
    """The difference of a kind to an alternative: its d' and its contrast."""

    strength: float
    contrast: float

    def least(self, other: "Difference") -> "Difference":
        """Return the lesser of both numbers: a kind has to be told from every alternative."""
        return Difference(min(self.strength, other.strength), min(self.contrast, other.contrast))


NONE = Difference(0.0, 0.0)
ALL = Difference(np.inf, np.inf)


class Fraction(NamedTuple):
    """The fraction of a component that an alternative leaves: of Σ s²/λ and of Σ |s|."""

    information: float
    flux: float

    def of(self, strength: float, contrast: float) -> Difference:
        """Return the difference, for a component of this d' and this contrast.

        Args:
            strength: d' of the component.
            contrast: of the component.
        """
        if self.flux <= 0:
            return NONE
        return Difference(strength * self.information**0.5, contrast * self.information / self.flux)


@compiled
def unexplained(weights, flux, truth, columns):
    """Return Σ w r² and Σ f |r| of what is left of `truth` (n,) after a fit of `columns` (k, n).

    By Gram-Schmidt; a column that those before it explain is passed over.
    """
    count, points = columns.shape
    basis = columns.copy()
    rest = truth.copy()
    for k in range(count):
        before = 0.0
        for i in range(points):
            before += weights[i] * basis[k, i] * basis[k, i]
        # Twice, for one pass leaves rounding of nearly parallel columns.
        for _ in range(2):
            for m in range(k):
                shared = 0.0
                for i in range(points):
                    shared += weights[i] * basis[k, i] * basis[m, i]
                for i in range(points):
                    basis[k, i] -= shared * basis[m, i]
        norm = 0.0
        for i in range(points):
            norm += weights[i] * basis[k, i] * basis[k, i]
        if norm <= 1e-12 * before or norm <= 0:
            for i in range(points):
                basis[k, i] = 0.0
            continue
        scale = 1 / np.sqrt(norm)
        shared = 0.0
        for i in range(points):
            basis[k, i] *= scale
            shared += weights[i] * basis[k, i] * rest[i]
        for i in range(points):
            rest[i] -= shared * basis[k, i]
    information, light = 0.0, 0.0
    for i in range(points):
        information += weights[i] * rest[i] * rest[i]
        light += flux[i] * abs(rest[i])
    return information, light


@compiled
def orthonormal(rows):
    """Return an orthonormal basis (k, n) of what `rows` (k, n) span, none of them superfluous."""
    basis = rows.copy()
    count, points = basis.shape
    for k in range(count):
        for _ in range(2):
            for m in range(k):
                shared = 0.0
                for i in range(points):
                    shared += basis[k, i] * basis[m, i]
                for i in range(points):
                    basis[k, i] -= shared * basis[m, i]
        norm = 0.0
        for i in range(points):
            norm += basis[k, i] * basis[k, i]
        for i in range(points):
            basis[k, i] /= np.sqrt(norm)
    return basis


def fraction_left(
    weights: np.ndarray, flux: np.ndarray, truth: np.ndarray, columns: np.ndarray
) -> Fraction:
    """Return the fraction of `truth` that a fit of `columns` leaves.

    Args:
        weights: (n,) Σ (g A)²/λ.
        flux: (n,) Σ g A.
        truth: (n,) profile of the component.
        columns: (k, n) profiles that are fitted to it.
    """
    whole, light = float(weights @ truth**2), float(flux @ np.abs(truth))
    if whole <= 0 or light <= 0:
        return Fraction(0.0, 0.0)
    left, shown = unexplained(weights, flux, truth, columns)
    return Fraction(left / whole, shown / light)


def explained(columns: np.ndarray, basis: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return what of Σ `target`² each alternative explains beyond the background.

    Args:
        columns: (n, k, points) of the alternatives, times the root of the weights.
        basis: (m, points) of the background, likewise, orthonormal.
        target: (points,) the component, likewise.
    """
    shared = columns @ basis.T
    gram = columns @ columns.transpose(0, 2, 1) - shared @ shared.transpose(0, 2, 1)
    product = columns @ (target - (basis @ target) @ basis)
    # The position of an alternative without a peak on the image has no effect.
    gram += np.eye(gram.shape[1]) * (
        1e-9 * np.trace(gram, axis1=1, axis2=2)[:, None, None] + 1e-300
    )
    return np.einsum("ni,ni->n", product, np.linalg.solve(gram, product[..., None])[..., 0])
