"""The beam centre about which an experiment is expanded: the true one, or as it is known in use."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, generator
from xscatter.fourier_bessel.plan import Plan
from xscatter.frames.center import find_center
from xscatter.store.experiments import ExperimentFile
from xscatter.study import Study
from xscatter.transform.plans import build_plan, transform_parameters

# A header or a PONI file names the centre within a pixel along each axis.
HEADER_ERROR = 1.0


@dataclass(frozen=True)
class UsedCenter:
    """The beam centre of an expansion.

    Attributes:
        center: (row, column) in pixels.
        confidence: 0 to 1; 1: from a header; None: it is exact.
    """

    center: tuple[float, float]
    confidence: float | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """Attributes of the coefficient file."""
        facts: dict[str, Any] = {"beam_center": np.asarray(self.center, float)}
        if self.confidence is not None:
            facts["center_confidence"] = self.confidence
        return facts


def used_center(study: Study, shard: ExperimentFile) -> UsedCenter:
    """Return the beam centre that the expansion of an experiment uses, by `transform.centers`.

    It is a function of the experiment and the seed of the study alone. Of the estimates, those that
    are wrong stay: a network must learn what their coefficients look like.
    """
    if study.transform.centers == "exact":
        return UsedCenter(shard.center)
    random = generator(study.seed, Purpose.CENTERS, shard.number)
    # Both drawn, whatever is used: a stream that is read in one way only can grow.
    from_header, image = random.random() < 0.5, int(random.integers(len(shard)))
    if from_header:
        row, col = np.array(shard.center) + random.uniform(-HEADER_ERROR, HEADER_ERROR, 2)
        return UsedCenter((float(row), float(col)), 1.0)
    counts, mask, _ = shard.counts(image)
    # Masked pixels hold the largest value of their type.
    estimate = find_center(np.where(mask, 0, counts), mask)
    return UsedCenter(estimate.center, float(estimate.confidence))


def planned(study: Study, shard: ExperimentFile) -> tuple[Plan, UsedCenter]:
    """Return the plan of an experiment, and the beam centre that it is about.

    An estimate that leaves too little of the disk on the detector is replaced by the middle of the
    image, with confidence 0.

    Raises:
        UserError: too little of the disk about the true centre lies on the detector.
    """
    used, transform = used_center(study, shard), transform_parameters(study)
    try:
        return build_plan(transform, shard.shape, used.center), used
    except UserError:
        if study.transform.centers == "exact":
            raise
    rows, cols = shard.shape
    middle = UsedCenter(((rows - 1) / 2, (cols - 1) / 2), 0.0)
    return build_plan(transform, shard.shape, middle.center), middle
