from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ogpgraph.system import System, open_system
from tests.conftest import DatabaseFactory
from tests.live.clients import POSITIONS, PROTOCOL, read_events, receive_message, send_message
from tests.support.server import Server, run_server
from tests.support.writers import change_title, register_commitment


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, System]]:
    folder = tmp_path_factory.mktemp("live")
    url = f"sqlite:///{folder / 'log.db'}"
    with run_server(url, folder / "log.txt") as server:
        address = server.wait_until_ready()
        with open_system(url) as writer:
            register_commitment(writer, "FR0001")
            for number in range(8):
                change_title(writer, "FR0001", f"Title {number}")
            yield server, address, writer


@pytest.fixture
def address(started: tuple[Server, str, System]) -> str:
    return started[1]


@pytest.fixture
def writer(started: tuple[Server, str, System]) -> System:
    return started[2]


def head(address: str) -> int:
    answer = httpx.post(f"{address}/graphql", json={"query": "{ meta { position } }"}, timeout=30)
    return int(answer.json()["data"]["meta"]["position"])


def test_feed_begins_with_the_log_and_tells_each_position_as_id(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=3", timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first, *entries = read_events(response, 4)
    assert first["event"] == "log"
    assert json.loads(first["data"]).keys() == {"logId", "epoch", "position"}
    assert [entry["id"] for entry in entries] == ["4", "5", "6"]
    data = json.loads(entries[0]["data"])["data"]["entries"]
    assert (data["position"], data["kind"], data["subject"]["__typename"]) == (4, "CommitmentRevised", "Commitment")
    assert data["changes"][0]["after"] == "Title 1"


def test_feed_resumes_after_the_last_event_id(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=0", headers={"Last-Event-ID": "8"}, timeout=30) as response:
        assert [event.get("id") for event in read_events(response, 2)] == [None, "9"]


def test_feed_begins_at_a_time(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?since=2000-01-01T00:00:00Z", timeout=30) as response:
        assert read_events(response, 2)[1]["id"] == "1"


def test_feed_is_narrowed_by_kind_and_commitment(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=0&kind=CodeAssigned,CommitmentRegistered", timeout=30) as response:
        assert [event.get("id") for event in read_events(response, 3)] == [None, "1", "2"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=100000", "BAD_POSITION"),
        ("after=-1", "BAD_POSITION"),
        ("after=x", "BAD_POSITION"),
        ("log=another", "OTHER_LOG"),
        ("since=yesterday", "BAD_TIME"),
        ("since=2026-01-01", "BAD_TIME"),
        ("kind=Nonsense", "BAD_USER_INPUT"),
    ],
)
def test_a_feed_that_cannot_begin_says_why(address: str, query: str, code: str) -> None:
    answer = httpx.get(f"{address}/feed?{query}", timeout=30)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == code


def test_subscriptions_run_over_sse(address: str, writer: System) -> None:
    body = {"query": POSITIONS, "variables": {"after": head(address) - 1}}
    with httpx.stream(
        "POST", f"{address}/graphql", json=body, headers={"accept": "text/event-stream"}, timeout=30
    ) as response:
        assert response.status_code == 200
        change_title(writer, "FR0001", "Over SSE")
        first, second = read_events(response, 2)
    assert (first["event"], second["event"]) == ("next", "next")
    assert int(second["id"]) == int(first["id"]) + 1
    assert json.loads(second["data"])["data"]["entries"]["position"] == int(second["id"])


def test_only_subscriptions_run_over_sse(address: str) -> None:
    answer = httpx.post(
        f"{address}/graphql",
        json={"query": "{ meta { position } }"},
        headers={"accept": "text/event-stream"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "NOT_A_SUBSCRIPTION")


@contextmanager
def socket(address: str, *, greeted: bool = True) -> Iterator[ClientConnection]:
    with connect(address.replace("http", "ws") + "/graphql", subprotocols=[PROTOCOL]) as opened:
        if greeted:
            send_message(opened, type="connection_init")
            assert (greeting := receive_message(opened))["type"] == "connection_ack"
            assert greeting["payload"].keys() == {"logId", "epoch", "position"}
        yield opened


def test_a_socket_replays_and_then_goes_on_live(address: str, writer: System) -> None:
    before = head(address)
    with socket(address) as opened:
        send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS, "variables": {"after": before - 2}})
        replayed = [receive_message(opened)["payload"]["data"]["entries"]["position"] for _ in range(2)]
        change_title(writer, "FR0001", "Over a socket")
        live = receive_message(opened)
        assert replayed == [before - 1, before]
        assert (live["id"], live["payload"]["data"]["entries"]["position"]) == ("1", before + 1)
        send_message(opened, id="1", type="complete")
        send_message(opened, type="ping", payload={"still": "there"})
        assert receive_message(opened) == {"type": "pong", "payload": {"still": "there"}}


def test_what_one_operation_does_wrong_ends_only_that_one(address: str, writer: System) -> None:
    with socket(address) as opened:
        send_message(opened, id="good", type="subscribe", payload={"query": POSITIONS})
        for number, query in enumerate(
            ["subscription {", "{ meta { position } }", "subscription { nope }", "query A {a} query B {b}"]
        ):
            send_message(opened, id=f"bad{number}", type="subscribe", payload={"query": query})
            assert (told := receive_message(opened))["type"] == "error", told
            assert told["id"] == f"bad{number}"
        send_message(opened, id="past", type="subscribe", payload={"query": POSITIONS, "variables": {"after": 10**9}})
        assert receive_message(opened)["payload"][0]["extensions"]["code"] == "BAD_POSITION"
        change_title(writer, "FR0001", "Unharmed")
        assert receive_message(opened)["id"] == "good"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("[]", 4400),
        ("null", 4400),
        ('"x"', 4400),
        ("{", 4400),
        ("[" * 60_000, 4400),
        ("[" * 70_000, 1009),
        ('{"type": 5}', 4400),
        ('{"type": "nonsense"}', 4400),
        ('{"type": "subscribe", "id": {}, "payload": {"query": "x"}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": null}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": []}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": 5}}', 4400),
        ('{"type": "connection_init"}', 4429),
    ],
)
def test_broken_protocol_closes_with_its_code(address: str, sent: str, code: int) -> None:
    with socket(address) as opened:
        opened.send(sent)
        assert closing_code(opened) == code


def closing_code(opened: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        opened.recv(timeout=30)
    return opened.close_code


def test_binary_messages_close_the_socket(address: str) -> None:
    with socket(address) as opened:
        opened.send(b"\x00")
        assert closing_code(opened) == 4400


def test_subscribing_before_the_greeting_is_unauthorized(address: str) -> None:
    with socket(address, greeted=False) as opened:
        send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS})
        assert closing_code(opened) == 4401


def test_an_id_in_use_closes_the_socket(address: str) -> None:
    with socket(address) as opened:
        for _ in range(2):
            send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS})
        assert closing_code(opened) == 4409


def test_another_subprotocol_is_not_acceptable(address: str) -> None:
    with connect(address.replace("http", "ws") + "/graphql", subprotocols=[Subprotocol("graphql-ws")]) as opened:
        assert closing_code(opened) == 4406


def test_idle_streams_do_not_hold_up_the_stop(new_database: DatabaseFactory, tmp_path: Path) -> None:
    with run_server(new_database(), tmp_path / "log") as server:
        address = server.wait_until_ready()
        with httpx.stream("GET", f"{address}/feed", timeout=30) as response, socket(address) as opened:
            read_events(response, 1)
            send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS})
            code, seconds = server.stop()
    assert code == 0
    assert seconds < 5
