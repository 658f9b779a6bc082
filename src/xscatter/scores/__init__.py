"""Metrics, calibration and evaluations; nothing here needs TensorFlow."""
