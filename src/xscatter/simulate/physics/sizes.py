"""Averages over particle size, shared by the form factors.

Particles of one shape and of log-normal size s: every length scales with s, whose median is 1 and
whose logarithm has the standard deviation σ. A particle scatters as the square of its volume, so

    ⟨P⟩(q) = ∫ s⁶ N(ln s; 0, σ) P(q s) d ln s / ∫ s⁶ N(ln s; 0, σ) d ln s
           = ∫ N(t; 6σ², σ) P(q eᵗ) dt,

the weight s⁶ moves the centre of the normal distribution of t = ln s and leaves it normal
(completing the square). Source of the weighting: Pedersen, Adv. Colloid Interface Sci. 70 (1997)
171.
"""

from collections.abc import Callable

import numpy as np

MOST_NODES = 61  # enough for the oscillations that survive to q R = 50 at every σ
TABLE = 480  # points of a curve with up to twenty oscillations
Curve = Callable[[np.ndarray], np.ndarray]


def size_nodes(polydispersity: float) -> tuple[np.ndarray, np.ndarray]:
    """Sizes (n,) relative to the median and their weights (n,), which add up to 1.

    `polydispersity` is σ, the standard deviation of the logarithm of the size; 0 gives one node.
    """
    # One size: the average is the value itself.
    if polydispersity <= 0:
        return np.ones(1), np.ones(1)
    # In units of σ; what is beyond has a weight below 1e-3.
    t = np.linspace(-3.8, 3.8, min(MOST_NODES, 11 + int(240 * polydispersity)))
    weights = np.exp(-0.5 * t**2)
    return np.exp(6 * polydispersity**2 + polydispersity * t), weights / weights.sum()


def size_average(shape: Curve, q: np.ndarray, polydispersity: float) -> np.ndarray:
    """Return ⟨P⟩ (n,) of a form factor, averaged over sizes.

    Args:
        shape: maps an array of q of any shape to P.
        q: scattering vectors (n,) in nm⁻¹.
        polydispersity: standard deviation of the logarithm of the size.
    """
    sizes, weights = size_nodes(polydispersity)
    return weights @ shape(sizes[:, None] * q[None, :]) if len(sizes) > 1 else shape(q)


def tabulated_average(shape: Curve, q: np.ndarray, polydispersity: float) -> np.ndarray:
    """As :func:`size_average`, for a slow `shape`: evaluate it on one table and interpolate.

    Args:
        shape: maps an array of q of any shape to P.
        q: scattering vectors (n,) in nm⁻¹.
        polydispersity: standard deviation of the logarithm of the size.
    """
    sizes, weights = size_nodes(polydispersity)
    if len(sizes) == 1:
        return shape(q)
    table = grid(float(q.max() * sizes[-1]), max(TABLE, len(q) + len(q) // 2))
    values = shape(table)
    return weights @ np.interp((sizes[:, None] * q[None, :]).ravel(), table, values).reshape(
        len(sizes), len(q)
    )


def grid(largest: float, points: int = TABLE) -> np.ndarray:
    """Return `points` values of q up to `largest`; the step grows as the cube root of q."""
    return largest * np.linspace(0.5 / points, 1, points) ** 1.5


def tabulated(curve: Curve, q: np.ndarray, points: int = TABLE) -> np.ndarray:
    """Return a slowly varying `curve` at `q` (n,), evaluated at `points` values only.

    Args:
        curve: maps an array of q to values.
        q: increasing scattering vectors (n,) in nm⁻¹.
        points: number of values of q at which `curve` is evaluated.
    """
    table = grid(float(q[-1]), points)
    return np.interp(q, table, curve(table))
