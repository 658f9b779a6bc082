"""The test of the temporal network: its answers on sequences that no training has seen."""

from dataclasses import dataclass

import numpy as np

from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.learn.sequences import LearntSequence, P, open_sequences_of
from xscatter.networks.load import load_model
from xscatter.networks.quiet import import_tensorflow
from xscatter.scores import calibration
from xscatter.scores.calibration import Calibration, sigmoid
from xscatter.scores.processes import Segment
from xscatter.scores.sequence_evaluation import SequenceTruth, nuisance_of
from xscatter.scores.tracks import segments_of
from xscatter.store.models import SEQUENCE_FACTS, ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import SEQUENCE

_INSTRUMENT = np.array([one.family == "instrument" for one in processes.PROCESSES])


@dataclass(frozen=True)
class Predicted:
    """Answers of the temporal network on the test set, sequence by sequence.

    Attributes:
        sequences: the sequences.
        columns: number of columns of each group of their features.
        fitted: calibration of P(active).
        active: (n, P) calibrated.
        onset: (n, P).
        progress: (n, P).
        family: (n, families).
    """

    sequences: list[LearntSequence]
    columns: dict[str, int]
    fitted: Calibration
    active: list[np.ndarray]
    onset: list[np.ndarray]
    progress: list[np.ndarray]
    family: list[np.ndarray]

    def truth(self) -> SequenceTruth:
        """Return what happens in the sequences."""
        true, quiet, nuisance = [], [], []
        for n, one in enumerate(self.sequences):
            for span in one.spans:
                if one.labels[span["process"]]:
                    begin, end, seen = (int(span[key]) for key in ("begin", "end", "seen"))
                    true.append(Segment(n, int(span["process"]), begin, end + 1, seen=seen))
            present = one.track.present
            quiet.append(not present[~_INSTRUMENT].any())
            nuisance.append(nuisance_of([processes.NAMES[p] for p in np.flatnonzero(present)]))
        return SequenceTruth(
            np.array([one.labels for one in self.sequences]),
            np.array([one.detectability for one in self.sequences]),
            true,
            np.array(quiet),
            nuisance,
        )

    def segments(self) -> list[Segment]:
        """Return the processes that the network reports at its thresholds."""
        threshold = np.array(self.fitted.threshold)
        return [
            segment
            for n, (active, onset) in enumerate(zip(self.active, self.onset, strict=True))
            for segment in segments_of(n, active, onset, threshold)
        ]


def predict_sequences(study: Study, paths: StudyPaths) -> Predicted:
    """Return the answers of the temporal network of a study on its test set.

    Raises:
        UserError: no network or features, or they do not fit each other; no process in the test
            set.
    """
    source = open_sequences_of(study, paths)
    subset, folder = source.test_set(), ModelFolder(paths.model(SEQUENCE.name))
    again = f"train --view {SEQUENCE.name} again"
    facts = folder.facts(*SEQUENCE_FACTS)
    if {key: facts[key] for key in ("columns", "networks")} != source.layout:
        raise UserError(f"{folder.path}: was trained on other features; {again}")
    if facts["tags"] != source.tags or set(source.tested) & {
        *facts["split"]["training"],
        *facts["split"]["validation"],
    }:
        raise UserError(f"{folder.path}: was trained on other sequences; {again}")
    if not subset.labels().any():
        raise UserError(
            f"{paths.sequence(0).parent}: no process in any sequence of the test set; raise "
            "sequence.sequences"
        )
    import_tensorflow()
    from xscatter.learn import learner

    # The number of threads decides how sums round, so it is that of the training.
    learner.prepare(study.train.threads, study.seed, 0)
    model = load_model(folder)
    answers = subset.answers(lambda inputs: model(inputs, training=False))
    fitted = calibration.load(folder.calibration)
    return Predicted(
        list(subset.sequences),
        source.columns,
        fitted,
        [fitted.probability(a[:, :P]) for a in answers],
        [sigmoid(a[:, P : 2 * P]) for a in answers],
        [sigmoid(a[:, 2 * P : 3 * P]) for a in answers],
        [sigmoid(a[:, 3 * P :]) for a in answers],
    )
