"""Tags of the width and the orientation of rings and halos, and orders at 1 : 2 : 3."""

from typing import Any

import numpy as np

from xscatter.simulate.components import Pattern
from xscatter.simulate.physics.lattice import LAMELLAR, peak_area, strengths
from xscatter.simulate.physics.profiles import debye_waller

SHARP, BROAD, HALO = 0.025, 0.1, 0.2  # width over radius: sharp below, broad above, halo above
IN_PLANE = 15.0  # degrees from the horizontal within which arcs are in plane


def width_tag(width: float, spread: float = 0.0) -> str:
    """Return the tag of the relative `width` of a ring; `spread` is that of the wavelengths."""
    width = np.hypot(width, spread)
    if width < SHARP:
        return "ring: sharp"
    return "ring: intermediate" if width <= BROAD else "ring: broad"


def widest(experiment: Any) -> float:
    """Return the relative width of a ring that is just no halo, given the spread of wavelengths."""
    return np.sqrt(HALO**2 - experiment.wavelength_spread**2)


def orientation_tags(fold: int, eta: float, angle: float) -> tuple[str, ...]:
    """Return the tags of an oriented feature.

    Args:
        fold: number of maxima on a turn.
        eta: order of the orientation (wrapped Cauchy).
        angle: azimuth of one maximum in degrees.
    """
    degree = "broad" if eta < 0.3 else "intermediate" if eta <= 0.75 else "sharp"
    names = [f"orientation: {degree}"]
    if fold >= 2:
        names.append(f"{fold}-fold" if fold in (2, 4, 6) else "8-fold and higher")
    if fold in (1, 2) and eta >= 0.3:
        away = abs((angle + 90) % 180 - 90)  # degrees from the horizontal
        if away <= IN_PLANE:
            names.append("ring: oriented in plane")
        if away >= 90 - IN_PLANE:
            names.append("ring: oriented out of plane")
    return tuple(names)


def equal_orders(parameters: dict[str, Any], q: np.ndarray, lorentzian: float) -> Pattern:
    """Return orders at 1 : 2 : 3 as the reflections of a lamellar stack.

    Args:
        parameters: `position`, `width`, `displacement` and `orders` of a ring.
        q: of radial tables (radii,) in nm⁻¹.
        lorentzian: fraction of the Lorentzian in the peaks.
    """
    first = parameters["position"]
    spacing, width = 2 * np.pi / first, parameters["width"] * first
    # Peaks of height 1 times the Debye-Waller factor, and no more orders than there are.
    away = np.sqrt(np.maximum((q / first) ** 2 - 1, 0))
    envelope = debye_waller(away, parameters["displacement"])
    envelope *= width * peak_area(lorentzian) / strengths(LAMELLAR, spacing, 1)[1][0]
    envelope[q > (parameters["orders"] + 0.5) * first] = 0
    return Pattern(LAMELLAR, spacing, width, 0.0, lorentzian, envelope)
