"""The files that `xscatter predict` writes: tables, legend and page, complete or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from xscatter.core.files import complete_file
from xscatter.frames import Unreadable
from xscatter.tagging import page, table
from xscatter.tagging.tagged import Tagged
from xscatter.tagging.tagger import Ready, Tagger


class Tables:
    """The tables of one run, to which frames are added.

    Attributes:
        paths: of the files, by kind.
        tagged: number of frames that were tagged.
        failed: number of frames that could not be read.
    """

    def __init__(self, folder: Path, html: bool = False):
        kinds = ("csv", "json", "html") if html else ("csv", "json")
        self.paths = {kind: folder / f"tags.{kind}" for kind in kinds}
        self.paths["legend"] = folder / "legend.csv"
        self.tagged = self.failed = 0
        self._files: dict[str, TextIO] = {}

    @contextmanager
    def written(self, tagger: Tagger, names: Sequence[str]) -> Iterator[None]:
        """Open the files for :meth:`add`; they appear under their names when all is done.

        Args:
            tagger: the networks.
            names: of all files of frames.
        """
        with ExitStack() as stack:
            for kind, path in self.paths.items():
                part = stack.enter_context(complete_file(path))
                self._files[kind] = stack.enter_context(open(part, "w", encoding="utf-8"))
            self._tagger = tagger
            self._files["csv"].write(table.csv_header(tagger.tags))
            self._files["json"].write("[\n")
            self._files["legend"].write(table.legend(tagger))
            if "html" in self._files:
                self._files["html"].write(page.head(tagger, names))
            yield
            self._files["json"].write("\n]\n")
            if "html" in self._files:
                self._files["html"].write(page.FOOT)

    def add(self, item: Ready | Unreadable, tagged: Tagged) -> None:
        """Add one frame."""
        row = table.row(tagged, self._tagger.tags)
        self._files["csv"].write(table.csv_line(row))
        first = self.tagged + self.failed == 0
        self._files["json"].write(("" if first else ",\n") + table.json_item(row))
        if "html" in self._files:
            self._files["html"].write(self._section(item, tagged))
        self.failed += tagged.failed
        self.tagged += not tagged.failed

    def _section(self, item: Ready | Unreadable, tagged: Tagged) -> str:
        try:
            return page.section(self._tagger, item, tagged)
        except Exception as error:  # a picture that cannot be drawn costs no table
            reason = f"the evidence cannot be drawn ({error})"
            note = f"{tagged.note}; {reason}" if tagged.note else reason
            unreadable = Unreadable(tagged.source, tagged.index, note)
            return page.section(self._tagger, unreadable, replace(tagged, note=note))
