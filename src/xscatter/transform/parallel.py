"""The transform of whole shards, shared among MPI ranks.

Work is handed out in blocks of images, whole shards first, by rank 0, so that a slow rank takes
fewer. The rank that takes the first block of a shard writes its file; the others send it what they
made. Images go in groups that begin at fixed numbers, so that every image is computed the same way
whoever computes it.
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
from xscatter.transform.files import Job, Part, Source, Target
from xscatter.transform.plans import share_tables, transform_parameters
from xscatter.transform.ranks import Alone

# A rank that comes to a shard plans for its beam centre first, which takes the time of a few dozen images.
LEAST_BLOCK = 4 * LANES
MOST_WAITING = 32  # parts that wait to be written
# What h5py raises for damaged or foreign files, and the plan for a beam centre that is out of reach.
UNREADABLE = (OSError, KeyError, RuntimeError, UserError)


def transform_files(
    study: Study, pairs: list[tuple[Path, Path]], ranks: Alone | None = None
) -> list[str]:
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
        share_tables(transform_parameters(study), ranks.on_node)
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
        with open_experiment(source) as file:
            checksum, number, images = file.checksum, file.number, len(file)
        wanted = {
            "study_hash": study.fingerprint("transform"),
            "experiment": number,
            "source_checksum": checksum,
        }
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


class Writer:
    """Writes the coefficient files that this rank owns, in a thread beside the transform.

    `notes` is what there is to say of the shards that are finished or given up.
    """

    def __init__(self, study: Study, jobs: list[Job]):
        self._study, self._jobs = study, jobs
        self._owned: set[int] = set()
        self._open: set[int] = set()  # owned jobs that are not finished, or given up
        self._targets: dict[int, Target] = {}
        self._thread = ThreadPoolExecutor(1, "write")
        self._waiting: deque[Future[None]] = deque()
        self.notes: list[str] = []

    def own(self, job: int) -> None:
        """The file of `job` is ours to write."""
        if job not in self._owned:
            self._owned.add(job)
            self._open.add(job)

    def take(self, part: Part) -> None:
        """Have `part` written; waits only when too many are waiting already."""
        self._waiting.append(self._thread.submit(self._write, part))
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            self._waiting.popleft().result()  # raises what writing raised

    def busy(self) -> bool:
        """Whether parts are still missing, or being written."""
        while self._waiting and self._waiting[0].done():
            self._waiting.popleft().result()
        return bool(self._open or self._waiting)

    def close(self) -> None:
        """End the thread; what is not finished leaves nothing behind."""
        self._thread.shutdown(cancel_futures=True)
        for target in self._targets.values():
            target.close()

    def _write(self, part: Part) -> None:
        if part.job not in self._open:  # given up before
            return
        if part.job not in self._targets:
            self._targets[part.job] = Target(self._study, self._jobs[part.job])
        said = self._targets[part.job].add(part)
        if said is not None:
            self.notes.extend(said)
            del self._targets[part.job]
            self._open.discard(part.job)


def _work(
    study: Study,
    jobs: list[Job],
    blocks: list[tuple[int, int, int]],
    ranks: Alone,
    problems: list[str],
) -> Iterator[int]:
    """Do this rank's share; yield numbers of images as they are handed out. `problems` grows on rank 0."""
    writer = Writer(study, jobs)

    def deliver(owner: int, part: Part) -> None:
        if owner == ranks.rank:
            writer.take(part)
        else:
            ranks.send(owner, part)
        for message in ranks.received():
            writer.take(message)

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
            if owner == ranks.rank:
                writer.own(job)
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
        while writer.busy():
            messages = ranks.received()
            for message in messages:
                writer.take(message)
            if not messages:
                time.sleep(0.002)
        ranks.finish()
    finally:
        if source:
            source[1].close()
        writer.close()
    everyone = ranks.collect(writer.notes)
    for said in everyone or []:
        problems.extend(said)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    return text if isinstance(error, UserError) else f"corrupt: it cannot be read ({text})"
