"""Run a network that was exported to ONNX; nothing here needs TensorFlow."""

from collections.abc import Mapping
from typing import Any

import numpy as np

TOGETHER = 16  # records that a network takes at once; bounds its memory


class Network:
    """A trained network, ready to be run.

    Attributes:
        inputs: names of its inputs, which are fields of a record.

    Args:
        content: the ONNX file.

    Raises:
        ValueError: `content` is no network.
    """

    def __init__(self, content: bytes):
        self._session = _session(content)
        self.inputs: tuple[str, ...] = tuple(one.name for one in self._session.get_inputs())

    def logits(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the logits (n, T) of n records.

        Args:
            inputs: `image` (n, rows, cols), counts with -1 where not usable; `coefficients`
                (n, angular orders, radial orders), complex.
        """
        values = {
            name: np.ascontiguousarray(network_input(inputs[name]), np.float32)
            for name in self.inputs
        }
        count = len(next(iter(values.values())))
        logits = [
            self._session.run(None, {n: x[first : first + TOGETHER] for n, x in values.items()})[0]
            for first in range(0, count, TOGETHER)
        ]
        return np.concatenate(logits)


class SequenceNetwork:
    """A temporal network, ready to be run on the frames of a sequence as they come.

    Args:
        content: the ONNX file.

    Raises:
        ValueError: `content` is no network.
    """

    def __init__(self, content: bytes):
        self._session = _session(content)
        sizes = {one.name: one.shape[-1] for one in self._session.get_inputs()}
        if set(sizes) != {"features", "state"}:
            raise ValueError("not a temporal network")
        self.features, self._state = sizes["features"], sizes["state"]

    def start(self) -> np.ndarray:
        """Return the state before the first frame."""
        return np.zeros(self._state, np.float32)

    def push(self, features: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logits (T, 3 P + families) of the next frames, and the state after them.

        Args:
            features: (T, F), as :mod:`xscatter.sequences.features` makes them.
            state: of :meth:`start`, or after the frame before.
        """
        values = np.asarray(features, np.float32)[None]
        logits, after = self._session.run(
            ["logits", "next_state"], {"features": values, "state": state[None]}
        )
        return logits[0], after[0]


def _session(content: bytes) -> Any:
    """Return a session of the runtime on one core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Sums do not depend on the number of cores, and frames are prepared on the others.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options)
    # Its exceptions have no common class of their own.
    except Exception as error:
        raise ValueError(f"not a network in ONNX ({type(error).__name__})") from error


def network_input(values: np.ndarray) -> np.ndarray:
    """Return `values` as a network takes them: complex ones (n, ...) as two reals (n, ..., 2)."""
    if not np.iscomplexobj(values):
        return values
    values = np.ascontiguousarray(values, np.complex64)
    # A view: real and imaginary part lie side by side in memory.
    return values.view(np.float32).reshape(*values.shape, 2)
