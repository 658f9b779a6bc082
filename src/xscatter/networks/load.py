"""Load a trained network, and run it on arrays; TensorFlow is imported on the first call."""

import hashlib
import zipfile
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.networks.build import builder
from xscatter.networks.quiet import import_tensorflow
from xscatter.store.models import ModelFolder
from xscatter.views import VIEWS

TOGETHER = 16  # records that a loaded network takes at once


def weights_sha256(model: Any) -> str:
    """Return the SHA-256 of all variables of a Keras `model`, in order."""
    digest = hashlib.sha256()
    # The order of the weights is that of the layers, and part of the identity.
    for value in model.get_weights():
        digest.update(value.tobytes())
    return digest.hexdigest()


def load_model(folder: ModelFolder) -> Any:
    """Return the Keras model in `folder`.

    Raises:
        UserError: it is missing or cannot be read, or has other weights than ``training.json``
            says.
    """
    import_tensorflow()
    import keras

    for view in VIEWS.values():
        builder(view)  # the modules of the builders register their layers with Keras
    path, again = folder.network, f"train --view {folder.view} again"
    if not path.exists():
        raise UserError(f"{path}: missing; train --view {folder.view} first")
    try:
        # Not compiled: a trained network needs neither loss nor optimizer.
        model = keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: is no model of xscatter, or damaged; delete it and {again}"
        ) from error
    if weights_sha256(model) != folder.facts("weights_sha256")["weights_sha256"]:
        raise UserError(f"{path}: has other weights than its training.json; delete it and {again}")
    return model


class Network:
    """A trained network, ready to be run.

    Attributes:
        inputs: names of its inputs, which are fields of a record.
    """

    def __init__(self, model: Any):
        import tensorflow as tf

        self.inputs: tuple[str, ...] = tuple(model.input)
        self._run = tf.function(lambda inputs: model(inputs, training=False))

    def logits(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return the logits (n, T) of n records.

        Args:
            inputs: `image` (n, rows, cols), counts with -1 where not usable; `coefficients`
                (n, angular orders, radial orders), complex.
        """
        values = {name: network_input(inputs[name]) for name in self.inputs}
        count = len(next(iter(values.values())))
        # Every call has the same shape, so that the network is compiled once.
        wide = {name: np.zeros((TOGETHER, *x.shape[1:]), np.float32) for name, x in values.items()}
        logits = []
        for first in range(0, count, TOGETHER):
            for name, x in values.items():
                records = x[first : first + TOGETHER]
                wide[name][: len(records)] = records
            # Rows beyond the last record hold zeros or earlier records, and are cut off.
            logits.append(self._run(wide).numpy()[: count - first])
        return np.concatenate(logits)


def load_network(folder: ModelFolder) -> Network:
    """Return the network in `folder`, ready to be run.

    Raises:
        UserError: see :func:`load_model`.
    """
    return Network(load_model(folder))


def network_input(values: np.ndarray) -> np.ndarray:
    """Return `values` as a network takes them: complex ones (n, ...) as two reals (n, ..., 2)."""
    if not np.iscomplexobj(values):
        return values
    values = np.ascontiguousarray(values, np.complex64)
    # A view: real and imaginary part lie side by side in memory.
    return values.view(np.float32).reshape(*values.shape, 2)
