"""Coherent speckle: the interference of all that a coherent beam illuminates.

The field at a pixel is a sum of many random phases, so its intensity is exponentially distributed,
with grains as wide as the diffraction of the beam's own outline, λ × distance / beam size. A beam
that is partly coherent, and pixels as wide as the grains, leave the contrast √β: I = ⟨I⟩ [1 + √β (s
− 1)], s exponential with mean 1. With age, each phase is drawn again now and then, once in a
relaxation time on average: the field keeps exp(−a) of its correlation after the age a, and
intensities g₂ − 1 = β exp(−2 a).

Source: Goodman, Speckle Phenomena in Optics (2007), chapters 3 and 4; Berne & Pecora, Dynamic Light
Scattering (1976), chapter 4 (Siegert's relation).
"""

import numpy as np

from xscatter.simulate.components import Modulation
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

KIND = "sample"
FAMILIES = {"any": 4.0}
GRAZING = 4.0
TAGS = ("coherent speckle",)
PARAMETERS = (
    Parameter(
        "size", "", 4.0, (1.0, 60.0), "diameter of the grains in pixels of the detector's layout"
    ),
    Parameter("contrast", "", 0.5, (0.02, 1.0), "√β of grains much larger than a pixel"),
    Parameter("seed", "", 0, (0, 2**31), "of the phases"),
    Parameter("age", "", 0.0, (0.0, 300.0), "age of the sample in relaxation times"),
)
TILE = 192  # points on a side of the pattern, which repeats: too many grains to be noticed
FINENESS = 3.0  # points in a grain


def pattern(seed: int, age: float = 0.0) -> np.ndarray:
    """Return speckle (TILE, TILE) float32 of mean 1, periodic, with grains of 3 points."""
    rng = np.random.default_rng(seed)
    field = np.zeros((TILE, TILE), np.complex64)
    # The outline of a round beam, filled with random phases, whose diffraction is the grain.
    reach = round(TILE / (2 * FINENESS))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    inside = y**2 + x**2 <= reach**2
    phases = rng.random(int(inside.sum()))
    if age:
        # Each phase is renewed after waiting times that are exponentially distributed, drawn until
        # none is left to renew: all ages of one seed belong to one history.
        passed = rng.exponential(size=len(phases))
        while (passed <= age).any():
            phases = np.where(passed <= age, rng.random(len(phases)), phases)
            passed += rng.exponential(size=len(phases))
    field[y[inside], x[inside]] = np.exp(2j * np.pi * phases)
    intensity = np.abs(np.fft.fft2(field)) ** 2
    return (intensity / intensity.mean()).astype(np.float32)


REFERENCES = (
    (lambda: float(pattern(1).std().round(1)), (), 1.0, "contrast of fully developed speckle"),
    (
        lambda: float(np.mean(pattern(2) > 1).round(2)),
        (),
        0.37,
        "exp(−1) of it lies above the mean",
    ),
    (
        lambda: float(
            np.mean([(pattern(n) - 1) * (pattern(n, 0.5) - 1) for n in range(8)]).round(1)
        ),
        (),
        0.4,
        "g₂ − 1 = exp(−2 a) = 0.37 at a = 0.5",
    ),
)


def applies(experiment):
    """Only a coherent beam makes speckle."""
    return experiment.setup.exposure.coherent


def draw(rng, experiment):
    return {
        "size": log_uniform(rng, 3, 20),
        "contrast": 0.1 + 0.75 * float(rng.beta(1.5, 2.0)),
        "seed": int(rng.integers(2**31)),
    }


def contribute(parameters, experiment):
    p = parameters
    tile = pattern(p["seed"], p["age"])
    pixels = p["size"] / experiment.scale  # diameter of a grain in pixels of the image
    # A pixel averages the grains it holds, as does the point spread.
    held = 1 + (1 + 8 * experiment.spread_pixels**2) / pixels**2
    contrast = np.float32(p["contrast"] / np.sqrt(held))
    at = ((np.arange(experiment.size) + 0.5) * (FINENESS / pixels)) % TILE
    first = at.astype(int)
    rest = (at - first).astype(np.float32)
    second = (first + 1) % TILE
    across = tile[:, first] * (1 - rest) + tile[:, second] * rest
    factor = across[first] * (contrast * (1 - rest))[:, None]
    factor += across[second] * (contrast * rest)[:, None]
    factor += 1 - contrast
    return [Modulation(tags=TAGS, factor=factor)]
