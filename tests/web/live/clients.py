"""A server in a thread of the test's process, and WebSocket and event-stream clients of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ogpgraph.clock import system_clock
from ogpgraph.domain.account import find_account, grant_rights, open_account
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.server.process import MAX_WEBSOCKET_MESSAGE_BYTES
from ogpgraph.settings import Settings
from ogpgraph.system import System, open_system
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from tests.support.server import serve_in_thread
from tests.support.writers import command_context

PROTOCOL = Subprotocol("graphql-transport-ws")
POSITIONS = "subscription ($after: Position) { entries(after: $after) { position kind subject { id } } }"
RECEIVE_TIMEOUT_SECONDS = 60


@contextmanager
def run_live_server(settings: Settings, port: int = 0, *, own_protocol: bool = True) -> Iterator[str]:
    """Serve the migrated database of the settings; yields the address.

    Without `own_protocol` the server is as another ASGI server would be: it has no direct way to write to a WebSocket.
    """
    app = create_app(SystemLifespan(lambda: open_system(settings.database)), settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=HeaderTimeoutProtocol,
        ws=WebSocketProtocol if own_protocol else "auto",
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    with serve_in_thread(config, port) as (host, bound):
        yield f"http://{host}:{bound}"


def issue_token(writer: System, role: Role = Role.REVIEWER, lifetime: timedelta = timedelta(hours=1)) -> str:
    """Return a token of a new account with a role."""

    def commands(uow: UnitOfWork) -> str:
        account = open_account(uow).id
        grant_rights(uow, find_account(uow, account), role)
        return account

    account = writer.execute(command_context(), commands).result
    assert account
    return writer.accounts.issue_token(account, now=system_clock(), lifetime=lifetime, random_hex=secrets.token_hex)


# WebSockets


@contextmanager
def connect_socket(address: str, subprotocol: Subprotocol = PROTOCOL, **options: Any) -> Iterator[ClientConnection]:
    """Open a WebSocket without sending anything."""
    with connect(address.replace("http", "ws") + "/graphql", subprotocols=[subprotocol], **options) as socket:
        yield socket


@contextmanager
def open_socket(
    address: str, *, init_payload: dict[str, Any] | None = None, **options: Any
) -> Iterator[ClientConnection]:
    """Open a WebSocket and send `connection_init`; the server may acknowledge it or close the connection."""
    with connect_socket(address, **options) as socket:
        with suppress(ConnectionClosed):  # `receive_close` returns why
            send_message(socket, type="connection_init", payload=init_payload)
        yield socket


@contextmanager
def open_acknowledged_socket(address: str, **options: Any) -> Iterator[ClientConnection]:
    """Open a WebSocket whose `connection_init` the server acknowledges."""
    with open_socket(address, **options) as socket:
        acknowledgement = receive_message(socket)
        assert acknowledgement["type"] == "connection_ack"
        assert acknowledgement["payload"].keys() == {"logId", "position", "root", "cursor"}
        yield socket


def send_message(socket: ClientConnection, **message: object) -> None:
    """Send a message."""
    socket.send(json.dumps(message))


def subscribe(socket: ClientConnection, identifier: str, query: str = POSITIONS, **variables: object) -> None:
    """Start a subscription."""
    send_message(socket, id=identifier, type="subscribe", payload={"query": query, "variables": variables})


def receive_message(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    message: dict[str, Any] = json.loads(socket.recv(timeout=RECEIVE_TIMEOUT_SECONDS))
    return message


def receive_position(socket: ClientConnection) -> int:
    """Return the position in the next message, which must be a result."""
    message = receive_message(socket)
    assert message["type"] == "next", message
    return int(message["payload"]["data"]["entries"]["position"])


def receive_error_code(socket: ClientConnection, identifier: str) -> str:
    """Return the code in the next message, which must be an error of an operation."""
    message = receive_message(socket)
    assert (message["type"], message["id"]) == ("error", identifier), message
    return str(message["payload"][0]["extensions"]["code"])


def receive_close(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Receive until the server closes the connection; returns its code and reason."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=RECEIVE_TIMEOUT_SECONDS)
    return socket.close_code, socket.close_reason


# Event streams


def read_events(response: httpx.Response, number: int) -> list[dict[str, str]]:
    """Return the next events of a stream with their fields, fewer if it ends."""
    events: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            events.append(fields)
            fields = {}
            if len(events) == number:
                break
        else:
            fields = {}
    return events


def position_of(event: dict[str, str]) -> int:
    """Return the position in the id of an event, which has the first digits of its root, too."""
    position, _, root = event["id"].partition("-")
    assert len(root) == 12
    return int(position)


def error_code(body: str) -> str:
    """Return the code of the first error in a GraphQL response."""
    return str(json.loads(body)["errors"][0]["extensions"]["code"])
