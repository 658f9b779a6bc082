"""The course of a process in time: onset, time and exponents that laws share, in frames."""

from typing import Any

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.shared.draws import log_uniform

ONSET = Parameter("onset", "frame", 30.0, (-1e6, 1e6), "t₀, when the process begins")
TIME = Parameter("time", "frame", 10.0, (1e-3, 1e6), "τ, time of the process")
EXPONENT = Parameter("exponent", "", 3.0, (0.5, 5.0), "n of Avrami's law")
WITHIN = 0.2  # fraction of the processes that are cut off by the beginning or end of the record


def draw_times(rng: np.random.Generator, frames: int, quickness: float = 1.0) -> dict[str, float]:
    """Draw onset and time of a process.

    Args:
        rng: random stream.
        frames: number of frames of the record.
        quickness: of a process whose τ is shorter than usual.
    """
    time = max(frames * 10 ** rng.uniform(-1.7, -0.2) / quickness, 0.5)
    if rng.random() >= WITHIN:
        onset = rng.uniform(0.1, 0.7) * frames
    elif rng.random() < 0.5:  # it is under way in the first frame
        onset = -rng.uniform(0.1, 1.0) * min(time, frames / 2)
    else:  # it is under way in the last one
        onset = frames - rng.uniform(0.3, 1.2) * min(time, frames / 2)
    return {"onset": float(onset), "time": float(time)}


def since(t: np.ndarray | float, onset: float, time: float) -> np.ndarray:
    """Return (t − t₀)/τ, 0 before the onset.

    Args:
        t: frames, any shape.
        onset: t₀ in frames.
        time: τ in frames.
    """
    return np.maximum((np.asarray(t, float) - onset) / time, 0.0)


def avrami(t: np.ndarray | float, onset: float, time: float, exponent: float) -> np.ndarray:
    """Return X = 1 − exp(−((t − t₀)/τ)ⁿ), 0 before the onset (Avrami, J. Chem. Phys. 7, 1939).

    Args:
        t: frames, any shape.
        onset: t₀ in frames.
        time: τ in frames.
        exponent: n.
    """
    return 1 - np.exp(-(since(t, onset, time) ** exponent))


def logistic(t: np.ndarray | float, onset: float, time: float) -> np.ndarray:
    """Return a logistic that rises from 0.02 to 0.98 between t₀ and t₀ + τ.

    Args:
        t: frames, any shape.
        onset: t₀ in frames.
        time: τ in frames.
    """
    z = (np.asarray(t, float) - onset - time / 2) / time * (2 * np.log(49.0))
    return 1 / (1 + np.exp(-np.clip(z, -60, 60)))


def scaled(entry: dict[str, Any], share: float = 1.0, **parameters: float) -> dict[str, Any]:
    """Return a copy of an entry of a scene, its share multiplied, some parameters replaced.

    Args:
        entry: feature, share and parameters.
        share: factor of its share of the photons.
        parameters: new values, by name.
    """
    return {
        **entry,
        "share": float(entry["share"] * share),
        "parameters": {**entry["parameters"], **{k: float(v) for k, v in parameters.items()}},
    }


def beside(rng: np.random.Generator, halo: dict[str, Any], crystals: dict[str, Any]) -> None:
    """Put the first ring of crystals where the halo of the melt is: both come from neighbours.

    Stacks of lamellae stay at low q, where they are.

    Args:
        rng: random stream.
        halo: entry of the scene.
        crystals: entry of the scene, changed in place.
    """
    first = halo["parameters"]["position"] * rng.uniform(0.85, 1.1)
    if "cell" in crystals["parameters"]:
        crystals["parameters"]["cell"] = float(2 * np.pi / first)
    elif "position" in crystals["parameters"]:
        crystals["parameters"]["position"] = float(first)


def crystal(rng: np.random.Generator) -> dict[str, float]:
    """Draw exponent n of Avrami's law and the crystallinity that is reached."""
    return {"exponent": rng.uniform(1.5, 4.0), "crystallinity": log_uniform(rng, 0.05, 0.7)}
