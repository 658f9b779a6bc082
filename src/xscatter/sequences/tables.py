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
    named = list(dict.fromkeys(name for row in rows for name in row.chances))
    tagged = any(row.tags for row in rows)
    header = [
        "file", "frame", "time", *covariates, CHANGE, *(f"p({name})" for name in named),
        "total", "total_sd", "change_z",
        *(["tags"] if tagged else []), "note", "index", "sequence",
    ]  # fmt: skip
    lines = [
        [
            row.file,
            row.frame,
            _text(row.time),
            *(_text(row.covariates.get(name)) for name in covariates),
            f"{float(2 * ndtr(row.z) - 1):.4f}",
            *(_text(row.chances.get(name)) for name in named),
            _text(row.total),
            _text(math.sqrt(row.total) if row.total > 0 else math.nan),
            f"{row.z:.2f}",
            *([";".join(row.tags)] if tagged else []),
            row.note,
            row.index,
            row.sequence,
        ]
        for row in rows
    ]
    return _csv(header, lines)


def sequence_json(
    settings: dict[str, Any],
    models: dict[str, str],
    processes: Sequence[tuple[int, ProcessSpan]],
    events: Sequence[tuple[int, Event]],
    messages: Sequence[str],
) -> str:
    """Return settings, model hashes, processes and events as JSON.

    Args:
        settings: of the run, plain values.
        models: hash of the weights of each network, by view.
        processes: with the number of the sequence of each.
        events: in the order in which a stream reports them.
        messages: about frames that were left out.
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


def _text(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.10g}"


def _csv(header: list[str], rows: Iterable[list[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
