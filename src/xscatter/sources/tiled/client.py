"""Requests to a Tiled server, and what their failures mean in one line.

The package tiled connects and authenticates, by its own means: a profile, ``TILED_API_KEY``, or the
tokens that ``tiled login`` has left. No message of ours repeats what an error says unless it is
known to hold no key.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qs, quote, unquote, urlsplit

import numpy as np

from xscatter.core.errors import UserError
from xscatter.sources.source import AwayError

API = "/api/v1"
_PAGE = 100  # nodes of one answer
# Routes of the interface before the path of a node, in links that people copy.
_ROUTES = re.compile(r"^(metadata|search|(array|container|table|node)/(full|block|partition))(/|$)")
_BYTE_ORDERS = {"little": "<", "big": ">", "not_applicable": "|"}
_CONNECT = 10.0  # seconds in which a server must answer at first
_MISSING = (404, 410)
_KEY = "set TILED_API_KEY, or run `tiled login`"


class MissingNodeError(AwayError):
    """A node that is not there, or that this key may not see."""


@dataclass(frozen=True)
class Node:
    """One node of a server, as it is now.

    Attributes:
        path: names from the root to it.
        family: "array", "container", "table" or another.
        shape: of an array.
        dtype: of an array of numbers; None: it is none.
        identity: differs when the node was deleted and written again.
        steps: number of entries of each chunk along the first axis.
        specs: names of the standards that it follows.
        metadata: that its writer gave it.
    """

    path: tuple[str, ...]
    family: str
    shape: tuple[int, ...] = ()
    dtype: np.dtype | None = None
    identity: str = ""
    steps: tuple[int, ...] = ()
    specs: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of frames: the last two axes are rows and columns."""
        return math.prod(self.shape[:-2])

    @property
    def facts(self) -> tuple[Any, ...]:
        """Identity and metadata, which stay the same while frames are added."""
        return self.identity, self.metadata


class Server:
    """A Tiled server to which there is a connection.

    Args:
        context: of the package tiled, ready for requests.
    """

    def __init__(self, context: Any):
        self.context, self.api = context, str(context.api_uri).rstrip("/")

    def close(self) -> None:
        """End the connections."""
        self.context.http_client.close()

    def name(self, path: tuple[str, ...]) -> str:
        """Return the address of a node, without any key."""
        return "/".join([f"{self.api}/metadata", *(quote(part, safe="") for part in path)])

    def path(self, name: str) -> tuple[str, ...]:
        """Return the path of the node with this :meth:`name`."""
        return tuple(map(unquote, name.removeprefix(self.name(())).strip("/").split("/")))

    def node(self, path: tuple[str, ...]) -> Node:
        """Return a node as it is now.

        Raises:
            AwayError: the server does not tell; the message says why.
        """
        content = self.json("metadata", path, include_data_sources=True)
        return self._parsed(path, content.get("data"))

    def children(self, path: tuple[str, ...], newest_first: bool = False) -> Iterator[Node]:
        """Yield the nodes in a container, in the order in which they were made.

        Args:
            path: of the container.
            newest_first: in the opposite order.
        """
        offset, order = 0, {"sort": "-"} if newest_first else {}
        while True:
            page = {"page[offset]": offset, "page[limit]": _PAGE}
            content = self.json("search", path, include_data_sources=True, **page, **order)
            items = content.get("data")
            if not isinstance(items, list):
                self._nonsense(path)
            for item in items:
                name = item.get("id") if isinstance(item, dict) else None
                yield self._parsed((*path, str(name)), item)
            if len(items) < _PAGE:
                return
            offset += len(items)

    def json(self, route: str, path: tuple[str, ...], **query: Any) -> dict[str, Any]:
        """Return the answer to a request for facts.

        Args:
            route: of the server's interface.
            path: of the node.
            query: of the request.
        """
        content = self.request("GET", route, path, query, {"Accept": "application/json"})
        with suppress(ValueError):
            answer = content.json()
            if isinstance(answer, dict):
                return answer
        return self._nonsense(path)

    def request(
        self,
        method: str,
        route: str,
        path: tuple[str, ...],
        query: dict[str, Any],
        headers: dict[str, str],
        content: bytes | None = None,
    ) -> Any:
        """Return the answer to a request.

        Args:
            method: of HTTP.
            route: of the server's interface.
            path: of the node.
            query: of the request.
            headers: of the request.
            content: of the request.

        Raises:
            AwayError: there is none, or it is an error.
        """
        # A slice holds colons and commas that are meant as they are.
        address = "/".join([self.api, route, *(quote(part, safe="") for part in path)])
        try:
            answer = self.context.http_client.request(
                method, address, params=query, headers=headers, content=content
            )
        except Exception as error:  # of httpx, of its certificates, of tiled's own login
            raise AwayError(explained(error, self.name(path))) from None
        if answer.is_error:
            kind = MissingNodeError if answer.status_code in _MISSING else AwayError
            raise kind(refusal(answer.status_code, self.name(path)))
        return answer

    def _parsed(self, path: tuple[str, ...], item: Any) -> Node:
        try:
            facts = item["attributes"]
            structure, sources = facts.get("structure") or {}, facts.get("data_sources") or [{}]
            shape = tuple(map(int, structure.get("shape") or ()))
            dtype = _dtype(structure.get("data_type") or {})
            chunks = structure.get("chunks") or [[]]
            return Node(
                path,
                str(facts["structure_family"]),
                shape,
                dtype,
                f"source {sources[0].get('id', '')}: {dtype} {'x'.join(map(str, shape[-2:]))}",
                tuple(chunks[0]),
                tuple(spec["name"] for spec in facts.get("specs") or ()),
                facts.get("metadata") or {},
            )
        except (KeyError, TypeError, AttributeError, IndexError, ValueError):
            return self._nonsense(path)

    def _nonsense(self, path: tuple[str, ...]) -> NoReturn:
        raise AwayError(f"{self.name(path)}: {_NO_TILED}")


_NO_TILED = "answers, but not as a Tiled server does; check the address"


def _dtype(data_type: dict[str, Any]) -> np.dtype | None:
    kind = data_type.get("kind")
    if kind is None or kind not in "iuf":
        return None
    return np.dtype(f"{_BYTE_ORDERS[data_type['endianness']]}{kind}{data_type['itemsize']}")


def open_server(address: str) -> tuple[Server, tuple[str, ...]]:
    """Connect to the server of an address, and return it with the path of the node.

    Args:
        address: such as ``https://server/api/v1/path``, or ``profile/path`` with a profile of
            Tiled.

    Raises:
        UserError: the package tiled is missing, the address holds a key, or there is no connection.
    """
    try:
        import stamina
        from tiled.client.constructors import from_context, from_profile
        from tiled.client.context import Context
        from tiled.profiles import load_profiles
    except ImportError as error:
        raise UserError(
            f"tiled: {error.name} is not installed; run pip install 'xscatter[tiled]'"
        ) from error
    if address.partition(":")[0] not in ("http", "https"):
        name, _, rest = address.partition("/")
        if name not in load_profiles():
            known = ", ".join(load_profiles()) or "there are none"
            raise UserError(f"tiled:{name}: no such profile ({known}); see `tiled profile`")
        try:
            root = from_profile(name)
        except Exception as error:  # each package below tiled has its own
            raise UserError(explained(error, f"tiled:{name}")) from None
        return Server(root.context), (*root.path_parts, *filter(None, rest.split("/")))
    try:
        url = urlsplit(address)
        where = f"{url.scheme}://{url.hostname}{f':{url.port}' if url.port else ''}{url.path}"
    except ValueError:
        url, where = urlsplit(""), ""
    if not url.hostname:
        # Whatever else it is, it may hold a key.
        shown = re.sub("//.*@", "//", address.partition("?")[0])
        raise UserError(f"{shown}: is no address such as https://server/api/v1/path")
    if url.username or url.password or "api_key" in parse_qs(url.query):
        raise UserError(
            f"{where}: do not put a key into the address, where others can read it; {_KEY}"
        )
    api, path = _divided(url.path)
    api = f"{url.scheme}://{url.netloc}{api}/"
    _check_server(api, where)
    # The package would try again for most of a minute, and print so.
    stamina.set_active(False)
    try:
        context = Context(api)
    except Exception as error:
        raise UserError(explained(error, where)) from None
    else:
        server = Server(context)
        try:
            from_context(context, node_path_parts=[])  # logs in, where it has to
        except Exception as error:
            server.close()
            raise UserError(explained(error, where)) from None
    finally:
        stamina.set_active(True)
    return server, path


def _divided(path: str) -> tuple[str, tuple[str, ...]]:
    """The parts of the path of an address: up to the interface, and names of nodes."""
    before, api, after = path.partition(API)
    if not api:
        before, _, after = path.rpartition("/ui/browse") if "/ui/browse" in path else ("", "", path)
    if api:
        after = _ROUTES.sub("", after.strip("/"))
    return before.rstrip("/") + API, tuple(unquote(part) for part in after.split("/") if part)


def _check_server(api: str, where: str) -> None:
    """Find out soon whether there is a Tiled server; the package would try for a minute."""
    import httpx

    try:
        answer = httpx.get(api, timeout=_CONNECT, follow_redirects=True)
        answer.raise_for_status()
        known = "api_version" in answer.json()
    except ValueError:  # no JSON
        known = False
    except Exception as error:
        raise UserError(explained(error, where)) from None
    if not known:
        raise UserError(f"{where}: {_NO_TILED}")


def refusal(status: int, where: str) -> str:
    """Return what an HTTP status means, and how to fix it.

    Args:
        status: of the answer.
        where: address of the node.
    """
    if status in (401, 403):
        return f"{where}: the server refuses the key, or asks for one (status {status}); {_KEY}"
    if status in _MISSING:
        return f"{where}: there is no such node, or none that this key may see; check the path"
    fix = "wait, or ask who runs it" if status >= 500 or status == 429 else "check the address"
    return f"{where}: the server answers with status {status}; {fix}"


def explained(error: Exception, where: str) -> str:
    """Return what went wrong with a request, and how to fix it, in one line without any key.

    Args:
        error: of httpx, or of the package tiled.
        where: address of the node.
    """
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return refusal(status, where)
    words, kind = str(error), type(error).__name__
    if "CERTIFICATE" in words.upper():
        return (
            f"{where}: its certificate is not trusted; name the file of your site's authority in "
            "SSL_CERT_FILE"
        )
    if isinstance(error, UnicodeError):
        return f"{where}: a key has no such letters; {_KEY}"
    if "API key" in words or "Login" in kind or "Prompt" in kind or "Auth" in kind:
        return f"{where}: the server asks for a key or a login; {_KEY}"
    if "Timeout" in kind:
        return f"{where}: the server does not answer; check the address, or try again later"
    if kind == "ConnectError":
        return f"{where}: no server can be reached there; check the address and the network"
    if isinstance(error, (ValueError, KeyError, TypeError, AttributeError)):
        return f"{where}: {_NO_TILED}"
    return f"{where}: the connection failed ({kind}); check the address and the network"
