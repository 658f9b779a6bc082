"""The transform of many shards, shared among MPI ranks.

Rank 0 hands out tasks: runs of images of one shard, whole shards first and shorter runs towards the
end, so that a slow rank takes fewer. The rank that takes the first task of a shard writes its
coefficient file; others that take tasks of it send their coefficients there. Within a task, images
are expanded in blocks that begin at multiples of LANES, so that every image is computed in the same
company, and to the same bytes, by whichever rank.
"""

import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.shards import problem
from xscatter.fourier_bessel.loops import LANES
from xscatter.store.experiments import open_experiment
from xscatter.study import Study
from xscatter.transform.files import BlockCollector, CoefficientBlock, ShardJob, ShardTransformer
from xscatter.transform.plans import share_tables, transform_parameters
from xscatter.transform.ranks import Alone

# Images of the shortest task: a rank that comes to a shard makes the plan for its beam centre
# first, which takes the time of a few dozen images.
SHORTEST_TASK = 4 * LANES
# Blocks that wait to be written. More would only fill memory when the disk is slower than the
# ranks.
MOST_WAITING = 32
# What h5py raises for damaged or foreign files, and the plan for a beam centre out of reach.
UNREADABLE = (OSError, KeyError, RuntimeError, UserError)


def transform_files(
    study: Study, pairs: list[tuple[Path, Path]], ranks: Alone | None = None
) -> list[str]:
    """Expand every image of experiment shards into coefficient files.

    Called by all ranks with the same arguments. Coefficient files that are complete and up to date
    are skipped.

    Args:
        study: the study; its section `transform` decides the content.
        pairs: (experiment shard, coefficient file).
        ranks: the processes that share the work (default: this one).

    Returns:
        On rank 0, one line for every shard that needs attention; all others are done.
    """
    ranks = ranks or Alone()
    jobs, problems = ranks.share(_jobs(study, pairs) if ranks.rank == 0 else None)
    # Every rank computes the same list, so that only numbers of tasks travel.
    tasks = _tasks([job.images for job in jobs], ranks.size)
    ranks.begin([job for job, _, _ in tasks])
    if jobs:
        share_tables(transform_parameters(study), ranks.on_node)
    work = _work(study, jobs, tasks, ranks, problems if ranks.rank == 0 else [])
    if ranks.rank == 0:
        steps = (None for images in work for _ in range(images))
        for _ in track(steps, "images", sum(job.images for job in jobs)):
            pass
    else:
        for _ in work:
            pass
    return problems


def _jobs(study: Study, pairs: list[tuple[Path, Path]]) -> tuple[list[ShardJob], list[str]]:
    """Return the shards that need work, and a line for each that cannot be used."""
    jobs, problems = [], []
    for source, target in pairs:
        wrong = problem(source, deep=False, study_hash=study.fingerprint("simulate"))
        if wrong:
            problems.append(f"{source}: {wrong}; simulate it again")
            continue
        with open_experiment(source) as file:
            # The mark is trusted here; the bytes are compared after they have been used anyway.
            checksum, number, images = file.checksum, file.number, len(file)
        expected = {
            "study_hash": study.fingerprint("transform"),
            "experiment": number,
            "source_checksum": checksum,
        }
        if problem(target, deep=False, **expected):
            jobs.append(ShardJob(source, target, number, images, checksum))
    return jobs, problems


def _tasks(images: list[int], size: int) -> list[tuple[int, int, int]]:
    """Return (job, first image, end) of all tasks, for `images` of each job and `size` ranks.

    A task holds half of a rank's share of what is left: tasks grow shorter towards the end, and no
    rank waits long for the last one. They begin at multiples of LANES.
    """
    tasks = []
    left = sum(images)
    for job, count in enumerate(images):
        start = 0
        while start < count:
            # Down to a multiple of LANES: the company of an image must not depend on the number of
            # ranks.
            share = left // (2 * size * LANES) * LANES
            stop = min(start + max(share, SHORTEST_TASK), count)
            tasks.append((job, start, stop))
            left -= stop - start
            start = stop
    return tasks


class WriterThread:
    """Writes the coefficient files that this rank owns, beside the transform.

    Attributes:
        warnings: of the shards that are finished or given up.
    """

    def __init__(self, study: Study, jobs: list[ShardJob]):
        self._study, self._jobs = study, jobs
        self._owned: set[int] = set()
        self._open: set[int] = set()  # owned jobs that are neither finished nor given up
        self._collectors: dict[int, BlockCollector] = {}
        self._thread = ThreadPoolExecutor(1, "write")
        self._waiting: deque[Future[None]] = deque()
        self.warnings: list[str] = []

    def own(self, job: int) -> None:
        """Take over the file of `job`."""
        if job not in self._owned:
            self._owned.add(job)
            self._open.add(job)

    def take(self, block: CoefficientBlock) -> None:
        """Have `block` written; wait only if too many are waiting already."""
        self._waiting.append(self._thread.submit(self._write, block))
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            self._waiting.popleft().result()  # raises what writing raised

    def busy(self) -> bool:
        """Return whether blocks are still missing, or being written."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft().result()
        return bool(self._open or self._waiting)

    def close(self) -> None:
        """End the thread; unfinished files leave nothing behind."""
        self._thread.shutdown(cancel_futures=True)
        for collector in self._collectors.values():
            collector.close()

    def _write(self, block: CoefficientBlock) -> None:
        if block.job not in self._open:  # given up before
            return
        if block.job not in self._collectors:
            self._collectors[block.job] = BlockCollector(self._study, self._jobs[block.job])
        warnings = self._collectors[block.job].add(block)
        if warnings is not None:
            self.warnings.extend(warnings)
            del self._collectors[block.job]
            self._open.discard(block.job)


def _work(
    study: Study,
    jobs: list[ShardJob],
    tasks: list[tuple[int, int, int]],
    ranks: Alone,
    problems: list[str],
) -> Iterator[int]:
    """Do this rank's share; yield numbers of images as they are handed out to any rank.

    Args:
        study: the study.
        jobs: the shards that need work.
        tasks: (job, first image, end) of every task.
        ranks: the processes that share the work.
        problems: grows on rank 0 by the warnings of all ranks.
    """
    writer = WriterThread(study, jobs)

    def deliver(owner: int, block: CoefficientBlock) -> None:
        if owner == ranks.rank:
            writer.take(block)
        else:
            ranks.send(owner, block)
        # Each delivery is an occasion to empty the mailbox, so that senders do not fill memory.
        for message in ranks.received():
            writer.take(message)

    handed_out = 0
    opened: tuple[int, ShardTransformer] | None = None
    try:
        while (given := ranks.next_task()) is not None:
            task, owner = given
            # Tasks between the last one of this rank and this one went to other ranks: all are
            # counted as progress.
            images = sum(stop - start for _, start, stop in tasks[handed_out : task + 1])
            handed_out = max(handed_out, task + 1)
            if images:
                yield images
            job, start, stop = tasks[task]
            if owner == ranks.rank:
                writer.own(job)
            try:
                # Tasks of one shard follow each other, so its plan is mostly there already.
                if opened is None or opened[0] != job:
                    if opened:
                        opened[1].close()
                    opened = None
                    opened = (job, ShardTransformer(study, jobs[job]))
                shard = opened[1]
            except UNREADABLE as error:
                deliver(owner, CoefficientBlock(job, start, error=_one_line(error)))
                continue
            for first in range(start, stop, LANES):
                try:
                    block = shard.transform(job, first, min(first + LANES, stop), stop)
                except UNREADABLE as error:
                    block = CoefficientBlock(job, first, error=_one_line(error))
                deliver(owner, block)
                # The rest of a damaged shard is not worth the time.
                if block.error:
                    break
        left = sum(stop - start for _, start, stop in tasks[handed_out:])
        if left:
            yield left
        # Blocks of our shards may still be on their way from other ranks.
        while writer.busy():
            messages = ranks.received()
            for message in messages:
                writer.take(message)
            if not messages:
                time.sleep(0.002)
        ranks.finish()
    finally:
        if opened:
            opened[1].close()
        writer.close()
    for warnings in ranks.collect(writer.warnings) or []:
        problems.extend(warnings)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text if isinstance(error, UserError) else f"corrupt: it cannot be read ({text})"
