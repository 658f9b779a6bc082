"""Checks of what goes into a tagger: a network in ONNX is its original, a test of its training."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError
from xscatter.scores.calibration import Calibration

AGREEMENT = 1e-3  # largest difference of a logit between Keras and ONNX


def check_logits(path: Path, logits: np.ndarray, expected: np.ndarray) -> None:
    """Check that a network in ONNX answers as its original does.

    Args:
        path: of the original.
        logits: of the network in ONNX.
        expected: of the original, on the same inputs.

    Raises:
        RuntimeError: they differ.
    """
    difference = np.abs(logits - expected).max()
    # Inputs that no record has may give logits of any size, which float32 rounds.
    if not difference <= AGREEMENT * max(1.0, np.abs(expected).max() / 20):
        raise RuntimeError(f"{path}: its logits differ by {difference:.1e} in ONNX")


def check_thresholds(path: Path, tested: Mapping[str, float], fitted: Calibration) -> None:
    """Check that a test is of the training that `fitted` is of.

    Thresholds are fitted after each training, so others belong to another one.

    Args:
        path: of the evaluation.
        tested: thresholds in it, by name.
        fitted: calibration of the training.

    Raises:
        UserError: it is of an earlier one.
    """
    if dict(tested) != dict(zip(fitted.tags, fitted.threshold, strict=True)):
        raise UserError(
            f"{path}: is of an earlier training; score the view again with `xscatter test`"
        )
