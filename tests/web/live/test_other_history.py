"""Whatever a client remembers of a history that was replaced by a restored backup is refused, however it is sent.

A log of five entries is backed up and goes on to eight. A client remembers the eighth. Then the backup is restored:
it has only its five entries, or has grown past the eighth by others.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from ogpgraph.cli.follow import FeedCursor, FeedRejected, stream_entries
from ogpgraph.server import served_system
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from tests.conftest import DatabaseFactory, create_databases, execute_statement
from tests.support.writers import change_title, register_commitment
from tests.web.live.clients import (
    open_acknowledged_socket,
    read_events,
    receive_error_code,
    receive_message,
    run_live_server,
    send_message,
)

pytestmark = pytest.mark.slow
COMMON, REMEMBERED = 5, 8
SUBSCRIPTION = "subscription ($cursor: String) { entries(cursor: $cursor) { position cursor } }"
CURSORS = """{
  meta { position rootHash }
  entries { edges { cursor node { cursor position rootHash } } pageInfo { endCursor } }
  commitments { edges { cursor } }
}"""
AT = "query ($position: Position, $root: String) { at(position: $position, root: $root) { meta { position } } }"
OF_PAST = 'query ($position: Position) { at(position: $position) { commitment(code: "FR0001") { title } } }'


@dataclass(frozen=True)
class Remembered:
    """What a client has of the history that was replaced: at the position of the backup and at the head."""

    roots: dict[int, str]
    entries: dict[int, str]
    commitment: str
    past: str


@dataclass(frozen=True)
class Restored:
    """A server of a restored backup, and what a client remembers of the history that it replaced."""

    address: str
    remembered: Remembered


SHORTER, GROWN = "shorter", "grown past the old head"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((engine, history), marks=marks)
        for engine, of_engine in (("sqlite", ()), ("postgres", (pytest.mark.postgres,)))
        for history, marks in ((GROWN, of_engine), (SHORTER, (*of_engine, pytest.mark.long)))
    ],
    ids=" ".join,
)
def restored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """A server of the restored backup, for tests that only read."""
    engine, history = request.param
    with (
        create_databases(engine, tmp_path_factory.mktemp("other_history"), request) as new_database,
        pytest.MonkeyPatch.context() as monkeypatch,
    ):
        monkeypatch.setattr(served_system, "POSITION_WAIT_SECONDS", 0.2)
        remembered = remember_first_history(new_database)
        if history == GROWN:
            with open_system(new_database("backup")) as system:
                change_titles(system, "Another future", REMEMBERED)
        with run_live_server(Settings(database=new_database("backup"))) as address:
            yield Restored(address, remembered)


@pytest.fixture
def address(restored: Restored) -> str:
    """The address of a server of the restored backup."""
    return restored.address


@pytest.fixture
def remembered(restored: Restored) -> Remembered:
    """What a client remembers of the first history."""
    return restored.remembered


def remember_first_history(new_database: DatabaseFactory) -> Remembered:
    """Record the first history in a database, and its backup in another; returns what a client remembers of it."""
    migrate(new_database("backup"))
    with open_system(new_database("backup")) as system:
        register_commitment(system, "FR0001")
        change_titles(system, "Before the backup", COMMON - 2)
    copy_database(new_database, "backup", "first")
    with open_system(new_database("first")) as system:
        change_titles(system, "Lost", REMEMBERED - COMMON)
    with run_live_server(Settings(database=new_database("first"))) as address:
        found = query(address, CURSORS)
        assert found["meta"]["position"] == REMEMBERED
        edges = found["entries"]["edges"]
        assert all(edge["cursor"] == edge["node"]["cursor"] for edge in edges)
        past = httpx.get(f"{address}/graphql", params={"query": OF_PAST, "variables": f'{{"position": {REMEMBERED}}}'})
        return Remembered(
            {edge["node"]["position"]: edge["node"]["rootHash"] for edge in edges},
            {edge["node"]["position"]: edge["cursor"] for edge in edges},
            found["commitments"]["edges"][0]["cursor"],
            past.headers["etag"],
        )


def change_titles(system: System, title: str, number: int) -> None:
    for each in range(number):
        change_title(system, "FR0001", f"{title} {each}")


def copy_database(new_database: DatabaseFactory, name: str, copy: str) -> None:
    source, target = new_database(name), new_database(copy)
    if source.startswith("sqlite:"):
        shutil.copy(source.removeprefix("sqlite:///"), target.removeprefix("sqlite:///"))
        return
    server_url = re.sub(r"^(\w+://[^/?]*)/[^?]*", r"\1/postgres", source)
    template = re.sub(r"^\w+://[^/?]*/([^?]*).*", r"\1", source)
    execute_statement(server_url, "drop database {}", target)
    execute_statement(server_url, f"create database {{}} template {template}", target)


def query(address: str, text: str, **variables: Any) -> dict[str, Any]:
    answer = post(address, text, **variables).json()
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


def post(address: str, text: str, headers: dict[str, str] | None = None, **variables: Any) -> httpx.Response:
    body = {"query": text, "variables": variables}
    return httpx.post(f"{address}/graphql", json=body, headers=headers or {}, timeout=60)


def code_and_message(response: httpx.Response) -> tuple[str, str]:
    (error,) = response.json()["errors"]
    return error["extensions"]["code"], error["message"]


def assert_other_history(response: httpx.Response, status: int) -> None:
    code, message = code_and_message(response)
    assert (response.status_code, code) == (status, "OTHER_HISTORY")
    assert "start again from the beginning" in message


def test_a_position_is_read_only_in_the_history_of_its_root(address: str, remembered: Remembered) -> None:
    for digits in (12, 13, 64):
        common = query(address, AT, position=COMMON, root=remembered.roots[COMMON][:digits].upper())
        assert common == {"at": {"meta": {"position": COMMON}}}
        assert_other_history(post(address, AT, position=REMEMBERED, root=remembered.roots[REMEMBERED][:digits]), 200)
    for wrong in ("", "0" * 11, "0" * 65, "g" * 12):
        assert code_and_message(post(address, AT, position=COMMON, root=wrong))[0] == "INVALID"
    assert (
        code_and_message(post(address, '{ at(time: "2026-01-01T00:00:00Z", root: "") { meta { logId } } }'))[0]
        == "INVALID"
    )


def test_a_request_can_require_a_position_with_its_root(address: str, remembered: Remembered) -> None:
    def send(position: int, root: str) -> httpx.Response:
        headers = {"X-At-Least-Position": str(position), "X-At-Least-Root": root}
        return post(address, "{ meta { position rootHash } }", headers)

    answer = send(COMMON, remembered.roots[COMMON][:12])
    meta = answer.json()["data"]["meta"]
    assert (int(answer.headers["X-Position"]), answer.headers["X-Root"]) == (meta["position"], meta["rootHash"][:12])
    assert_other_history(send(REMEMBERED, remembered.roots[REMEMBERED]), 409)
    for position, root in ((COMMON, "0" * 11), (COMMON, "x" * 12)):
        assert (send(position, root).status_code, code_and_message(send(position, root))[0]) == (400, "INVALID")
    alone = post(address, "{ meta { position } }", {"X-At-Least-Root": "0" * 12})
    assert (alone.status_code, code_and_message(alone)[0]) == (400, "INVALID")


def test_a_page_continues_only_in_the_history_of_its_cursor(address: str, remembered: Remembered) -> None:
    entries = "query ($after: String) { entries(after: $after, first: 1) { nodes { position } } }"
    history = 'query ($to: String) { commitment(code: "FR0001") { history(before: $to) { nodes { id } } } }'
    commitments = "query ($after: String) { commitments(after: $after) { nodes { code } } }"
    known = query(address, entries, after=remembered.entries[COMMON - 1])
    assert known["entries"]["nodes"] == [{"position": COMMON}]
    assert_other_history(post(address, entries, after=remembered.entries[REMEMBERED]), 200)
    assert_other_history(post(address, history, to=remembered.entries[REMEMBERED]), 200)
    assert_other_history(post(address, commitments, after=remembered.commitment), 200)


def test_an_answer_of_another_history_is_not_taken_for_right(address: str, remembered: Remembered) -> None:
    parameters = {"query": OF_PAST, "variables": f'{{"position": {REMEMBERED}}}'}
    answer = httpx.get(f"{address}/graphql", params=parameters, headers={"If-None-Match": remembered.past}, timeout=60)
    assert answer.status_code == 200
    assert answer.headers.get("etag") != remembered.past


def test_a_feed_resumes_only_in_the_history_of_its_id(address: str, remembered: Remembered) -> None:
    with httpx.stream("GET", f"{address}/feed?after={remembered.entries[COMMON - 1]}", timeout=60) as response:
        assert [event["id"].partition("-")[0] for event in read_events(response, 2)] == [str(COMMON - 1), str(COMMON)]
    known = remembered.entries[REMEMBERED]
    assert_other_history(httpx.get(f"{address}/feed?after={known}", timeout=60), 409)
    resumed = httpx.get(f"{address}/feed?after=0", headers={"Last-Event-ID": known}, timeout=60)
    assert_other_history(resumed, 409)
    assert_other_history(httpx.get(f"{address}/feed?log=another", timeout=60), 409)


def test_a_subscription_over_sse_resumes_only_in_the_history_of_its_id(address: str, remembered: Remembered) -> None:
    def send(cursor: str, **headers: str) -> httpx.Response:
        return post(address, SUBSCRIPTION, {"Accept": "text/event-stream", **headers}, cursor=cursor)

    assert_other_history(send(remembered.entries[REMEMBERED]), 409)
    assert_other_history(send(remembered.entries[1], **{"Last-Event-ID": remembered.entries[REMEMBERED]}), 409)
    body = {"query": SUBSCRIPTION, "variables": {"cursor": remembered.entries[COMMON - 1]}}
    headers = {"Accept": "text/event-stream"}
    with httpx.stream("POST", f"{address}/graphql", json=body, headers=headers, timeout=60) as response:
        assert read_events(response, 1)[0]["id"] == remembered.entries[COMMON]


def test_a_subscription_on_a_websocket_resumes_only_in_the_history_of_its_cursor(
    address: str, remembered: Remembered
) -> None:
    with open_acknowledged_socket(address) as socket:
        subscribe(socket, "lost", remembered.entries[REMEMBERED])
        assert receive_error_code(socket, "lost") == "OTHER_HISTORY"
        subscribe(socket, "common", remembered.entries[COMMON - 1])
        entry = receive_message(socket)["payload"]["data"]["entries"]
        assert entry == {"position": COMMON, "cursor": remembered.entries[COMMON]}
        payload = {"query": SUBSCRIPTION, "extensions": {"logId": "another"}}
        send_message(socket, id="another", type="subscribe", payload=payload)
        while (message := receive_message(socket))["id"] != "another":
            pass
        assert message["payload"][0]["extensions"]["code"] == "OTHER_HISTORY"


def subscribe(socket: Any, identifier: str, cursor: str) -> None:
    send_message(
        socket, id=identifier, type="subscribe", payload={"query": SUBSCRIPTION, "variables": {"cursor": cursor}}
    )


def test_following_ends_when_the_history_is_another(address: str, remembered: Remembered) -> None:
    cursor = FeedCursor(remembered.entries[COMMON - 1])
    assert next(stream_entries(address, cursor))["position"] == COMMON
    assert cursor.after == remembered.entries[COMMON - 1]
    with pytest.raises(FeedRejected, match=r"^OTHER_HISTORY: .*start again from the beginning"):
        next(stream_entries(address, FeedCursor(remembered.entries[REMEMBERED])))
