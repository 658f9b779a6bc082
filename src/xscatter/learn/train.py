"""Training of one view: rounds of steps until the rule of convergence ends it, resumable at any step."""

import hashlib
import json
import math
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator
from xscatter.learn import checkpoint, data
from xscatter.learn.convergence import Convergence
from xscatter.networks.load import load_model
from xscatter.scores import calibrate
from xscatter.store.models import FACTS, ModelFolder
from xscatter.store.paths import VIEWS, StudyPaths
from xscatter.study import Study

_MOST_ROUND_STEPS = 1000
_LAG = 8  # steps whose loss may be in flight before it is looked at


@dataclass
class Progress:
    """What a saved state knows besides arrays."""

    step: int = 0
    since: int = 0  # the step at which the present records began
    losses: list[float] = field(default_factory=list)  # of the unfinished round
    history: list[dict[str, Any]] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)
    rule: Convergence = field(default_factory=Convergence)

    def facts(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**self.__dict__, "rule": self.rule.state()}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Progress":
        """Inverse of :meth:`facts`; other keys are left out."""
        known = {key: facts[key] for key in cls.__dataclass_fields__}
        return cls(**{**known, "rule": Convergence(**facts["rule"])})


@dataclass(frozen=True)
class Identity:
    """What makes a training this one: `fingerprint` of everything, `settings` of all but the records."""

    fingerprint: str
    settings: str
    batches: list[str]


def identify(study: Study, records: Any, view: str, branches: list[str]) -> Identity:
    """Identity of the training of `view` on `records`; `branches` are the weights' hashes of the joint's branches."""
    fields = [f for f in records.manifest["fields"] if f["name"] not in ("source",)]
    # The joint network holds its branches: what shapes them decides whether its weights can be taken over.
    keys = [study.train.decides(name) for name in (VIEWS if view == "joint" else [view])]
    settings = _hash([study.seed, view, keys, fields, list(records.tags)])
    batches = [records.manifest["batches"][n]["sha256"] for n in records.training_batches]
    return Identity(_hash([settings, batches, branches]), settings, batches)


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def train(
    study: Study,
    paths: StudyPaths,
    view: str,
    deadline: float | None = None,
    carry_on: bool = False,
    say: Callable[[str], None] = print,
) -> bool:
    """Train `view` until it converges, or until `deadline` (``time.monotonic()``); return whether it converged.

    State is saved below ``.training/<view>/<fingerprint>/`` and found again by the same call; when the
    training has converged, ``models/<view>/`` is written. With `carry_on`, a training of the same
    settings on fewer batches lends its weights and goes on with all of them.

    Raises:
        UserError: records that do not fit the study, a loss that is not a number, no space for a state.
    """
    from xscatter import records as records_room

    records = records_room.open_records(paths.batches)
    check(study, records)
    hashes = _branches(paths, records) if view == "joint" else []
    identity = identify(study, records, view, hashes)
    folder = paths.training(view) / identity.fingerprint
    saved = checkpoint.newest(folder, identity.fingerprint, say)
    if (
        saved
        and saved[1]["rule"]["converged"]
        and _exported(paths, view, identity, saved[1]["step"])
    ):
        say(f"{view}: converged already ({saved[1]['rule']['reason']}); nothing to do")
        return True
    parent = None if saved or not carry_on else _parent(paths.training(view), identity, say)
    return _Run(study, paths, view, records, identity, saved, parent, deadline, say).run()


def check(study: Study, records: Any) -> None:
    """Refuse records of another size or truncation than the study's, or of another transform.

    Raises:
        UserError: says what differs.
    """
    shapes = {f["name"]: tuple(f["shape"]) for f in records.manifest["fields"]}
    transform, size = study.transform, study.simulate.size
    wanted = {
        "image": (size, size),
        "coefficients": (transform.angular_orders, transform.radial_orders),
    }
    for name, shape in wanted.items():
        if shapes.get(name) != shape:
            raise UserError(
                f"records.json: {name} has the shape {shapes.get(name)}, the study needs {shape}; "
                "these are batches of another study: pack this one, or name another folder with -o"
            )
    asked = {**transform.model_dump(), "radius": study.radius}
    other = [
        key
        for key, value in records.manifest.get("transform", {}).items()
        if asked.get(key) != value
    ]
    if other:
        raise UserError(
            f"records.json: packed with another transform.{', transform.'.join(other)} than the study's; transform "
            "and pack this study, or name another folder with -o"
        )


def _branches(paths: StudyPaths, records: Any) -> list[str]:
    """Hashes of the weights of the joint network's branches, which fit the records and have not seen the test batch."""
    tested = data.experiments(data.whole(records, [records.test_batch]))
    found = []
    for view in VIEWS[:2]:
        mend = f"train --view {view} before --view joint"
        found.append(
            ModelFolder(paths.model(view)).fitting_facts(list(records.tags), tested, mend)[
                "weights_sha256"
            ]
        )
    return found


def _exported(paths: StudyPaths, view: str, identity: Identity, step: int) -> bool:
    folder = paths.model(view)
    try:
        facts = ModelFolder(folder).facts("fingerprint", "step", *FACTS)
        calibrate.load(folder / "calibration.json")
    except UserError:
        return False
    whole = all(
        (folder / name).exists()
        for name in ("model.keras", "history.csv", "timings.csv", "calibration.json")
    )
    return whole and (facts["fingerprint"], facts["step"]) == (identity.fingerprint, step)


def _parent(folder: Path, identity: Identity, say: Callable[[str], None]):
    """The state of equal settings that has seen the most batches, all of which are among ours, or None."""
    best: tuple[tuple[int, int], Path] | None = None
    for other in sorted(folder.glob("*/")):
        kept = checkpoint.kept_facts(other)
        if kept is None or kept["settings"] != identity.settings:
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
            found = ((len(facts["batches"]), facts["step"]), path)
            best = max(best or found, found)
    return checkpoint.read(best[1]) if best else None


class _Run:
    """One process's share of a training."""

    def __init__(self, study, paths, view, records, identity, saved, parent, deadline, say):
        from xscatter.networks.quiet import import_tensorflow

        import_tensorflow()
        from xscatter.learn import learner

        self.study, self.paths, self.view, self.records = study, paths, view, records
        self.identity, self.deadline, self.say = identity, deadline, say
        self.settings = settings = study.train
        self.key = VIEWS.index(view)
        self.folder = paths.training(view) / identity.fingerprint
        arrays, facts = saved or parent or (None, None)
        self.training, self.validation = data.split(
            records, study.seed, settings.validation, facts and facts["split"]
        )
        self.batch = (
            min(settings.batch_size, len(self.training)) // settings.devices * settings.devices
        )
        self.pass_steps = len(self.training) // max(self.batch, 1)
        if not self.batch:
            raise UserError(
                f"train: {len(self.training)} training records are too few for {settings.devices} devices"
            )
        self.round_steps = settings.round_steps or min(self.pass_steps, _MOST_ROUND_STEPS)
        self.split = {
            "training": data.experiments(self.training),
            "validation": data.experiments(self.validation),
        }
        labels = self.training.labels()
        self._say_absent(labels)
        learner.prepare(settings.threads, study.seed, self.key, settings.precision)
        for warning in filter(
            None, (learner.unused_gpu(), learner.slow_precision(settings.precision))
        ):
            say(f"{view}: {warning}")
        strategy = learner.strategy(settings.devices)
        with strategy.scope():
            branches = (
                [load_model(ModelFolder(paths.model(name))) for name in VIEWS[:2]]
                if view == "joint"
                else None
            )
            model = learner.build(view, self.training, len(records.tags), settings, branches)
        self.learner = learner.Learner(
            model, settings, learner.loss_of(settings, labels.mean(0)), strategy
        )
        self.progress, self.best = Progress(), self.learner.average_values()
        if arrays:
            try:
                self.progress = Progress.of(facts)
                self.best = arrays.pop("best")
                self.learner.restore(arrays)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    f"{paths.training(view)}: its state is of another version of xscatter, with another network or "
                    "rule; delete it to start anew, or go on with that version"
                ) from error
            if facts.get("threads") != settings.threads:
                say(
                    f"{view}: was trained on {facts.get('threads')} threads, goes on with {settings.threads}"
                )
        if saved:
            say(f"{view}: goes on at step {self.progress.step} from {self.folder}")
        elif parent:
            self._take_over(facts)
        else:
            say(f"{view}: starts; {model.count_params():,} weights, {len(self.training)} records to train, "
                f"{len(self.validation)} to validate, {self.round_steps} steps of {self.batch} a round")  # fmt: skip
        self.interrupted = False

    def _say_absent(self, labels: np.ndarray) -> None:
        absent = [
            tag
            for tag, some in zip(self.records.tags, np.asarray(labels.any(0)), strict=True)
            if not some
        ]
        if len(absent) == len(self.records.tags):
            raise UserError(
                "records: no tag is true in any training record; nothing can be learnt from them"
            )
        if absent:
            self.say(f"{self.view}: no training record shows {', '.join(absent)}: not learnt")

    def _take_over(self, facts: dict[str, Any]) -> None:
        tested = set(data.experiments(data.whole(self.records, [self.records.test_batch])))
        if tested & set(facts["split"]["training"] + facts["split"]["validation"]):
            raise UserError(
                "--continue: the earlier training has seen experiments of the test batch; train anew"
            )
        self.progress.since, self.progress.losses = self.progress.step, []
        self.progress.rule.reopen()
        new = len(self.identity.batches) - len(facts["batches"])
        self.say(f"{self.view}: goes on from the weights of step {self.progress.step} with {new} new batches, "
                 f"{len(self.identity.batches)} in all")  # fmt: skip

    def run(self) -> bool:
        """Rounds until convergence or the deadline."""
        from xscatter.learn.board import Board

        folder = self.paths.model(self.view) / "tensorboard"
        self.board = Board(folder, self.progress.history, self.progress.timings)
        before = signal.signal(signal.SIGTERM, self._interrupt)
        try:
            while not self.progress.rule.converged:
                if not self._round():
                    self._save()
                    if self.interrupted:
                        raise KeyboardInterrupt
                    self.say(
                        f"{self.view}: stops at step {self.progress.step} for lack of time; state is saved"
                    )
                    return False
            self._export()
        finally:
            signal.signal(signal.SIGTERM, before)
            self.board.close()
        return True

    def _interrupt(self, *_) -> None:
        self.interrupted = True

    def _batch(self, step: int):
        number, place = divmod(step - self.progress.since, self.pass_steps)
        chosen = data.order(
            self.study.seed, self.key, self.progress.since + number, len(self.training)
        )
        chosen = chosen[place * self.batch : (place + 1) * self.batch]
        inputs = self.training.inputs(self.view, chosen)
        random = generator(self.study.seed, Purpose.TRAINING, self.key, 2, step)
        labels, turn, shift = (
            self.training.labels(chosen),
            self.settings.augment,
            self.settings.shift,
        )
        inputs, labels = data.augmented(inputs, labels, self.records.tags, random, turn, shift)
        return inputs, labels, chosen

    def _rate(self, step: int) -> float:
        train = self.settings
        rate = train.joint_learning_rate if self.view == "joint" else train.learning_rate
        return (
            rate
            * min(1.0, (step + 1) / (train.warmup_steps + 1))
            * train.drop_factor**self.progress.rule.drops
        )

    def _round(self) -> bool:
        """The rest of a round; False when time is up before its end."""
        progress, began, saved_at = self.progress, time.monotonic(), time.monotonic()
        first = progress.step
        end = first + self.round_steps - len(progress.losses)
        flying: deque = deque()
        label = f"{self.view}, round {progress.rule.round + 1}"
        ahead = track(
            data.ahead(self._batch, range(first, end)), label, end - first, every=300, end=False
        )
        for step, (inputs, labels, chosen) in zip(range(first, end), ahead, strict=True):
            flying.append((step, self.learner.step(step, self._rate(step), inputs, labels), chosen))
            while len(flying) > _LAG:
                self._land(flying)
            progress.step = step + 1
            now = time.monotonic()
            stop = self.interrupted or (self.deadline is not None and now >= self.deadline)
            if stop or now - saved_at >= 60 * self.settings.checkpoint_minutes:
                while flying:
                    self._land(flying)
                if stop and progress.step < end:
                    return False
                self._save()
                saved_at = time.monotonic()
        while flying:
            self._land(flying)
        self._look(time.monotonic() - began, (end - first) * self.batch)
        return True

    def _land(self, flying: deque) -> None:
        step, loss, chosen = flying.popleft()
        value = float(loss)
        if not math.isfinite(value):
            raise UserError(
                f"{self.view}: the loss is {value} at step {step}; the state before it is kept in {self.folder}; lower "
                f"train.learning_rate, or look at these (experiment, image): {self.training.named(chosen)}"
            )
        self.progress.losses.append(value)

    def _look(self, seconds: float, images: int) -> None:
        """The end of a round: score the averaged weights on the validation part, decide, save."""
        from xscatter.scores import metrics

        progress, rule = self.progress, self.progress.rule
        began = time.monotonic()
        average = self.learner.average_values()
        kept = self.learner.swap(average)
        logits = self.learner.logits(self.validation, self.view).astype(np.float64)
        self.learner.swap(kept)
        labels = self.validation.labels()
        loss = float(np.mean(np.logaddexp(0, logits) - labels * logits))
        each = metrics.per_tag(labels, logits)
        macro = float(metrics.mean_of(each))
        training_loss = float(np.mean(progress.losses))
        rate = self._rate(progress.step - 1)
        decision = rule.see(training_loss, macro, self.settings)
        # Not finite: no tag occurs in the validation part.
        if rule.best_round == rule.round or not math.isfinite(rule.best_validation):
            self.best = average
        row = {
            "round": rule.round,
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
                f"average_precision/{tag}": float(v)
                for tag, v in zip(self.records.tags, each, strict=True)
            },
        }
        progress.history.append(row)
        progress.losses = []
        progress.timings.append({
            "round": rule.round,
            "seconds": round(seconds, 3),
            "images_per_second": round(images / seconds, 2),
            "validation_seconds": round(time.monotonic() - began, 3),
        })  # fmt: skip
        said = {
            "drop": f"; the learning rate drops: {rule.reason}",
            "stop": f"; stops: {rule.reason}",
        }
        self._save()  # before it is said: what the log tells is kept
        self.say(
            f"{self.view}: round {rule.round}, step {progress.step}, training loss {training_loss:.4f}, "
            f"validation loss {loss:.4f}, mean average precision {macro:.4f} (best {rule.best_validation:.4f} "
            f"in round {rule.best_round}), {images / seconds:.0f} images/s{said.get(decision, '')}"
        )
        self.board.add(row, progress.timings[-1])
        self.board.examples(progress.step, self.validation, list(self.records.tags), logits)

    def _save(self) -> None:
        arrays = {**self.learner.arrays(), "best": self.best}
        if not all(np.isfinite(values).all() for values in arrays["model"]):
            raise UserError(
                f"{self.view}: a weight is not a number after step {self.progress.step - 1}; an earlier state is kept "
                f"in {self.folder}; lower train.learning_rate"
            )
        facts = {
            **self.progress.facts(),
            "settings": self.identity.settings,
            "batches": self.identity.batches,
            "threads": self.settings.threads,
            "split": self.split,
        }
        step = self.progress.step
        checkpoint.save(
            self.folder, self.identity.fingerprint, step, arrays, facts, self.settings.keep
        )

    def _export(self) -> None:
        from xscatter.learn import export

        self.learner.swap(self.best)
        logits = self.learner.logits(self.validation, self.view)
        self.board.examples(
            self.progress.step, self.validation, list(self.records.tags), logits, last=True
        )
        export.write(self.paths.model(self.view), self, logits)
        checkpoint.tidy(self.folder.parent, self.folder.name, self.say)
        self.say(
            f"{self.view}: {self.progress.rule.reason}; model in {self.paths.model(self.view)}"
        )
