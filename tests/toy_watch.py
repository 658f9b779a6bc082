"""A tagger that answers by the mean of a frame, and a folder that is followed with it."""

import csv
from contextlib import closing

import numpy as np

from xscatter.sources.folder import Folder
from xscatter.store.bundle import Bundle, BundledNetwork
from xscatter.tagging import Tagger
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal


class Bright:
    """A network that calls frames of more than 20 counts a pixel bright."""

    inputs = ("image",)

    def logits(self, inputs):
        return inputs["image"].mean(axis=(1, 2))[:, None] - 20.0


def bright_tagger():
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"bright": known})
    bundle = Bundle("bright", {"bright": "Many counts."}, 64, {}, {"image": entry})
    return Tagger(bundle, {"image": Bright()})


def frame(mean, seed=0):
    return np.random.default_rng(seed).poisson(mean, (64, 64)).astype(np.int32)


def watch(folder, table, **options):
    """Tag what is in `folder`; return the lines that were reported."""
    lines, tagger = [], bright_tagger()
    source = Folder(folder, settle=0.01, read={"center": (30, 30)}, **options)
    with closing(Journal(table, tagger.tags)) as journal:
        for _ in follow(tagger, source, journal, FollowOptions(0.1, once=True), lines.append):
            pass
    return lines


def rows(table):
    """The rows of a table: name of the file, frame, version, tags, and whether it was read."""
    with open(table, newline="") as stream:
        return [
            (
                row["file"].rpartition("/")[2],
                int(row["frame"]),
                int(row["version"]),
                row["tags"],
                bool(row["hash"]),
            )
            for row in csv.DictReader(stream)
        ]


def current(table):
    """The current row of each frame that still exists: the last one."""
    with open(table, newline="") as stream:
        last = {(row["file"], row["frame"]): row for row in csv.DictReader(stream)}
    return {key: row for key, row in last.items() if "no longer in the file" not in row["note"]}
