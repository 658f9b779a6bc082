"""One image: a scene, its expected counts, the noise of its detector, its tags."""

from typing import Any, NamedTuple

import numpy as np

from xscatter.core.seeds import Purpose, generator, sequence
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.instrument.poisson import poisson_counts
from xscatter.simulate.instrument.read_out import in_units, read_out
from xscatter.simulate.instrument.zingers import add_zingers
from xscatter.simulate.labels import DrawnFacts, label
from xscatter.simulate.render import Rendering, render
from xscatter.simulate.scene import draw_scene
from xscatter.simulate.streams import Noise

MOST_PHOTONS = 0xFFFFFFFE  # of integrating detectors, whose digits saturate, not the photons


class SimulatedImage(NamedTuple):
    """All that is known of an image beside its counts.

    Attributes:
        scene: what was drawn; it regenerates the image.
        rendering: expected counts, and sums over them.
        labels: (T,) uint8, 0 or 1, in the order of `xscatter.tags.NAMES`.
        detectability: (T,) float32, d' of each tag, NaN where it has none.
    """

    scene: dict[str, Any]
    rendering: Rendering
    labels: np.ndarray
    detectability: np.ndarray


def simulate_image(
    experiment: Experiment, image: int, out: np.ndarray, scene: dict[str, Any] | None = None
) -> SimulatedImage:
    """Simulate one image of an experiment.

    Args:
        experiment: its instrument and family of samples.
        image: number of the image; with the seed it decides the scene and the noise.
        out: (size, size) uint32, filled with the counts. Masked pixels get the largest value.
        scene: show this one instead, such as one that was stored in a shard.

    Returns:
        The scene, its rendering, the labels and the detectability of each tag.

    Example:
        >>> import numpy as np
        >>> from xscatter import Experiment, Study, simulate_image
        >>> experiment = Experiment(Study(name="example", simulate={"size": 64}), 3)
        >>> counts = np.empty((64, 64), np.uint32)
        >>> simulated = simulate_image(experiment, 0, counts)
        >>> bool(counts[experiment.live].max() <= experiment.setup.detector.saturation)
        True
        >>> again = simulate_image(experiment, 0, counts.copy(), simulated.scene)
        >>> bool((again.labels == simulated.labels).all())
        True
    """
    scene = draw_scene(experiment, image) if scene is None else scene
    rendering = render(scene, experiment)
    detector, live = experiment.setup.detector, experiment.live
    integrating = detector.layout.integrating
    # Each noise has its own stream: how many numbers one of them takes changes no other.
    key = experiment.study.seed, Purpose.NOISE, experiment.number, image
    # A counter saturates by photons; an integrating detector by digits, in its read-out.
    most = MOST_PHOTONS
    if not integrating:
        most = min(int(detector.saturation / detector.gain), most)
    poisson_counts(rendering.expected, live, most, sequence(*key, Noise.PHOTONS), out)
    if integrating:
        read_out(out, rendering.expected, live, detector, generator(*key, Noise.READ_OUT))
    elif detector.gain != 1:
        in_units(out, live, detector)
    clear = 0
    if scene["zingers"]:
        rng = generator(*key, Noise.ZINGERS)
        clear = add_zingers(out, live, detector, scene["zingers"], rng)
    offset = experiment.offset
    if offset is not None:
        # The room above the pedestal first: a sum beyond the type would begin again at 0.
        np.minimum(out, np.uint32(detector.saturation) - offset, out=out, where=live)
        np.add(out, offset, out=out, where=live)
    if detector.zeros:
        out[experiment.zeros & live] = 0
    # Counted after all noise: zingers may saturate pixels, too.
    saturated = int(np.count_nonzero(out == detector.saturation))
    facts = DrawnFacts(saturated=saturated, zingers=clear)
    return SimulatedImage(scene, rendering, *label(scene, rendering, experiment, facts))
