"""The table of tags: one row a frame, CSV and JSON; and its legend, one row a tag."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Tagger

# Columns before those of the tags.
FIXED = [
    "file",
    "frame",
    "view",
    "model",
    "tags",
    "center_row",
    "center_column",
    "center_from",
    "center_confidence",
    "note",
]

# Those of a table that grows while a source is followed.
WATCHED = [*FIXED, "version", "hash", "state"]


def printable(name: str) -> str:
    """Return the name of a file as text; bytes that are not UTF-8 become ``\\xff`` and the like."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def row(tagged: Tagged, tags: list[str]) -> dict[str, Any]:
    """Return one row of plain values; None where something is not known."""
    center = tagged.center or (None, None)
    values = (
        tagged.probability if len(tagged.probability) == len(tags) else np.full(len(tags), np.nan)
    )
    fixed = [
        printable(tagged.source),
        tagged.index,
        tagged.view,
        tagged.model,
        list(tagged.tags),
        *(None if value is None else round(float(value), 2) for value in center),
        tagged.center_from,
        round(tagged.confidence, 3),
        printable(tagged.note),
    ]
    return dict(zip(FIXED, fixed, strict=True)) | {
        "probability": {
            t: None if np.isnan(p) else round(float(p), 4)
            for t, p in zip(tags, values, strict=True)
        }
    }


def csv_header(tags: list[str], columns: Sequence[str] = FIXED) -> str:
    """Return the first line of the CSV table: `columns`, then those of the tags."""
    return _line([*columns, *(f"p({tag})" for tag in tags)])


def csv_line(row: dict[str, Any], columns: Sequence[str] = FIXED) -> str:
    """Return one line of the CSV table; tags are separated by semicolons."""
    fixed = [";".join(row["tags"]) if name == "tags" else row[name] for name in columns]
    return _line([*fixed, *row["probability"].values()])


def json_item(row: dict[str, Any]) -> str:
    """Return one item of the JSON list."""
    return json.dumps(row, allow_nan=False)


def legend(tagger: Tagger) -> str:
    """Return the meaning of each tag as CSV, with its threshold and precision for each network."""
    views = tagger.views[::-1]  # the joint network first: it answers where it can
    columns = [
        numbers for view in views for numbers in (tagger.threshold(view), tagger.precision(view))
    ]
    names = [f"{what}({view})" for view in views for what in ("threshold", "precision_on_test")]
    lines = [_line(["tag", "meaning", *names])]
    for t, tag in enumerate(tagger.tags):
        # An empty field: no test image was given the tag.
        values = [None if np.isnan(column[t]) else round(float(column[t]), 3) for column in columns]
        lines.append(_line([tag, tagger.definitions[t], *values]))
    return "".join(lines)


def _line(values: list[Any]) -> str:
    text = io.StringIO()
    # Names that hold either end of a line are quoted.
    csv.writer(text, lineterminator="\r\n").writerow(
        ["" if value is None else value for value in values]
    )
    # The same line ends on every system.
    return text.getvalue()[:-2] + "\n"
