"""Follow a folder in which frames appear: each file is tagged once, whatever stops and starts in between.

The table is the memory: a file whose rows stand in it is done. All rows of a file are written at
once and flushed to disk; a line that a crash cut off is dropped at the next start.
"""

import csv
import fnmatch
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from xscatter.errors import UserError
from xscatter.frames import table
from xscatter.frames.tagger import Tagged, Tagger


class Table:
    """A CSV table that grows by whole files; `done` are the names of files that it holds.

    Raises:
        UserError: the table belongs to a model of other tags, or cannot be written.
    """

    def __init__(self, path: Path, tags: list[str]):
        self.path, self.tags, self.done = path, tags, set[str]()
        header = table.csv_header(tags)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b")  # noqa: SIM115 - stays open while the folder is followed
            self._file.seek(0)
            content = self._file.read()
            first = header.encode()
            if not (content.startswith(first) or first.startswith(content)):
                self._file.close()
                raise UserError(f"{path}: is no table of this model's tags; choose another table with -o")
            whole = content[: content.rfind(b"\n") + 1]
            if len(whole) < len(content):
                self._file.truncate(len(whole))
            if not whole:
                self._write(first)
            self.done = {row["file"] for row in csv.DictReader(whole.decode().splitlines())}
        except OSError as error:
            raise UserError(f"{path}: cannot be written ({error.strerror}); choose another table with -o") from error

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be written ({error.strerror}); free some space, start again"
            ) from error

    def add(self, frames: list[Tagged]) -> None:
        """Append the rows of whole files."""
        self._write("".join(table.csv_line(table.row(tagged, self.tags)) for tagged in frames).encode())
        self.done.update(table.printable(tagged.source) for tagged in frames)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass
class Folder:
    """New files of a folder, each once it has come to rest.

    Attributes:
        path: the folder; not the folders in it.
        pattern: of names, such as ``*.cbf``; names that begin with a dot are left out.
        settle: seconds for which size and time of a file must not change before it is read.
        ignore: a file that is none of the frames: the table, where it lies in the same folder.
    """

    path: Path
    pattern: str = "*"
    settle: float = 1.0
    ignore: Path | None = None
    _seen: dict[str, tuple[int, int, float]] = field(default_factory=dict)

    def waiting(self, done: set[str]) -> tuple[list[str], int]:
        """Files at rest that are not `done`, oldest first, and how many others are still changing."""
        now, ready, changing = time.monotonic(), [], 0
        try:
            entries = list(os.scandir(self.path))
        except OSError as error:
            raise UserError(
                f"{self.path}: cannot be listed ({error.strerror}); name the folder of the frames"
            ) from error
        for entry in entries:
            name = entry.path
            if table.printable(name) in done or entry.name[0] == "." or not fnmatch.fnmatch(entry.name, self.pattern):
                continue
            try:
                if not entry.is_file() or (self.ignore and os.path.samefile(entry.path, self.ignore)):
                    continue
                state = entry.stat()
            except OSError:  # renamed or removed since it was listed
                continue
            size, changed, since = self._seen.get(name, (-1, -1, now))
            if (size, changed) != (state.st_size, state.st_mtime_ns):
                since = now
            self._seen[name] = (state.st_size, state.st_mtime_ns, since)
            old = time.time() - state.st_mtime > 10 * self.settle + 1
            if state.st_size and (now - since >= self.settle or old):
                ready.append((state.st_mtime_ns, name))
            else:
                changing += 1
        return [name for _, name in sorted(ready)], changing

    def forget(self, name: str) -> None:
        """Drop what is known of a file that is done."""
        self._seen.pop(name, None)

    def touched(self, name: str) -> None:
        """Wait for a file again as if it had just changed."""
        size, changed, _ = self._seen.get(name, (-1, -1, 0.0))
        self._seen[name] = (size, changed, time.monotonic())


def follow(
    tagger: Tagger,
    folder: Folder,
    found: Table,
    *,
    patience: float = 60.0,
    every: float = 10.0,
    once: bool = False,
    view: str | None = None,
    threads: int = 1,
    say: Callable[[str], None] = print,
    **options: object,
) -> Iterator[list[Tagged]]:
    """Tag files as they come to rest; yield what was added to the table, and nothing while nothing is new.

    Args:
        tagger: the networks.
        folder: where to look.
        found: the table to add to.
        patience: seconds since its last change after which a file that cannot be read is given up as bad.
        every: seconds between two lines of rate and backlog to `say`.
        once: stop when every file that is there is done.
        view: the network to use; default: the best.
        threads: frames read at the same time.
        say: where lines of progress go.
        options: see :meth:`Tagger.predict`.
    """
    folder.ignore = found.path
    begin = said = time.monotonic()
    count = recent = 0
    while True:
        names, changing = folder.waiting(found.done)
        held = 0
        for place in range(0, len(names), 64):
            rows, retry = _tagged(tagger, names[place : place + 64], patience, view, threads, options)
            held += len(retry)
            for name in retry:
                folder.touched(name)
            if rows:
                found.add(rows)
                for row in rows:
                    folder.forget(row.source)
                count, recent = count + len(rows), recent + len(rows)
                yield rows
            if time.monotonic() - said >= every:
                now = time.monotonic()
                backlog = len(names) - place - 64
                say(f"watch: {count} frames tagged, {recent / (now - said):.1f} a second, {max(backlog, 0)} files wait")
                said, recent = now, 0
        if once and not changing and not held:
            say(f"watch: {count} frames tagged, {count / max(time.monotonic() - begin, 1e-9):.1f} a second")
            return
        if not names:
            time.sleep(min(0.2, folder.settle))
            yield []


def _tagged(
    tagger: Tagger, names: list[str], patience: float, view: str | None, threads: int, options: dict
) -> tuple[list[Tagged], list[str]]:
    """Rows of all frames of the files `names`, and those that cannot be read yet but may be soon."""
    by_file: dict[str, list[Tagged]] = {name: [] for name in names}
    for batch in tagger.batches(names, view, threads, **options):
        for tagged in tagger.tag(batch, view):
            by_file[tagged.source].append(tagged)
    rows, retry = [], []
    for name, frames in by_file.items():
        try:
            young = time.time() - os.stat(name).st_mtime < patience
        except OSError:
            continue  # it was removed: there is nothing to say about it
        if young and any(tagged.failed for tagged in frames):
            retry.append(name)
        else:
            rows.extend(frames)
    return rows, retry
