"""An entry whose execution exceeds the deadline ends the operation, as it does for a query, on every transport."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system
from tests.support.writers import register_commitment
from tests.web.live.clients import (
    POSITIONS,
    open_acknowledged_socket,
    read_events,
    receive_message,
    run_live_server,
    send_message,
    subscribe,
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose deadline has passed when an operation begins, however fast the machine is."""
    url = f"sqlite:///{tmp_path_factory.mktemp('deadline') / 'log.db'}"
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
    with run_live_server(Settings(database=url, deadline_seconds=-1)) as address:
        yield address


def test_a_websocket_operation_ends_with_an_error_and_the_connection_stays_open(address: str) -> None:
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "1", after=0)
        message = receive_message(socket)
        assert (message["type"], message["id"]) == ("error", "1")
        assert message["payload"][0]["extensions"] == {
            "code": "DEADLINE_EXCEEDED",
            "position": 0,
            "cursor": "0-e3b0c44298fc",
        }
        send_message(socket, type="ping")
        assert receive_message(socket)["type"] == "pong"


def test_a_graphql_event_stream_ends_with_an_error_result(address: str) -> None:
    parameters = {"query": POSITIONS, "variables": '{"after": 1}'}
    response = httpx.get(f"{address}/graphql", params=parameters, headers={"accept": "text/event-stream"}, timeout=60)
    assert "event: complete" in response.text
    (event,) = [line for line in response.text.splitlines() if line.startswith("data: ")]
    (error,) = json.loads(event.removeprefix("data: "))["errors"]
    assert error["extensions"].pop("cursor").startswith("1-")
    assert error["extensions"] == {"code": "DEADLINE_EXCEEDED", "position": 1}


def test_a_feed_ends_with_an_error_event(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=1", timeout=60) as response:
        log, error = read_events(response, 10)
    assert (log["event"], error["event"]) == ("log", "error")
    payload = json.loads(error["data"])
    assert payload["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert payload["position"] == 1
