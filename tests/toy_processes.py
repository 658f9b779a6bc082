"""A made-up test of a temporal network on sequences, written as its files."""

import json

import numpy as np

from xscatter import processes
from xscatter.core.files import write_text
from xscatter.scores.processes import Segment
from xscatter.scores.sequence_evaluation import (
    Method,
    SequenceScores,
    SequenceTruth,
    describe_sequences,
)
from xscatter.scores.tracks import segments_of
from xscatter.sequences.features import columns
from xscatter.store.features import write_features

P, K = len(processes.NAMES), len(processes.FAMILIES)
FRAMES = 60
SHOWN = ("crystallisation", "expansion", "beam damage")


def profiles(random, process, begin, end):
    """(FRAMES, 64): a halo, and what a process does to it."""
    r = np.arange(64)[None]
    x = np.clip((np.arange(FRAMES) - begin) / max(end - begin, 1), 0, 1)[:, None]
    if process is None:
        x = 0 * x
    halo = 4 * np.exp(-(((r - 28 - (4 * x if process == "expansion" else 0)) / 7) ** 2))
    if process == "beam damage":
        halo = halo * (1 - 0.5 * x)
    ring = 3 * np.exp(-(((r - 28) / 1.5) ** 2)) * (x if process == "crystallisation" else 0)
    level = 0.2 + 6 * np.exp(-r / 6) + halo + ring
    return random.poisson(400 * level) / 400 / level.mean(axis=1, keepdims=True)


def write_processes(paths, sequences=16):
    """Features, evaluation and scores of sequences of which every fourth is quiet."""
    random = np.random.default_rng(0)
    labels, d = np.zeros((sequences, P)), np.zeros((sequences, P))
    true, active, onset, scan = [], [], [], []
    for n in range(sequences):
        process = (*SHOWN, None)[n % 4]
        begin, end = 10 + n % 9, 30 + 2 * (n % 9)
        profile = profiles(random, process, begin, end)
        sizes = columns(1)
        features = np.zeros((FRAMES, sum(sizes.values())))
        features[:, :64] = profile
        path = paths.features(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        logits, times = np.zeros((FRAMES, 1)), np.arange(FRAMES, dtype=float)
        write_features(path, features, sizes, logits, times, "0" * 64, {})
        chance = random.beta(1, 12, (FRAMES, P))
        new = np.zeros((FRAMES, P))
        change = random.gamma(1, 1, FRAMES)
        if process is not None:
            p = processes.INDEX[process]
            labels[n, p], d[n, p] = 1, (20.0, 200.0)[n % 3 > 0]
            true.append(Segment(n, p, begin, end, seen=begin + 2))
            chance[begin + 4 : end + 2, p] = random.beta(9, 2, end - begin - 2)
            new[begin + 4 : begin + 8, p] = 0.9
            change[begin + 3 : begin + 12] += 6
        active.append(chance)
        onset.append(new)
        scan.append(change)
    threshold = np.full(P, 0.5)
    nothing = [np.zeros((FRAMES, P))] * sequences
    scores = SequenceScores(
        numbers=range(sequences),
        tested=SequenceTruth(labels, d, true, ~labels.any(axis=1), ["none"] * sequences),
        contrast=list(np.zeros((sequences, P))),
        methods={
            "network": Method(active, families=[np.zeros((FRAMES, K))] * sequences),
            "tags alone": Method([0.5 * one + 0.3 * random.random(one.shape) for one in active]),
            "scan": Method(scan),
            "frame difference": Method([random.random(FRAMES) for _ in range(sequences)]),
        },
        onset=onset,
        progress=nothing,
        segments=[
            one for n in range(sequences) for one in segments_of(n, active[n], onset[n], threshold)
        ],
        threshold=list(threshold),
    )
    write_text(paths.evaluation("sequence"), json.dumps(describe_sequences(scores, seed=1)))
    scores.write(paths.scores("sequence"))
