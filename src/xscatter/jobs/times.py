"""Files whose times are in the future: they would be newer than what is made from them, for ever.

The clock of a node or of a file server may be ahead, or files were restored from elsewhere. Which
file was made from which is known by checksums, so that the times may be set.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from xscatter.core.errors import UserError
from xscatter.store.paths import StudyPaths

_SECOND = 10**9


def settle(paths: StudyPaths, now: int) -> list[Path]:
    """Set the times of files that are in the future to those of what is made from them.

    Args:
        paths: of the study.
        now: the present time by the clock of the file system, in ns.

    Returns:
        The files whose times were set.

    Raises:
        UserError: a time cannot be set.
    """
    settled = []
    # From the last stage to the first: no file may be newer than one that is made from it.
    oldest = now
    for stage in reversed(list(_stages(paths))):
        times = {path: path.stat().st_mtime_ns for path in stage}
        future = [path for path, time in times.items() if time > now + _SECOND]
        for path in future:
            try:
                os.utime(path, ns=(oldest, oldest))
            except OSError as error:
                raise UserError(
                    f"{path}: its time is in the future, so that it would be used again and again; "
                    f"`touch` it ({error.strerror})"
                ) from error
        settled += future
        oldest = min([oldest, *(times[path] for path in times.keys() - set(future))])
    return settled


def _stages(paths: StudyPaths) -> Iterator[list[Path]]:
    """Yield the files of each stage, in the order of the stages."""
    root = paths.root
    folders = [paths.experiment(0).parent, paths.coefficients(0).parent]
    for place, pattern in [(folder, "*.h5") for folder in folders] + [
        (paths.batches, paths.assignment.name),
        (paths.batches, "batch-*.bin"),
        (paths.batches, paths.records.name),
        (root / "models", "legs/*.json"),
        (root / "models", "*/*.*"),
        (paths.evaluation("").parent, "*.*"),
        (root, "tagger/*"),
        (root, paths.report.name),
    ]:
        yield [path for path in place.glob(pattern) if path.is_file()]
