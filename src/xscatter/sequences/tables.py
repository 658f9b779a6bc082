"""The tables of a sequence: processes.csv, frames.csv and sequence.json."""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scipy.special import ndtr

from xscatter.core.files import write_text
from xscatter.core.provenance import run_record
from xscatter.sequences.events import Event, ProcessSpan
from xscatter.sequences.quantities.registry import NOTHING, all_quantities
from xscatter.sequences.stream import FrameRow

PROCESS_COLUMNS = [
    "process", "probability", "begin", "begin_low", "begin_high", "end", "frames", "detected_at",
    "evidence", "family", "open", "sequence",
]  # fmt: skip
CHANGE = "p(change)"


def processes_csv(processes: Sequence[tuple[int, ProcessSpan]]) -> str:
    """Return the table of processes, one a row."""
    rows = [
        [
            span.process,
            f"{span.probability:.4f}",
            span.begin,
            span.low,
            span.high,
            span.end,
            span.frames,
            span.detected,
            span.evidence,
            span.family,
            int(span.open),
            sequence,
        ]
        for sequence, span in processes
    ]
    return _csv(PROCESS_COLUMNS, rows)


def frames_csv(rows: Sequence[FrameRow]) -> str:
    """Return the table of frames, one a row."""
    covariates = list(dict.fromkeys(name for row in rows for name in row.covariates))
    tags = list(dict.fromkeys(name for row in rows for name in row.probabilities))
    return frames_header(covariates, tags) + "".join(
        frames_line(row, covariates, tags) for row in rows
    )


def frames_header(covariates: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
    """Return the first line of the table of frames."""
    header = [
        "file", "frame", "time", *covariates, CHANGE, *(f"p({tag})" for tag in tags),
        *(name + end for name in all_quantities() for end in ("", "_sd")), "change_z",
        *(["tags"] if tags else []), "note", "index", "sequence", "q_unit",
    ]  # fmt: skip
    return _csv(header, [])


def frames_line(row: FrameRow, covariates: Sequence[str] = (), tags: Sequence[str] = ()) -> str:
    """Return one line of the table of frames.

    Args:
        row: of the frame.
        covariates: names of their columns.
        tags: names of the tags that have columns.
    """
    line: list[Any] = [
        row.file,
        row.frame,
        _text(row.time),
        *(_text(row.covariates.get(name)) for name in covariates),
        f"{float(2 * ndtr(row.z) - 1):.4f}",
        *(_text(row.probabilities.get(tag), 4) for tag in tags),
        *(_text(x, 6) for name in all_quantities() for x in row.quantities.get(name, NOTHING)),
        f"{row.z:.2f}",
        *([";".join(row.tags)] if tags else []),
        row.note,
        row.index,
        row.sequence,
        row.unit,
    ]
    return _csv(line, [])


def sequence_json(
    settings: dict[str, Any],
    models: dict[str, str],
    processes: Sequence[tuple[int, ProcessSpan]],
    events: Sequence[tuple[int, Event]],
    messages: Sequence[str],
    units: dict[str, str],
) -> str:
    """Return settings, model hashes, processes and events as JSON.

    Args:
        settings: of the run, plain values.
        models: hash of the weights of each network, by view.
        processes: with the number of the sequence of each.
        events: in the order in which a stream reports them.
        messages: about frames that were left out.
        units: of the quantities in frames.csv, by name.
    """
    value = {
        "models": models,
        "settings": settings,
        "processes": [
            {"sequence": number, **_plain(span), "frames": span.frames}
            for number, span in processes
        ],
        "events": [event.record() | {"sequence": number} for number, event in events],
        "messages": list(messages),
        "units": {"time": "s", **units},
        "run": run_record(),
    }
    return json.dumps(value, indent=1) + "\n"


def event_line(sequence: int, event: Event) -> str:
    """Return one line of a stream of events."""
    return json.dumps(event.record() | {"sequence": sequence}) + "\n"


def write_tables(folder: Path, texts: dict[str, str]) -> None:
    """Write files by name, each completely or not at all."""
    for name, text in texts.items():
        write_text(folder / name, text)


def _plain(span: ProcessSpan) -> dict[str, Any]:
    return {name: getattr(span, name) for name in span.__dataclass_fields__}


def _text(value: float | None, digits: int = 10) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.{digits}g}"


def _csv(header: list[Any], rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
