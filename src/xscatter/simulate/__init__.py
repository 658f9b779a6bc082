"""Synthetic experiments: physics, detectors, tags by construction."""

from xscatter.simulate.experiment import Experiment
from xscatter.simulate.shard import simulate_experiment, simulate_image

__all__ = ["Experiment", "simulate_experiment", "simulate_image"]
