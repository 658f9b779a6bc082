"""Load a trained Keras network; TensorFlow is imported on the first call."""

import hashlib
import zipfile
from typing import Any

from xscatter.core.errors import UserError
from xscatter.networks.build import builder
from xscatter.networks.quiet import import_tensorflow
from xscatter.store.models import ModelFolder
from xscatter.views import SEQUENCE, VIEWS


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

    for view in (*VIEWS.values(), SEQUENCE):
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
