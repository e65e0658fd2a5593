"""Connections that do not send a whole header in time are closed, and headers and URLs are limited."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
import uvicorn

from ogpgraph.settings import Settings
from ogpgraph.web.connection_timeouts import HEADER_TIMEOUT_SECONDS, HeaderTimeoutProtocol
from ogpgraph.web.request import MAX_URL_BYTES
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


LONG = b"y" * 70_000
LINES = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 500) for number in range(140))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(b"GET /?%s HTTP/1.1\r\nHost: x\r\n\r\n" % LONG, b" 414 ", id="a long query string"),
        pytest.param(b"GET /" + LONG * 4, b" 414 ", id="a URL without an end"),
        pytest.param(b"GET /health HTTP/1.1\r\nX: %s\r\n\r\n" % LONG, b" 431 ", id="a long value"),
        pytest.param(b"GET /health HTTP/1.1\r\nX: " + LONG * 20, b" 431 ", id="a value without an end"),
        pytest.param(b"GET /health HTTP/1.1\r\n" + LONG * 20, b" 431 ", id="a name without an end"),
        pytest.param(b"GET /health HTTP/1.1\r\n" + LINES * 20, b" 431 ", id="lines without an end"),
        pytest.param(HEAD + b"GET /health HTTP/1.1\r\n" + LINES * 2, b" 431 ", id="in a later request"),
    ],
)
def test_a_url_or_headers_above_the_limit_are_rejected(connection: socket.socket, sent: bytes, expected: bytes) -> None:
    connection.sendall(sent)
    received = b""
    while chunk := connection.recv(10_000):
        received += chunk
    status, _, rest = received[received.rindex(b"HTTP/1.1") :].partition(b"\r\n")
    assert expected in status
    assert json.loads(rest.partition(b"\r\n\r\n")[2])["errors"][0]["extensions"]["code"]


def test_headers_and_urls_up_to_the_limit_are_accepted(connection: socket.socket) -> None:
    query = b"query=%7Bhello%7D&operationName=".ljust(MAX_URL_BYTES - len("/graphql?"), b"+")
    connection.sendall(b"GET /graphql?%s HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (query, b"y" * 60_000))
    assert b"no operation named" in connection.recv(10_000)


def test_a_body_is_not_limited_as_headers_are(connection: socket.socket) -> None:
    body = b'{"query": "{ hello }"}'.ljust(200_000)
    head = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)
    assert b"200 OK" in connection.recv(10_000)


def test_the_timeouts_are_those_in_the_documentation() -> None:
    assert HEADER_TIMEOUT_SECONDS <= 15
    assert Settings().deadline_seconds == 10
