"""Read columns of numbers, with their units, from a CSV table such as frames.csv."""

import csv
import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from xscatter.core.errors import UserError

_HEADER = re.compile(r"^\s*(?P<name>.*?)(?:\s+[(\[](?P<unit>[^()\[\]]*)[)\]])?\s*$")
_MISSING = {"", "nan", "none", "null", "na", "n/a", "-"}
_CELSIUS = {"c", "°c", "ºc", "degc", "celsius"}


@dataclass(frozen=True)
class Columns:
    """A table of columns with names, units and text.

    Attributes:
        path: the file.
        units: by name; empty where the header has none.
        cells: by name, the text of each row.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("frames.csv").write_text("time (s),spacing\\n0,1.5\\n2,1.6\\n")
        >>> table = read_columns("frames.csv")
        >>> table.numbers("spacing"), table.units["time"]
        (array([1.5, 1.6]), 's')
    """

    path: Path
    units: dict[str, str]
    cells: dict[str, list[str]]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as numbers; NaN where a cell is empty.

        Raises:
            UserError: there is no such column, or it has text or no number at all.
        """
        if name not in self.cells:
            near = difflib.get_close_matches(name, self.cells, 1)
            advice = f"did you mean {near[0]}?" if near else "there are " + ", ".join(self.cells)
            raise UserError(f"{self.path}: has no column {name}; {advice}")
        values = np.full(len(self.cells[name]), np.nan)
        for row, cell in enumerate(self.cells[name]):
            if cell.strip().lower() in _MISSING:
                continue
            try:
                values[row] = float(cell)
            except ValueError as error:
                raise UserError(
                    f"{self.path}: column {name} is text ({cell.strip()!r} in row {row + 1}); "
                    "choose a column of numbers"
                ) from error
        values[~np.isfinite(values)] = np.nan
        if len(values) and np.isnan(values).all():
            raise UserError(f"{self.path}: column {name} has no number; choose another")
        return values

    def rows_of(self, name: str, value: str) -> "Columns":
        """Return the rows whose cell in column `name` is `value`.

        Raises:
            UserError: there is none.
        """
        kept = [row for row, cell in enumerate(self.cells.get(name, [])) if cell.strip() == value]
        if not kept:
            raise UserError(f"{self.path}: no row has {value} in its column {name}")
        cells = {one: [column[row] for row in kept] for one, column in self.cells.items()}
        return replace(self, cells=cells)

    def kelvin(self, name: str) -> np.ndarray | None:
        """Return a column of temperatures in K; None if the header has no unit of temperature."""
        unit = self.units[name].lower()
        if unit in ("k", "kelvin"):
            return self.numbers(name)
        return self.numbers(name) + 273.15 if unit in _CELSIUS else None


def read_columns(path: str | Path) -> Columns:
    """Read a CSV table; a header is ``name``, ``name (unit)`` or ``name [unit]``.

    Without a space, as in ``p(melting)``, the brackets belong to the name.

    Raises:
        UserError: the file cannot be read, has no rows, or rows of other lengths.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise UserError(f"{path}: cannot be read ({reason})") from error
    header = text.partition("\n")[0]
    delimiter = next((d for d in ",;\t" if d in header), ",")
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(row)]
    if len(rows) < 2:
        raise UserError(f"{path}: has no rows; a table has a line of names and one line a point")
    units, cells = {}, {}
    for number, word in enumerate(rows[0]):
        match = _HEADER.match(word)
        name, unit = (match["name"], match["unit"] or "") if match else (word, "")
        if name in cells:
            raise UserError(f"{path}: two columns are called {name}; rename one")
        units[name] = unit.strip()
        cells[name] = [row[number] if number < len(row) else "" for row in rows[1:]]
    for line, row in enumerate(rows[1:], 1):
        if len(row) > len(rows[0]):
            raise UserError(f"{path}: row {line} has {len(row)} cells, not {len(rows[0])}")
    return Columns(path, units, cells)
