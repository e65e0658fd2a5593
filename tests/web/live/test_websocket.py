from __future__ import annotations

from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from ogpgraph.system import System
from ogpgraph.web.live.websocket_protocol import MAX_FRAGMENTS
from tests.support.server import post_query
from tests.support.writers import change_title
from tests.web.live.clients import (
    connect_socket,
    open_acknowledged_socket,
    receive_error_code,
    receive_message,
    receive_position,
    send_message,
    subscribe,
)

pytestmark = pytest.mark.slow


def receive_close_code(socket: ClientConnection) -> int | None:
    """Return the code with which the server closes a connection instead of sending another message."""
    with pytest.raises(ConnectionClosed):
        socket.recv(timeout=60)
    return socket.close_code


def test_a_subscription_is_replayed_and_then_continues_live(address: str, writer: System) -> None:
    head = post_query(address, "{ meta { position } }").json()["data"]["meta"]["position"]
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "1", after=head - 2)
        replayed = [receive_position(socket) for _ in range(2)]
        change_title(writer, "FR0001", "Over a socket")
        live = receive_message(socket)
        assert replayed == [head - 1, head]
        assert (live["id"], live["payload"]["data"]["entries"]["position"]) == ("1", head + 1)
        send_message(socket, id="1", type="complete")
        send_message(socket, type="ping", payload={"still": "there"})
        assert receive_message(socket) == {"type": "pong", "payload": {"still": "there"}}


def test_an_error_in_an_operation_ends_only_that_operation(address: str, writer: System) -> None:
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "good")
        for number, query in enumerate(
            ["subscription {", "{ meta { nope } }", "subscription { nope }", "query A {a} query B {b}"]
        ):
            subscribe(socket, f"bad{number}", query)
            receive_error_code(socket, f"bad{number}")
        subscribe(socket, "past", after=10**9)
        assert receive_error_code(socket, "past") == "BAD_POSITION"
        change_title(writer, "FR0001", "Unaffected")
        assert receive_message(socket)["id"] == "good"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("[]", 4400),
        ("null", 4400),
        ('"x"', 4400),
        ("{", 4400),
        ("[" * 60_000, 4400),
        ("[" * 70_000, 1009),
        ('{"type": 5}', 4400),
        ('{"type": "nonsense"}', 4400),
        ('{"type": "subscribe", "id": {}, "payload": {"query": "x"}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": null}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
        ('{"type": "connection_init"}', 4429),
    ],
)
def test_a_message_that_breaks_the_protocol_closes_the_connection(address: str, sent: str, code: int) -> None:
    with open_acknowledged_socket(address) as socket:
        socket.send(sent)
        assert receive_close_code(socket) == code


@pytest.mark.parametrize(
    "frame",
    [Frame(Opcode.PING, b""), Frame(Opcode.PONG, b""), Frame(Opcode.TEXT, b'{"type":"ping"}')],
    ids=["pings", "pongs", "messages"],
)
def test_thousands_of_frames_at_once_close_the_connection(address: str, frame: Frame) -> None:
    with open_acknowledged_socket(address) as socket:
        socket.socket.sendall(frame.serialize(mask=True) * 10_000)
        answers = 0
        with suppress(ConnectionClosed):
            for _ in socket:
                answers += 1
        assert socket.close_code == 4400
        assert answers < 10_000


def test_a_message_of_many_empty_fragments_closes_the_connection(address: str) -> None:
    with open_acknowledged_socket(address) as socket:
        with suppress(ConnectionClosed):
            # Not more than it takes: a connection that is closed with much unread is reset, which loses the close code.
            socket.send([""] * (MAX_FRAGMENTS + 1))
        assert receive_close_code(socket) == 4400


def test_a_message_of_some_fragments_is_read(address: str) -> None:
    with open_acknowledged_socket(address) as socket:
        socket.send('{"type": "ping"}')
        socket.send(list('{"type": "ping"}'))
        assert [receive_message(socket) for _ in range(2)] == [{"type": "pong"}] * 2


def test_a_binary_message_closes_the_connection(address: str) -> None:
    with open_acknowledged_socket(address) as socket:
        socket.send(b"\x00")
        assert receive_close_code(socket) == 4400


def test_a_subscription_before_connection_init_is_unauthorized(address: str) -> None:
    with connect_socket(address) as socket:
        subscribe(socket, "1")
        assert receive_close_code(socket) == 4401


def test_an_operation_id_in_use_closes_the_connection(address: str) -> None:
    with open_acknowledged_socket(address) as socket:
        for _ in range(2):
            subscribe(socket, "1")
        assert receive_close_code(socket) == 4409


def test_another_subprotocol_is_not_acceptable(address: str) -> None:
    with connect_socket(address, Subprotocol("graphql-ws")) as socket:
        assert receive_close_code(socket) == 4406
