"""Propose the next points to measure.

Reads what was measured from a CSV table, such as frames.csv of `xscatter sequence`, and the places
that can be measured from another, whose columns must be columns of the first. A Gaussian process
is fitted to the quantity. --by variance proposes where it is least known; --by gradient prefers
where it also changes most, near a transition. Errors are taken from the column <quantity>_sd if
there is one. The same tables give the same proposals. xscatter advises; it moves nothing.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from xscatter.advice.next_point import CRITERIA, NextPoint
from xscatter.commands.arguments import positive
from xscatter.core.errors import UserError
from xscatter.core.files import write_json
from xscatter.sequences.trends.columns import Columns, read_columns

EXAMPLE = """example:
  xscatter next run7/frames.csv --quantity ring_to_halo --among candidates.csv --by gradient -n 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV file, such as frames.csv")
    parser.add_argument("--quantity", required=True, metavar="COLUMN", help="column to map")
    parser.add_argument(
        "--among",
        type=Path,
        required=True,
        metavar="CANDIDATES",
        help="CSV file of places; its columns are the coordinates",
    )
    parser.add_argument(
        "--by", choices=CRITERIA, default="variance", help="what counts (default: variance)"
    )
    parser.add_argument(
        "-n", "--number", type=positive, default=1, help="number of points (default: 1)"
    )
    parser.add_argument(
        "--position",
        type=float,
        nargs="+",
        metavar="VALUE",
        help="where the stage is, one value a coordinate (default: the last row of TABLE)",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="JSON", help="also write this file")


def run(args: argparse.Namespace) -> None:
    table, among = read_columns(args.table), read_columns(args.among)
    names = list(among.cells)
    candidates = np.stack([among.numbers(name) for name in names], 1)
    places = _places(table, among)
    if np.isnan(candidates).any():
        row = int(np.argmax(np.isnan(candidates).any(1))) + 1
        raise UserError(f"{among.path}: row {row} has an empty cell; fill it or remove the row")
    y = table.numbers(args.quantity)
    spread = f"{args.quantity}_sd"
    variance = table.numbers(spread) ** 2 if spread in table.cells else None
    usable = np.isfinite(y) & np.isfinite(places).all(1)
    if not usable.any():
        raise UserError(f"{table.path}: no row has both {args.quantity} and {', '.join(names)}")
    _warn_outside(places[usable], candidates, names, among)
    advisor = NextPoint(args.by)
    advisor.tell(places[usable], y[usable], None if variance is None else variance[usable])
    position = places[usable][-1] if args.position is None else np.array(args.position)
    if len(position) != len(names):
        raise UserError(f"--position: give {len(names)} values, for {', '.join(names)}")
    chosen = advisor.choose(candidates, position, args.number)
    rows = _described(advisor, candidates, chosen, names, args.quantity)
    print(*rows[0], sep=",")
    for proposal in rows:
        print(*(f"{value:.6g}" for value in proposal.values()), sep=",")
    if args.output:
        write_json(args.output, {"by": args.by, "points": len(advisor), "next": rows})


def _places(table: Columns, among: Columns) -> np.ndarray:
    """Return the coordinates of the measured points.

    Raises:
        UserError: a column is missing, or in another unit.
    """
    for name, unit in among.units.items():
        if name in table.units and unit and table.units[name] and unit != table.units[name]:
            raise UserError(
                f"{among.path}: {name} is in {unit}, and in {table.units[name]} in {table.path}; "
                "use one unit"
            )
    return np.stack([table.numbers(name) for name in among.cells], 1)


def _warn_outside(
    places: np.ndarray, candidates: np.ndarray, names: list[str], among: Columns
) -> None:
    """Report candidates outside the measured range; refuse when none is near it."""
    for axis, name in enumerate(names):
        low, high = places[:, axis].min(), places[:, axis].max()
        values = candidates[:, axis]
        outside = (values < low) | (values > high)
        where = f"the measured range of {name}, {low:g} to {high:g}"
        span = high - low
        if high > low and ((values < low - 3 * span) | (values > high + 3 * span)).all():
            raise UserError(f"{among.path}: all candidates are far outside {where}; check the unit")
        if outside.any():
            print(
                f"xscatter next: {outside.sum()} of {len(values)} candidates are outside {where}; "
                "there the process only knows that it knows little",
                file=sys.stderr,
            )


def _described(
    advisor: NextPoint, candidates: np.ndarray, chosen: list[int], names: list[str], quantity: str
) -> list[dict[str, float]]:
    """Return the proposals as rows: coordinates, and what is expected there."""
    rows = []
    expected = advisor.predict(candidates[chosen]) if advisor.process() else None
    for place, row in enumerate(chosen):
        entry: dict[str, float] = {"candidate": row + 1}
        entry |= {name: float(v) for name, v in zip(names, candidates[row], strict=True)}
        if expected is not None:
            entry |= {
                quantity: float(expected[0][place]),
                f"{quantity}_sd": float(expected[1][place]),
            }
        rows.append(entry)
    return rows
