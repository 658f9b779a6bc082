"""Check the two files of an experiment before they are packed."""

from pathlib import Path

from xscatter.core import shards
from xscatter.core.errors import UserError
from xscatter.records.assignment import PackedExperiment
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.study import Study

_intact: set[tuple] = set()  # shards that this process has read to the last byte


def first_tags(study: Study, paths: StudyPaths, number: int) -> list[str]:
    """Return the tags of experiment `number`, the first of the study: all others have the same.

    Args:
        study: the study.
        paths: of the study.
        number: of the experiment.
    """
    fingerprint = study.fingerprint("simulate")
    with open_experiment(paths.experiment(number), study_hash=fingerprint) as experiment:
        return experiment.tags()


def check_experiment(
    study: Study,
    paths: StudyPaths,
    number: int,
    known: PackedExperiment | None,
    tags: list[str],
) -> PackedExperiment:
    """Check both files of an experiment against the study, each other, and the other experiments.

    Args:
        study: what the files must belong to.
        paths: where they are.
        number: number of the experiment.
        known: the experiment as it was checked before: files that have not changed since are not
            read completely again.
        tags: names of the tags of the first experiment.

    Raises:
        UserError: a file is missing, incomplete, corrupt or of something else.
    """
    source, expansion = paths.experiment(number), paths.coefficients(number)
    images, counts, kinds = _check_images(study, source, number, tags)
    coefficients = _check_coefficients(study, expansion, number, images, (source.name, counts))
    for path, checksum, before in (
        (source, counts, known and known.counts),
        (expansion, coefficients, known and known.coefficients),
    ):
        # The checksum as stated tells what is new; only those are read to the last byte.
        if checksum != before:
            intact(path, checksum)
    return PackedExperiment(number, images, counts, coefficients, kinds)


def intact(path: Path, checksum: str) -> None:
    """Refuse a shard whose content is not that of `checksum`; each is read once in a process.

    Raises:
        UserError: it is missing, damaged, or another one.
    """
    status = path.stat() if path.exists() else None
    key = path, checksum, status and (status.st_ino, status.st_size, status.st_mtime_ns)
    if key in _intact:
        return
    if problem := shards.problem(path, checksum=checksum):
        raise UserError(
            f"{path}: {problem}; run `xscatter verify --delete-bad`, then make it again"
        )
    _intact.add(key)


def _check_images(
    study: Study, path: Path, number: int, tags: list[str]
) -> tuple[int, str, tuple[str, ...]]:
    """Return the number of images of an experiment shard, its checksum and its kinds."""
    fingerprint, size = study.fingerprint("simulate"), study.simulate.size
    with open_experiment(path, study_hash=fingerprint, experiment=number) as shard:
        shape, labels, own = shard.dataset.shape, shard.labels.shape, shard.tags()
        if shape[1:] != (size, size) or labels[0] != shape[0]:
            raise UserError(
                f"{path}: holds images of {shape} and tags of {labels}; simulate it again"
            )
        if own != tags:
            other = ", ".join(sorted({*own} ^ {*tags})) or "their order"
            raise UserError(
                f"{path}: has other tags than the first experiment ({other}); another version of "
                "xscatter made it: simulate all experiments of a study by one version"
            )
        return len(shard), shard.checksum, tuple(shard.kinds)


def _check_coefficients(
    study: Study, path: Path, number: int, images: int, source: tuple[str, str]
) -> str:
    """Return the checksum of a coefficient file; `source`: name and checksum of its experiment."""
    fingerprint = study.fingerprint("transform")
    shape = (images, study.transform.angular_orders, study.transform.radial_orders)
    with open_coefficients(path, study_hash=fingerprint, experiment=number) as file:
        if file.dataset.shape != shape:
            raise UserError(f"{path}: holds {file.dataset.shape}, not {shape}; transform it again")
        # The shard was made again since, perhaps with other bytes.
        if file.source_checksum != source[1]:
            raise UserError(f"{path}: was made from another {source[0]}; transform it again")
        return file.checksum
