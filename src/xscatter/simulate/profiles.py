"""Shapes that many features use: peaks, orientation, sizes, disorder. q in nm⁻¹, angles in radians."""

import numpy as np

FULL_WIDTH = np.sqrt(8 * np.log(2))  # at half maximum, of a Gaussian of standard deviation 1


def peak(q: np.ndarray, position: float, width: float, lorentzian: float = 0.0) -> np.ndarray:
    """Pseudo-Voigt peak of height 1 on the evenly spaced `q`; `width` is its full width at half maximum.

    A peak narrower than two steps of `q` is widened to that, at the same area, lest it falls
    between the points. `lorentzian` is the part of the Lorentzian (Thompson, Cox & Hastings 1987).
    """
    least = 2.0 * (q[2] - q[1])
    shown = max(width, least)
    x2 = ((q - position) / (shown / 2)) ** 2
    value = (1 - lorentzian) * np.exp(-np.log(2) * x2)
    if lorentzian:
        value += lorentzian / (1 + x2)
    return value * (width / shown)


def wrapped_cauchy(chi: np.ndarray, eta: float, angle: float = 0.0, fold: int = 1) -> np.ndarray:
    """Orientation distribution of mean 1 with `fold` maxima on a turn, one of them at `angle`.

    (1 − η²) / (1 + η² − 2 η cos n(χ − χ₀)), the wrapped Cauchy distribution (Ruland-Smarsly form;
    Mardia & Jupp, Directional Statistics, 2000): uniform for η = 0, a delta function for η → 1.
    """
    return (1 - eta**2) / (1 + eta**2 - 2 * eta * np.cos(fold * (chi - angle)))


def herman(eta: float) -> float:
    """Herman's S = (3⟨cos²χ⟩ − 1)/2 in the plane, of `wrapped_cauchy` with two maxima: ⟨cos 2χ⟩ = η.

    ⟨cos²χ⟩ = (1 + η)/2, hence S = (1 + 3 η)/4.
    """
    return (1 + 3 * eta) / 4


def debye_waller(q: np.ndarray | float, displacement: float) -> np.ndarray:
    """exp(−σ² q²), σ the root mean square `displacement` (nm) along q (Debye 1913, Waller 1923)."""
    return np.exp(-((displacement * np.asarray(q)) ** 2))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between `low` and `high`, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def between(rng: np.random.Generator, experiment, low: float = 0.0, high: float = 1.0) -> float:
    """A q (nm⁻¹) that is seen, between the parts `low` and `high` of the range q_low .. q_high.

    Uniform in √q: neither crowded about the beam nor at the edge.
    """
    first, last = np.sqrt(experiment.q_low), np.sqrt(experiment.q_high)
    return float((first + (last - first) * rng.uniform(low, high)) ** 2)
