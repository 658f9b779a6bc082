"""Choices balanced over experiments, each a pure function of seed, name and experiment.

The numbers of a choice follow a Kronecker sequence, frac(offset + n √p): any run of consecutive
experiments covers [0, 1) evenly, so no class of experiment is missing from a small study, and
experiments can be added without changing those that exist. Every choice has its own prime p, which
makes the choices jointly equidistributed (Weyl 1916).
"""

from collections.abc import Mapping, Sequence

from xscatter.core.seeds import Purpose, generator

# The order gives each choice its prime: append, never reorder.
CHOICES = (
    "detector", "beamstop", "beam", "geometry", "family", "exposure", "range", "air", "slits",
    "coherence", "window", "tilt", "second family", "model", "aperture", "patch",
    "masked beamstop", "wavelength spread",
)  # fmt: skip
PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)


def fraction(seed: int, choice: str, number: int) -> float:
    """Return the number in [0, 1) of `choice` for experiment `number`.

    Args:
        seed: of the study.
        choice: one of `CHOICES`.
        number: of the experiment.
    """
    index = CHOICES.index(choice)
    offset = generator(seed, Purpose.STRATA, index).random()
    # Square roots of primes are independent over the rationals, so no two choices repeat together.
    return (offset + number * PRIMES[index] ** 0.5) % 1.0


def choose(
    seed: int, choice: str, number: int, weights: Mapping[str, float] | Sequence[str]
) -> str:
    """Return one of the names in `weights`, in proportion to them.

    Args:
        seed: of the study.
        choice: one of `CHOICES`.
        number: of the experiment.
        weights: by name; a plain sequence of names means equal weights.
    """
    if not isinstance(weights, Mapping):
        weights = dict.fromkeys(weights, 1.0)
    left = fraction(seed, choice, number) * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return name
