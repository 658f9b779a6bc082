"""Covariates, such as temperatures: a table with one row a frame, or one row a file."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xscatter.core.errors import UserError

FILE_COLUMNS = ("file", "filename", "name")
TIME = "time"


@dataclass(frozen=True)
class Covariates:
    """Columns of numbers, found by the name of a file or by the number of a frame.

    Attributes:
        path: of the table.
        columns: names of the columns, without that of the file.
        rows: values of each row.
        files: row of each file, by its name without folder; None: rows are in order of frames.
    """

    path: Path
    columns: list[str]
    rows: list[dict[str, float]]
    files: dict[str, int] | None

    def of(self, file: str, number: int) -> dict[str, float]:
        """Return the values for a frame; an empty dictionary where the table has none."""
        if self.files is None:
            return self.rows[number] if number < len(self.rows) else {}
        place = self.files.get(Path(file.partition("::")[0]).name)
        return {} if place is None else self.rows[place]

    def column(self, name: str) -> str:
        """Return `name` if the table has this column.

        Raises:
            UserError: it has not.
        """
        if name not in self.columns:
            raise UserError(
                f"{self.path}: has no column {name!r}; it has {', '.join(self.columns)}"
            )
        return name


def read_covariates(path: str | Path, needed: Sequence[str] = ()) -> Covariates:
    """Read a CSV table of covariates.

    Args:
        path: the table: a header, then one row a frame, or one row a file with a column ``file``.
        needed: columns that must be there.

    Raises:
        UserError: it cannot be read, lacks a column, or holds something that is no number.
    """
    path = Path(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            sample = stream.readline()
            stream.seek(0)
            lines = list(csv.reader(stream, delimiter=_delimiter(sample)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or "it is no table of text"
        raise UserError(f"{path}: cannot be read ({why})") from error
    lines = [[cell.strip() for cell in line] for line in lines if any(map(str.strip, line))]
    if len(lines) < 2:
        raise UserError(f"{path}: holds no rows; it needs a header and one row a frame")
    header = lines[0]
    name = next((n for n, cell in enumerate(header) if cell.lower() in FILE_COLUMNS), None)
    columns = [cell for n, cell in enumerate(header) if n != name]
    rows: list[dict[str, float]] = []
    files: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(header):
            raise UserError(
                f"{path}: line {number} has {len(line)} columns, the header {len(header)}"
            )
        if name is not None:
            files[Path(line[name]).name] = len(rows)
        cells = [cell for n, cell in enumerate(line) if n != name]
        rows.append({c: _number(path, number, c, v) for c, v in zip(columns, cells, strict=True)})
    table = Covariates(path, columns, rows, None if name is None else files)
    for column in needed:
        table.column(column)
    return table


def _delimiter(header: str) -> str:
    return next((mark for mark in (",", ";", "\t") if mark in header), ",")


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        return float(text) if text else math.nan
    except ValueError as error:
        raise UserError(
            f"{path}: line {line}, column {column!r}: {text!r} is not a number"
        ) from error
