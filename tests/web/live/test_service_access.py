"""Connections are limited in number, tokens are checked again while a stream is open, and its cost is limited."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.live import credential_recheck
from tests.support.writers import change_title, register_commitment
from tests.web.live.clients import (
    POSITIONS,
    error_code,
    issue_token,
    open_acknowledged_socket,
    open_socket,
    read_events,
    receive_close,
    receive_error_code,
    receive_message,
    receive_position,
    run_live_server,
    subscribe,
)

pytestmark = pytest.mark.slow
MAX_CONNECTIONS = 3


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, System]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('access') / 'log.db'}"
    migrate(url)
    with pytest.MonkeyPatch.context() as patched, open_system(url) as writer:
        patched.setattr(credential_recheck, "RECHECK_SECONDS", 0.2)
        register_commitment(writer, "FR0001")
        with run_live_server(Settings(database=url, max_live_each=MAX_CONNECTIONS, max_live_cost=30)) as address:
            yield address, writer


@pytest.fixture
def address(service: tuple[str, System]) -> str:
    return service[0]


@pytest.fixture
def writer(service: tuple[str, System]) -> System:
    return service[1]


def wait_until_free(address: str) -> None:
    """Wait until as many clients can connect as the limit allows: the server learns of a disconnect a moment later."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with open_acknowledged_socket(address), open_acknowledged_socket(address), open_socket(address) as last:
            if is_acknowledged(last):
                return
        time.sleep(0.05)
    raise AssertionError("the connections are still counted")


def is_acknowledged(socket: ClientConnection) -> bool:
    try:
        return bool(receive_message(socket)["type"] == "connection_ack")
    except ConnectionClosed:
        return False


def test_an_address_has_a_limit_of_connections_and_closed_ones_do_not_count(address: str) -> None:
    for _ in range(3):
        with open_acknowledged_socket(address), open_acknowledged_socket(address), open_acknowledged_socket(address):
            with open_socket(address) as fourth:
                code, reason = receive_close(fourth)
            assert code == 4429
            assert (
                reason
                == f"Too many connections: this address has {MAX_CONNECTIONS} live connections, which is the most."
            )
            rejected = httpx.get(f"{address}/feed", timeout=60)
            assert (rejected.status_code, rejected.headers["retry-after"]) == (429, "30")
            assert error_code(rejected.text) == "TOO_MANY_CONNECTIONS"
        wait_until_free(address)


def test_event_streams_that_clients_abort_do_not_count(address: str) -> None:
    for _ in range(3 * MAX_CONNECTIONS):
        with httpx.stream("GET", f"{address}/feed", timeout=60) as response:
            assert response.status_code == 200
            read_events(response, 1)
        wait_until_free(address)


def test_an_invalid_token_closes_a_socket_with_4403(address: str) -> None:
    for wrong in ("Bearer nonsense", "Basic x", "", 5):
        with open_socket(address, init_payload={"authorization": wrong}) as socket:
            assert receive_close(socket) == (4403, "The token is not valid")
    wait_until_free(address)


def test_a_valid_token_is_accepted_in_connection_init_and_in_the_header(address: str, writer: System) -> None:
    bearer = f"Bearer {issue_token(writer)}"
    for init_payload, headers in (({"Authorization": bearer}, {}), (None, {"Authorization": bearer})):
        with open_acknowledged_socket(address, init_payload=init_payload, additional_headers=headers) as socket:
            subscribe(socket, "1", after=0)
            assert receive_position(socket) == 1
    wait_until_free(address)


def test_a_socket_is_closed_with_4403_when_its_token_expires(address: str, writer: System) -> None:
    bearer = f"Bearer {issue_token(writer, lifetime=timedelta(seconds=2))}"
    with open_acknowledged_socket(address, init_payload={"authorization": bearer}) as socket:
        subscribe(socket, "1", after=0)
        assert receive_message(socket)["type"] == "next"
        assert receive_close(socket) == (4403, "The token is no longer valid")
    wait_until_free(address)


@pytest.mark.parametrize("path", ["/feed?after=0", "/graphql"])
def test_an_event_stream_ends_when_its_token_expires(address: str, writer: System, path: str) -> None:
    headers = {
        "Authorization": f"Bearer {issue_token(writer, lifetime=timedelta(seconds=2))}",
        "Accept": "text/event-stream",
    }
    query = {"query": POSITIONS.replace("$after: Position", "$after: Position = 0")} if path == "/graphql" else None
    with httpx.stream("GET", f"{address}{path}", params=query, headers=headers, timeout=60) as response:
        *_, last = [event for event in read_events(response, 1000) if event["event"] != "complete"]
    assert json.loads(last["data"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    wait_until_free(address)


def test_the_cost_of_a_subscription_is_limited_for_each_entry(address: str, writer: System) -> None:
    expensive = "subscription { entries { position changes { path } subject { ... on Commitment { milestones { number "
    expensive += "} ratings { value } history(first: 50) { nodes { position } } } } } }"
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "expensive", expensive)
        assert receive_error_code(socket, "expensive") == "COST_EXCEEDED"
        with writer.read_session() as session:
            head = session.head
        subscribe(socket, "cheap", after=head)
        change_title(writer, "FR0001", f"Another title {secrets.token_hex(4)}")
        assert receive_message(socket)["id"] == "cheap"
    wait_until_free(address)


def test_any_origin_may_connect(address: str) -> None:
    for origin in ("https://example.org", "null"):
        with open_acknowledged_socket(address, origin=origin):
            pass
        with httpx.stream("GET", f"{address}/feed", headers={"Origin": origin}, timeout=60) as response:
            assert response.headers["access-control-allow-origin"] == "*"
    wait_until_free(address)
