"""The detectability d' of what an image shows.

d' = √(Σ s²/λ) over live pixels, s the expected counts of the component and λ all expected counts:
the signal-to-noise ratio of the ideal observer that knows the shape (a matched filter in Poisson
noise; Barrett & Myers, Foundations of Image Science, 2004, chapter 13). Contrast is Σ(s²/λ)/Σs, the
fraction of λ that s is where s is.
"""

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Modulation, Radial
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.render import RenderedComponent, Rendering


@compiled
def _image_sums(image, gain, expected, scale):
    information, flux = 0.0, 0.0
    rows, cols = expected.shape
    for r in range(rows):
        for c in range(cols):
            value = image[r, c]
            # The gain of masked pixels is negative.
            if value > 0 and gain[r, c] > 0:
                s = np.float64(value) * gain[r, c] * scale
                information += s * s / expected[r, c]
                flux += s
    return information, flux


@compiled
def _radial_sums(profile, scale, information_of, flux_of, family):
    information, flux = 0.0, 0.0
    for i in range(len(profile)):
        s = profile[i] * scale
        information += information_of[i, family] * s * s
        flux += flux_of[i, family] * s
    return information, flux


@compiled
def _altered_sum(expected, where, factor, dark):
    """Σ (λ − λ₀)²/max(λ, λ₀) over the pixels `where`, λ₀ expected without `factor`."""
    total = 0.0
    for n in range(len(where)):
        counts = np.float64(expected[where[n]])
        # Counts without the obstacle, which dims the light but not the dark counts.
        without = max(counts - dark, 0.0) / factor[n] + dark
        total += (counts - without) ** 2 / max(counts, without)
    return total


def detectability(
    rendered: RenderedComponent, rendering: Rendering, experiment: Experiment
) -> tuple[float, float, float]:
    """Return d', contrast and expected counts of one component.

    Args:
        rendered: the component, one of those of `rendering`.
        rendering: of the image.
        experiment: of the image.
    """
    if isinstance(rendered.component, Radial):
        # Both sums were collected by radius while rendering: no pixel is looked at again.
        information, flux = _radial_sums(
            rendered.profile, rendered.scale, rendering.information, rendering.flux, rendered.family
        )
    elif isinstance(rendered.component, Modulation):
        information, flux = rendering.modulation
    else:
        information, flux = _image_sums(
            rendered.image, experiment.gain, rendering.expected, rendered.scale
        )
    return float(np.sqrt(information)), information / flux if flux > 0 else 0.0, flux


def obstacle_detectability(name: str, rendering: Rendering, experiment: Experiment) -> float:
    """Return d' of the counts that an obstacle takes away or adds.

    Args:
        name: its tag, a key of `experiment.altered`.
        rendering: of the image.
        experiment: of the image.
    """
    where, factor = experiment.altered[name]
    dark = experiment.setup.detector.dark_counts
    return float(np.sqrt(_altered_sum(rendering.expected.ravel(), where, factor, dark)))
