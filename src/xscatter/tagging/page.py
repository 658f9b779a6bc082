"""A self-contained page: each frame, its tags, and where the evidence for them is."""

import base64
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import numpy as np

from xscatter.frames import Unreadable
from xscatter.tagging import evidence
from xscatter.tagging.figure import draw_evidence
from xscatter.tagging.table import printable
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger

_SHOWN = 3  # tags whose evidence is drawn
_STYLE = """body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
section{border-top:1px solid #ccc;padding:1rem 0}img{max-width:100%}
h2,li,p{overflow-wrap:anywhere}td,th{padding:.1rem .8rem .1rem 0;text-align:left}
.note{color:#8a4b00}"""
_HELP = (
    "Evidence: how far the output for a tag falls when a part of the image is hidden (green), or "
    "an angular order is left out; grey-blue is masked. A tag is given when its probability "
    "reaches the threshold that best balanced misses and false alarms on the validation set: low "
    "for rare tags, never below 0.2. What a given tag implies is given with it: a 4-fold ring is a "
    "ring. Precision on the test set: the fraction of the simulated test images that were given "
    "the tag and have it; where it is small, the tag says little."
)
_COLUMNS = ("tag", "probability", "threshold", "precision on the test set", "remark")
FOOT = "</body></html>\n"


def head(tagger: Tagger, names: Sequence[str]) -> str:
    """Return the start of the page, with a list of the files `names` that links to their frames."""
    model = escape(printable(str(tagger.folder)))
    links = "".join(
        f"<li><a href='#{_anchor(name)}'>{escape(printable(name))}</a>" for name in names
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tags</title>"
        f"<style>{_STYLE}</style><body><h1>Tags of detector frames</h1>"
        f"<p>Model: {model} ({escape(', '.join(tagger.views))}). {_HELP}</p>"
        f"<details><summary>Files: {len(names)}</summary><ol>{links}</ol></details>\n"
    )


def section(tagger: Tagger, item: Ready | Unreadable, tagged: Tagged) -> str:
    """Return one frame: picture, table of tags, and evidence for the most probable ones.

    Args:
        tagger: the networks.
        item: the frame; one that could not be read gives the reason.
        tagged: its tags.
    """
    anchor = "" if tagged.index else f" id='{_anchor(tagged.source)}'"
    title = f"<section{anchor}><h2>{escape(printable(tagged.source))} [{tagged.index}]</h2>"
    note = f"<p class=note>{escape(printable(tagged.note))}</p>" if tagged.note else ""
    if isinstance(item, Unreadable):
        return f"{title}{note}</section>\n"
    shown = [tagger.tags.index(tag) for tag in tagged.tags]
    shown = shown or np.argsort(-tagged.probability)[:3].tolist()
    return (
        f"{title}{note}<p>Network: {tagged.view}.{_center(item, tagged)}</p>"
        f"<img alt='frame and evidence' src='{_picture(tagger, item, tagged, shown[:_SHOWN])}'>"
        f"{_table(tagger, tagged, shown)}</section>\n"
    )


def _anchor(name: str) -> str:
    return quote(printable(name), safe="")


def _center(item: Ready, tagged: Tagged) -> str:
    if not tagged.center:
        return "" if tagged.note else " Beam centre: not known."
    row, col = tagged.center
    beyond = " (outside the frame)" if item.frame.center_outside else ""
    confidence = tagged.confidence
    if tagged.center_from == "estimate":
        confidence = min(confidence, 0.99)  # never certain, whatever its rounding says
    return (
        f" Beam centre: row {row:.1f}, column {col:.1f} pixels{beyond}, "
        f"from {tagged.center_from}, confidence {confidence:.2f}."
    )


def _table(tagger: Tagger, tagged: Tagged, shown: Sequence[int]) -> str:
    unknown = np.full(len(tagger.tags), np.nan)
    threshold = tagger.threshold(tagged.view) if tagged.view else unknown
    precision = tagger.precision(tagged.view) if tagged.view else unknown
    rows = []
    for t in shown:
        tag, reached = tagger.tags[t], tagged.probability[t] >= threshold[t]
        remark = "below its threshold"
        if tag in tagged.tags:
            remark = "" if reached else "implied"
        cells = (
            escape(tag),
            f"{tagged.probability[t]:.2f}",
            f"{threshold[t]:.2f}",
            "" if np.isnan(precision[t]) else f"{precision[t]:.0%}",
            remark,
        )
        rows.append("<tr>" + "".join(f"<td>{cell}" for cell in cells))
    names = "".join(f"<th>{name}" for name in _COLUMNS)
    return f"<table><tr>{names}</tr>{''.join(rows)}</table>"


def _picture(tagger: Tagger, item: Ready, tagged: Tagged, shown: Sequence[int]) -> str:
    """The frame and the evidence for the tags `shown`, as an address of the data themselves."""
    view = tagged.view
    patches = evidence.in_image(tagger, view, item) if view else None
    orders = evidence.in_orders(tagger, view, item) if view else None
    png = draw_evidence(
        item,
        {} if patches is None else {tagger.tags[t]: patches[t] for t in shown},
        {} if orders is None else {tagger.tags[t]: orders[t] for t in shown},
    )
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
