"""Responses that are written at once are those that messages make, and leave the connection as it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.whole_response import find_whole_responses
from tests.support.connection import Connection
from tests.support.server import serve_in_thread

pytestmark = pytest.mark.slow

LARGE = 8 << 20
"""More than the buffers of a connection hold."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the query string, repeated where it is a number; as a whole if the path is `/whole` and it may."""
    if scope["type"] != "http":
        return
    await receive()
    asked: bytes = scope["query_string"]
    body = b"x" * int(asked) if asked.isdigit() else asked
    whole = find_whole_responses(scope) if scope["path"] == "/whole" else None
    length = b"%d" % len(body)
    is_written = whole is not None and whole.write_whole(scope, 200, b"content-length: %s\r\n" % length, body)
    if not is_written:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})
    elif whole is not None:
        await whole.drain()


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(app, http=HeaderTimeoutProtocol, log_config=None, server_header=False, lifespan="off")
    with serve_in_thread(config) as address:
        yield address


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[Connection]:
    with Connection(address) as connection:
        yield connection


def get(*targets: str, headers: str = "") -> bytes:
    return b"".join(f"GET {each} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode() for each in targets)


def test_a_whole_response_is_the_same_as_one_by_messages(connection: Connection) -> None:
    for query in ("a", "", str(100_000)):
        connection.send(get(f"/whole?{query}"))
        one = connection.receive()
        connection.send(get(f"/messages?{query}"))
        assert one == connection.receive()


def test_requests_that_came_together_are_answered_in_their_order(connection: Connection) -> None:
    connection.send(get("/whole?a", "/messages?b", "/whole?c", "/whole?d"))
    assert [connection.receive().body for _ in range(4)] == [b"a", b"b", b"c", b"d"]


def test_a_large_whole_response_arrives_at_a_client_that_reads_it_late(connection: Connection) -> None:
    connection.send(get(f"/whole?{LARGE}", "/whole?next"))
    assert connection.receive().body == b"x" * LARGE
    assert connection.receive().body == b"next"


def test_a_connection_that_is_not_kept_ends_with_its_response(connection: Connection) -> None:
    connection.send(get("/whole?a", headers="Connection: close\r\n"))
    response = connection.receive()
    assert b"connection: close\r\n" in response.headers
    assert response.body == b"a"
    assert connection.is_closed()


def test_a_server_that_does_not_offer_the_extension_has_none() -> None:
    scope: dict[str, Any] = {"type": "http"}
    assert find_whole_responses(scope) is None
    assert find_whole_responses(scope | {"extensions": {"other": {}}}) is None
