"""A self-contained page of a sequence: two-time map, profiles over time, bars of the processes."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from xscatter.pictures import COLOURS, new_figure, to_bytes
from xscatter.sequences.events import UNKNOWN, ProcessSpan
from xscatter.sequences.evidence import Axis
from xscatter.sequences.history import Block
from xscatter.sequences.polar import binned
from xscatter.sequences.segments import vector

_STYLE = """body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
section{border-top:1px solid #ccc;padding:1rem 0}img{max-width:100%}
td,th{padding:.1rem .8rem .1rem 0;text-align:left;vertical-align:top}.note{color:#8a4b00}"""
_HELP = (
    "Time runs downwards. Left: difference between every two frames, in units of the difference of "
    "neighbours; a quiet time is a dark square, a change the border between two, and a drift a "
    "slow fading away from the diagonal. Middle: the radial profile of each frame against its mean "
    "over the record; red is more, blue less. Right: the total. Bars: the processes, from first to "
    "last frame; lines: where each may have begun."
)
_COLUMNS = ("process", "family", "frames", "began", "probability", "evidence")


@dataclass(frozen=True)
class SequenceRecord:
    """The content of a page for one sequence.

    Attributes:
        number: of the sequence.
        axis: along the rings.
        blocks: sums of its frames, in order.
    """

    number: int
    axis: Axis
    blocks: list[Block]


def page(
    title: str,
    records: Sequence[SequenceRecord],
    processes: Sequence[tuple[int, ProcessSpan]],
    messages: Sequence[str],
) -> str:
    """Return the page.

    Args:
        title: of the page.
        records: of the sequences.
        processes: each with the number of its sequence.
        messages: about frames that were left out.
    """
    notes = "".join(f"<p class=note>{escape(message)}</p>" for message in messages)
    sections = "".join(
        _section(record, [span for number, span in processes if number == record.number])
        for record in records
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><body><h1>{escape(title)}</h1><p>{_HELP}</p>{notes}{sections}"
        "</body></html>\n"
    )


def _section(record: SequenceRecord, spans: list[ProcessSpan]) -> str:
    rows = []
    for span in spans:
        cells = (
            span.process,
            span.family,
            f"{span.begin} to {span.end}{' (goes on)' if span.open else ''}",
            f"{span.low} to {span.high}",
            f"{span.probability:.3f}",
            span.evidence,
        )
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells))
    names = "".join(f"<th>{name}" for name in _COLUMNS)
    table = f"<table><tr>{names}</tr>{''.join(rows)}</table>" if rows else "<p>No process.</p>"
    picture = ""
    if len(record.blocks) > 1:
        png = base64.b64encode(_draw(record, spans)).decode()
        picture = f"<img alt='frames over time' src='data:image/png;base64,{png}'>"
    return f"<section><h2>Sequence {record.number}</h2>{picture}{table}</section>\n"


def _draw(record: SequenceRecord, spans: list[ProcessSpan]) -> bytes:
    """The picture of one sequence; time runs downwards."""
    blocks, axis = record.blocks, record.axis
    first, last = blocks[0].first - 0.5, blocks[-1].last + 0.5
    figure = new_figure(13, 5)
    two_time, profiles, total, bars = figure.subplots(
        1, 4, sharey=True, gridspec_kw={"width_ratios": [4, 4, 1, 1.5]}
    )
    vectors = np.array([vector(block.sums) for block in blocks])
    squares = (vectors**2).sum(axis=1)
    distance = np.maximum(squares[:, None] + squares - 2 * vectors @ vectors.T, 0)
    unit = float(np.median(np.diagonal(distance, 1))) or 1.0
    two_time.imshow(
        np.log10(np.maximum(distance / unit, 0.1)),
        cmap=COLOURS,
        extent=(first, last, last, first),
        aspect="auto",
        vmin=-0.5,
    )
    two_time.set(xlabel="frame", ylabel="frame", title="difference of two frames")
    levels = np.array([binned(block.sums.counts.sum(axis=1)) for block in blocks])
    levels = levels / np.maximum(levels.sum(axis=1, keepdims=True), 1e-300)
    ratio = np.log2(np.maximum(levels, 1e-12) / np.maximum(levels.mean(axis=0), 1e-12))
    limit = max(float(np.percentile(np.abs(ratio), 98)), 0.02)
    profiles.imshow(
        ratio,
        cmap="RdBu_r",
        extent=(axis.values[0], axis.values[-1], last, first),
        aspect="auto",
        vmin=-limit,
        vmax=limit,
    )
    profiles.set(xlabel=f"{axis.name} {f'({axis.unit})' if axis.unit else ''}", title="profile")
    middle = [0.5 * (block.first + block.last) for block in blocks]
    totals = [block.sums.total / block.frames for block in blocks]
    total.plot(totals, middle, linewidth=1)
    total.set(xlabel="counts", title="total")
    # A constant total is no line on the border.
    total.set_xlim(0, 1.15 * max([*totals, 1e-300]))
    total.locator_params(axis="x", nbins=2)
    total.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    for place, span in enumerate(spans):
        bars.bar(place, span.frames, 0.6, bottom=span.begin - 0.5, color=f"C{place % 10}")
        bars.vlines(place, span.low - 0.5, span.high + 0.5, color="black", linewidth=1)
    # Of an unknown process the family says more.
    names = [s.family if s.process == UNKNOWN and s.family else s.process for s in spans]
    bars.set_xticks(range(len(spans)), names, rotation=90)
    bars.set_xlim(-0.7, max(len(spans), 2) - 0.3)
    bars.set_title("processes")
    bars.set_ylim(last, first)
    return to_bytes(figure, dpi=80)
