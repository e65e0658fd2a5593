"""A server on a loopback port, with requests sent byte by byte."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

import pytest
import uvicorn

from ogpgraph.web.operation_service import WebLimits
from ogpgraph.web.request import BodyLimits
from tests.support.connection import Connection
from tests.support.server import serve_in_thread
from tests.web.sample_app import build_sample_app

pytestmark = pytest.mark.slow

MAX_BYTES, DEADLINE = 2_000, 0.4
BODY = b'{"query": "{ hello }"}'
HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module", params=["h11", "httptools"])
def address(request: pytest.FixtureRequest) -> Iterator[tuple[str, int]]:
    http: Literal["h11", "httptools"] = request.param
    app = build_sample_app(limits=WebLimits(body=BodyLimits(max_bytes=MAX_BYTES, deadline_seconds=DEADLINE)))
    config = uvicorn.Config(app, http=http, ws="none", log_config=None, server_header=False)
    with serve_in_thread(config) as address:
        yield address


def send_slowly(connection: Connection, *pieces: bytes, pause: float) -> None:
    for piece in pieces:
        connection.send(piece)
        time.sleep(pause)


def is_alive(address: tuple[str, int]) -> bool:
    with Connection(address) as connection:
        connection.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        return connection.receive().status == 200


def length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def test_a_connection_serves_several_requests(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        for _ in range(3):
            connection.send(HEAD + length(BODY) + BODY)
            assert connection.receive().status == 200


def test_a_chunked_body_is_read(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        send_slowly(connection, CHUNKED, chunk(BODY[:5]), chunk(BODY[5:]), b"0\r\n\r\n", pause=0.02)
        assert connection.receive().status == 200


def test_a_chunked_body_above_the_limit_gives_413_before_its_end_and_closes_the_connection(
    address: tuple[str, int],
) -> None:
    with Connection(address) as connection:
        connection.send(CHUNKED, chunk(b" " * MAX_BYTES), chunk(b" "))
        assert connection.receive().status == 413
        assert connection.is_closed()


def test_a_body_whose_content_length_is_too_large_gives_413_before_it_is_sent(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        connection.send(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        assert connection.receive().status == 413
        assert connection.is_closed()


def test_a_body_that_stops_half_way_gives_408_and_closes_the_connection(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        began = time.monotonic()
        connection.send(HEAD + length(BODY) + BODY[:5])
        assert connection.receive().status == 408
        assert connection.is_closed()
        assert time.monotonic() - began > DEADLINE * 0.9


def test_a_body_that_arrives_byte_by_byte_gives_408(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        send_slowly(connection, HEAD + length(BODY), *(BODY[n : n + 1] for n in range(10)), pause=DEADLINE / 8)
        assert connection.receive().status == 408


def test_a_slow_client_does_not_delay_others(address: tuple[str, int]) -> None:
    with Connection(address) as slow:
        slow.send(HEAD + length(BODY))
        assert is_alive(address)
        with Connection(address) as connection:
            connection.send(HEAD + length(BODY) + BODY)
            assert connection.receive().status == 200
        assert slow.receive().status == 408


def test_a_client_that_disconnects_in_its_body_does_no_harm(address: tuple[str, int]) -> None:
    for _ in range(5):
        with Connection(address) as connection:
            connection.send(HEAD + length(BODY) + BODY[:5])
    assert is_alive(address)


def test_bytes_after_the_content_length_are_not_part_of_the_body(address: tuple[str, int]) -> None:
    with Connection(address) as connection:
        connection.send(HEAD + length(BODY) + BODY + b"surplus\r\n\r\n")
        assert connection.receive().status in {
            200,
            400,
        }  # httptools sees the next, malformed request before the first is answered
    assert is_alive(address)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(HEAD + b"Content-Length: x\r\n\r\n", id="length that is no number"),
        pytest.param(HEAD + b"Content-Length: -5\r\n\r\n", id="negative length"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="chunk without a size"),
        pytest.param(b"POST /graphql\r\n\r\n", id="no version"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", id="a TLS greeting"),
        pytest.param(b"GET /graphql?query=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", id="bytes in the URL"),
        pytest.param(b"GET /graphql?query=%00 HTTP/1.1\r\nHost: x\r\n\r\n", id="NUL in the URL"),
    ],
)
def test_malformed_http_gives_4xx_or_closes_the_connection(address: tuple[str, int], head: bytes) -> None:
    with Connection(address) as connection:
        connection.send(head)
        try:
            assert 400 <= connection.receive().status < 500
        except ConnectionError:  # there is no response: the connection was closed
            assert connection.is_closed()
    assert is_alive(address)
