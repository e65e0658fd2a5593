"""What breaks a stream costs it nothing: rebuilds, restarts, other processes, another log in the same place."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.live.clients import (
    POSITIONS,
    open_acknowledged_socket,
    open_socket,
    read_events,
    receive_message,
    run_live_server,
    send_message,
)
from tests.live.test_hub import fill_log, run_hub, take_positions
from tests.support.postgres import Server
from tests.support.server import run_server
from tests.support.writers import change_title, register_commitment


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@BOTH_ENGINES
@pytest.mark.anyio
async def test_a_rebuild_makes_no_gap_and_no_double(system: System, make_system: object) -> None:
    other: System = make_system()  # type: ignore[operator]  # the fixture's protocol is in conftest
    fill_log(system, 20)
    stop = threading.Event()

    def rebuild_on() -> int:
        rebuilt = 0
        while not stop.is_set() or not rebuilt:
            other.rebuild()
            rebuilt += 1
        return rebuilt

    async with run_hub(system) as hub:
        with system.poller.run():
            followers = [
                asyncio.create_task(take_positions(hub, 60 - after, after)) for after in (0, 7, 20) for _ in range(3)
            ]
            rebuilding = asyncio.create_task(asyncio.to_thread(rebuild_on))
            for number in range(40):
                await asyncio.to_thread(change_title, system, "FR0001", f"Meanwhile {number}")
            stop.set()
            for follower in followers:
                found = await follower
                assert found == list(range(found[0], 61))
            assert await rebuilding


@pytest.mark.anyio
async def test_a_crash_of_the_database_server_takes_nothing_from_those_who_follow(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What the follower made is not synced: the crash takes the last of it, which those who follow were told of."""
    server = Server(tmp_path_factory.mktemp("crash"), "-c wal_writer_delay=10s -c wal_writer_flush_after=0")
    server.start()
    try:
        migrate(server.url)
        with open_system(server.url) as system:
            register_commitment(system, "FR0001")
            async with run_hub(system) as hub:
                await asyncio.to_thread(register_commitment, system, "FR0002")
                server.stop("immediate")
                server.start()
                with system.database.read() as transaction:
                    assert transaction.fetch_value("select position from projector") < 4
                assert await take_positions(hub, 4, 0) == [1, 2, 3, 4]
    finally:
        server.stop("immediate")


def position_of(message: dict[str, object]) -> int:
    return int(message["payload"]["data"]["entries"]["position"])  # type: ignore[index]  # JSON


@BOTH_ENGINES
def test_two_processes_and_a_restart_deliver_every_entry_once(new_database: DatabaseFactory, tmp_path: Path) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        followers: list[list[int]] = [[] for _ in range(6)]
        for life, until in enumerate((12, 24)):
            with run_server(url, tmp_path / f"log{life}", "--workers", "2") as server, ExitStack() as opened:
                address = server.wait_until_ready(workers=2)
                sockets = [opened.enter_context(open_acknowledged_socket(address)) for _ in followers]
                for own, found in zip(sockets, followers, strict=True):
                    after = found[-1] if found else 0
                    send_message(
                        own, id="1", type="subscribe", payload={"query": POSITIONS, "variables": {"after": after}}
                    )
                for number in range(10):
                    change_title(writer, "FR0001", f"Life {life}, title {number}")
                for own, found in zip(sockets, followers, strict=True):
                    while not found or found[-1] < until:
                        found.append(position_of(receive_message(own)))
            for number in range(2):
                change_title(writer, "FR0001", f"After life {life}, title {number}")
    assert followers == [list(range(1, 25))] * 6


def test_cursors_of_another_log_are_refused_and_told_so(new_database: DatabaseFactory, tmp_path: Path) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        with sqlite3.connect(tmp_path / "log.db") as log, sqlite3.connect(tmp_path / "restored.db") as backup:
            log.backup(backup)
        log.close()
        backup.close()
        change_title(writer, "FR0001", "Written after the backup")
        identity = writer.model.log_identity
    with run_live_server(Settings(database=f"sqlite:///{tmp_path / 'restored.db'}")) as address:
        with open_socket(address) as opened:
            log = receive_message(opened)["payload"]
            assert log == {"logId": identity.id, "epoch": identity.epoch, "position": 2}
            for cursor, code in (
                ({"logId": "another"}, "OTHER_LOG"),
                ({"logId": log["logId"], "epoch": log["epoch"] + 1}, "OTHER_EPOCH"),
                ({"logId": log["logId"], "epoch": log["epoch"]}, "BAD_POSITION"),
            ):
                payload = {"query": POSITIONS, "variables": {"after": 3}, "extensions": cursor}
                send_message(opened, id=code, type="subscribe", payload=payload)
                assert receive_message(opened)["payload"][0]["extensions"]["code"] == code
                refused = httpx.post(
                    f"{address}/graphql", json=payload, headers={"Accept": "text/event-stream"}, timeout=30
                )
                assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, code)
        for query, code in (("log=another", "OTHER_LOG"), ("epoch=7", "OTHER_EPOCH"), ("after=3", "BAD_POSITION")):
            refused = httpx.get(f"{address}/feed?{query}", timeout=30)
            assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (400, code)


def test_streams_resume_by_last_event_id_and_sockets_keep_nothing(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    titles = POSITIONS.replace("{ id }", "{ ... on Commitment { title } }")
    with open_system(url) as writer, run_live_server(Settings(database=url)) as address:
        register_commitment(writer, "FR0001")
        for number in range(3):
            change_title(writer, "FR0001", f"Title {number}")
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "4"}
        body = {"query": POSITIONS, "variables": {"after": 0}}
        with httpx.stream("POST", f"{address}/graphql", json=body, headers=headers, timeout=30) as response:
            assert json.loads(read_events(response, 1)[0]["data"])["data"]["entries"]["position"] == 5
        with open_acknowledged_socket(address) as opened:
            for life in ("first", "second"):
                change_title(writer, "FR0001", f"The {life}")
                send_message(opened, id=life, type="subscribe", payload={"query": titles, "variables": {"after": 3}})
                expected = ["Title 1", "Title 2", "The first", "The second"][: 3 + (life == "second")]
                found = [receive_message(opened)["payload"]["data"]["entries"]["subject"]["title"] for _ in expected]
                assert found == expected
                send_message(opened, id=life, type="complete")


@pytest.mark.parametrize("short_way", [True, False])
def test_a_burst_arrives_whole_whatever_server_carries_it(new_database: DatabaseFactory, *, short_way: bool) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer, run_live_server(Settings(database=url), short_way=short_way) as address:
        register_commitment(writer, "FR0001")
        with open_acknowledged_socket(address) as opened:
            send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS, "variables": {"after": 1}})
            assert position_of(receive_message(opened)) == 2
            for number in range(30):
                change_title(writer, "FR0001", f"Burst {number}")
            assert [position_of(receive_message(opened)) for _ in range(30)] == list(range(3, 33))
