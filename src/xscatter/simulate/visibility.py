"""What can be seen: the detectability of every component, and the tags that follow.

d' = √(Σ s²/λ) over live pixels, s the expected counts of the component and λ all expected counts:
the signal-to-noise ratio of the ideal observer that knows the shape (a matched filter in Poisson
noise). Contrast is Σ(s²/λ)/Σs, the part of λ that s is where s is.
"""

from typing import Any

import numpy as np

from xscatter import tags
from xscatter.core.compiled import compiled
from xscatter.simulate.components import Modulation, Radial
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.render import Part, Rendering

MANY_RINGS = 5  # least number of rings that are many
ORDERS = (
    ("higher orders: 2 to 3", 2, 3),
    ("higher orders: 4 to 6", 4, 6),
    ("higher orders: 7 or more", 7, 10**6),
)
STRONG, WEAK = 1e7, 1e5  # expected counts of the sample on live pixels


@compiled
def _image_sums(image, gain, expected, scale):
    information, flux = 0.0, 0.0
    rows, cols = expected.shape
    for r in range(rows):
        for c in range(cols):
            value = image[r, c]
            if value > 0 and gain[r, c] > 0:
                s = np.float64(value) * gain[r, c] * scale
                information += s * s / expected[r, c]
                flux += s
    return information, flux


@compiled
def _altered_sum(expected, where, factor, dark):
    """Σ (λ − λ₀)²/λ over the pixels `where`, λ₀ what would be expected without `factor`; λ the larger of both."""
    total = 0.0
    for n in range(len(where)):
        counts = np.float64(expected[where[n]])
        without = max(counts - dark, 0.0) / factor[n] + dark
        total += (counts - without) ** 2 / max(counts, without)
    return total


def detectability(
    part: Part, done: Rendering, experiment: Experiment
) -> tuple[float, float, float]:
    """d', contrast and expected counts of one component."""
    if isinstance(part.component, Radial):
        profile = part.scale * part.profile
        information = float(done.information[:, part.family] @ profile**2)
        flux = float(done.flux[:, part.family] @ profile)
    elif isinstance(part.component, Modulation):
        information, flux = done.modulation
    else:
        information, flux = _image_sums(part.image, experiment.gain, done.expected, part.scale)
    return float(np.sqrt(information)), information / flux if flux > 0 else 0.0, flux


def label(
    scene: dict[str, Any], done: Rendering, experiment: Experiment
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (T,) uint8 and detectabilities (T,) float32 of an image, in the order of `tags.py`.

    What depends on drawn counts (saturation) is added by the writer of the shard.
    """
    found: set[str] = set()
    seen = np.full(len(tags.NAMES), np.nan, np.float32)
    for group in ("diffuse", "halo", "ring", "symmetry", "orientation", "orders", "lattice", "form factor", "structure",
                  "sample", "fibre", "coherence", "grazing", "standard"):  # fmt: skip
        for tag in tags.TAGS:
            if tag.group == group:
                seen[tags.INDEX[tag.name]] = 0.0
    counts = {"sample": 0.0, "background": 0.0, "standard": 0.0}
    orders: dict[str, list[float]] = {}
    rings: list[float] = []
    for part in done.parts:
        strength, contrast, flux = detectability(part, done, experiment)
        visible = strength >= tags.DETECTABLE and contrast >= tags.CONTRAST
        if not isinstance(part.component, Modulation):
            counts[part.kind] += flux
        for name in tags.with_implied(set(part.component.tags)):
            seen[tags.INDEX[name]] = max(seen[tags.INDEX[name]], strength)
            if visible:
                found.add(name)
        if visible and part.component.order:
            orders.setdefault(part.feature, []).append(strength)
        if visible and "ring" in tags.with_implied(set(part.component.tags)):
            rings.append(strength)
    for strengths in orders.values():
        for name, least, most in (("higher orders", 2, 10**6), *ORDERS):
            if least <= len(strengths) <= most:
                found.add(name)
                index = tags.INDEX[name]
                seen[index] = max(seen[index], sorted(strengths)[-least])
    if len(rings) >= MANY_RINGS:
        found.add("many rings")
        seen[tags.INDEX["many rings"]] = sorted(rings)[-MANY_RINGS]
    found |= _exposure(scene, counts) | _instrument(scene, done, experiment, seen)
    labels = np.zeros(len(tags.NAMES), np.uint8)
    labels[[tags.INDEX[name] for name in tags.with_implied(found)]] = 1
    return labels, seen


def _exposure(scene: dict[str, Any], counts: dict[str, float]) -> set[str]:
    if scene["photons"] == 0:
        return {"blank"}
    signal = counts["sample"] + counts["standard"]
    found = {
        "strong scattering"
        if signal > STRONG
        else "weak scattering"
        if signal < WEAK
        else "intermediate scattering"
    }
    if counts["background"] > signal:
        found.add("high background")
    return found


def _instrument(
    scene: dict[str, Any], done: Rendering, experiment: Experiment, seen: np.ndarray
) -> set[str]:
    """Tags of the instrument; d' of what stands in the way, by the counts that it takes or adds, enters `seen`."""
    found: set[str] = set()
    if scene["photons"] == 0:
        return found
    if not experiment.settings["on_image"]:
        found.add("beam off image")
    dark = experiment.dark
    masked = experiment.masked_beamstop
    if masked:
        found.add(masked)  # seen by its outline, whatever it takes away
    for name, (where, factor) in experiment.altered.items():
        if name == masked:
            continue
        strength = float(np.sqrt(_altered_sum(done.expected.ravel(), where, factor, dark)))
        for implied in tags.with_implied({name}):
            seen[tags.INDEX[implied]] = np.fmax(seen[tags.INDEX[implied]], strength)
        if strength >= tags.DETECTABLE:
            found.add(name)
    return found
