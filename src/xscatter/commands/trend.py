"""Fit laws to a quantity of a table, and predict how it continues.

Reads a column of a CSV table, such as frames.csv of `xscatter sequence`, against time, temperature
or any other column. Laws are fitted by maximum likelihood and compared by AICc; all within 2 of the
best are named. Numbers have profile-likelihood intervals; those that the points do not determine
are reported as such. Errors are taken from the column <quantity>_sd if there is one. A header may
state a unit: "temperature (K)". Writes trend.json and trend.png.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from xscatter.commands.arguments import positive
from xscatter.core.errors import UserError
from xscatter.core.files import write_json
from xscatter.pictures import save_figure
from xscatter.sequences.quantities import all_quantities
from xscatter.sequences.trends.columns import Columns, read_columns
from xscatter.sequences.trends.describe import TrendAxes, trend_json, trend_lines
from xscatter.sequences.trends.picture import draw_trend
from xscatter.sequences.trends.registry import all_laws
from xscatter.sequences.trends.trend import KINDS, Trend, fit_trend

EXAMPLE = """examples:
  xscatter trend run7/frames.csv --quantity spacing --against time
  xscatter trend run7/frames.csv --quantity peak_width --against temperature --law logistic"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, metavar="TABLE", help="CSV file, such as frames.csv")
    parser.add_argument("--quantity", required=True, metavar="COLUMN", help="column to follow")
    parser.add_argument(
        "--against", default="time", metavar="COLUMN", help="column it depends on (default: time)"
    )
    parser.add_argument(
        "--error",
        metavar="COLUMN",
        help="column of standard deviations (default: <quantity>_sd, or estimated)",
    )
    parser.add_argument(
        "--sequence", metavar="NUMBER", help="the rows with this number in the column sequence"
    )
    parser.add_argument(
        "--law", default="auto", help=f"auto (all), or one of {', '.join(all_laws())}"
    )
    parser.add_argument(
        "--ahead", type=positive, default=20, help="number of points to predict (default: 20)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="OUT", help="folder (default: that of the table)"
    )


def run(args: argparse.Namespace) -> None:
    table = _one_sequence(read_columns(args.table), args.sequence)
    x, y = table.numbers(args.against), table.numbers(args.quantity)
    error_column, error = _errors(table, args)
    axes = TrendAxes(
        args.against, _unit(table, args.against), args.quantity, _unit(table, args.quantity)
    )
    trend, x = _fit(args, table, x, y, error)
    if table.kelvin(args.against) is not None:
        axes = axes._replace(x_unit="K")
    left_out = len(y) - trend.points.number
    source = f"errors from column {error_column}" if error_column else "errors estimated"
    gaps = f"; {left_out} without a value left out" if left_out else ""
    print(f"{args.quantity} against {args.against}: {trend.points.number} points{gaps}; {source}")
    if trend.scale > 1.5:
        print(f"the errors are too small by a factor of {trend.scale:.2g}; intervals allow for it")
    forecasts = {kind: trend.ahead(args.ahead, kind) for kind in KINDS}
    print(*trend_lines(trend, axes, forecasts), sep="\n")
    folder = args.output or args.table.parent
    content = {"table": str(args.table), "left_out": left_out}
    write_json(folder / "trend.json", content | trend_json(trend, axes, forecasts))
    save_figure(draw_trend(trend, axes, forecasts["mixed"]), folder / "trend.png")
    print(f"\n{folder / 'trend.json'}\n{folder / 'trend.png'}")


def _one_sequence(table: Columns, wanted: str | None) -> Columns:
    """Return the rows of one sequence of a table that may hold several."""
    if wanted is not None:
        return table.rows_of("sequence", wanted)
    names = list(dict.fromkeys(cell.strip() for cell in table.cells.get("sequence", [])))
    if len(names) > 1:
        raise UserError(
            f"{table.path}: holds {len(names)} sequences; choose one with --sequence, such as "
            f"--sequence {names[0]}"
        )
    return table


def _unit(table: Columns, name: str) -> str:
    """Return the unit of a column: that of its header, or of the record beside the table."""
    if table.units[name]:
        return table.units[name]
    try:
        record = json.loads((table.path.parent / "sequence.json").read_text())
        return str(record["units"][name])
    except (OSError, ValueError, KeyError, TypeError):
        quantity = all_quantities().get(name)
    # Of a length in q the unit depends on the geometry.
    return "" if quantity is None or quantity.unit() == "nm⁻¹" else quantity.unit()


def _errors(table: Columns, args: argparse.Namespace) -> tuple[str, np.ndarray | None]:
    """Return the column of errors, if there is one, and its numbers."""
    name = args.error or f"{args.quantity}_sd"
    if name not in table.cells and not args.error:
        return "", None
    values = table.numbers(name)
    unit, wanted = table.units[name], table.units[args.quantity]
    if unit and wanted and unit != wanted:
        raise UserError(
            f"{table.path}: {name} is in {unit}, and {args.quantity} in {wanted}; use one unit"
        )
    return name, values


def _fit(args, table: Columns, x, y, error) -> tuple[Trend, np.ndarray]:
    """Return the trend, and x in K if it is a temperature."""
    kelvin = table.kelvin(args.against)
    x = x if kelvin is None else kelvin
    try:
        trend = fit_trend(x, y, error, law=args.law, temperature=kelvin is not None)
    except UserError as problem:
        where = f"{args.table}: {args.quantity} against {args.against}: "
        raise UserError(f"{'' if '--law' in str(problem) else where}{problem}") from problem
    return trend, x
