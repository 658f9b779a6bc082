"""The tags of an image: everything that makes one true is in this file.

A component is tagged if it is detectable (`visibility.py`), its kind if what tells it from others
is (`kinds`), and an obstacle if the counts that it changes are. Exposure, background and noise
follow rules of their own.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from xscatter import tags
from xscatter.simulate.components import Modulation
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.told import Kinds
from xscatter.simulate.render import RenderedComponent, Rendering
from xscatter.simulate.visibility import detectability, obstacle_detectability

MANY_RINGS = 5  # least number of rings that are many
ORDERS = (
    ("higher orders", 2, 10**6),
    ("higher orders: 2 to 3", 2, 3),
    ("higher orders: 4 to 6", 4, 6),
    ("higher orders: 7 or more", 7, 10**6),
)
STRONG, WEAK = 1e7, 1e5  # expected counts of the sample on live pixels
SATURATED = 1e-5  # fraction of the pixels from which on an image is saturated
# Groups whose tags have a detectability: 0 where nothing of the kind was generated, never NaN.
MEASURED = {
    "diffuse", "halo", "ring", "symmetry", "orientation", "orders", "lattice", "form factor",
    "structure", "sample", "fibre", "coherence", "grazing", "standard",
}  # fmt: skip
NOTHING = np.array([0.0 if tag.group in MEASURED else np.nan for tag in tags.TAGS], np.float32)


class DrawnFacts(NamedTuple):
    """Facts that the drawn counts of an image show, and its expected counts do not.

    Attributes:
        saturated: number of saturated pixels.
        zingers: number of live pixels in which a zinger stands out of the noise.
    """

    saturated: int = 0
    zingers: int = 0


class Seen(NamedTuple):
    """A component with its detectability d', its contrast and its expected counts."""

    rendered: RenderedComponent
    strength: float
    contrast: float
    counts: float


def label(
    scene: dict[str, Any], rendering: Rendering, experiment: Experiment, drawn: DrawnFacts
) -> tuple[np.ndarray, np.ndarray]:
    """Return the tags of an image, in the order of `tags.py`.

    Args:
        scene: what was drawn.
        rendering: of the scene.
        experiment: of the image.
        drawn: what its counts show.

    Returns:
        Labels (T,) uint8, 0 or 1, and detectabilities (T,) float32.
    """
    strengths = NOTHING.copy()
    seen = [Seen(one, *detectability(one, rendering, experiment)) for one in rendering.components]
    kinds = Kinds(rendering, experiment, [one.strength for one in seen])
    true = _components(seen, kinds, strengths)
    if scene["photons"] > 0:
        true |= _exposure(seen) | _obstacles(rendering, experiment, strengths)
    else:
        true.add("blank")
    if drawn.zingers > 0:
        true.add("zingers")
    # At least one pixel, whatever the image size.
    if drawn.saturated >= max(1, SATURATED * experiment.size**2):
        true.add("saturation")
    labels = np.zeros(len(tags.NAMES), np.uint8)
    labels[[tags.INDEX[name] for one in true for name in _implied((one,))]] = 1
    return labels, strengths


def _raise(strengths: np.ndarray, name: str, strength: float) -> None:
    """Raise the detectability of a tag to `strength`; that of a tag without one stays NaN."""
    # One tag may come from several components: the strongest counts.
    index = tags.INDEX[name]
    if strength > strengths[index]:  # never true of NaN
        strengths[index] = strength


@cache
def _implied(names: tuple[str, ...]) -> frozenset[str]:
    """Return `names` and all that they imply; few combinations occur, in very many images."""
    return frozenset(tags.with_implied(set(names)))


def _components(seen: Sequence[Seen], kinds: Kinds, strengths: np.ndarray) -> set[str]:
    """Return the tags of the components; their d' enter `strengths`.

    Args:
        seen: the components.
        kinds: what tells tags of a kind.
        strengths: d' of all tags, which are raised.
    """
    true: set[str] = set()
    orders: dict[str, list[float]] = {}
    rings: list[float] = []
    # The strongest first: they tell a kind, if any does.
    for rendered, strength, contrast, _ in sorted(seen, key=lambda one: -one.strength):
        visible = strength >= tags.DETECTABLE and contrast >= tags.CONTRAST
        names = set(_implied(rendered.component.tags))
        asked = kinds.asked(rendered.component, names)
        names -= asked
        for name in names:
            _raise(strengths, name, strength)
        if not visible:
            continue
        true |= names
        for name, difference in kinds.differences(rendered, asked - true, (strength, contrast)):
            # A kind is told no better than the component that names it is seen.
            told = min(difference.strength, strength)
            _raise(strengths, name, told)
            if told >= tags.DETECTABLE and difference.contrast >= tags.CONTRAST:
                true.add(name)
                # Another component may have told what this one implies, but not so well.
                for implied in _implied((name,)):
                    _raise(strengths, implied, told)
        if rendered.component.order:
            orders.setdefault(rendered.feature, []).append(strength)
        if "ring" in names:
            rings.append(strength)
    # Of n orders, the tag is as detectable as the faintest of those that it needs.
    for visible_orders in orders.values():
        for name, least, most in ORDERS:
            if least <= len(visible_orders) <= most:
                true.add(name)
                _raise(strengths, name, sorted(visible_orders)[-least])
    if len(rings) >= MANY_RINGS:
        true.add("many rings")
        _raise(strengths, "many rings", sorted(rings)[-MANY_RINGS])
    return true


def _exposure(seen: Sequence[Seen]) -> set[str]:
    """Return the tags of the exposure and of the background."""
    counts = {"sample": 0.0, "background": 0.0, "standard": 0.0}
    for one in seen:
        if not isinstance(one.rendered.component, Modulation):
            counts[one.rendered.kind] += one.counts
    signal = counts["sample"] + counts["standard"]
    strength = "strong" if signal > STRONG else "weak" if signal < WEAK else "intermediate"
    background = {"high background"} if counts["background"] > signal else set()
    return {f"{strength} scattering"} | background


def _obstacles(rendering: Rendering, experiment: Experiment, strengths: np.ndarray) -> set[str]:
    """Return the tags of obstacles and beam; d' of obstacles enter `strengths`."""
    true = set() if experiment.setup.placement.on_image else {"beam off image"}
    true |= experiment.masked_tags  # seen by their outlines, whatever they take away
    for name in experiment.altered.keys() - experiment.masked_tags:
        strength = obstacle_detectability(name, rendering, experiment)
        # Unlike components, obstacles give a detectability to tags that had none.
        for implied in _implied((name,)):
            index = tags.INDEX[implied]
            strengths[index] = np.fmax(strengths[index], strength)
        if strength >= tags.DETECTABLE:
            true.add(name)
    return true
