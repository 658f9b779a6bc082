"""The files that `xscatter predict` writes: tables, legend and page, complete or not at all."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from xscatter.core.files import complete_file
from xscatter.frames import Unreadable
from xscatter.tagging import table
from xscatter.tagging.page import Pages
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
        self._folder = folder
        self._pages: Pages | None = None
        self._files: dict[str, TextIO] = {}

    @contextmanager
    def written(self, tagger: Tagger) -> Iterator[None]:
        """Open the files for :meth:`add`; they appear under their names when all is done."""
        with ExitStack() as stack:
            for kind, path in self.paths.items():
                part = stack.enter_context(complete_file(path))
                self._files[kind] = stack.enter_context(open(part, "w", encoding="utf-8"))
            self._tagger = tagger
            if "html" in self._files:
                self._pages = stack.enter_context(Pages(tagger, self._folder / "tags-pages"))
            self._files["csv"].write(table.csv_header(tagger.tags))
            self._files["json"].write("[\n")
            self._files["legend"].write(table.legend(tagger))
            yield
            self._files["json"].write("\n]\n")
            if self._pages is not None:
                self._files["html"].write(self._pages.index())

    def add(self, item: Ready | Unreadable, tagged: Tagged) -> None:
        """Add one frame."""
        row = table.row(tagged, self._tagger.tags)
        self._files["csv"].write(table.csv_line(row))
        first = self.tagged + self.failed == 0
        self._files["json"].write(("" if first else ",\n") + table.json_item(row))
        if self._pages is not None:
            self._pages.add(item, tagged)
        self.failed += tagged.failed
        self.tagged += not tagged.failed
