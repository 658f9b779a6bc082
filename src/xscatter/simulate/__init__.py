"""Synthetic experiments: physics, detectors, tags by construction."""
