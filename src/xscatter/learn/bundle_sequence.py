"""The temporal network of a tagger: as ONNX, with what is needed to use it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.learn.agreement import check_logits, check_thresholds
from xscatter.networks.export import to_onnx_stream
from xscatter.networks.load import load_model
from xscatter.networks.run import SequenceNetwork
from xscatter.scores import calibration
from xscatter.scores.tracks import ONSET
from xscatter.store.bundle import BundledSequence, network_file
from xscatter.store.models import SEQUENCE_FACTS, ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.views import SEQUENCE

_FRAMES = 40  # on which both are compared
_FAMILY = {one.name: one.family for one in processes.PROCESSES}


def bundled_sequence(
    paths: StudyPaths, weights: Mapping[str, str]
) -> tuple[bytes, BundledSequence]:
    """Return the temporal network of a study as ONNX, and its entry in ``tagger.json``.

    Args:
        paths: of the study.
        weights: SHA-256 of the other networks of the tagger, by view.

    Raises:
        UserError: it is missing, not tested, or was trained on features of other networks.
    """
    folder = ModelFolder(paths.model(SEQUENCE.name))
    if not folder.network.exists():
        raise UserError(f"{folder.network}: missing; train --view {SEQUENCE.name} first")
    facts = folder.facts(*SEQUENCE_FACTS)
    if facts["networks"] != dict(weights):
        raise UserError(
            f"{folder.path}: was trained on features of other networks than the tagger has; run "
            f"`xscatter embed` on the sequences, then train --view {SEQUENCE.name}"
        )
    fitted, tested = calibration.load(folder.calibration), _evaluation(paths)
    thresholds = {name: own["threshold"] for name, own in tested["each"].items()}
    check_thresholds(paths.evaluation(SEQUENCE.name), thresholds, fitted)
    content, state = _exported(folder)
    known = ("precision", "recall", "average_precision", "interval", "positives")
    entries = {
        name: {
            "family": _FAMILY[name],
            "slope": fitted.slope[p],
            "offset": fitted.offset[p],
            "threshold": fitted.threshold[p],
            "prevalence": tested["each"][name]["positives"] / tested["sequences"],
            **{key: tested["each"][name][key] for key in known},
        }
        for p, name in enumerate(fitted.tags)
    }
    own = tested["methods"]["network"]
    keys = ("mean_average_precision", "interval", "processes_that_occur", "by_detectability")
    return content, BundledSequence(
        file=network_file(SEQUENCE.name),
        sha256=hashlib.sha256(content).hexdigest(),
        state=state,
        columns=facts["columns"],
        networks=facts["networks"],
        processes=entries,
        families=list(processes.FAMILIES),
        onset_frames=ONSET,
        alarm_threshold=own["alarm"]["threshold"],
        scores={key: own[key] for key in keys} | {"sequences": tested["sequences"]},
    )


def _evaluation(paths: StudyPaths) -> dict[str, Any]:
    path = paths.evaluation(SEQUENCE.name)
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; score the view with `xscatter test`") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); score the view again") from error


def _exported(folder: ModelFolder) -> tuple[bytes, int]:
    """Return the network as ONNX and the size of its state; it is compared with the original.

    Frames that come one by one must give what all of them give at once.
    """
    model = load_model(folder)
    content = to_onnx_stream(model)
    network = SequenceNetwork(content)
    random = np.random.default_rng(0)
    features = random.gamma(2.0, size=(_FRAMES, network.features)).astype(np.float32)
    expected = np.asarray(model({"features": features[None]}, training=False))[0]
    state, logits = network.start(), []
    for frame in features:
        some, state = network.push(frame[None], state)
        logits.append(some[0])
    check_logits(folder.network, np.array(logits), expected)
    return content, len(state)
