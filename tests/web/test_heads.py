"""Connections that never say what they want are closed: spoken to byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from ogpgraph.settings import Settings
from ogpgraph.web.connection_timeouts import HEADER_TIMEOUT_SECONDS, HeaderTimeoutProtocol
from ogpgraph.web.server import serve
from tests.web.sample_app import build_sample_app

HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
SECONDS = 0.6


class Hasty(HeaderTimeoutProtocol):
    header_timeout_seconds = SECONDS


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    config = uvicorn.Config(build_sample_app(), http=Hasty, log_config=None, timeout_keep_alive=30)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    yield listening.getsockname()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def closed_after(line: socket.socket) -> float:
    """How long it takes until the server closes the connection, in seconds."""
    began = time.monotonic()
    try:
        while line.recv(1_000):
            pass
    except ConnectionResetError:
        pass
    return time.monotonic() - began


@pytest.fixture
def line(address: tuple[str, int]) -> Iterator[socket.socket]:
    with socket.create_connection(address, timeout=10) as line:
        yield line


@pytest.mark.parametrize("sent", [b"", b"GET", HEAD[:-2], b"POST /graphql HTTP/1.1\r\nX: " + b"y" * 1_000])
def test_a_head_that_does_not_end_is_cut_off(line: socket.socket, sent: bytes) -> None:
    line.sendall(sent)
    assert SECONDS * 0.5 < closed_after(line) < SECONDS + 3


def test_a_head_that_drips_is_cut_off_however_often_a_byte_comes(line: socket.socket) -> None:
    began = time.monotonic()
    for byte in HEAD[:-2]:
        try:
            line.sendall(bytes([byte]))
        except OSError:
            break
        time.sleep(SECONDS / 10)
    closed_after(line)
    assert time.monotonic() - began < SECONDS + 3


def test_the_head_of_a_later_request_is_cut_off_too(line: socket.socket) -> None:
    for _ in range(2):
        line.sendall(HEAD)
        assert b"200 OK" in line.recv(10_000)
    line.sendall(HEAD[:10])
    assert closed_after(line) < SECONDS + 3


def test_whoever_is_quiet_between_requests_is_left_alone(line: socket.socket) -> None:
    for _ in range(2):
        line.sendall(HEAD)
        assert b"200 OK" in line.recv(10_000)
        time.sleep(SECONDS * 1.5)
    line.sendall(HEAD)
    assert b"200 OK" in line.recv(10_000)


def test_the_body_has_a_time_of_its_own(line: socket.socket) -> None:
    body = b'{"query": "{ hello }"}'
    line.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    line.sendall(b"Content-Length: %d\r\n\r\n" % len(body))
    time.sleep(SECONDS * 1.5)
    line.sendall(body)
    assert b"200 OK" in line.recv(10_000)


def test_the_time_is_within_what_is_promised() -> None:
    assert HEADER_TIMEOUT_SECONDS <= 15
    assert Settings().deadline_seconds == 10


def test_the_server_cuts_off_slow_heads_and_believes_no_proxy_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvicorn by default believes what anybody on this machine says of a client's address, and waits for ever."""
    configured: list[uvicorn.Config] = []
    monkeypatch.setattr("ogpgraph.web.server.configure_logging", lambda *_: None)
    monkeypatch.setattr("ogpgraph.web.server._run_one", lambda config, *_others: configured.append(config))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serve(Settings(), address=listening)
    (config,) = configured
    assert config.http is HeaderTimeoutProtocol
    assert config.proxy_headers is False
