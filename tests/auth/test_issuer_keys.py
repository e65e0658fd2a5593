"""Keys of an issuer at a URL: fetched once for all, never waited for in a thread of requests, and bounded."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.error import HTTPError

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from ogpgraph.auth.issuer_errors import KeysAwaited, KeysUnavailable, UnknownKey
from ogpgraph.auth.issuer_keys import (
    COOLDOWN_SECONDS,
    KEY_LIFESPAN_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAX_KEYS_BYTES,
    REFRESH_AFTER_SECONDS,
    KeyUrl,
    fetch_keys,
)
from tests.support.waiting import wait_until

KEY = json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key()))


def key_set(*ids: str) -> bytes:
    return json.dumps({"keys": [KEY | {"kid": each, "use": "sig"} for each in ids]}).encode()


class KeyServer:
    """A server of an issuer's keys, which counts requests; it answers none while it is `held`."""

    def __init__(self) -> None:
        self.body, self.content_type, self.redirects_to, self.requests = key_set("a"), "application/json", "", 0
        self.held = threading.Event()
        self.held.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                outer.held.wait(30)
                self.send_response(302 if outer.redirects_to else 200)
                self.send_header("Content-Type", outer.content_type)
                if outer.redirects_to:
                    self.send_header("Location", outer.redirects_to)
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_args: object) -> None:
                """Log nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/keys"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        self.held.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(server: KeyServer, clock: Clock) -> KeyUrl:
    return KeyUrl(server.url, clock=clock)


def find(keys: KeyUrl, kid: str) -> jwt.PyJWK:
    """Return a key after at most one fetch, as a request does."""
    try:
        return keys.get_signing_key(kid)
    except KeysAwaited as awaited:
        awaited.fetched.result(30)
    return keys.get_signing_key(kid)


def test_keys_are_fetched_once_and_again_for_an_unknown_one_after_a_while(
    server: KeyServer, keys: KeyUrl, clock: Clock
) -> None:
    for _ in range(3):
        assert find(keys, "a").key_id == "a"
    assert server.requests == 1
    server.body = key_set("a", "b")
    for _ in range(3):
        with pytest.raises(UnknownKey):
            find(keys, "b")
    assert server.requests == 1
    clock.now += COOLDOWN_SECONDS
    assert find(keys, "b").key_id == "b"
    assert server.requests == 2


def test_one_fetch_at_a_time_runs_whatever_is_asked_for_and_known_keys_do_not_wait_for_it(
    server: KeyServer, keys: KeyUrl, clock: Clock
) -> None:
    find(keys, "a")
    clock.now += COOLDOWN_SECONDS
    server.held.clear()
    for number in range(20):
        with pytest.raises(KeysAwaited):
            keys.get_signing_key(f"unknown-{number}")
        assert keys.get_signing_key("a").key_id == "a"
    with pytest.raises(KeysAwaited) as awaited:
        keys.get_signing_key("one more")
    server.held.set()
    awaited.value.fetched.result(30)
    assert server.requests == 2


def test_after_failures_the_pauses_double_up_to_a_bound(server: KeyServer, keys: KeyUrl, clock: Clock) -> None:
    server.body = b"an error page"
    pauses = []
    for _ in range(9):
        with pytest.raises(KeysUnavailable):
            find(keys, "a")
        began = clock.now
        fetched = server.requests
        while server.requests == fetched:
            clock.now += 1
            with pytest.raises(KeysUnavailable):
                find(keys, "a")
            assert clock.now < began + 1_000
        pauses.append(clock.now - began)
    assert pauses[0] <= 2
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    server.body = key_set("a")
    clock.now += LONGEST_PAUSE_SECONDS
    assert find(keys, "a").key_id == "a"


def test_keys_are_refreshed_while_they_are_used_and_dropped_when_they_are_old(
    server: KeyServer, keys: KeyUrl, clock: Clock
) -> None:
    find(keys, "a")
    server.body = key_set("b")
    clock.now += REFRESH_AFTER_SECONDS
    assert keys.get_signing_key("a").key_id == "a"  # without waiting
    wait_until(lambda: server.requests == 2)
    assert find(keys, "b").key_id == "b"
    with pytest.raises(UnknownKey):
        find(keys, "a")
    server.stop()
    clock.now += KEY_LIFESPAN_SECONDS
    with pytest.raises(KeysUnavailable):
        find(keys, "b")


@pytest.mark.parametrize(
    "body",
    [b"no keys", b"{}", b"[]", b'{"keys": []}', b'{"keys": 5}', b"\xff", b" " * (MAX_KEYS_BYTES + 1) + key_set("a")],
    ids=["text", "an empty object", "a list", "no key", "a number", "not UTF-8", "too long"],
)
def test_anything_but_a_short_set_of_keys_is_a_failure(server: KeyServer, keys: KeyUrl, body: bytes) -> None:
    server.body = body
    with pytest.raises(KeysUnavailable):
        find(keys, "a")


def test_another_content_type_is_a_failure(server: KeyServer, keys: KeyUrl) -> None:
    server.content_type = "text/html"
    with pytest.raises(KeysUnavailable):
        find(keys, "a")


def test_a_response_that_is_no_success_is_closed(server: KeyServer) -> None:
    server.redirects_to = "/others"
    with pytest.raises(KeysUnavailable) as raised:
        fetch_keys(server.url)
    assert isinstance(raised.value.__cause__, HTTPError)
    assert raised.value.__cause__.fp.closed


def test_a_redirect_is_not_followed(server: KeyServer, keys: KeyUrl) -> None:
    server.redirects_to = server.url.replace("/keys", "/others")
    with pytest.raises(KeysUnavailable):
        find(keys, "a")
    assert server.requests == 1


@contextmanager
def run_silent_server() -> Iterator[str]:
    """Run a server that accepts connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/keys"


def test_a_silent_issuer_keeps_nobody_waiting_in_a_thread() -> None:
    with run_silent_server() as url:
        keys = KeyUrl(url)
        awaited = []
        for number in range(50):
            with pytest.raises(KeysAwaited) as raised:
                keys.get_signing_key(f"unknown-{number}")
            awaited.append(raised.value.fetched)
    assert len(set(awaited)) == 1
