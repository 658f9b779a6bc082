"""Calibration standards: their parameters, and their rings as components."""

from typing import Any

import numpy as np

from xscatter.simulate.components import Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.rings import width_tag

COUNTED = 10  # rings that are components of their own; the rest go with the last of them
STANDARD_TAGS = (
    "ring",
    "ring: isotropic",
    "ring: sharp",
    "ring: intermediate",
    "ring: broad",
    "polycrystalline",
    "standard",
)
WIDTH_AND_SCATTER = (
    Parameter("width", "nm⁻¹", 0.06, (1e-3, 2.0), "full width of the rings at half maximum"),
    Parameter(
        "scatter",
        "",
        0.02,
        (0.0, 10.0),
        "smooth scattering of container and binder, over the strongest ring",
    ),
)


def visible(experiment: Any, rings: np.ndarray) -> bool:
    """Return whether two of `rings` (n,) in nm⁻¹ are well on the detector and can be told apart."""
    seen = (rings > experiment.q_low) & (rings < experiment.q_high)
    apart = np.diff(rings).min()
    return bool(
        seen.sum() >= 2
        and apart > 8 * experiment.blur
        and apart > 2 * experiment.wavelength_spread * rings[1]
    )


def standard_components(
    parameters: dict[str, Any], experiment: Any, tag: str, rings: Any
) -> list[Radial]:
    """Return the components of a calibration standard; its second seen ring tells which it is.

    Args:
        parameters: of the feature.
        experiment: it is drawn in.
        tag: of the standard.
        rings: q in nm⁻¹ (n,) and strength (n,).
    """
    q, width = experiment.q, parameters["width"]
    shown = max(width, 2.5 * experiment.resolution)
    components = [Radial(profile=parameters["scatter"] / (1 + (q / experiment.q_low) ** 2))]
    seen = 0
    for order, (centre, strength) in enumerate(zip(*rings, strict=True), start=1):
        begin, end = np.searchsorted(q, (centre - 12 * shown, centre + 12 * shown))
        if end - begin < 3:
            continue
        profile = np.zeros_like(q)
        profile[begin:end] = strength * peak(q[begin:end], centre, width, 0.6)
        if order > COUNTED:
            components[-1].profile[begin:end] += profile[begin:end]
            continue
        seen += centre > experiment.q_low
        names = (
            "ring",
            "ring: isotropic",
            "polycrystalline",
            width_tag(width / centre, experiment.wavelength_spread),
        )
        components.append(
            Radial(
                tags=(*names, tag) if seen <= 2 else names,
                order=order,
                profile=profile,
                peak=Peak(centre, width, 0.6),
            )
        )
    return components
