"""Requests that offer another protocol are answered by HTTP/1.1, with their bodies and whatever follows them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import uvicorn

from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from tests.support.connection import Connection
from tests.support.server import serve_in_thread
from tests.web.sample_app import build_sample_app

BODY = b'{"query": "{ hello }"}'
OFFERS = [
    pytest.param(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n", id="HTTP/2"),
    pytest.param(b"Upgrade: TLS/1.2\r\nConnection: keep-alive, upgrade\r\n", id="TLS"),
    pytest.param(b"Upgrade: x\r\nConnection: upgrade\r\nConnection: keep-alive\r\n", id="in one of two headers"),
]
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(build_sample_app(), http=HeaderTimeoutProtocol, log_config=None, server_header=False)
    with serve_in_thread(config) as address:
        yield address


def post(offer: bytes, framing: bytes) -> bytes:
    return b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + offer + framing + b"\r\n"


LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize(("framing", "body"), [(LENGTH, BODY), (CHUNKED, CHUNK)])
def test_the_body_and_the_next_request_are_read_however_they_arrive(
    address: tuple[str, int], offer: bytes, framing: bytes, body: bytes
) -> None:
    header = post(offer, framing)
    for pieces in ([header + body + HEALTH], [header, body + HEALTH], [header[:-3], header[-3:] + body, HEALTH]):
        with Connection(address) as connection:
            for piece in pieces:
                connection.send(piece)
            answered, following = connection.receive(), connection.receive()
            assert (answered.status, following.status) == (200, 200)
            assert "hello" in json.loads(answered.body)["data"]
            assert json.loads(following.body) == {"status": "alive"}


@pytest.mark.parametrize("offer", OFFERS)
def test_a_body_is_never_taken_for_a_request(address: tuple[str, int], offer: bytes) -> None:
    smuggled = b"DELETE /graphql HTTP/1.1\r\nHost: x\r\n\r\n"
    with Connection(address) as connection:
        connection.send(post(offer, b"Content-Length: %d\r\n" % len(smuggled)))
        connection.send(smuggled)
        assert connection.receive().status == 400  # it is no JSON
        connection.send(HEALTH)
        assert connection.receive().status == 200


@pytest.mark.parametrize("offer", OFFERS)
def test_requests_without_a_body_are_answered_one_after_the_other(address: tuple[str, int], offer: bytes) -> None:
    with Connection(address) as connection:
        connection.send((HEALTH[:-2] + offer + b"\r\n") * 3 + HEALTH)
        assert [connection.receive().status for _ in range(4)] == [200] * 4
