"""A server in a thread of the test's own process, and clients that follow it over both transports."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ogpgraph.settings import Settings
from ogpgraph.system import open_system
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.server import MAX_WEBSOCKET_MESSAGE_BYTES, SystemLifespan, create_app

PROTOCOL = Subprotocol("graphql-transport-ws")
POSITIONS = "subscription ($after: Position) { entries(after: $after) { position kind subject { id } } }"


@contextmanager
def run_live_server(settings: Settings, port: int = 0, *, short_way: bool = True) -> Iterator[str]:
    """The address of a server on the settings' migrated database; without the short way as others would run it."""
    app = create_app(SystemLifespan(lambda: open_system(settings.database)), settings)
    config = uvicorn.Config(
        app,
        port=port,
        log_config=None,
        access_log=False,
        http=HeaderTimeoutProtocol,
        ws=WebSocketProtocol if short_way else "auto",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def open_socket(address: str, *, greeting: dict[str, Any] | None = None, **options: Any) -> Iterator[ClientConnection]:
    """A socket whose greeting was answered, unless it is closed instead."""
    url = address.replace("http", "ws") + "/graphql"
    with connect(url, subprotocols=[PROTOCOL], **options) as opened:
        with suppress(ConnectionClosed):  # as `closing` will tell
            send_message(opened, type="connection_init", payload=greeting)
        yield opened


@contextmanager
def open_acknowledged_socket(address: str, **options: Any) -> Iterator[ClientConnection]:
    """A socket that was let in."""
    with open_socket(address, **options) as opened:
        assert receive_message(opened)["type"] == "connection_ack"
        yield opened


def send_message(opened: ClientConnection, **message: object) -> None:
    """Send a message."""
    opened.send(json.dumps(message))


def receive_message(opened: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(opened.recv(timeout=30))
    return message


def receive_close(opened: ClientConnection) -> tuple[int | None, str | None]:
    """With which code and reason the server closes a socket."""
    with suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=30)
    return opened.close_code, opened.close_reason


def read_events(response: httpx.Response, count: int) -> list[dict[str, str]]:
    """The next events of a stream, by their fields; fewer where it ends."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            found.append(fields)
            fields = {}
            if len(found) == count:
                break
        else:
            fields = {}
    return found
