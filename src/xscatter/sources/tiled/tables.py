"""Write rows into a table beside an array, each once, whatever fails in between."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xscatter.core.errors import UserError
from xscatter.sources.source import AwayError
from xscatter.sources.tiled.client import MissingNodeError, Server, explained, refusal

_ARROW = "application/vnd.apache.arrow.file"
_COMPOSITE = "composite"  # a container that shows the columns of its tables as its own arrays
Row = dict[str, Any]


def read_columns(server: Server, path: tuple[str, ...], columns: Sequence[str]) -> list[Row]:
    """Return columns of a table, row by row.

    Args:
        server: with the table.
        path: of the table.
        columns: names.

    Raises:
        AwayError: the server does not send them, or has no such table or column.
    """
    import pyarrow

    query, headers = {"column": list(columns)}, {"Accept": _ARROW}
    content = server.request("GET", "table/full", path, query, headers).content
    try:
        return pyarrow.ipc.open_file(pyarrow.BufferReader(content)).read_all().to_pylist()
    except pyarrow.ArrowException:
        raise AwayError(f"{server.name(path)}: sends no table; try again later") from None


class NodeTable:
    """A table that grows, in the container of an array.

    The name of the table is that of the array with an ending, such as ``frames_tags``. It is made
    when the first rows are written. A stream of a Bluesky run shows the columns of its tables as
    its own data, and hides data of the same name: the table is then in the run, and called
    ``primary_frames_tags``.

    Args:
        server: with the array.
        beside: path of the array.
        ending: of the name.
        columns: types by name: `int`, `float` or `str`.
        key: columns that together tell a row from every other.
    """

    def __init__(
        self,
        server: Server,
        beside: tuple[str, ...],
        ending: str,
        columns: Mapping[str, type],
        key: Sequence[str],
    ):
        self._server, self._ending, self._beside = server, ending, beside
        self._parent = beside[:-1]
        self._columns, self._key = dict(columns), list(key)
        self._there = False
        self._written: set[tuple[Any, ...]] | None = None  # None: the server has to tell

    @property
    def name(self) -> str:
        """Address of the table."""
        return self._server.name(self._path)

    @property
    def _path(self) -> tuple[str, ...]:
        name = "_".join([*self._beside[len(self._parent) :], self._ending])
        return (*self._parent, name)

    def key_rows(self) -> list[Row]:
        """Return the columns of the key of all rows, in their order; the table has been made."""
        return read_columns(self._server, self._path, self._key)

    def add(self, rows: Sequence[Row], metadata: Callable[[], Mapping[str, Any]]) -> None:
        """Append those rows that the table does not hold yet.

        Args:
            rows: values by column.
            metadata: returns what the table says about itself; asked for when it is made.

        Raises:
            UserError: the user may not write there, or the server keeps no such tables.
            AwayError: the server cannot be reached now. The same rows may be added again.
        """
        if not self._there:
            self.make(metadata)
        if self._written is None:
            self._written = {self._key_of(row) for row in self.key_rows()}
        some = [row for row in rows if self._key_of(row) not in self._written]
        if not some:
            return
        self._written = None  # until the server has said that it has them
        headers = {"Accept": "application/json, " + _ARROW, "Content-Type": _ARROW}
        query = {"partition": 0}
        self._server.request(
            "PATCH", "table/partition", self._path, query, headers, self._packed(some)
        )
        # Only the last rows can be written twice: after a failure the server is asked for all.
        self._written = {self._key_of(row) for row in some}

    def make(self, metadata: Callable[[], Mapping[str, Any]]) -> None:
        """Make the table, unless it is there.

        Args:
            metadata: returns what the table says about itself.

        Raises:
            UserError: the user may not write there, or the server keeps no such tables.
            AwayError: the server cannot be reached now.
        """
        from tiled.client.constructors import from_context

        while self._parent and _COMPOSITE in self._server.node(self._parent).specs:
            self._parent = self._parent[:-1]
        try:
            self._server.node(self._path)
        except MissingNodeError:
            try:
                container = from_context(self._server.context, node_path_parts=list(self._parent))
                container.create_appendable_table(
                    self._schema(), key=self._path[-1], metadata=dict(metadata())
                )
            except Exception as error:  # of tiled, httpx and pyarrow
                raise self._refused(error) from None
        self._there = True

    def _refused(self, error: Exception) -> UserError:
        status = getattr(getattr(error, "response", None), "status_code", 0)
        if 400 <= status < 500 and status != 429:
            why = "it keeps no tables that grow"
            if status in (401, 403):
                why = refusal(status, self._server.name(self._parent)).partition(": ")[2]
            return UserError(f"{self.name}: cannot be written ({why}); leave out --write-back")
        return AwayError(explained(error, self.name))

    def _schema(self) -> Any:
        import pyarrow

        types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
        return pyarrow.schema([(name, types[kind]) for name, kind in self._columns.items()])

    def _packed(self, rows: Sequence[Row]) -> bytes:
        import pyarrow

        table = pyarrow.Table.from_pylist(list(rows), schema=self._schema())
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return bytes(sink.getvalue())

    def _key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in self._key)
