"""Decide which record goes where: whole experiments to the test batch, the others shuffled.

The split is a pure function of the seed and the experiment's number. What was packed once stays
where it is: experiments that are added later fill new batches, and never the test batch.
"""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.core.files import read_sealed, seal_problem, write_text
from xscatter.core.progress import track
from xscatter.core.seeds import Purpose, generator
from xscatter.records.assignment import (
    Assignment,
    Group,
    PackedExperiment,
    from_json,
    identity,
    load,
)
from xscatter.records.check import check_experiment, first_tags
from xscatter.store.marks import made_from
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

# Second number of the keys of the split's streams: training draws its validation set from others.
_BLOCK_KEY = 1


def tested(seed: int, experiments: list[int], batches: int) -> list[int]:
    """Return the experiments of the test batch: one drawn from every `batches` consecutive numbers.

    If none of the drawn numbers exists (in a study of very few experiments), the lowest number.

    Args:
        seed: seed of the study.
        experiments: numbers of all experiments, rising.
        batches: number of batches that the study asks for.
    """
    blocks = sorted({number // batches for number in experiments})
    drawn = {
        block * batches + int(generator(seed, Purpose.SPLIT, block, _BLOCK_KEY).integers(batches))
        for block in blocks
    }
    return sorted(drawn & set(experiments)) or experiments[:1]


def assign(study: Study, paths: StudyPaths, say=print) -> Assignment:
    """Check every shard of `study`, decide where its records go, and write assignment.json.

    Args:
        study: the study.
        paths: where its files are.
        say: takes a line about what has changed since the last time.

    Raises:
        UserError: shards are missing, partial, corrupt, or do not fit each other.
    """
    numbers = list(range(study.simulate.experiments))
    if len(numbers) < 2:
        raise UserError(
            f"{study.name}: {len(numbers)} experiment cannot be split into training and test; "
            "simulate more"
        )
    earlier = _earlier(paths, say)
    if earlier and (
        earlier.identity != identity(study) or not set(earlier.sources) <= set(numbers)
    ):
        say("the study has changed since its records were packed: they are split and packed again")
        # Nothing of the earlier split holds for records of another content.
        earlier = None
    known = earlier.sources if earlier else {}
    tags = first_tags(study, paths, numbers[0])
    sources = {
        number: check_experiment(study, paths, number, known.get(number), tags)
        for number in track(numbers, "checking shards")
    }
    # Shards that were made again, for example on another kind of computer.
    changed = [number for number in known if known[number] != sources[number]]
    if changed:
        say(
            f"{len(changed)} experiments have changed since they were packed: "
            "their batches are written again"
        )
    assignment = extend(study, sources, earlier)
    text = json.dumps(assignment.to_json(), indent=1) + "\n"
    for path in _copies(paths):
        # An unchanged file keeps its time, so that nothing that depends on it is made again.
        if not path.exists() or path.read_bytes() != text.encode():
            write_text(path, text, sealed=True)
    return assignment


def _copies(paths: StudyPaths) -> tuple[Path, Path]:
    """Return both files that hold the assignment.

    A workflow removes its outputs before it makes them again. The split must survive that, so that
    a hidden copy, which is no output, comes first.
    """
    return paths.batches / ".assignment.json", paths.assignment


def check_split(study: Study, paths: StudyPaths) -> None:
    """Refuse a study whose experiments cannot be split, before any of them is simulated.

    Args:
        study: the study.
        paths: where its files are.

    Raises:
        UserError: too few experiments for test, training and validation; more batches than the
            study was packed in, and nothing to put in them.
    """
    numbers = list(range(study.simulate.experiments))
    training = [n for n in numbers if n not in tested(study.seed, numbers, study.pack.batches)]
    drawn = [generator(study.seed, Purpose.SPLIT, n).random() for n in training]
    unfamiliar = study.train.validation_set == "unfamiliar"
    if len(training) < 2 or not (unfamiliar or max(drawn) >= study.train.validation_fraction):
        raise UserError(
            f"simulate.experiments: {len(numbers)} cannot be split into training, validation and "
            "test; simulate more"
        )
    known = foresee(study, paths)
    if known.contents and study.pack.batches > known.batches:
        raise UserError(_too_many_batches(study, known.batches))


def _too_many_batches(study: Study, packed: int) -> str:
    return (
        f"pack.batches: {study.pack.batches} asked for, the study is packed in {packed} and has "
        f"no new experiments; set it back to {packed}, or raise simulate.experiments"
    )


def assigned(paths: StudyPaths) -> Assignment:
    """Return what was assigned, from the copy that is not damaged.

    Raises:
        UserError: nothing was, or both copies are damaged.
    """
    return _earlier(paths, print) or load(paths.assignment)


def keep_copies(paths: StudyPaths) -> None:
    """Write the hidden copy again if it is lost or damaged and assignment.json is not.

    No job would: it is no output of the workflow.
    """
    hidden, visible = _copies(paths)
    with suppress(OSError, ValueError, KeyError, TypeError):
        text = read_sealed(visible)
        from_json(json.loads(text))
        if not hidden.exists() or seal_problem(hidden) or hidden.read_bytes() != text.encode():
            write_text(hidden, text, sealed=True)


def _earlier(paths: StudyPaths, say) -> Assignment | None:
    """Return what was assigned before, if anything; one of its two copies may be damaged."""
    existing = [path for path in _copies(paths) if path.exists()]
    for path in existing:
        try:
            return load(path)
        except UserError as error:
            say(f"{path}: damaged; it is not used")
            problem = error
    if existing:
        names = " and ".join(map(str, existing))
        raise UserError(
            f"{names}: damaged; delete them to split the study again, and then train again"
        ) from problem
    return None


def extend(
    study: Study, sources: dict[int, PackedExperiment], earlier: Assignment | None
) -> Assignment:
    """Return the assignment of `sources`; what `earlier` assigned stays.

    Args:
        study: the study.
        sources: every experiment, by its number.
        earlier: what was assigned before; None: nothing.

    Raises:
        UserError: the study asks for more batches, and there is nothing to put in them.
    """
    batches, test_batch = study.pack.batches, study.pack.test_batch
    if earlier is None:
        kept = tested(study.seed, sorted(sources), batches)
        group = Group(0, batches, [n for n in sorted(sources) if n not in kept])
        return Assignment(identity(study), study.seed, test_batch, kept, [group], sources)
    groups = list(earlier.groups)
    added = sorted(sources.keys() - earlier.sources.keys())
    if batches > earlier.batches and not added:
        raise UserError(_too_many_batches(study, earlier.batches))
    if added:
        more = _more_batches(study, earlier, sum(sources[n].images for n in added))
        groups.append(Group(earlier.batches, more, added))
    return Assignment(
        earlier.identity, study.seed, test_batch, earlier.test_experiments, groups, sources
    )


def _more_batches(study: Study, earlier: Assignment, images: int) -> int:
    """Return how many batches `images` new images fill: as the study asks, or of the old size."""
    old = sum(s.images for n, s in earlier.sources.items() if n not in earlier.test_experiments)
    # At least one, and about as many images in each as the earlier batches have.
    return max(1, study.pack.batches - earlier.batches, round(images * (earlier.batches - 1) / old))


@dataclass(frozen=True)
class Foreseen:
    """The batches that a study will have, as far as they are known before anything runs.

    Attributes:
        paths: where the files of the study are.
        batches: number of batches.
        contents: hash of what each batch that was packed before is made from.
    """

    paths: StudyPaths
    batches: int
    contents: list[str]

    def stays(self, batch: int) -> bool:
        """Return whether `batch` exists with the content that the assignment asks for.

        It is then up to date, although the assignment may have been written again since.
        """
        known = batch < len(self.contents)
        return known and made_from(self.paths.batch(batch)) == self.contents[batch]


def foresee(study: Study, paths: StudyPaths) -> Foreseen:
    """Return the batches that `study` will have, from what was packed before."""
    nothing = Foreseen(paths, study.pack.batches, [])
    for path in _copies(paths):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(read_sealed(path))
            earlier, contents = from_json(content), content["contents"]
            break
    else:
        return nothing
    added = study.simulate.experiments - len(earlier.sources)
    if earlier.identity != identity(study) or added < 0:
        return nothing
    more = _more_batches(study, earlier, added * study.simulate.images) if added else 0
    return Foreseen(paths, earlier.batches + more, contents)
