"""Sequence files: all frames of one sequence, written one at a time, and what happens in it."""

from pathlib import Path

import numpy as np

from xscatter import processes
from xscatter.core.version import __version__
from xscatter.simulate.sequence import Sequence, draw_sequence, sequence_experiment
from xscatter.simulate.shard import write_images
from xscatter.store.sequences import SPAN, new_sequence
from xscatter.study import Study


def simulate_sequence(study: Study, number: int, path: str | Path) -> None:
    """Simulate a sequence and write its file; memory holds a few images at a time.

    Args:
        study: what to simulate.
        number: of the sequence in the study, from 0.
        path: of the file, which appears when it is complete.

    Raises:
        UserError: the study cannot be simulated, or `path` cannot be written.

    Example:
        >>> import tempfile
        >>> from xscatter import Study, open_sequence, simulate_sequence
        >>> study = Study(name="example", simulate={"size": 32}, sequence={"frames": 8})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     simulate_sequence(study, 0, f"{folder}/00000.h5")
        ...     with open_sequence(f"{folder}/00000.h5") as sequence:
        ...         len(sequence)
        8
    """
    sequence = draw_sequence(sequence_experiment(study, number))
    experiment, n = sequence.experiment, len(sequence)
    detector = experiment.setup.detector
    attributes = {
        "xscatter_version": __version__,
        "study": study.name,
        "study_hash": study.fingerprint("sequence"),
        "seed": np.uint64(study.seed),
        "experiment": experiment.number,
        "sequence": number,
    }
    with new_sequence(path, n, experiment.size, detector.saturation, **attributes) as shard:
        write_images(shard, experiment, sequence.simulate)
        judged, spans = judge(sequence)
        shard.happened(
            sequence.times,
            sequence.covariates,
            judged,
            spans,
            sequence.quantities,
            sequence.least_errors,
            sequence.settings(),
        )


def judge(sequence: Sequence) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what a sequence shows, by the rule of processes.

    Returns:
        Labels, detectability and contrast (P,) and progress (n, P) by name, and the spans.
    """
    total = len(processes.NAMES)
    labels, strength = np.zeros(total, np.uint8), np.zeros(total, np.float32)
    contrast, progress = np.zeros(total, np.float32), np.full((len(sequence), total), np.nan)
    spans = []
    for n, event in enumerate(sequence.timeline.events):
        index = processes.INDEX[event.process]
        detected = sequence.detect(n)
        progress[:, index] = sequence.progress[n]
        strength[index], contrast[index] = detected.strength, detected.contrast
        own = sequence.spans(n, detected.course, processes.DETECTABLE)
        # A fault that changes no expected count has no D: it is true if it happens at all.
        clear = detected.strength >= processes.DETECTABLE
        clear = clear and detected.contrast >= processes.CONTRAST
        labels[index] = bool(own) and (clear or bool(np.isnan(detected.strength)))
        spans += [(index, span.begin, span.end, span.seen, span.open) for span in own]
    judged: dict[str, np.ndarray] = {
        "labels": labels,
        "detectability": strength,
        "contrast": contrast,
        "progress": progress.astype(np.float32),
    }
    return judged, np.array(sorted(spans), SPAN)
