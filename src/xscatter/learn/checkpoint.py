"""Checkpoints: everything about a training in one file, complete or absent, and checked before use.

A checkpoint is an HDF5 shard (checksum and mark of completeness last): all variables of the network
(seeds of dropout among them), of the optimizer, the running average, the best weights so far, and
as JSON the step, the losses of the unfinished epoch, the history and the rule of convergence. The
order of the data is a function of (seed, pass), so the step says where it was.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from xscatter.core import shards
from xscatter.core.errors import UserError
from xscatter.store.paths import CHECKPOINTS, SET_ASIDE


class Checkpoint(NamedTuple):
    """The content of one checkpoint: groups of arrays, and all else as JSON values."""

    arrays: dict[str, list[np.ndarray]]
    facts: dict[str, Any]


def save(
    folder: Path,
    fingerprint: str,
    step: int,
    arrays: Mapping[str, list[np.ndarray]],
    facts: dict,
    keep: int,
) -> None:
    """Write `state-<step>.h5` into `folder`, then remove all but the newest `keep` checkpoints.

    Args:
        folder: of the checkpoints of one training.
        fingerprint: of the training; a checkpoint with another one is never loaded.
        step: number of steps done.
        arrays: groups of arrays, each in the order of the variables that it came from.
        facts: all else, JSON values.
        keep: number of checkpoints that remain.

    Raises:
        UserError: no space, or not writable; earlier checkpoints stay as they are.
    """
    for left in folder.glob(".state-*.part"):  # by a process that was killed while it wrote
        left.unlink(missing_ok=True)
    with shards.new_shard(folder / f"state-{step:09d}.h5", fingerprint=fingerprint) as file:
        # As bytes of JSON: floats come back exactly, and lists may have any length.
        file["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        for group, values in arrays.items():
            file.create_group(group)
            for number, value in enumerate(values):
                # Numbered: names of Keras variables, such as kernel, are not unique.
                file[group].create_dataset(f"{number:05d}", data=value)
    # Only after the new one is complete on disk: a kill in between loses nothing.
    for old in files(folder)[keep:]:
        old.unlink(missing_ok=True)


def files(folder: Path) -> list[Path]:
    """Return the checkpoints in `folder`, newest first."""
    # Steps have nine digits, so the order of names is the order of steps.
    return sorted(folder.glob(CHECKPOINTS), reverse=True)


def newest(folder: Path, fingerprint: str, say: Callable[[str], None] = print) -> Checkpoint | None:
    """Return the checkpoint that :func:`newest_path` finds, or None when there is none.

    Args:
        folder: of the checkpoints of one training.
        fingerprint: of the training; checkpoints with another one are ignored.
        say: takes a line about each checkpoint that cannot be used.
    """
    path = newest_path(folder, fingerprint, say)
    return read(path) if path else None


def newest_path(folder: Path, fingerprint: str, say: Callable[[str], None] = print) -> Path | None:
    """Return the newest checkpoint that is complete to the last byte, or None when there is none.

    A checkpoint that is damaged or foreign is reported and set aside, and the one before it is
    tried. Under its name it would count as the newest, and good ones would be removed for it.

    Args:
        folder: of the checkpoints of one training.
        fingerprint: of the training.
        say: takes a line for each checkpoint that is not used.
    """
    paths = files(folder)
    for path in paths:
        # Every byte is compared: a damaged weight would spoil all that follows without an error.
        problem = shards.problem(path, deep=True, fingerprint=fingerprint)
        if problem is None:
            return path
        aside = path.with_name(f"{SET_ASIDE}{path.name}")
        path.replace(aside)
        say(f"{path}: {problem}; it is not used, and is kept as {aside.name}")
    if paths:
        say(f"{folder}: no checkpoint can be used: the training starts again")
    return None


def tidy(folder: Path, kept: str, say: Callable[[str], None] = print, others: int = 2) -> None:
    """Remove the checkpoints of past trainings, once the training `kept` is finished.

    Those of equal settings go if `kept` has seen all their batches: it is the better parent of
    whatever comes. Of the others, which a changed key may call back, the most recent stay.

    Args:
        folder: the checkpoints of all trainings of a view.
        kept: fingerprint of the finished training.
        say: takes a line for each training whose checkpoints go.
        others: number of trainings of other settings whose checkpoints stay.
    """
    own = kept_facts(folder / kept)
    if own is None:
        return
    past = []
    for other in folder.iterdir():
        if not other.is_dir() or other.name == kept:
            continue
        facts = kept_facts(other)
        if facts and facts["settings"] == own["settings"]:
            if set(facts["batches"]) <= set(own["batches"]):
                _remove(other, "the finished training has all its batches", say)
            continue
        past.append(other)
    # The time of the newest checkpoint tells when a training was last in use.
    past.sort(
        key=lambda other: max((path.stat().st_mtime_ns for path in files(other)), default=0),
        reverse=True,
    )
    for other in past[others:]:
        _remove(other, f"{others} later ones of other settings are kept", say)


def _remove(folder: Path, why: str, say: Callable[[str], None]) -> None:
    say(f"{folder}: the checkpoints of an earlier training are removed; {why}")
    # A file that stays costs space, but is no reason to fail a finished training.
    shutil.rmtree(folder, ignore_errors=True)


def kept_facts(folder: Path) -> dict[str, Any] | None:
    """Return the facts of the newest checkpoint that can be read, without its arrays, or None."""
    for path in files(folder):
        try:
            return facts_of(path)
        except (UserError, OSError, KeyError, ValueError):
            continue
    return None


def facts_of(path: Path) -> dict[str, Any]:
    """Return the facts of one checkpoint, without its arrays.

    Raises:
        UserError: it is missing or partial.
    """
    with shards.open_shard(path) as file:
        return json.loads(file["facts"][()].tobytes())


def read(path: Path) -> Checkpoint:
    """Return one checkpoint, whose bytes :func:`newest_path` has compared with their checksum.

    Raises:
        UserError: it is missing or partial.
    """
    with shards.open_shard(path) as file:
        groups = [name for name in file if name != "facts"]
        arrays = {
            group: [file[group][name][()] for name in sorted(file[group])] for group in groups
        }
        return Checkpoint(arrays, json.loads(file["facts"][()].tobytes()))
