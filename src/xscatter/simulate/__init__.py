"""Synthetic experiments: physics, detectors, tags by construction."""

from importlib import import_module
from typing import Any

_PLACES = {"Experiment": "experiment", "simulate_experiment": "shard", "simulate_image": "image"}

__all__ = ["Experiment", "simulate_experiment", "simulate_image"]


def __getattr__(name: str) -> Any:
    # Looked up when used: a command that only checks a study need not load the compiler.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
