"""A local web server whose responses a test defines, and which records the requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext

RespondFunction = Callable[["Handler"], None]


@dataclass
class Site:
    """The responses of a server by path, and the requests that it received: path and headers."""

    port: int = 0
    scheme: str = "http"
    pages: dict[str, RespondFunction] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


class Handler(BaseHTTPRequestHandler):
    """Responds to one request with the function of its path."""

    site: Site

    def do_GET(self) -> None:
        self.site.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.site.pages.get(self.path, respond_with_status(404))(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""

    def respond(self, code: int, body: bytes = b"", **headers: str) -> None:
        """Send a response; underscores in the names of headers become dashes."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if not any(name.lower() == "content_length" for name in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def respond_with_status(code: int, **headers: str) -> RespondFunction:
    return lambda handler: handler.respond(code, b"", **headers)


def respond_with_page(body: bytes, kind: str = "text/html; charset=utf-8", **headers: str) -> RespondFunction:
    return lambda handler: handler.respond(200, body, Content_Type=kind, **headers)


@contextmanager
def run_local_server(tls: SSLContext | None = None) -> Iterator[Site]:
    """Run a server for the duration of the context."""
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = QuietServer(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        site.scheme = "https"
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class QuietServer(ThreadingHTTPServer):
    """A server without output about clients that disconnect, as the fetcher does at its limits."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing."""
