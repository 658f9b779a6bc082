"""Experiment shards in, coefficient files out.

:class:`ShardTransformer` turns images of a shard into blocks of coefficients;
:class:`BlockCollector` makes a coefficient file of them. Between the two, blocks may travel from
one rank to another.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core import shards
from xscatter.core.masking import marked, masked_value
from xscatter.core.version import __version__
from xscatter.store.coefficients import NO_LIVE_PIXEL, CoefficientWriter
from xscatter.store.experiments import open_experiment
from xscatter.study import Study
from xscatter.transform import loops
from xscatter.transform.centers import UsedCenter, planned
from xscatter.transform.counts import COUNTS_TRANSFORMS
from xscatter.transform.reading import ImageReader

# Counts are transformed this many at a time, so that they stay in a cache from step to step.
CACHED_PIXELS = 2**16


@dataclass(frozen=True)
class ShardJob:
    """One experiment shard to be transformed.

    Attributes:
        source: the experiment shard.
        target: the coefficient file to be made of it.
        experiment: number of the experiment.
        images: number of its images.
        checksum: of the shard when the run began.
    """

    source: Path
    target: Path
    experiment: int
    images: int
    checksum: str


@dataclass
class CoefficientBlock:
    """Coefficients of up to LANES images of a shard, n of them, or why there are none.

    Attributes:
        job: number of the shard's job in this run.
        start: the first image.
        coefficients: (n, angular_orders, radial_orders) complex64.
        masked_fraction: (n,) float32, fraction of the disk that is not on live pixels.
        not_finite: (n,) number of pixels that are NaN or infinite.
        used: the beam centre that the shard is expanded about.
        error: why the shard cannot be transformed, in one line.
    """

    job: int
    start: int
    coefficients: np.ndarray = field(default_factory=lambda: np.empty(0, np.complex64))
    masked_fraction: np.ndarray = field(default_factory=lambda: np.empty(0))
    not_finite: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    used: UsedCenter | None = None
    error: str | None = None


class ShardTransformer:
    """An open experiment shard, and the plan for its beam centre."""

    def __init__(self, study: Study, job: ShardJob):
        self._fill = study.transform.fill
        self._transform_counts = COUNTS_TRANSFORMS[study.transform.counts]
        with ExitStack() as stack:
            shard = stack.enter_context(open_experiment(job.source))
            self._mask = shard.mask
            # One plan for all images of a shard: the beam centre is that of the experiment.
            self.plan, self._used = planned(study, shard)
            # Used again for every image.
            self._values = np.empty(shard.shape, np.float32)
            self._images = ImageReader(shard.dataset)
            stack.callback(self._images.close)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def transform(self, job: int, start: int, stop: int, until: int) -> CoefficientBlock:
        """Expand images `start` to `stop`.

        Args:
            job: number of the job, for the block.
            start: the first image.
            stop: the end, at most LANES images after it.
            until: images up to this one are next, and are read ahead.
        """
        not_finite = np.zeros(stop - start, np.uint32)
        accumulator = self.plan.accumulator(self._fill)
        for n, counts in enumerate(self._images.each(start, stop, until)):
            mask = self._mask
            if counts.dtype.kind == "f":
                bad = marked(counts)
                not_finite[n] = bad.sum()
                if bad.any():
                    counts[bad] = 0  # the transform of the counts need not know NaN
                    mask = mask | bad
            accumulator.add(*self._values_and_mask(counts, mask))
        coefficients, live_fraction = accumulator.finish()
        masked_fraction = (1 - live_fraction).astype(np.float32)
        coefficients = coefficients.astype(np.complex64)
        return CoefficientBlock(job, start, coefficients, masked_fraction, not_finite, self._used)

    def _values_and_mask(
        self, counts: np.ndarray, mask: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return transformed counts, valid until the next call, and the mask of the image.

        In most images the detector's mask already covers all pixels that hold the mark: then it is
        returned itself, and the plan need not look for its live pixels again.
        """
        # The mark is looked for block by block, while the counts are in a cache.
        mark = masked_value(counts.dtype)
        flat, values, hidden = counts.reshape(-1), self._values.reshape(-1), self._mask.reshape(-1)
        more = False
        for begin in range(0, flat.size, CACHED_PIXELS):
            some = slice(begin, begin + CACHED_PIXELS)
            self._transform_counts(flat[some], values[some])
            # A first look costs a comparison in cache; a new mask for every image would cost far
            # more.
            more = more or (mark is not None and loops.holds(flat[some], mark, hidden[some]))
        return self._values, marked(counts) | mask if more else mask


class BlockCollector:
    """A coefficient file in the making; its bytes do not depend on the order of the blocks."""

    def __init__(self, study: Study, job: ShardJob):
        self._study, self._job = study, job
        self._center: dict[str, Any] = {}
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

    def add(self, block: CoefficientBlock) -> list[str] | None:
        """Store one block.

        When all blocks have arrived, or one with an error, finish or discard the file and return
        its warnings; until then return None.
        """
        if block.error:
            self.close()
            return [f"{self._job.source}: {block.error}"]
        if block.used is not None:
            self._center = block.used.facts
        self._file.write(block.start, block.coefficients, block.masked_fraction, block.not_finite)
        return self._finish() if self._file.complete else None

    def _finish(self) -> list[str]:
        # A flipped bit may decompress without an error, so the shard is held against its checksum
        # once more. Its bytes are still in the page cache.
        wrong = shards.problem(self._job.source, checksum=self._job.checksum)
        if wrong:
            self.close()
            advice = "run `xscatter verify --delete-bad`, then simulate it again"
            return [f"{self._job.source}: {wrong}; {advice}"]
        chosen = self._study.transform
        definition = (
            "c_mk = sum over pixels of the disk of f conj(psi_mk) / R^2; index [image, m, k]"
        )
        self._file.finish(
            {
                "definition": definition,
                **self._center,
                "radius": self._study.radius,
                "angular_orders": chosen.angular_orders,
                "radial_orders": chosen.radial_orders,
                "boundary": chosen.boundary,
                "fill": chosen.fill,
                "tolerance": chosen.tolerance,
                "counts_transform": chosen.counts,
                "counts_formula": COUNTS_TRANSFORMS[chosen.counts].__doc__,
                "scaling": "none",
            }
        )
        return self._warnings()

    def _warnings(self) -> list[str]:
        """Return a warning of images without a live pixel; print how many are not finite."""
        bad = self._file.not_finite
        if bad.any():
            print(
                f"{self._job.source}: {bad.sum()} pixels of {(bad > 0).sum()} images are NaN or "
                "infinite: masked"
            )
        dead = np.flatnonzero(self._file.flags & NO_LIVE_PIXEL)
        if not dead.size:
            return []
        images = ", ".join(map(str, dead[:10])) + (" and others" if dead.size > 10 else "")
        return [
            f"{self._job.source}: no live pixel in the disk of image {images}; NaN and flagged in "
            f"{self._job.target}"
        ]

    def close(self) -> None:
        """Give up: nothing is left behind."""
        self._file.discard()
