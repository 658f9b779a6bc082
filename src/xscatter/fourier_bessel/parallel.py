"""The transform of whole shards, shared among MPI ranks.

Work is handed out in blocks of images, whole shards first, by rank 0, so that a slow rank takes
fewer. The rank that takes the first block of a shard writes its file; the others send it what they
made. Images go in groups that begin at fixed numbers, so that every image is computed the same way
whoever computes it.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import h5py

from xscatter.errors import UserError
from xscatter.fourier_bessel.files import Job, Part, Source, Target, share_tables
from xscatter.fourier_bessel.loops import LANES
from xscatter.fourier_bessel.ranks import Alone
from xscatter.progress import track
from xscatter.shards import problem
from xscatter.study import Study

# A rank that comes to a shard plans for its beam centre first, which takes the time of a few dozen images.
LEAST_BLOCK = 4 * LANES
# What h5py raises for damaged or foreign files, and the plan for a beam centre that is out of reach.
UNREADABLE = (OSError, KeyError, RuntimeError, UserError)


def transform_files(study: Study, pairs: list[tuple[Path, Path]], ranks: Alone | None = None) -> list[str]:
    """Expand every image of experiment shards into coefficient files.

    Called by all ranks with the same arguments. Files that are whole, of this study and of their
    shard as it is now are left as they are.

    Args:
        study: the study; its section `transform` decides the content.
        pairs: (experiment shard, coefficient file).
        ranks: the processes that share the work (default: this one).

    Returns:
        On rank 0, one line for every shard that is wrong in some way; all others are done.
    """
    ranks = ranks or Alone()
    jobs, problems = ranks.share(_examine(study, pairs) if ranks.rank == 0 else None)
    blocks = _blocks([job.images for job in jobs], ranks.size)
    ranks.begin([job for job, _, _ in blocks])
    if jobs:
        share_tables(study, ranks.on_node)
    work = _work(study, jobs, blocks, ranks, problems if ranks.rank == 0 else [])
    if ranks.rank == 0:
        steps = (None for images in work for _ in range(images))
        for _ in track(steps, "images", sum(job.images for job in jobs)):
            pass
    else:
        for _ in work:
            pass
    return problems


def _examine(study: Study, pairs: list[tuple[Path, Path]]) -> tuple[list[Job], list[str]]:
    """Which shards need work, and which cannot be used."""
    jobs, problems = [], []
    for source, target in pairs:
        wrong = problem(source, deep=False, study_hash=study.fingerprint("simulate"))
        if wrong:
            problems.append(f"{source}: {wrong}; simulate it again")
            continue
        with h5py.File(source, "r") as file:
            checksum, number = str(file.attrs["checksum"]), int(file.attrs["experiment"])
            images = len(file["entry/data/counts"])
        wanted = {"study_hash": study.fingerprint("transform"), "experiment": number, "source_checksum": checksum}
        if problem(target, deep=False, **wanted):
            jobs.append(Job(source, target, number, images, checksum))
    return jobs, problems


def _blocks(images: list[int], size: int) -> list[tuple[int, int, int]]:
    """(job, first image, end) of every block: shrinking towards the end, borders at whole groups of a shard."""
    blocks = []
    left = sum(images)
    for job, count in enumerate(images):
        start = 0
        while start < count:
            stop = min(start + max(left // (2 * size * LANES) * LANES, LEAST_BLOCK), count)
            blocks.append((job, start, stop))
            left -= stop - start
            start = stop
    return blocks


def _work(
    study: Study, jobs: list[Job], blocks: list[tuple[int, int, int]], ranks: Alone, problems: list[str]
) -> Iterator[int]:
    """Do this rank's share; yield numbers of images as they are handed out. `problems` grows on rank 0."""
    owned: set[int] = set()  # jobs that this rank writes
    mine: set[int] = set()  # those that are not finished, or given up
    targets: dict[int, Target] = {}
    notes: list[str] = []

    def take(part: Part) -> None:
        if part.job not in mine:  # given up before
            return
        if part.job not in targets:
            targets[part.job] = Target(study, jobs[part.job])
        said = targets[part.job].add(part)
        if said is not None:
            mine.discard(part.job)
            del targets[part.job]
            notes.extend(said)

    def deliver(owner: int, part: Part) -> None:
        if owner == ranks.rank:
            take(part)
        else:
            ranks.send(owner, part)
        for message in ranks.received():
            take(message)

    handed = 0
    source: tuple[int, Source] | None = None
    try:
        while (given := ranks.next_task()) is not None:
            task, owner = given
            images = sum(stop - start for _, start, stop in blocks[handed : task + 1])
            handed = max(handed, task + 1)
            if images:
                yield images
            job, start, stop = blocks[task]
            if owner == ranks.rank and job not in owned:
                owned.add(job)
                mine.add(job)
            try:
                if source is None or source[0] != job:
                    if source:
                        source[1].close()
                    source = None
                    source = (job, Source(study, jobs[job]))
                opened = source[1]
            except UNREADABLE as error:
                deliver(owner, Part(job, start, error=_one_line(error)))
                continue
            for first in range(start, stop, LANES):
                try:
                    part = opened.transform(job, first, min(first + LANES, stop), stop)
                except UNREADABLE as error:
                    part = Part(job, first, error=_one_line(error))
                deliver(owner, part)
                if part.error:
                    break
        left = sum(stop - start for _, start, stop in blocks[handed:])
        if left:
            yield left
        while mine:
            messages = ranks.received()
            for message in messages:
                take(message)
            if mine and not messages:
                time.sleep(0.002)
        ranks.finish()
    finally:
        if source:
            source[1].close()
        for target in targets.values():
            target.close()
    everyone = ranks.collect(notes)
    for said in everyone or []:
        problems.extend(said)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text if isinstance(error, UserError) else f"corrupt: it cannot be read ({text})"
