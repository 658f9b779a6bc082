"""Bragg spots of one crystal, where its reciprocal lattice meets the Ewald sphere.

A reflection G of a crystal in the beam k is seen when |k + G| = |k|; a finite grain and a mosaic of
orientations give G a thickness, so its intensity falls as exp(−s²/2σ²) with the excitation error s
= |k + G| − |k| and σ² = σ_grain² + (|G| ω)², ω the mosaic spread and σ_grain that of Scherrer's
width 0.9 · 2π/size.

Source: Warren, X-ray Diffraction (1969), chapters 2 and 4.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from xscatter.simulate.physics.profiles import FULL_WIDTH

TO_SIGMA = 1 / FULL_WIDTH  # standard deviation of a Gaussian of full width 1 at half maximum
LARGEST_INDEX = 18
FAINTEST = 1e-3


class BraggSpots(NamedTuple):
    """Bragg spots (n,) of a crystal."""

    q: np.ndarray  # nm⁻¹
    chi: np.ndarray  # azimuth in radians
    intensity: np.ndarray  # relative, at the top of the spot


@cache
def _indices(reach: int, centring: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the allowed (hkl) (n, 3) up to `reach`, without 0, and their squared lengths (n,)."""
    index = np.arange(-reach, reach + 1)
    hkl = np.stack(np.meshgrid(index, index, index), axis=-1).reshape(-1, 3)
    if centring == "I":
        hkl = hkl[hkl.sum(axis=1) % 2 == 0]
    elif centring == "F":
        hkl = hkl[((hkl[:, 0] + hkl[:, 1]) % 2 == 0) & ((hkl[:, 1] + hkl[:, 2]) % 2 == 0)]
    squares = np.einsum("ij,ij->i", hkl, hkl)
    order = np.argsort(squares, kind="stable")
    inside = order[(squares[order] > 0) & (squares[order] <= reach**2)]
    return hkl[inside].astype(float), squares[inside]


def cubic_reflections(cell: float, largest: float, centring: str = "P") -> np.ndarray:
    """Return reciprocal lattice vectors (n, 3) in nm⁻¹ of a cubic cell; no |hkl| exceeds 18.

    Args:
        cell: edge in nm.
        largest: |G| in nm⁻¹.
        centring: P (simple), I (body-centred) or F (face-centred).
    """
    hkl, squares = _indices(LARGEST_INDEX, centring)
    return (
        2
        * np.pi
        / cell
        * hkl[: np.searchsorted(squares, (largest * cell / (2 * np.pi)) ** 2, side="right")]
    )


def near_sphere(basis: np.ndarray, wavelength: float, largest: float) -> np.ndarray:
    """Return the reciprocal lattice vectors (n, 3) about the Ewald sphere: for large cells.

    `basis` (3, 3) holds a*, b*, c* in its rows, in nm⁻¹, the beam along the third axis. On the line
    of each (h, k) the sphere is met where |k₀ + G₀ + l c|² = |k₀|², a quadratic in l; its root near
    the origin and the two integers on each side of it are taken.

    Args:
        basis: (3, 3), a*, b*, c* in its rows, in nm⁻¹; the beam is along the third axis.
        wavelength: in nm.
        largest: upper limit of the length of the vectors, in nm⁻¹.
    """
    k0 = np.array([0.0, 0.0, 2 * np.pi / wavelength])
    order = np.argsort(np.abs(basis[:, 2]))  # the axis most along the beam is followed
    a, b, c = basis[order]
    reach = int(largest / min(np.linalg.norm(a), np.linalg.norm(b))) + 1
    h, k = (index.reshape(-1, 1) for index in np.mgrid[-reach : reach + 1, -reach : reach + 1])
    plane = h * a + k * b
    plane = plane[np.einsum("ij,ij->i", plane, plane) <= largest**2]
    slope = (plane + k0) @ c
    offset = np.einsum("ij,ij->i", plane, plane) + 2 * plane @ k0
    under = slope**2 - (c @ c) * offset
    met = under >= 0
    plane, slope, offset, under = plane[met], slope[met], offset[met], under[met]
    root = -offset / (slope + np.copysign(np.sqrt(under), slope))
    index = np.floor(root)[:, None] + np.arange(-1, 3)
    vectors = (plane[:, None] + index[..., None] * c).reshape(-1, 3)
    length = np.einsum("ij,ij->i", vectors, vectors)
    return vectors[(length > 1e-12) & (length <= largest**2)]


def hexagonal_reflections(spacing: float, largest: float) -> np.ndarray:
    """Return the reciprocal lattice vectors (n, 3) of rods packed hexagonally.

    They are `spacing` apart (nm) and lie along the third axis; vectors end at `largest` (nm⁻¹).
    """
    first = 4 * np.pi / (spacing * 3**0.5)
    reach = int(min(24, np.ceil(largest / first * 1.2)))
    h, k = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1))
    vectors = first * np.stack([h + k / 2, k * 3**0.5 / 2, np.zeros_like(h)], axis=-1).reshape(
        -1, 3
    )
    length = np.einsum("ij,ij->i", vectors, vectors)
    return vectors[(length > 0) & (length <= largest**2)]


def rotation(generator: np.random.Generator) -> np.ndarray:
    """Draw a rotation matrix (3, 3) evenly from all (Shoemake, Graphics Gems III (1992) 124)."""
    w, x, y, z = (lambda v: v / np.linalg.norm(v))(generator.standard_normal(4))
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def tilt(angle: float, direction: float, turn: float) -> np.ndarray:
    """Return the rotation (3, 3) that turns a crystal about the beam, then tilts it.

    Args:
        angle: of the tilt away from the beam (third axis) in radians.
        direction: azimuth of the tilt in radians.
        turn: about the beam in radians.
    """
    c, s = np.cos(direction), np.sin(direction)
    to_axis = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    ca, sa = np.cos(angle), np.sin(angle)
    bend = np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
    ct, st = np.cos(turn), np.sin(turn)
    spin = np.array([[ct, -st, 0], [st, ct, 0], [0, 0, 1]])
    return to_axis @ bend @ to_axis.T @ spin


def ewald_spots(
    vectors: np.ndarray, wavelength: float, grain: float, mosaic: float, swing: float = 0.0
) -> BraggSpots:
    """Return the spots of a reciprocal lattice, but for the faint ones.

    Args:
        vectors: of the lattice (n, 3) in nm⁻¹, the third axis along the beam.
        wavelength: in nm.
        grain: size in nm.
        mosaic: ω in radians.
        swing: angle in radians that the crystal turns by while it is exposed, about the axis of
            rows; more reflections then cross the sphere.
    """
    k = 2 * np.pi / wavelength
    scattered = vectors + np.array([0.0, 0.0, k])
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    error = np.sqrt(np.einsum("ij,ij->i", scattered, scattered)) - k
    sigma = np.hypot(TO_SIGMA * 2 * np.pi * 0.9 / grain, length * mosaic)
    # Turning by φ about the second axis moves the error by φ |G_x| k/|k + G|, which is evenly
    # spread: the standard deviation is 1/√12 of it.
    sigma = np.hypot(sigma, np.abs(vectors[:, 0]) * swing / 12**0.5)
    intensity = np.exp(-0.5 * (error / sigma) ** 2)
    seen = (intensity > FAINTEST) & (scattered[:, 2] > 0)
    # A spot off the sphere shows in the direction of its ray, at the nearest point of the sphere.
    sine = np.hypot(scattered[seen, 0], scattered[seen, 1])
    two_theta = np.arctan2(sine, scattered[seen, 2])
    azimuth = np.arctan2(scattered[seen, 1], scattered[seen, 0])
    return BraggSpots(2 * k * np.sin(two_theta / 2), azimuth, intensity[seen])
