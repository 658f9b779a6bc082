"""Experiment shards in, coefficient files out."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xscatter.core import shards
from xscatter.core.version import __version__
from xscatter.fourier_bessel import loops
from xscatter.store.coefficients import NO_LIVE_PIXEL, CoefficientWriter
from xscatter.store.experiments import masked_value, open_experiment
from xscatter.study import Study
from xscatter.transform.counts import COUNTS
from xscatter.transform.plans import build_plan, transform_parameters
from xscatter.transform.reading import Images


@dataclass(frozen=True)
class Job:
    """One shard to be transformed."""

    source: Path
    target: Path
    experiment: int
    images: int
    checksum: str


@dataclass
class Part:
    """Coefficients of images `start` and following of a job, or why there are none."""

    job: int
    start: int
    coefficients: np.ndarray = field(default_factory=lambda: np.empty(0, np.complex64))
    masked_fraction: np.ndarray = field(default_factory=lambda: np.empty(0))
    not_finite: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    error: str | None = None


class Source:
    """An open experiment shard and the plan for its beam centre."""

    def __init__(self, study: Study, job: Job):
        self._study = study
        with ExitStack() as stack:
            shard = stack.enter_context(open_experiment(job.source))
            self._mask = shard.mask
            self.plan = build_plan(transform_parameters(study), shard.shape, shard.center)
            self._values = np.empty(shard.shape, np.float32)
            self._images = Images(shard.dataset)
            stack.callback(self._images.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def transform(self, job: int, start: int, stop: int, until: int) -> Part:
        """Coefficients of images `start` to `stop`, at most LANES; those up to `until` are next."""
        not_finite = np.zeros(stop - start, np.uint32)
        values = self._prepared(start, stop, until, not_finite)
        found, live = self.plan.forward_each(values, self._study.transform.fill)
        return Part(
            job, start, found.astype(np.complex64), (1 - live).astype(np.float32), not_finite
        )

    def _prepared(
        self, start: int, stop: int, until: int, not_finite: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Values and mask of each image, and its number of pixels that are not finite."""
        change = COUNTS[self._study.transform.counts]
        values, mask = self._values.reshape(-1), self._mask.reshape(-1)
        for n, image in enumerate(self._images.each(start, stop, until)):
            own = self._mask
            if image.dtype.kind == "f":
                bad = ~np.isfinite(image)
                not_finite[n] = bad.sum()
                if bad.any():
                    image[bad] = 0
                    own = own | bad
            marked = masked_value(image.dtype)
            limit = None if marked is None else image.dtype.type(marked)
            more, flat = False, image.reshape(-1)
            for begin in range(
                0, flat.size, 2**16
            ):  # as much as stays in a cache from step to step
                some = slice(begin, begin + 2**16)
                change(flat[some], values[some])
                more = more or (limit is not None and loops.holds(flat[some], limit, mask[some]))
            yield self._values, (image == limit) | own if more else own


class Target:
    """A coefficient file in the making: parts arrive in any order, its bytes do not depend on it."""

    def __init__(self, study: Study, job: Job):
        self._study, self._job = study, job
        chosen = study.transform
        self._file = CoefficientWriter(
            job.target,
            (job.images, chosen.angular_orders, chosen.radial_orders),
            xscatter_version=__version__,
            study=study.name,
            study_hash=study.fingerprint("transform"),
            seed=np.uint64(study.seed),
            experiment=job.experiment,
            source_checksum=job.checksum,
        )

    def add(self, part: Part) -> list[str] | None:
        """Store one part. When all parts have arrived, finish the file and return its warnings; until then None."""
        if part.error:
            self.close()
            return [f"{self._job.source}: {part.error}"]
        self._file.write(part.start, part.coefficients, part.masked_fraction, part.not_finite)
        return self._finish() if self._file.complete else None

    def _finish(self) -> list[str]:
        # What was read is in the page cache still; a flipped bit may decompress without an error.
        wrong = shards.problem(self._job.source, checksum=self._job.checksum)
        if wrong:
            self.close()
            return [
                f"{self._job.source}: {wrong}; run `xscatter verify --delete-bad`, then simulate it again"
            ]
        with open_experiment(self._job.source) as source:
            center = source.center
        chosen = self._study.transform
        self._file.finish(
            {
                "definition": "c_mk = sum over pixels of the disk of f conj(psi_mk) / R^2; index [image, m, k]",
                "beam_center": np.asarray(center, float),
                "radius": self._study.radius,
                "angular_orders": chosen.angular_orders,
                "radial_orders": chosen.radial_orders,
                "boundary": chosen.boundary,
                "fill": chosen.fill,
                "tolerance": chosen.tolerance,
                "counts_transform": chosen.counts,
                "counts_formula": COUNTS[chosen.counts].__doc__,
                "scaling": "none",
            }
        )
        notes = []
        dead = np.flatnonzero(self._file.flags & NO_LIVE_PIXEL)
        if dead.size:
            notes.append(
                f"{self._job.source}: no live pixel in the disk of image {', '.join(map(str, dead[:10]))}"
                f"{' and others' if dead.size > 10 else ''}; NaN and flagged in {self._job.target}"
            )
        bad = self._file.not_finite
        if bad.any():
            print(
                f"{self._job.source}: {bad.sum()} pixels of {(bad > 0).sum()} images are NaN or infinite: masked"
            )
        return notes

    def close(self) -> None:
        """Give up: nothing is left behind."""
        self._file.discard()
