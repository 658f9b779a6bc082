"""A self-contained page: each frame, its tags, and where the evidence for them lies."""

import base64
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import numpy as np

from xscatter.tagging import evidence
from xscatter.tagging.table import printable
from xscatter.tagging.tagger import Ready, Tagged, Tagger

_SHOWN = 3  # tags whose evidence is drawn
_GREEN = "#4dff88"  # neither in the colours of counts nor that of masked pixels
_STYLE = """body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem}
section{border-top:1px solid #ccc;padding:1rem 0}img{max-width:100%}
h2,li,p{overflow-wrap:anywhere}td,th{padding:.1rem .8rem .1rem 0;text-align:left}
.note{color:#8a4b00}"""
FOOT = "</body></html>\n"


def head(tagger: Tagger, names: Sequence[str]) -> str:
    """Start of the page, with a list of the files `names` that leads to the first frame of each."""
    model = escape(printable(str(tagger.folder)))
    links = "".join(
        f"<li><a href='#{_anchor(name)}'>{escape(printable(name))}</a>" for name in names
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Tags</title><style>{_STYLE}</style><body>"
        f"<h1>Tags of detector frames</h1><p>Model: {model} ({escape(', '.join(tagger.views))}). "
        "Evidence: how far the output for a tag falls when a part of the image is hidden (green), or an angular "
        "order is left out; grey-blue is masked. A tag is given when its probability reaches the threshold that "
        "balanced misses and false alarms best on validation images: low for rare tags, never below 0.2. What a given "
        "tag implies is given with it: a 4-fold ring is a ring. Right in the test: of the simulated test images that "
        "were given the tag, how many have it; where that is small, the tag says little.</p>"
        f"<details><summary>Files: {len(names)}</summary><ol>{links}</ol></details>\n"
    )


def _anchor(name: str) -> str:
    return quote(printable(name), safe="")


def section(tagger: Tagger, item: Ready | Tagged, tagged: Tagged) -> str:
    """One frame: picture, table of tags, evidence for the most probable; why, where it could not be read."""
    place = "" if tagged.index else f" id='{_anchor(tagged.source)}'"
    title = f"<section{place}><h2>{escape(printable(tagged.source))} [{tagged.index}]</h2>"
    note = f"<p class=note>{escape(printable(tagged.note))}</p>" if tagged.note else ""
    if isinstance(item, Tagged):
        return f"{title}{note}</section>\n"
    center = "" if tagged.note else " Beam centre: not known."
    if tagged.center:
        row, col = tagged.center
        beyond = " (outside of the frame)" if item.frame.center_outside else ""
        center = f" Beam centre: row {row:.1f}, column {col:.1f} pixels{beyond}, from {tagged.center_from}"
        # An estimate is never certain, whatever its rounding says.
        known = (
            tagged.confidence if tagged.center_from != "estimate" else min(tagged.confidence, 0.99)
        )
        center += f", confidence {known:.2f}."
    order = [tagger.tags.index(tag) for tag in tagged.tags] or np.argsort(-tagged.probability)[
        :3
    ].tolist()
    limit = tagger.threshold(tagged.view) if tagged.view else np.full(len(tagger.tags), np.nan)
    right = tagger.precision(tagged.view) if tagged.view else np.full(len(tagger.tags), np.nan)
    rows = "".join(
        f"<tr><td>{escape(tagger.tags[t])}<td>{tagged.probability[t]:.2f}"
        f"<td>{limit[t]:.2f}<td>{'' if np.isnan(right[t]) else f'{right[t]:.0%}'}"
        f"<td>{_why(tagger.tags[t] in tagged.tags, tagged.probability[t] >= limit[t])}"
        for t in order
    )
    picture = base64.b64encode(_picture(tagger, item, tagged, order[:_SHOWN])).decode()
    return (
        f"{title}{note}<p>Network: {tagged.view}.{center}</p>"
        f"<img alt='frame and evidence' src='data:image/png;base64,{picture}'>"
        f"<table><tr><th>tag<th>probability<th>threshold<th>right in the test<th>remark</tr>{rows}</table></section>\n"
    )


def _why(given: bool, reached: bool) -> str:
    return ("" if reached else "implied") if given else "below its threshold"


def _picture(tagger: Tagger, item: Ready, tagged: Tagged, shown: list[int]) -> bytes:
    from matplotlib.colors import ListedColormap

    from xscatter.pictures import new_figure, show_frame, to_bytes

    view = tagged.view or ""
    places = evidence.in_image(tagger, view, item) if view else None
    orders = evidence.in_orders(tagger, view, item) if view else None
    maps = {} if places is None else {t: places[t] for t in shown}
    bars = {} if orders is None else {t: orders[t] for t in shown}
    count = 1 + len(maps) + bool(bars)
    figure = new_figure(3.4 * count, 3.6)
    axes = figure.subplots(1, count, squeeze=False)[0]
    show_frame(axes[0], item.frame.counts, item.frame.mask, colorbar=False, most=400)
    axes[0].set_title("frame", fontsize="small")
    if tagged.center:
        axes[0].plot(
            tagged.center[1],
            tagged.center[0],
            "+",
            color=_GREEN,
            markersize=12,
            scalex=False,
            scaley=False,
        )
    for place, (t, found) in zip(axes[1:], maps.items(), strict=False):
        show_frame(place, item.prepared.counts, item.prepared.mask, colorbar=False, most=400)
        size, top = tagger.size, max(float(np.abs(found).max()), 1e-6)
        extent = (-0.5, size - 0.5, size - 0.5, -0.5)
        strength = np.clip(found / top, 0, 1)
        place.imshow(
            np.ones_like(strength),
            cmap=ListedColormap([_GREEN]),
            alpha=0.7 * strength,
            extent=extent,
        )
        place.set_title(f"evidence: {tagger.tags[t]}", fontsize="small")
        place.set_xlabel("column (pixels of the model)")
        place.set_ylabel("row (pixels of the model)")
    if bars:
        for t, found in bars.items():
            axes[-1].plot(np.arange(len(found)), found, ".-", label=tagger.tags[t])
        axes[-1].set_xlabel("angular order m")
        axes[-1].set_ylabel("fall of the output without it")
        axes[-1].legend(fontsize="x-small")
    return to_bytes(figure, dpi=80)
