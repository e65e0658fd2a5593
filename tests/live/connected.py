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
from ogpgraph.web.heads import PromptProtocol
from ogpgraph.web.live.wire import Wire
from ogpgraph.web.serve import LARGEST_MESSAGE, Serving, application

PROTOCOL = Subprotocol("graphql-transport-ws")
POSITIONS = "subscription ($after: Position) { entries(after: $after) { position kind subject { id } } }"


@contextmanager
def following_server(settings: Settings, port: int = 0, *, short_way: bool = True) -> Iterator[str]:
    """The address of a server on the settings' migrated database; without the short way as others would run it."""
    app = application(Serving(lambda: open_system(settings.database)), settings)
    config = uvicorn.Config(
        app,
        port=port,
        log_config=None,
        access_log=False,
        http=PromptProtocol,
        ws=Wire if short_way else "auto",
        ws_max_size=LARGEST_MESSAGE,
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
def socket(address: str, *, greeting: dict[str, Any] | None = None, **options: Any) -> Iterator[ClientConnection]:
    """A socket whose greeting was answered, unless it is closed instead."""
    url = address.replace("http", "ws") + "/graphql"
    with connect(url, subprotocols=[PROTOCOL], **options) as opened:
        with suppress(ConnectionClosed):  # as `closing` will tell
            say(opened, type="connection_init", payload=greeting)
        yield opened


@contextmanager
def greeted(address: str, **options: Any) -> Iterator[ClientConnection]:
    """A socket that was let in."""
    with socket(address, **options) as opened:
        assert heard(opened)["type"] == "connection_ack"
        yield opened


def say(opened: ClientConnection, **message: object) -> None:
    """Send a message."""
    opened.send(json.dumps(message))


def heard(opened: ClientConnection) -> dict[str, Any]:
    """The next message."""
    message: dict[str, Any] = json.loads(opened.recv(timeout=30))
    return message


def closing(opened: ClientConnection) -> tuple[int | None, str | None]:
    """With which code and reason the server closes a socket."""
    with suppress(ConnectionClosed):
        while True:
            opened.recv(timeout=30)
    return opened.close_code, opened.close_reason


def events(response: httpx.Response, count: int) -> list[dict[str, str]]:
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
