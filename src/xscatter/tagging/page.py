"""Self-contained pages: each frame, its tags, and where the evidence for them is."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import quote

import numpy as np

from xscatter.core.files import complete_folder
from xscatter.frames import Unreadable
from xscatter.frames.photons import in_photons
from xscatter.tagging import evidence
from xscatter.tagging.picture import frame_picture, lines
from xscatter.tagging.table import printable
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger
from xscatter.tagging.tree import PRECISE, precisions, split, tree

A_PAGE = 50  # frames; more are spread over several pages
_SHOWN = 3  # tags whose evidence is drawn
_FRAME = 360  # pixels a side of a picture
STYLE = """body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
section{border-top:1px solid #ccc;padding:1rem 0}
.row{display:flex;flex-wrap:wrap;gap:1rem;align-items:flex-start}figure{margin:0}
figcaption{font-size:13px}img{width:250px;image-rendering:pixelated}
h2,li,p{overflow-wrap:anywhere}td,th{padding:.1rem .8rem .1rem 0;text-align:left}
.note{color:#8a4b00}"""
_HELP = (
    "Evidence: how far the output for a tag falls when a part of the image is hidden (green), or "
    "an angular order is left out; grey-blue is masked. A tag is given when its probability "
    "reaches the threshold that best balanced misses and false alarms on the validation set: low "
    "for rare tags, never below 0.2. What a given tag implies is given with it: a 4-fold ring is a "
    "ring. Precision on the test set: the fraction of the simulated test images that were given "
    f"the tag and have it. Tags with a precision below {PRECISE:.0%} are weak hints."
)
_COLUMNS = ("tag", "probability", "threshold", "precision on the test set", "remark")


@dataclass
class Pages:
    """The pages of one run: one, or an index and pages of some frames each.

    Attributes:
        tagger: the networks.
        folder: of the pages, if there are several.
    """

    tagger: Tagger
    folder: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _part: Path | None = None
    _sections: list[str] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _links: list[str] = field(default_factory=list)  # to the pages that are written
    _tags: Counter[str] = field(default_factory=Counter)
    _frames: int = 0

    def __enter__(self) -> "Pages":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def add(self, item: Ready | Unreadable, tagged: Tagged) -> None:
        """Add one frame."""
        if len(self._sections) == A_PAGE:
            self._write()
        self._sections.append(section(self.tagger, item, tagged))
        self._names.append(f"{printable(tagged.source)} [{tagged.index}]")
        self._tags.update(tagged.tags)
        self._frames += 1

    def index(self) -> str:
        """Return the page to begin with: that of all frames, or one with links to the pages."""
        if not self._links:
            return self._page()
        self._write()
        rows = "".join(
            f"<tr><td>{escape(tag)}<td>{number}" for tag, number in self._tags.most_common()
        )
        links = "".join(f"<li>{link}" for link in self._links)
        return (
            f"{_head(self.tagger)}<p>{self._frames} frames, {A_PAGE} on a page.</p><ol>{links}</ol>"
            f"<table><tr><th>tag<th>frames</tr>{rows}</table></body></html>\n"
        )

    def _page(self) -> str:
        links = "".join(
            f"<li><a href='#{_anchor(name)}'>{escape(name)}</a>" for name in self._names
        )
        return (
            f"{_head(self.tagger)}<details><summary>Frames: {len(self._names)}</summary>"
            f"<ol>{links}</ol></details>\n{''.join(self._sections)}</body></html>\n"
        )

    def _write(self) -> None:
        if self._part is None:
            self._part = self._stack.enter_context(complete_folder(self.folder))
        name = f"{len(self._links) + 1:04d}.html"
        (self._part / name).write_text(self._page(), encoding="utf-8")
        span = escape(f"{self._names[0]} … {self._names[-1]}")
        self._links.append(f"<a href='{quote(self.folder.name)}/{name}'>{span}</a>")
        self._sections, self._names = [], []


def _head(tagger: Tagger) -> str:
    model = escape(printable(str(tagger.folder)))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Tags</title>"
        f"<style>{STYLE}</style><body><h1>Tags of detector frames</h1>"
        f"<p>Model: {model} ({escape(', '.join(tagger.views))}). {_HELP}</p>\n"
    )


def section(tagger: Tagger, item: Ready | Unreadable, tagged: Tagged) -> str:
    """Return one frame: picture, evidence for the most probable tags, and tables of tags.

    Args:
        tagger: the networks.
        item: the frame; one that could not be read gives the reason.
        tagged: its tags.
    """
    name = f"{printable(tagged.source)} [{tagged.index}]"
    title = f"<section id='{_anchor(name)}'><h2>{escape(name)}</h2>"
    note = f"<p class=note>{escape(printable(tagged.note))}</p>" if tagged.note else ""
    if isinstance(item, Unreadable) or tagged.failed:
        return f"{title}{note}</section>\n"
    known = precisions(tagger, tagged.view)
    precise, weak = split(tagged.tags, known)
    shown = (precise or weak or _likeliest(tagger, tagged))[:_SHOWN]
    try:
        pictures = _pictures(tagger, item, tagged, shown)
    except Exception as error:  # a picture that cannot be drawn costs no page
        pictures = f"<p class=note>the evidence cannot be drawn ({escape(str(error))})</p>"
    hints = ""
    if weak or not precise:
        rows = _table(tagger, tagged, weak or shown, known)
        hints = f"<details><summary>weak hints: {len(weak)}</summary>{rows}</details>"
    return (
        f"{title}{note}<p><b>{escape(tree(precise))}</b></p>{pictures}"
        f"<p>Network: {tagged.view}.{_center(item, tagged)}</p>"
        f"{_table(tagger, tagged, precise, known) if precise else ''}{hints}</section>\n"
    )


def _likeliest(tagger: Tagger, tagged: Tagged) -> list[str]:
    order = np.argsort(-np.nan_to_num(tagged.probability, nan=-1.0), kind="stable")
    return [tagger.tags[t] for t in order[:_SHOWN]]


def _anchor(name: str) -> str:
    return quote(name, safe="")


def _center(item: Ready, tagged: Tagged) -> str:
    if not tagged.center:
        return "" if tagged.note else " Beam centre: not known."
    row, col = tagged.center
    beyond = " (outside the frame)" if item.frame.center_outside else ""
    confidence = tagged.confidence
    if tagged.center_from == "estimate":
        confidence = min(confidence, 0.99)  # never certain, whatever its rounding says
    return (
        f" Beam centre (green cross): row {row:.1f}, column {col:.1f} pixels{beyond}, "
        f"from {tagged.center_from}, confidence {confidence:.2f}."
    )


def _table(
    tagger: Tagger, tagged: Tagged, shown: Sequence[str], precision: dict[str, float]
) -> str:
    unknown = np.full(len(tagger.tags), np.nan)
    threshold = tagger.threshold(tagged.view) if tagged.view else unknown
    rows = []
    for tag in shown:
        t = tagger.tags.index(tag)
        remark = "below its threshold"
        if tag in tagged.tags:
            remark = "" if tagged.probability[t] >= threshold[t] else "implied"
        cells = (
            escape(tag),
            "" if np.isnan(tagged.probability[t]) else f"{tagged.probability[t]:.2f}",
            f"{threshold[t]:.2f}",
            f"{precision[tag]:.0%}" if tag in precision else "",
            remark,
        )
        rows.append("<tr>" + "".join(f"<td>{cell}" for cell in cells))
    names = "".join(f"<th>{name}" for name in _COLUMNS)
    return f"<table><tr>{names}</tr>{''.join(rows)}</table>"


def _pictures(tagger: Tagger, item: Ready, tagged: Tagged, shown: Sequence[str]) -> str:
    """The frame, and the places and angular orders that speak for the tags `shown`."""
    view, frame, prepared = tagged.view, item.frame, item.prepared
    counts = in_photons(frame.counts, frame.mask, frame.unit)
    picture = frame_picture(counts, frame.mask, _FRAME, frame.center)
    figures = [_figure(f"<img alt='frame' src='{picture}'>", "frame")]
    patches = evidence.in_image(tagger, view, item) if view else None
    orders = evidence.in_orders(tagger, view, item) if view else None
    places = {tag: tagger.tags.index(tag) for tag in shown}
    if patches is not None:
        for tag, t in places.items():
            # Only what speaks for the tag is shown; what speaks against it is clipped to 0.
            strength = np.clip(patches[t] / max(float(np.abs(patches[t]).max()), 1e-6), 0, 1)
            picture = frame_picture(prepared.counts, prepared.mask, _FRAME, strength=strength)
            figures.append(_figure(f"<img alt='evidence' src='{picture}'>", f"evidence: {tag}"))
    if orders is not None:
        falls = {tag: orders[t] for tag, t in places.items()}
        caption = f"fall without angular order 0 to {orders.shape[1] - 1}"
        figures.append(_figure(lines(falls, caption), ""))
    return f"<div class=row>{''.join(figures)}</div>"


def _figure(inner: str, caption: str) -> str:
    return f"<figure>{inner}<figcaption>{escape(caption)}</figcaption></figure>"
