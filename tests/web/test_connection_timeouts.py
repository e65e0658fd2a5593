"""Connections that do not send a whole header in time are closed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn

from ogpgraph.settings import Settings
from ogpgraph.web.connection_timeouts import HEADER_TIMEOUT_SECONDS, HeaderTimeoutProtocol
from tests.web.sample_app import build_sample_app, serve_in_thread

pytestmark = pytest.mark.slow

HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.6
GENEROUS_SECONDS = 30  # a loaded machine may be slow; without the timeout it would be minutes


class ImpatientProtocol(HeaderTimeoutProtocol):
    header_timeout_seconds = SECONDS


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(build_sample_app(), http=ImpatientProtocol, log_config=None, timeout_keep_alive=300)
    with serve_in_thread(config) as address:
        yield address


def seconds_until_closed(connection: socket.socket) -> float:
    """The time until the server closes the connection."""
    began = time.monotonic()
    try:
        while connection.recv(1_000):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


@pytest.fixture
def connection(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=60) as connection:
        yield connection


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD[:-2], b"POST /graphql HTTP/1.1\r\nX: " + b"y" * 1_000])
def test_a_connection_whose_header_does_not_end_is_closed(connection: socket.socket, sent: bytes) -> None:
    connection.sendall(sent)
    assert SECONDS * 0.5 < seconds_until_closed(connection) < GENEROUS_SECONDS


def test_a_connection_whose_header_arrives_byte_by_byte_is_closed(connection: socket.socket) -> None:
    began = time.monotonic()
    for byte in HEAD[:-2]:
        try:
            connection.sendall(bytes([byte]))
        except OSError:
            break
        time.sleep(SECONDS / 10)
    seconds_until_closed(connection)
    assert time.monotonic() - began < GENEROUS_SECONDS


def test_the_header_of_a_later_request_has_the_same_timeout(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(HEAD)
        assert b"200 OK" in connection.recv(10_000)
    connection.sendall(HEAD[:10])
    assert seconds_until_closed(connection) < GENEROUS_SECONDS


def test_a_connection_may_be_idle_between_requests(connection: socket.socket) -> None:
    for _ in range(2):
        connection.sendall(HEAD)
        assert b"200 OK" in connection.recv(10_000)
        time.sleep(SECONDS * 1.5)
    connection.sendall(HEAD)
    assert b"200 OK" in connection.recv(10_000)


def test_the_body_has_a_timeout_of_its_own(connection: socket.socket) -> None:
    body = b'{"query": "{ hello }"}'
    connection.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    connection.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
    time.sleep(SECONDS * 1.5)
    connection.sendall(body)
    assert b"200 OK" in connection.recv(10_000)


def test_the_timeouts_are_those_in_the_documentation() -> None:
    assert HEADER_TIMEOUT_SECONDS <= 15
    assert Settings().deadline_seconds == 10
