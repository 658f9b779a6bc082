"""Train one view: epochs of steps until the rule of convergence ends it, resumable at any step."""

import math
import signal
import time
from collections import deque
from collections.abc import Callable

import numpy as np

from xscatter.core import lease
from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator
from xscatter.learn import checkpoint, data, export
from xscatter.learn.board import Board
from xscatter.learn.identity import exported, identify
from xscatter.learn.source import LearningSource
from xscatter.learn.start import Training, find_parent, start
from xscatter.scores import metrics
from xscatter.scores.groups import columns_of_groups, single_logits
from xscatter.store.models import ModelFolder
from xscatter.store.paths import StudyPaths
from xscatter.study import Study
from xscatter.views import trained

_LAG = 8  # steps that may be in flight before their loss is read, so that the device never waits


def train(
    study: Study,
    paths: StudyPaths,
    source: LearningSource,
    view: str,
    deadline: float | None = None,
    carry_on: bool = False,
    say: Callable[[str], None] = print,
) -> bool:
    """Train `view` until it converges or time is up; return whether it has converged.

    Checkpoints are saved below ``.training/<view>/<fingerprint>/``, and the same call resumes from
    them. When the training has converged, ``models/<view>/`` is written.

    Args:
        study: the study.
        paths: its files.
        source: its record batches, see :func:`identity.open_records_of`, or its sequences, see
            :func:`sequences.open_sequences_of`.
        view: name of the view.
        deadline: time to stop at, as of ``time.monotonic()``; None: not before it has converged.
        carry_on: continue a training of the same settings on fewer batches with all of them.
        say: takes one line for the log.

    Raises:
        UserError: a loss that is not a number, no space for a checkpoint; another process trains
            this view.
    """
    held = lease.wait_for(paths.training(view) / ".lease.json")
    if isinstance(held, lease.Holder):
        raise UserError(f"{paths.model(view)}: {held} trains this view; wait until it has finished")
    try:
        return _train(study, paths, source, view, deadline, carry_on, say)
    finally:
        held.release()


def _train(
    study: Study,
    paths: StudyPaths,
    source: LearningSource,
    view: str,
    deadline: float | None,
    carry_on: bool,
    say: Callable[[str], None],
) -> bool:
    """Train as :func:`train` does, as the only process that trains this view."""
    what = trained()[view]
    identity = identify(study, source, what, source.parents(paths, what))
    saved = checkpoint.newest(
        paths.training(view) / identity.fingerprint, identity.fingerprint, say
    )
    rule = saved.facts["rule"] if saved else {}
    result = ModelFolder(paths.model(view))
    if saved and rule["converged"] and exported(result, identity, saved.facts["step"]):
        say(f"{view}: converged already ({rule['reason']}); nothing to do")
        return True
    parent = None
    if carry_on and not saved:
        parent = find_parent(paths.training(view), identity, say)
    training = start(study, paths, what, source, identity, saved, parent, say)
    return Loop(training, deadline).run()


class Loop:
    """The steps of a training in this process, until convergence, the deadline or SIGTERM."""

    def __init__(self, training: Training, deadline: float | None = None):
        self.training, self.deadline = training, deadline
        self.name, self.train = training.view.name, training.study.train_of(training.view)
        self.progress, self.learner = training.progress, training.learner
        self.interrupted = False

    def run(self) -> bool:
        """Train; return whether it has converged."""
        progress, training = self.progress, self.training
        self.board = Board(training.model.tensorboard, progress.history, progress.timings)
        # Slurm sends SIGTERM before it kills a job: time to save a checkpoint.
        before = signal.signal(signal.SIGTERM, self._interrupt)
        try:
            while not progress.rule.converged:
                if not self._epoch():
                    self._save()
                    if self.interrupted:
                        raise KeyboardInterrupt
                    training.say(
                        f"{self.name}: stops at step {progress.step} for lack of time; a "
                        "checkpoint is saved"
                    )
                    return False
            self._export()
        finally:
            signal.signal(signal.SIGTERM, before)
            self.board.close()
        return True

    def _interrupt(self, *_) -> None:
        # Only noted here: the step in progress must end before the state can be saved.
        self.interrupted = True

    def batch(self, step: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Return inputs, labels and the records of a step: a function of (seed, step) alone."""
        training, size = self.training, self.training.batch_size
        seed, key = training.study.seed, training.view.seed_key
        # Which pass over the data, and which batch of it; the rest of a pass is left out.
        number, place = divmod(step - self.progress.since, training.pass_steps)
        chosen = data.order(seed, key, self.progress.since + number, len(training.training))
        chosen = chosen[place * size : (place + 1) * size]
        # A stream for each step: a resumed training draws the same as one that never stopped.
        random = generator(seed, Purpose.TRAINING, key, 2, step)
        return (*training.training.drawn(training.view, chosen, random, self.train), chosen)

    def _rate(self, step: int) -> float:
        train = self.train
        rate = getattr(train, self.training.view.learning_rate)
        # The first steps are small: the moments of the optimizer are still unknown.
        warm = min(1.0, (step + 1) / (train.warmup_steps + 1))
        if train.schedule == "cosine":
            epochs = train.max_epochs or 1
            done = (step - self.progress.since) / (epochs * self.training.steps_per_epoch)
            return rate * warm * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return rate * warm * train.learning_rate_drop_factor**self.progress.rule.drops

    def _epoch(self) -> bool:
        """Do the rest of an epoch; return False when time is up before its end."""
        progress, training = self.progress, self.training
        began = saved_at = time.monotonic()
        first = progress.step
        # A resumed epoch has some of its losses already.
        end = first + training.steps_per_epoch - len(progress.losses)
        flying: deque = deque()
        label = f"{self.name}, epoch {progress.rule.epoch + 1}"
        ahead = data.ahead(self.batch, range(first, end))
        batches = track(ahead, label, end - first, every=300, end=False)
        for step, (inputs, labels, chosen) in zip(range(first, end), batches, strict=True):
            flying.append((step, self.learner.step(step, self._rate(step), inputs, labels), chosen))
            while len(flying) > _LAG:
                self._land(flying)
            progress.step = step + 1
            now = time.monotonic()
            stop = self.interrupted or (self.deadline is not None and now >= self.deadline)
            if stop or now - saved_at >= 60 * self.train.checkpoint_minutes:
                while flying:
                    self._land(flying)
                # At the end of an epoch it is scored first: that takes little time, and loses
                # nothing.
                if stop and progress.step < end:
                    return False
                self._save()
                saved_at = time.monotonic()
        while flying:
            self._land(flying)
        self._end_epoch(time.monotonic() - began, (end - first) * training.batch_size)
        return True

    def _land(self, flying: deque) -> None:
        """Read the loss of the oldest step in flight."""
        step, loss, chosen = flying.popleft()
        value = float(loss)
        if not math.isfinite(value):
            raise UserError(
                f"{self.name}: the loss is {value} at step {step}; the checkpoint before it is "
                f"kept in {self.training.checkpoints}; lower train.learning_rate, or look at these "
                f"(experiment, image): {self.training.training.named(chosen)}"
            )
        self.progress.losses.append(value)

    def _end_epoch(self, seconds: float, images: int) -> None:
        """End an epoch: score the averaged weights on the validation set, decide, save."""
        progress, rule, training = self.progress, self.progress.rule, self.training
        began = time.monotonic()
        # The averaged weights score better and vary less from epoch to epoch than the last ones.
        average = self.learner.average_values()
        kept = self.learner.swap(average)
        logits = self.learner.logits(training.validation, training.view).astype(np.float64)
        self.learner.swap(kept)
        # Exclusive tags compete, so their order among records is that of one tag's own logit.
        logits = single_logits(logits, columns_of_groups(training.tags))
        labels = training.validation.labels()
        # Cross-entropy whatever the loss of the training, so that trainings can be compared.
        loss = float(np.mean(np.logaddexp(0, logits) - labels * logits))
        each = metrics.per_tag(labels, logits)
        macro = float(metrics.mean_of(each))
        training_loss = float(np.mean(progress.losses))
        # Before the rule decides: it may lower the rate of the next epoch.
        rate = self._rate(progress.step - 1)
        decision = rule.see(training_loss, macro, self.train)
        # Not finite: no tag occurs in the validation set.
        if rule.best_epoch == rule.epoch or not math.isfinite(rule.best_validation):
            training.best = average
        row = {
            "epoch": rule.epoch,
            "step": progress.step,
            "learning_rate": rate,
            "training_loss": training_loss,
            "validation_loss": loss,
            "validation_mean_average_precision": macro,
            "validation_micro_average_precision": metrics.average_precision(
                labels.ravel(), logits.ravel()
            ),
            "decision": decision,
            **{
                f"average_precision/{tag}": float(value)
                for tag, value in zip(training.tags, each, strict=True)
            },
        }
        progress.history.append(row)
        progress.losses = []
        timing = {
            "epoch": rule.epoch,
            "seconds": round(seconds, 3),
            "images_per_second": round(images / seconds, 2),
            "validation_seconds": round(time.monotonic() - began, 3),
        }
        progress.timings.append(timing)
        consequence = {
            "drop": f"; the learning rate drops: {rule.reason}",
            "stop": f"; stops: {rule.reason}",
        }
        self._save()  # before the line: everything that the log reports has been kept
        training.say(
            f"{self.name}: epoch {rule.epoch}, step {progress.step}, training loss "
            f"{training_loss:.4f}, validation loss {loss:.4f}, mean average precision {macro:.4f} "
            f"(best {rule.best_validation:.4f} in epoch {rule.best_epoch}), "
            f"{images / seconds:.0f} images/s{consequence.get(decision, '')}"
        )
        self.board.add(row, timing)
        if isinstance(training.validation, data.RecordSubset):
            self.board.examples(progress.step, training.validation, training.tags, logits)

    def _save(self) -> None:
        training = self.training
        arrays = {**self.learner.arrays(), "best": training.best}
        if not all(np.isfinite(values).all() for values in arrays["model"]):
            raise UserError(
                f"{self.name}: a weight is not a number after step {self.progress.step - 1}; an "
                f"earlier checkpoint is kept in {training.checkpoints}; lower train.learning_rate"
            )
        facts = {
            **self.progress.facts(),
            "settings": training.identity.settings_hash,
            "batches": training.identity.batches,
            "threads": self.train.threads,
            "split": training.split,
        }
        fingerprint, step = training.identity.fingerprint, self.progress.step
        checkpoint.save(
            training.checkpoints, fingerprint, step, arrays, facts, self.train.checkpoints_kept
        )

    def _export(self) -> None:
        training, progress = self.training, self.progress
        # The best epoch is exported, not the last one.
        self.learner.swap(training.best)
        logits = self.learner.logits(training.validation, training.view)
        if isinstance(training.validation, data.RecordSubset):
            shown = single_logits(logits, columns_of_groups(training.tags))
            self.board.examples(progress.step, training.validation, training.tags, shown, last=True)
        finished = export.Finished(
            view=self.name,
            fingerprint=training.identity.fingerprint,
            model=self.learner.model,
            progress=progress,
            training_records=len(training.training),
            validation_labels=training.validation.labels(),
            validation_logits=logits,
            tags=training.tags,
            inputs=training.source.facts(),
            split=training.split,
            train=self.train,
        )
        export.write(training.model, finished)
        checkpoint.tidy(training.checkpoints.parent, training.checkpoints.name, training.say)
        training.say(f"{self.name}: {progress.rule.reason}; model in {training.model.path}")
