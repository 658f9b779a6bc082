"""A tagger whose temporal network says what it is told to, by the number of the frame."""

import numpy as np

from xscatter import processes
from xscatter.sequences.features import columns
from xscatter.store.bundle import Bundle, BundledNetwork, BundledSequence
from xscatter.tagging import Tagger
from xscatter.tagging.temporal import TemporalNamer

P = len(processes.NAMES)
ONSET = 8


class Constant:
    """A network with one answer."""

    inputs = ("image",)

    def logits(self, inputs):
        return np.zeros((len(inputs["image"]), 1))


class Planned:
    """A temporal network that counts frames; its memory is the count, and a sum of features.

    Args:
        plan: by process: first frame and first frame after it.
    """

    def __init__(self, plan):
        self.plan = plan

    def start(self):
        return np.zeros(2, np.float32)

    def push(self, features, state):
        rows = np.full((len(features), 3 * P + len(processes.FAMILIES)), -6.0, np.float32)
        for row, one in zip(rows, features, strict=True):
            frame = int(state[0])
            for name, (first, last) in self.plan.items():
                p = processes.INDEX[name]
                family = processes.FAMILIES.index(processes.PROCESSES[p].family)
                if first <= frame < last:
                    # What it has seen so far decides the last digits.
                    row[p] = 3.0 + 1e-3 * state[1]
                    row[3 * P + family] = 4.0
                    row[P + p] = 4.0 if frame < first + ONSET else -4.0
            state = np.array([frame + 1, state[1] + one[:8].mean()], np.float32)
        return rows, state


def tagger_and_namer(plan, alarm=0.9):
    """A tagger of one tag, and the namer of its temporal network."""
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"ring": known})
    own = {
        one.name: {"family": one.family, "slope": 1, "offset": 0, "threshold": 0.4}
        for one in processes.PROCESSES
    }
    sequence = BundledSequence(
        "sequence.onnx", "a" * 64, 2, columns(1), {"image": "0" * 64}, own,
        list(processes.FAMILIES), ONSET, alarm,
    )  # fmt: skip
    bundle = Bundle("constant", {"ring": "A ring."}, 64, {}, {"image": entry}, sequence=sequence)
    return Tagger(bundle, {"image": Constant()}), TemporalNamer(bundle, Planned(plan))
