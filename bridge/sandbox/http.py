"""The HTTP base both simulators stand on: a threaded server, a router and JSON in and out.

A simulator subclasses `SandboxServer` and answers in `handle`. Requests run in parallel threads over HTTP/1.1
keep-alive connections; locking is the simulator's own matter.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import responses as reason_phrases
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

logger = logging.getLogger(__name__)

_JSON_TYPE = "application/json"
_POLL_SECONDS = 0.02

Json: TypeAlias = Any
HandlerT = TypeVar("HandlerT")


class CutConnection(Exception):
    """Raised by `handle` to close the connection without a single byte of answer."""


class MalformedJSON(ValueError):
    """The body of a request is not JSON."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request: decoded path, query pairs in order, header names in lower case, raw body."""

    method: str
    path: str
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = "127.0.0.1"

    def header(self, name: str, default: str = "") -> str:
        return self.headers.get(name.lower(), default)

    def param(self, name: str, default: str | None = None) -> str | None:
        """The last value of a query key, as most frameworks read it."""
        for key, value in reversed(self.query):
            if key == name:
                return value
        return default

    def json(self) -> Json:
        """The decoded body, None when it is empty. Raises `MalformedJSON`."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise MalformedJSON("body is not JSON") from error


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. `Content-Length` is added by the server."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_headers(self, extra: Mapping[str, str]) -> Response:
        return Response(self.status, self.body, {**self.headers, **extra})


def json_response(status: int, data: Json, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body in UTF-8."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Response(status, body, {"Content-Type": _JSON_TYPE, **(headers or {})})


def text_response(
    status: int, text: str, content_type: str = "text/html; charset=UTF-8", headers: Mapping[str, str] | None = None
) -> Response:
    """An answer with a text body in UTF-8."""
    return Response(status, text.encode(), {"Content-Type": content_type, **(headers or {})})


@dataclass(frozen=True, slots=True)
class RouteMatch(Generic[HandlerT]):
    """A route that fits: its handler and the decoded path parameters."""

    handler: HandlerT
    params: dict[str, str]


class Router(Generic[HandlerT]):
    """Routes in the order they were added; `{name}` matches one path segment, `{name:regex}` what it says."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], HandlerT]] = []

    def add(self, method: str, pattern: str, handler: HandlerT) -> None:
        self._routes.append((method.upper(), _compile(pattern), handler))

    def match(self, method: str, path: str) -> RouteMatch[HandlerT] | None:
        """The first route for this method and path, None when there is none."""
        for route_method, regex, handler in self._routes:
            if route_method == method and (found := regex.fullmatch(path)):
                return RouteMatch(handler, found.groupdict())
        return None

    def allowed_methods(self, path: str) -> list[str]:
        """Methods under which the path exists: tells an unknown path from a wrong method."""
        return sorted({method for method, regex, _ in self._routes if regex.fullmatch(path)})


def _compile(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(?::([^{}]+))?\}", pattern)
    regex = re.escape(parts[0])
    for index in range(1, len(parts), 3):
        name, expression, literal = parts[index : index + 3]
        regex += f"(?P<{name}>{expression or '[^/]+'}){re.escape(literal)}"
    return re.compile(regex)


class SandboxServer:
    """A threaded HTTP server on a local port; subclasses answer in `handle`.

    Port 0 takes a free one. Usable as a context manager. `start` and `stop` may alternate: after the first start
    the port stays the same, so that a partner can go away and come back under its own address.
    """

    server_header = "nginx"

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self._server: _ThreadingServer | None = None
        self._thread: threading.Thread | None = None

    def handle(self, request: Request) -> Response:
        """Answers one request; may raise `CutConnection`. Runs in the thread of its connection."""
        return json_response(404, {"message": "Not Found"})

    @property
    def url(self) -> str:
        """The base address without a slash at the end, e.g. `http://127.0.0.1:8090`."""
        return f"http://{self.host}:{self.port}"

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> Self:
        """Listens and serves in a background thread. Raises OSError when the port is taken."""
        if self._server is not None:
            return self
        server = _ThreadingServer((self.host, self.port), self)
        self.port = server.server_address[1]
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name=f"sandbox-{self.port}", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops listening and closes every open connection; requests under way get no answer."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = self._thread = None
        server.shutdown()
        thread.join()
        server.server_close()
        server.close_connections()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _ThreadingServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], owner: SandboxServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _ConnectionHandler)

    def server_bind(self) -> None:
        # HTTPServer.server_bind looks up the host name, which can take seconds without a name server.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def register(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)

    def unregister(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def close_connections(self) -> None:
        with self._open_lock:
            for connection in self._open:
                _shut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        # Only broken connections end here: a client that went away is no event worth a trace on the terminal.
        logger.debug("sandbox connection ended")


class _ConnectionHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _ThreadingServer

    def setup(self) -> None:
        super().setup()
        self.server.register(self.connection)

    def finish(self) -> None:
        self.server.unregister(self.connection)
        super().finish()

    def _serve(self) -> None:
        owner = self.server.owner
        request = self._read()
        try:
            response = owner.handle(request)
        except CutConnection:
            self.close_connection = True
            _shut(self.connection)
            return
        except Exception:
            # A defect of the simulator must be seen and must not look like a refused connection.
            logger.exception("sandbox defect in %s", type(owner).__name__)
            response = json_response(500, {"message": "sandbox defect"})
        self._write(response, owner.server_header)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _read(self) -> Request:
        target = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            method=self.command,
            path=unquote(target.path),
            query=parse_qsl(target.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length) if length else b"",
            client=self.client_address[0],
        )

    def _write(self, response: Response, server_header: str) -> None:
        lines = [f"HTTP/1.1 {response.status} {reason_phrases.get(response.status, '')}", f"Server: {server_header}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Content-Length: {len(response.body)}", "", ""]
        body = b"" if self.command == "HEAD" else response.body
        self.wfile.write("\r\n".join(lines).encode("latin-1") + body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: addresses carry search terms, which are personal data."""


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
