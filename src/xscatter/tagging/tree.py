"""The tags of a frame in one line: as a tree, without those that are seldom right."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xscatter.tags import INDEX, TAGS, with_implied

if TYPE_CHECKING:
    from xscatter.tagging.tagged import Tagged
    from xscatter.tagging.tagger import Tagger

PRECISE = 0.5  # precision on the test set below which a tag is a weak hint


def split(tags: Sequence[str], precision: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """Return the tags that are right more often than not, and the others: weak hints.

    What a precise tag implies is as sure as that tag.

    Args:
        tags: of a frame, the most probable first.
        precision: of each tag on the test set; absent or NaN where no test image was given it.
    """
    precise = {tag for tag in tags if precision.get(tag, 0.0) >= PRECISE}
    precise |= with_implied(precise & INDEX.keys())
    return [tag for tag in tags if tag in precise], [tag for tag in tags if tag not in precise]


def tree(tags: Sequence[str]) -> str:
    """Return tags in one line, each behind the one that it implies.

    Args:
        tags: names, in the order in which they are shown.

    Example:
        >>> from xscatter.tagging.tree import tree
        >>> tree(["ring", "ring: sharp", "diffuse low-q", "ring: isotropic"])
        'ring → sharp, isotropic; diffuse low-q'
        >>> tree(["ring", "ring: anisotropic", "ring: textured"])
        'ring → anisotropic (textured)'
    """
    above = {tag: _above(tag, tags) for tag in tags}
    below = {tag: [other for other in tags if above[other] == tag] for tag in tags}

    def inner(tag: str) -> str:
        more = ", ".join(inner(other) for other in below[tag])
        return _short(tag, above[tag]) + (f" ({more})" if more else "")

    lines = []
    for tag in tags:
        if above[tag] is None:
            more = ", ".join(inner(other) for other in below[tag])
            lines.append(f"{tag} → {more}" if more else tag)
    return "; ".join(lines)


def summary(tagger: "Tagger", tagged: "Tagged") -> str:
    """Return the tags of a frame in one line: those that are precise, and how many are not."""
    precise, weak = split(tagged.tags, precisions(tagger, tagged.view))
    hints = f"{len(weak)} weak hint{'s' * (len(weak) != 1)}" if weak else ""
    return "; ".join(filter(None, [tree(precise), hints])) or "no tag"


def precisions(tagger: "Tagger", view: str | None) -> dict[str, float]:
    """Return the precision of each tag on the test set, of those that any test image was given."""
    if view is None:
        return {}
    pairs = zip(tagger.tags, tagger.precision(view).tolist(), strict=True)
    return {tag: value for tag, value in pairs if value == value}  # NaN is not itself


def _above(tag: str, tags: Sequence[str]) -> str | None:
    """The tag among `tags` that `tag` implies directly, or None."""
    implied = TAGS[INDEX[tag]].implies if tag in INDEX else ()
    return next((other for other in implied if other in tags), None)


def _short(tag: str, above: str | None) -> str:
    """A name without the word that it shares with the one above it."""
    word, colon, rest = tag.partition(": ")
    return rest if colon and above is not None and above.partition(":")[0] == word else tag
