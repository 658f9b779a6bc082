"""Start a training: fresh, resumed from its own checkpoint, or continued on more batches."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.learn import checkpoint
from xscatter.learn.checkpoint import Checkpoint
from xscatter.learn.identity import Identity
from xscatter.learn.progress import Progress
from xscatter.learn.source import LearningSource, Subset
from xscatter.networks.load import load_model
from xscatter.networks.quiet import import_tensorflow
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import SEQUENCE, View

if TYPE_CHECKING:
    from xscatter.learn.learner import Learner

# So that large studies look at the validation set, and lower the rate, more than once a pass.
_MOST_EPOCH_STEPS = 1000


@dataclass
class Training:
    """A training in this process.

    Attributes:
        study: its study.
        view: which network.
        identity: what makes it this training.
        checkpoints: folder of its checkpoints.
        model: folder of its result.
        source: what it learns from.
        training: the records, or sequences, to train on.
        validation: those of the validation set.
        batch_size: records of a step.
        steps_per_epoch: steps between two looks at the validation set.
        learner: the network with its optimizer.
        progress: how far it has come.
        best: the averaged weights that were best on the validation set.
        say: takes one line for the log.
    """

    study: Study
    view: View
    identity: Identity
    checkpoints: Path
    model: ModelFolder
    source: LearningSource
    training: Subset
    validation: Subset
    batch_size: int
    steps_per_epoch: int
    learner: "Learner"
    progress: Progress
    best: list[np.ndarray]
    say: Callable[[str], None]

    @property
    def tags(self) -> list[str]:
        """Names of the tags, T."""
        return self.source.tags

    @property
    def pass_steps(self) -> int:
        """Steps of one pass over the training records."""
        return len(self.training) // self.batch_size

    @cached_property
    def split(self) -> dict[str, list[int]]:
        """Experiments, or sequences, of training and validation set."""
        return {
            "training": self.training.numbers(),
            "validation": self.validation.numbers(),
        }


def start(
    study: Study,
    paths: StudyPaths,
    view: View,
    source: LearningSource,
    identity: Identity,
    saved: Checkpoint | None = None,
    parent: Checkpoint | None = None,
    say: Callable[[str], None] = print,
) -> Training:
    """Return a training of `view`, ready for its next step.

    Args:
        study: its study.
        paths: the files of the study.
        view: which network.
        source: what it learns from.
        identity: of this training.
        saved: its own checkpoint, to resume from.
        parent: without one, the checkpoint of a training on fewer batches, to continue from.
        say: takes one line for the log.

    Raises:
        UserError: too few records, no tag to learn, no such devices, or a checkpoint that does not
            fit the network.
    """
    import_tensorflow()
    from xscatter.learn import learner

    train = study.train_of(view)
    taken = saved or parent or Checkpoint({}, {})
    training, validation = source.split(study, taken.facts.get("split"))
    # A multiple of the devices: each takes an equal share.
    batch_size = min(train.batch_size, len(training)) // train.devices * train.devices
    if not batch_size:
        raise UserError(
            f"train: {len(training)} training records are too few for {train.devices} devices"
        )
    _report_absent(view, source.tags, training.labels(), say)
    learner.prepare(train.threads, study.seed, view.seed_key, train.precision)
    for warning in (learner.unused_gpu(), learner.slow_precision(train.precision)):
        if warning:
            say(f"{view.name}: {warning}")
    # Features hold the answers of the parents of a temporal network.
    parents = () if view == SEQUENCE else view.parents
    # Variables made here exist on every device.
    strategy = learner.strategy(train.devices)
    with strategy.scope():
        branches = [load_model(ModelFolder(paths.model(name))) for name in parents]
        model = training.build(view, train, branches)
    own = learner.Learner(model, train, training.loss(train), strategy)
    started = Training(
        study=study,
        view=view,
        identity=identity,
        checkpoints=paths.training(view.name) / identity.fingerprint,
        model=ModelFolder(paths.model(view.name)),
        source=source,
        training=training,
        validation=validation,
        batch_size=batch_size,
        steps_per_epoch=train.steps_per_epoch
        or min(len(training) // batch_size, _MOST_EPOCH_STEPS),
        learner=own,
        progress=Progress(),
        best=own.average_values(),
        say=say,
    )
    what = "sequences" if view == SEQUENCE else "records"
    if taken.arrays:
        _restore(started, taken)
    if saved:
        say(f"{view.name}: resumes at step {started.progress.step} from {started.checkpoints}")
    elif parent:
        _continue(started, parent.facts)
    else:
        say(
            f"{view.name}: starts; {model.count_params():,} weights, {len(training)} {what} to "
            f"train, {len(validation)} to validate, {started.steps_per_epoch} steps of "
            f"{batch_size} an epoch"
        )
    return started


def _report_absent(
    view: View, tags: list[str], labels: np.ndarray, say: Callable[[str], None]
) -> None:
    absent = [tag for tag, some in zip(tags, np.any(labels, axis=0), strict=True) if not some]
    if len(absent) == len(tags):
        raise UserError(
            "records: no tag is true in any training record; nothing can be learnt from them"
        )
    if absent:
        say(f"{view.name}: no training example shows {', '.join(absent)}: not learnt")


def _restore(started: Training, taken: Checkpoint) -> None:
    """Take over progress and all arrays of a checkpoint."""
    try:
        started.progress = Progress.of(taken.facts)
        started.best = taken.arrays.pop("best")
        started.learner.restore(taken.arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{started.checkpoints.parent}: its checkpoint is of another version of xscatter, with "
            "another network or rule; delete it to start again, or keep using that version"
        ) from error
    before, now = taken.facts.get("threads"), started.study.train.threads
    if before != now:
        started.say(f"{started.view.name}: was trained on {before} threads, resumes with {now}")


def _continue(started: Training, facts: dict[str, Any]) -> None:
    """Make a restored checkpoint of fewer batches the beginning of this training."""
    # The study may have been split again since the earlier training.
    if set(started.source.tested) & set(facts["split"]["training"] + facts["split"]["validation"]):
        raise UserError(
            "--continue: the earlier training has seen experiments of the test set; train "
            "without it"
        )
    progress, batches = started.progress, started.identity.batches
    # The order of the data starts again here, because there are more of them.
    progress.since, progress.losses = progress.step, []
    progress.rule.reopen()
    started.say(
        f"{started.view.name}: continues from the weights of step {progress.step} with "
        f"{len(batches) - len(facts['batches'])} new batches, {len(batches)} in all"
    )


def find_parent(folder: Path, identity: Identity, say: Callable[[str], None]) -> Checkpoint | None:
    """Return the checkpoint of equal settings that has seen the most of our batches, or None.

    Args:
        folder: the checkpoints of all trainings of the view.
        identity: of this training.
        say: takes a line for each checkpoint that is damaged.
    """
    best: tuple[tuple[int, int], Path] | None = None
    for other in sorted(folder.glob("*/")):
        kept = checkpoint.kept_facts(other)
        # With other settings it is another training.
        if kept is None or kept["settings"] != identity.settings_hash:
            continue
        try:
            path = checkpoint.newest_path(other, other.name, say)
        except UserError as error:
            say(f"{error}")
            continue
        if path is None:
            continue
        facts = checkpoint.facts_of(path)
        if set(facts["batches"]) < set(identity.batches):
            # The most batches first, then the most steps.
            candidate = ((len(facts["batches"]), facts["step"]), path)
            best = max(best or candidate, candidate)
    return checkpoint.read(best[1]) if best else None
