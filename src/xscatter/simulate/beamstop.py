"""Beamstops and other things in the way: transmittance of everything between sample and detector.

Edges are blurred: they are out of focus by the divergence of the beam, and by the point spread.
"""

import numpy as np


def _edge(distance: np.ndarray, blur: float) -> np.ndarray:
    """Shadow, 1 where `distance` (pixels, positive outside) is well below 0: a logistic of the width of `blur`."""
    return 1.0 / (1.0 + np.exp(np.clip(distance * (1.702 / max(blur, 0.2)), -40, 40)))


def _strip(x: np.ndarray, y: np.ndarray, width: float, blur: float) -> np.ndarray:
    """Shadow of a rod of full `width` that begins at the origin and runs along +x."""
    return _edge(np.maximum(np.abs(y) - width / 2, -x), blur)


def beamstop_shadow(kind: str, drow: np.ndarray, dcol: np.ndarray, stop: dict) -> np.ndarray:
    """Shadow (rows, cols) in [0, 1] of a beamstop; 1 is fully dark.

    `drow` (rows, 1) and `dcol` (1, cols) are pixels from the beam; `stop` holds radius, blur,
    holder (full width) and elbow (its distance) in pixels, mount (width over radius), angle, bend and
    opening (half angle of a wedge) in radians; a disk may have a hole (its radius over that of the
    disk), a rod a round head (its radius over half the width of the rod).
    """
    if kind == "none":
        return np.zeros(np.broadcast_shapes(drow.shape, dcol.shape), np.float32)
    cosine, sine = np.cos(stop["angle"]), np.sin(stop["angle"])
    x = dcol * cosine + drow * sine
    y = drow * cosine - dcol * sine
    if kind == "circular":
        distance = np.hypot(x, y)
        shadow = _edge(distance - stop["radius"], stop["blur"])
        if stop["hole"] > 0:
            shadow *= 1 - (1 - stop["hole_opacity"]) * _edge(
                distance - stop["hole"] * stop["radius"], stop["blur"]
            )
        if stop["holder"] > 0:
            # A rod up to the elbow, from there another that is bent; the mount is a block behind the disk.
            bend, elbow, blur = stop["bend"], stop["elbow"], stop["blur"]
            far = x - elbow
            along, across = (
                far * np.cos(bend) + y * np.sin(bend),
                y * np.cos(bend) - far * np.sin(bend),
            )
            near = np.minimum(_strip(x, y, stop["holder"], blur), _edge(far, blur))
            rod = np.maximum(near, _strip(along, across, stop["holder"], blur))
            length = 2.5 * stop["radius"]
            block = np.minimum(
                _strip(x, y, stop["mount"] * stop["radius"], blur), _edge(x - length, blur)
            )
            rod = np.maximum(rod, block) if stop["mount"] > 0 else rod
            shadow = np.maximum(shadow, rod * stop["holder_opacity"])
    elif kind == "linear":
        # A rod that hides the beam with its end, or is the stalk of a head that does.
        width = 2 * stop["radius"] / max(stop["head"], 1.0)
        shadow = _strip(x + stop["radius"], y, width, stop["blur"])
        beyond = 1 - _edge(x - 2 * stop["radius"], stop["blur"])
        shadow *= 1 - (1 - stop["rod_opacity"]) * beyond
        if stop["head"] > 0:
            shadow = np.maximum(shadow, _edge(np.hypot(x, y) - stop["radius"], stop["blur"]))
    else:
        opening = stop["opening"]
        reach = stop["radius"] / np.sin(
            opening
        )  # the apex lies so that the beam is `radius` from both sides
        side = np.abs(y) * np.cos(opening) - (x + reach) * np.sin(opening)
        shadow = _edge(side, stop["blur"])
    return shadow.astype(np.float32)


def beamstop_mask(kind: str, drow: np.ndarray, dcol: np.ndarray, stop: dict) -> np.ndarray:
    """Mask (rows, cols) bool that somebody laid over a beamstop: its outline, grown by ``stop["margin"]`` pixels.

    Arguments as those of `beamstop_shadow`; holes are covered, and the holder where ``stop["holder_masked"]``.
    """
    margin = stop["margin"]
    grown = stop | {
        "radius": stop["radius"] + margin,
        "holder": stop["holder"] + 2 * margin
        if stop["holder_masked"] and stop["holder"] > 0
        else 0.0,
        "blur": 0.0,
        "hole": 0.0,
        "holder_opacity": 1.0,
        "rod_opacity": 1.0,
    }
    return beamstop_shadow(kind, drow, dcol, grown) > 0.5


def patch_shadow(y: np.ndarray, x: np.ndarray, patch: dict) -> np.ndarray:
    """Shadow (rows, cols) in [0, opacity] of tape, a cable or a holder: a rectangle with soft edges.

    `y` (rows, 1) and `x` (1, cols) are pixels from its centre; `patch` holds half (two half sides) and
    blur in pixels, angle in radians.
    """
    c, s = np.cos(patch["angle"]), np.sin(patch["angle"])
    v, u = c * y - s * x, c * x + s * y
    distance = np.maximum(np.abs(v) - patch["half"][0], np.abs(u) - patch["half"][1])
    return (_edge(distance, patch["blur"]) * patch["opacity"]).astype(np.float32)


def window_shadow(
    shape: str, y: np.ndarray, x: np.ndarray, radius: float, blur: float
) -> np.ndarray:
    """Shadow (rows, cols) in [0, 1] outside of an opening, a "circle" or a "square".

    `y` (rows, 1) and `x` (1, cols) are pixels from its centre, `radius` and `blur` pixels.
    """
    distance = np.hypot(y, x) if shape == "circle" else np.maximum(np.abs(y), np.abs(x))
    return _edge(radius - distance, blur).astype(np.float32)
