"""Frames on a Tiled server, and a service that follows them with a network of one answer."""

import csv
from contextlib import closing

import numpy as np

from xscatter.sources.registry import open_source
from xscatter.sources.source import SourceOptions
from xscatter.store.bundle import Bundle, BundledNetwork
from xscatter.tagging import Tagger
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal


class Constant:
    """A network with one answer."""

    inputs = ("image",)

    def logits(self, inputs):
        return np.zeros((len(inputs["image"]), 1))


def constant_tagger():
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"4-fold ring": known})
    bundle = Bundle("constant", {"4-fold ring": "A ring."}, 64, {}, {"image": entry})
    return Tagger(bundle, {"image": Constant()})


def stack(frames, seed=0, shape=(40, 48)):
    return np.random.default_rng(seed).poisson(20, (frames, *shape)).astype(np.uint16)


def follow_once(url, table, **options):
    """Follow until all is done; return the lines that were reported."""
    lines, tagger = [], constant_tagger()
    with (
        closing(open_source(url, SourceOptions(report=lines.append, **options))) as source,
        closing(Journal(table, tagger.tags)) as journal,
    ):
        once = FollowOptions(once=True)
        for _ in follow(tagger, source, journal, once, lines.append):
            pass
    return lines


def rows(table):
    with open(table, newline="") as file:
        return list(csv.DictReader(file))


def current(table):
    """The hash of the current row of each frame, by the name of its array and its number."""
    found = {}
    for row in rows(table):
        found[row["file"].rpartition("/")[2], int(row["frame"])] = row["hash"]
    return found


def patch(array, frames):
    array.patch(frames, offset=(array.shape[0],), extend=True)
