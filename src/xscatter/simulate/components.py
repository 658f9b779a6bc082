"""The shapes of what a feature adds to the expected image, each rendered by a compiled loop.

Intensities are in units that all components of one feature share; the renderer scales the feature
as a whole to its share of the photons. A shape knows no detector: solid angle, polarisation,
obstacles and point spread come with the experiment.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Peak(NamedTuple):
    """The peak of a ring: `center` and full `width` at half maximum in nm⁻¹, without blur."""

    center: float
    width: float
    lorentzian: float


class Arcs(NamedTuple):
    """A wrapped Cauchy distribution of orientations: `fold` maxima, order `eta`, `angle` in °."""

    fold: int
    eta: float
    angle: float


class Particle(NamedTuple):
    """A form factor of a kind: its tag, and q of its first minimum in nm⁻¹."""

    tag: str
    minimum: float


class Pattern(NamedTuple):
    """Reflections of a lattice, whose peaks have the area `envelope` × that of S(q).

    The width of a peak at q is √(width² + (strain q)²).
    """

    lattice: str
    spacing: float  # nm
    width: float  # nm⁻¹
    strain: float
    lorentzian: float
    envelope: np.ndarray  # (radii,) at `experiment.q`


@dataclass(frozen=True)
class Component:
    """Base of all shapes.

    `tags` are true of the image if this component is detectable. `order` numbers the orders of
    one feature from 1 (0: not an order), for the tags that count them.
    """

    tags: tuple[str, ...] = ()
    order: int = 0


@dataclass(frozen=True, kw_only=True)
class Radial(Component):
    """R(q s(χ)) A(χ): rings, halos, form factors, diffuse scattering; by far the quickest shape.

    Components that hold the same `azimuth` and `stretch` arrays (the same objects) cost as much as
    one, so several orders of one ring share theirs.
    """

    profile: np.ndarray  # (radii,) intensity at `experiment.q`
    azimuth: np.ndarray | None = None  # (angles,) factor at `experiment.chi`; None: 1
    stretch: np.ndarray | None = None  # (angles,) factor of q at `experiment.chi`; None: 1
    # For tags of a kind, which need more than a visible component; see the package `kinds`.
    peak: Peak | None = None
    arcs: Arcs | None = None
    particle: Particle | None = None
    pattern: Pattern | None = None


@dataclass(frozen=True, kw_only=True)
class Spots(Component):
    """Gaussian spots; each array (n,), lengths in pixels."""

    rows: np.ndarray
    cols: np.ndarray
    intensity: np.ndarray  # integral, intensity times pixels
    radial_width: np.ndarray  # standard deviation along the direction from the beam centre
    tangential_width: np.ndarray  # standard deviation across it


@dataclass(frozen=True, kw_only=True)
class Plane(Component):
    """Σ_l U_l(x) V_l(y) in axes turned by `angle`: layer lines, streaks, rods.

    x runs along the azimuth `angle` and y along `angle` + 90°; both in nm⁻¹ on `experiment.axis`.
    With `tilt`, x and y are q along and across a fibre, whatever the turn about it: its axis lies
    at `angle` and is tilted by `tilt` (radians) from the plane across the beam, towards the
    detector. Where the Ewald sphere meets planes of equal q along the fibre are hyperbolas on a
    flat detector (Polanyi, Z. Phys. 7 (1921) 149):

        x = q (cos θ cos β cos(χ − angle) − sin θ sin β), y = √(q² − x²), sin θ = q λ / 4π.
    """

    along: np.ndarray  # (terms, points) U_l at `experiment.axis`
    across: np.ndarray  # (terms, points) V_l at `experiment.axis`
    angle: float = 0.0  # radians
    tilt: float | None = None  # β in radians; None: no fibre


@dataclass(frozen=True, kw_only=True)
class Map(Component):
    """An intensity for each pixel, for what no other shape can describe."""

    image: np.ndarray  # (rows, cols) float32


@dataclass(frozen=True, kw_only=True)
class Modulation(Component):
    """A factor on all scattering of the image, of mean 1: coherent speckle."""

    factor: np.ndarray  # (rows, cols) float32, not negative
