"""Which record goes where: whole experiments to the test batch, the others shuffled over the rest.

The split is a pure function of the seed and the experiment's number. What was packed once stays
where it is: experiments that are added later fill new batches, and never the test batch.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.core import shards
from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

_BLOCK_KEY = (
    1  # second number of the split's streams: training draws its validation part from others
)


def tested(seed: int, experiments: list[int], batches: int) -> list[int]:
    """Which of `experiments` are kept for the test: one drawn from every `batches` consecutive numbers.

    Where no drawn one exists (a study of very few experiments), the lowest number.
    """
    blocks = sorted({number // batches for number in experiments})
    drawn = {
        block * batches + int(generator(seed, Purpose.SPLIT, block, _BLOCK_KEY).integers(batches))
        for block in blocks
    }
    return sorted(drawn & set(experiments)) or experiments[:1]


@dataclass(frozen=True)
class Source:
    """One experiment: how many images, and the checksums of its two files."""

    experiment: int
    images: int
    counts: str
    coefficients: str


@dataclass(frozen=True)
class Group:
    """Experiments whose records are shuffled over the batches `first` to `first + batches - 1`, but for the test's."""

    first: int
    batches: int
    experiments: list[int]


@dataclass(frozen=True)
class Assignment:
    """Where every record goes: `groups` of training batches in the order in which they were added.

    `identity` is a hash of all that decides the content of a record and the split, but not the number of experiments.
    """

    identity: str
    seed: int
    test_batch: int
    test_experiments: list[int]
    groups: list[Group]
    sources: dict[int, Source]

    @property
    def batches(self) -> int:
        """Number of batches, the test batch among them."""
        return max(group.first + group.batches for group in self.groups)

    def numbers(self, group: Group) -> list[int]:
        """Numbers of the training batches of `group`."""
        return [n for n in range(group.first, group.first + group.batches) if n != self.test_batch]

    def rows(self, batch: int) -> np.ndarray:
        """Experiment and image (n, 2) int32 of every record of `batch`, in order.

        Raises:
            UserError: there is no such batch.
        """
        if not 0 <= batch < self.batches:
            raise UserError(f"batch {batch} is not among the batches 0 to {self.batches - 1}")
        if batch == self.test_batch:
            return self._records(self.test_experiments)
        number, group = next(
            (k, g) for k, g in enumerate(self.groups) if g.first <= batch < g.first + g.batches
        )
        records = self._records(group.experiments)
        records = records[generator(self.seed, Purpose.SHUFFLE, number).permutation(len(records))]
        numbers = self.numbers(group)
        return np.array_split(records, len(numbers))[numbers.index(batch)]

    def _records(self, experiments: list[int]) -> np.ndarray:
        parts = [
            np.stack([np.full(self.sources[e].images, e), np.arange(self.sources[e].images)], 1)
            for e in experiments
        ]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros((0, 2), np.int32)

    def content(self, batch: int) -> str:
        """Hash of all that decides the bytes of `batch`."""
        rows = self.rows(batch)
        names = np.unique(rows[:, 0]).tolist()
        facts = [
            self.identity,
            [[e, self.sources[e].counts, self.sources[e].coefficients] for e in names],
        ]
        digest = hashlib.sha256(json.dumps(facts).encode())
        digest.update(rows.astype("<i4").tobytes())
        return digest.hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Plain values; the order of records follows from them, and so is not written out."""
        return {
            "identity": self.identity,
            "seed": self.seed,
            "test_batch": self.test_batch,
            "test_experiments": self.test_experiments,
            "groups": [vars(group) for group in self.groups],
            "sources": [vars(self.sources[number]) for number in sorted(self.sources)],
            "contents": [self.content(batch) for batch in range(self.batches)],
        }


def from_json(content: dict[str, Any]) -> Assignment:
    """The inverse of :meth:`Assignment.to_json`."""
    return Assignment(
        content["identity"],
        content["seed"],
        content["test_batch"],
        content["test_experiments"],
        [Group(**group) for group in content["groups"]],
        {source["experiment"]: Source(**source) for source in content["sources"]},
    )


def load(path: Path) -> Assignment:
    """Read an assignment.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return from_json(json.loads(path.read_text()))
    except FileNotFoundError as error:
        raise UserError(f"{path}: missing; run `xscatter pack STUDY --assign` first") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: is not an assignment ({error}); run `xscatter pack STUDY --assign` again"
        ) from error


def identity(study: Study) -> str:
    """Hash of what decides the content of a record and the split."""
    facts = [study.fingerprint("transform"), study.pack.test_batch]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _history(paths: StudyPaths) -> Path:
    # A workflow removes its outputs before it makes them again; the split must outlive that.
    return paths.batches / ".assignment.json"


def assign(study: Study, paths: StudyPaths, say=print) -> Assignment:
    """Check every shard of `study`, decide where its records go, and write assignment.json.

    Raises:
        UserError: shards are missing, partial, corrupt, or do not fit each other.
    """
    numbers = list(range(study.simulate.experiments))
    if len(numbers) < 2:
        raise UserError(
            f"{study.name}: {len(numbers)} experiment cannot be split into training and test; simulate more"
        )
    earlier = _earlier(paths, say)
    if earlier and (
        earlier.identity != identity(study) or not set(earlier.sources) <= set(numbers)
    ):
        say("the study has changed since its records were packed: they are split and packed anew")
        earlier = None
    tags = first_tags(study, paths, numbers[0])
    sources = {
        n: _source(study, paths, n, earlier, tags) for n in track(numbers, "checking shards")
    }
    if earlier:
        changed = [n for n in earlier.sources if earlier.sources[n] != sources[n]]
        if changed:
            say(
                f"{len(changed)} experiments have changed since they were packed: their batches are written again"
            )
    found = extend(study, sources, earlier)
    text = json.dumps(found.to_json(), indent=1) + "\n"
    for path in (_history(paths), paths.assignment):
        if not path.exists() or path.read_text() != text:
            write_text(path, text)
    return found


def _earlier(paths: StudyPaths, say) -> Assignment | None:
    """What was assigned before; of its two copies one may be damaged."""
    there = [path for path in (_history(paths), paths.assignment) if path.exists()]
    for path in there:
        try:
            return load(path)
        except UserError as error:
            say(f"{path}: damaged; it is not used")
            problem = error
    if there:
        names = " and ".join(map(str, there))
        raise UserError(
            f"{names}: damaged; delete to split the study anew, and train anew, too"
        ) from problem
    return None


def extend(study: Study, sources: dict[int, Source], earlier: Assignment | None) -> Assignment:
    """The assignment of `sources`; what `earlier` assigned stays."""
    batches, test_batch = study.pack.batches, study.pack.test_batch
    if earlier is None:
        kept = tested(study.seed, sorted(sources), batches)
        group = Group(0, batches, [n for n in sorted(sources) if n not in kept])
        return Assignment(identity(study), study.seed, test_batch, kept, [group], sources)
    groups = list(earlier.groups)
    known = set(earlier.sources)
    fresh = [n for n in sorted(sources) if n not in known]
    if batches > earlier.batches and not fresh:
        raise UserError(
            f"pack.batches: {batches} asked for, the study is packed in {earlier.batches} and has no new experiments; "
            f"set it back to {earlier.batches}, or raise simulate.experiments"
        )
    if fresh:
        more = _added(study, earlier, sum(sources[n].images for n in fresh))
        groups.append(Group(earlier.batches, more, fresh))
    return Assignment(
        earlier.identity, study.seed, test_batch, earlier.test_experiments, groups, sources
    )


def _added(study: Study, earlier: Assignment, images: int) -> int:
    """How many batches `images` new images fill: what the study asks for, or of about the size of the old ones."""
    old = sum(s.images for n, s in earlier.sources.items() if n not in earlier.test_experiments)
    return max(1, study.pack.batches - earlier.batches, round(images * (earlier.batches - 1) / old))


def foreseen(study: Study, paths: StudyPaths) -> tuple[int, list[str]]:
    """Number of batches that `study` will have, and what the first of them are made from, by what was packed before.

    A workflow knows by this, before anything runs, which batches there will be and which of them stay as they are.
    """
    try:
        content = json.loads(_history(paths).read_text())
        earlier, contents = from_json(content), content["contents"]
    except (OSError, ValueError, KeyError, TypeError):
        return study.pack.batches, []
    fresh = study.simulate.experiments - len(earlier.sources)
    if earlier.identity != identity(study) or fresh < 0:
        return study.pack.batches, []
    more = _added(study, earlier, fresh * study.simulate.images) if fresh else 0
    return earlier.batches + more, contents


def first_tags(study: Study, paths: StudyPaths, number: int) -> list[str]:
    """The tags of experiment `number`, the first of the study: all others have the same."""
    with open_experiment(
        paths.experiment(number), study_hash=study.fingerprint("simulate")
    ) as file:
        return file.tags()


def _source(
    study: Study, paths: StudyPaths, number: int, earlier: Assignment | None, names: list[str]
) -> Source:
    """Check both files of an experiment against the study, each other, and the tags of the first experiment."""
    counts_path, coefficients_path = paths.experiment(number), paths.coefficients(number)
    known = earlier.sources.get(number) if earlier else None
    fingerprint = study.fingerprint("simulate")
    with open_experiment(counts_path, study_hash=fingerprint, experiment=number) as shard:
        counts_sum = shard.checksum
        shape, tags = shard.dataset.shape, shard.labels.shape
        size = study.simulate.size
        if shape[1:] != (size, size) or tags[0] != shape[0]:
            raise UserError(
                f"{counts_path}: holds images of {shape} and tags of {tags}; simulate it again"
            )
        own = shard.tags()
    if own != names:
        other = ", ".join(sorted({*own} ^ {*names})) or "their order"
        raise UserError(
            f"{counts_path}: has other tags than the first experiment ({other}); another version of xscatter made it: "
            "simulate all experiments of a study by one version"
        )
    fingerprint = study.fingerprint("transform")
    with open_coefficients(coefficients_path, study_hash=fingerprint, experiment=number) as file:
        coefficients_sum = file.checksum
        orders = (study.transform.angular_orders, study.transform.radial_orders)
        if file.dataset.shape != (shape[0], *orders):
            raise UserError(
                f"{coefficients_path}: holds {file.dataset.shape}, not {(shape[0], *orders)}; "
                "transform it again"
            )
        if file.source_checksum != counts_sum:
            raise UserError(
                f"{coefficients_path}: was made from another {counts_path.name}; transform it again"
            )
    for path, checksum, was in (
        (counts_path, counts_sum, known and known.counts),
        (coefficients_path, coefficients_sum, known and known.coefficients),
    ):
        wrong = shards.problem(path) if checksum != was else None
        if wrong:
            raise UserError(
                f"{path}: {wrong}; run `xscatter verify --delete-bad`, then make it again"
            )
    return Source(number, shape[0], counts_sum, coefficients_sum)
