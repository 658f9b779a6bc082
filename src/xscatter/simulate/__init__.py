"""Synthetic experiments: physics, instruments, images, and tags by construction.

From the ground up: `physics` (formulas), `instrument` (detector, beam, obstacles, noise), `shared`
(what families of features have in common), `features` (one file each, found by `registry`), `setup`
(what is constant within an experiment), `experiment` (its axes and maps), `scene` (what an image
shows), `render` (expected counts), `visibility` and `labels` (tags), `image` and `shard`. Frames in
time: `laws` (one file each, found by `law_registry`), `timeline` (what happens), `shadows`,
`homogeneity` (the rule of processes), `sequence` and `sequence_shard`.
"""

from importlib import import_module
from typing import Any

_PLACES = {
    "Experiment": "experiment",
    "simulate_experiment": "shard",
    "simulate_image": "image",
    "simulate_sequence": "sequence_shard",
}

__all__ = ["Experiment", "simulate_experiment", "simulate_image", "simulate_sequence"]


def __getattr__(name: str) -> Any:
    # Looked up when used: a command that only checks a study need not load the compiler.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
