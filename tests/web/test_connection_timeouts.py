"""Connections that do not send a whole header in time are closed, and headers and URLs are limited."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn

from ogpgraph.settings import Settings
from ogpgraph.web.connection_timeouts import HEADER_TIMEOUT_SECONDS, MAX_PIPELINED, HeaderTimeoutProtocol
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.request import MAX_URL_BYTES
from tests.support.server import serve_in_thread
from tests.web.sample_app import build_sample_app

pytestmark = pytest.mark.slow

HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.6
GENEROUS_SECONDS = 30  # a loaded machine may be slow; without the timeout it would be minutes


class ImpatientProtocol(HeaderTimeoutProtocol):
    header_timeout_seconds = SECONDS


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(
        build_sample_app(), http=ImpatientProtocol, ws=WebSocketProtocol, log_config=None, timeout_keep_alive=300
    )
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
CHUNKED = HEAD.replace(b"GET /health", b"POST /graphql")[:-2] + (
    b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
)
HANDSHAKE = HEAD[:-2] + (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n" % (b"A" * 24)
)
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
        pytest.param(b"GET /health HTTP/1.1\r\n" + b"x:y\r\n" * 101 + b"\r\n", b" 431 ", id="many headers"),
        pytest.param(CHUNKED + b"1;" + b"x=y;" * 200_000, b" 431 ", id="extensions of a chunk without an end"),
        pytest.param(CHUNKED + b"0\r\n" + LINES, b" 431 ", id="trailers without an end"),
        pytest.param(CHUNKED + b"1\r\n \r\n" * 5_000, b" 413 ", id="many chunks"),
        pytest.param(HEAD * 100, b" 429 ", id="many requests at once"),
        pytest.param(HANDSHAKE + b"X: %s\r\n\r\n" % (b"y" * 8_200), b" 431 ", id="a long header of a handshake"),
        pytest.param(HANDSHAKE + b"Content-Length: 2\r\n\r\n{}", b" 400 ", id="a handshake with a body"),
        pytest.param(HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b" 400 ", id="one in chunks"),
        pytest.param(HANDSHAKE.replace(b"GET", b"POST") + b"Content-Length: 2\r\n\r\n{}", b" 400 ", id="a POST"),
        pytest.param(b"\x16\x03\x01\x02\x00", b" 400 ", id="TLS"),
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


def receive_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(100_000):
        received += chunk
    return received


def test_requests_before_one_that_is_rejected_are_answered(connection: socket.socket) -> None:
    connection.sendall(HEAD * 3 + b"GET /health HTTP/1.1\r\n" + LINES * 2)
    assert re.findall(rb"HTTP/1.1 (\d+)", receive_all(connection)) == [b"200"] * 3 + [b"431"]


def test_requests_that_wait_for_another_are_all_answered(connection: socket.socket) -> None:
    connection.sendall(HEAD * MAX_PIPELINED + HEAD[:-2] + b"Connection: close\r\n\r\n")
    assert receive_all(connection).count(b"200 OK") == MAX_PIPELINED + 1


def test_trailers_are_no_headers(connection: socket.socket) -> None:
    connection.sendall(CHUNKED + b'15\r\n{"query":"{ hello }"}\r\n0\r\nAuthorization: Bearer x\r\n\r\n')
    assert b"200 OK" in connection.recv(10_000)


def test_a_client_that_goes_on_sending_what_was_rejected_is_cut_off(connection: socket.socket) -> None:
    sent = 0
    with suppress(OSError):  # a reset or a broken pipe, as the system likes
        for _ in range(2_000):
            connection.sendall(b"GET /health HTTP/1.1\r\n" + LINES)
            sent += 1
    assert sent < 2_000


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
