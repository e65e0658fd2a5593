"""Interruptions lose no entry and repeat none: rebuilds, restarts, several processes, another log in the same place."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory
from tests.support.postgres import Server
from tests.support.server import run_server
from tests.support.writers import change_title, command_context, register_commitment, title_facts
from tests.web.live.clients import (
    POSITIONS,
    error_code,
    open_acknowledged_socket,
    open_socket,
    read_events,
    receive_close,
    receive_error_code,
    receive_message,
    receive_position,
    run_live_server,
    send_message,
    subscribe,
)
from tests.web.live.hubs import fill_log, run_hub, take_positions

pytestmark = pytest.mark.slow


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.postgres
def test_a_client_is_told_to_try_again_while_the_database_server_is_away(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = Server(tmp_path_factory.mktemp("away"))
    server.start()
    try:
        migrate(server.url)
        with run_live_server(Settings(database=server.url)) as address:
            with open_acknowledged_socket(address):
                server.stop("immediate")
            for payload in (None, {"authorization": f"Bearer ogp_{'0' * 12}_{'0' * 43}"}):
                with open_socket(address, init_payload=payload) as socket:
                    assert receive_close(socket) == (1013, "The storage is not available at the moment")
            for path in ("/feed", "/commitments"):
                response = httpx.get(address + path, headers={"Accept": "text/html, text/event-stream"}, timeout=60)
                assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            server.start()
            closed: int | None = 1013
            while closed == 1013:
                with open_socket(address) as socket, suppress(ConnectionClosed):
                    assert receive_message(socket)["type"] == "connection_ack"
                closed = socket.close_code
    finally:
        server.stop("immediate")


@BOTH_ENGINES
@pytest.mark.long
@pytest.mark.anyio
async def test_a_rebuild_loses_and_repeats_no_entry(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    fill_log(system, 20)
    stop = threading.Event()

    def rebuild_until_stopped() -> int:
        rebuilds = 0
        while not stop.is_set() or not rebuilds:
            other.rebuild()
            rebuilds += 1
        return rebuilds

    async with run_hub(system) as hub:
        with system.poller.run():
            streams = [
                asyncio.create_task(take_positions(hub, 60 - after, after)) for after in (0, 7, 20) for _ in range(3)
            ]
            rebuilding = asyncio.create_task(asyncio.to_thread(rebuild_until_stopped))
            for number in range(40):
                await asyncio.to_thread(change_title, system, "FR0001", f"Title {number}")
            stop.set()
            for stream in streams:
                positions = await stream
                assert positions == list(range(positions[0], 61))
            assert await rebuilding


def register_and_project_afterwards(system: System, code: str) -> None:
    facts = {"title/en": "Mend the bridge"}
    system.executor.execute(
        command_context(), lambda uow: commitment_commands.register_commitment(uow, code, title_facts(uow, facts))
    )
    system.projection.catch_up()


@pytest.mark.postgres
@pytest.mark.anyio
async def test_a_crash_of_the_database_server_loses_no_entry(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is projected after its save is not synced, so the crash loses it, although it was delivered already."""
    server = Server(tmp_path_factory.mktemp("crash"), "-c wal_writer_delay=10s")
    server.start()
    try:
        migrate(server.url)
        with open_system(server.url) as system:
            register_commitment(system, "FR0001")
            async with run_hub(system) as hub:
                server.pause_wal_writer()
                await asyncio.to_thread(register_and_project_afterwards, system, "FR0002")
                server.crash()
                server.start()
                with system.database.read() as transaction:
                    assert transaction.fetch_value("select position from projector") < 4
                assert await take_positions(hub, 4, 0) == [1, 2, 3, 4]
    finally:
        server.stop("immediate")


@BOTH_ENGINES
@pytest.mark.long
def test_two_processes_deliver_every_entry_once_across_a_restart(new_database: DatabaseFactory, tmp_path: Path) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        received: list[list[int]] = [[] for _ in range(6)]
        for run, until in enumerate((12, 24)):
            with run_server(url, tmp_path / f"log{run}", "--workers", "2") as server, ExitStack() as opened:
                address = server.wait_until_ready(workers=2)
                sockets = [opened.enter_context(open_acknowledged_socket(address)) for _ in received]
                for socket, positions in zip(sockets, received, strict=True):
                    subscribe(socket, "1", after=positions[-1] if positions else 0)
                for number in range(10):
                    change_title(writer, "FR0001", f"Run {run}, title {number}")
                for socket, positions in zip(sockets, received, strict=True):
                    while not positions or positions[-1] < until:
                        positions.append(receive_position(socket))
            for number in range(2):
                change_title(writer, "FR0001", f"After run {run}, title {number}")
    assert received == [list(range(1, 25))] * 6


def test_a_position_past_the_head_is_rejected(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer, run_live_server(Settings(database=url)) as address:
        register_commitment(writer, "FR0001")
        payload = {"query": POSITIONS, "variables": {"after": 3}}
        with open_acknowledged_socket(address) as socket:
            send_message(socket, id="1", type="subscribe", payload=payload)
            assert receive_error_code(socket, "1") == "BAD_POSITION"
        events = {"Accept": "text/event-stream"}
        for rejected in (
            httpx.post(f"{address}/graphql", json=payload, headers=events, timeout=60),
            httpx.get(f"{address}/feed?after=3", timeout=60),
        ):
            assert (rejected.status_code, error_code(rejected.text)) == (400, "BAD_POSITION")


def test_event_streams_resume_by_last_event_id_and_sockets_by_their_variables(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    titles = POSITIONS.replace("{ id }", "{ ... on Commitment { title } }")
    with open_system(url) as writer, run_live_server(Settings(database=url)) as address:
        register_commitment(writer, "FR0001")
        for number in range(3):
            change_title(writer, "FR0001", f"Title {number}")
        headers = {"Accept": "text/event-stream", "Last-Event-ID": "4"}
        body = {"query": POSITIONS, "variables": {"after": 0}}
        with httpx.stream("POST", f"{address}/graphql", json=body, headers=headers, timeout=60) as response:
            assert json.loads(read_events(response, 1)[0]["data"])["data"]["entries"]["position"] == 5
        with open_acknowledged_socket(address) as socket:
            for operation in ("first", "second"):
                change_title(writer, "FR0001", f"The {operation}")
                subscribe(socket, operation, titles, after=3)
                expected = ["Title 1", "Title 2", "The first", "The second"][: 3 + (operation == "second")]
                received = [receive_message(socket)["payload"]["data"]["entries"]["subject"]["title"] for _ in expected]
                assert received == expected
                send_message(socket, id=operation, type="complete")


@pytest.mark.parametrize("own_protocol", [True, False])
def test_a_burst_arrives_whole_with_our_protocol_and_with_another(
    new_database: DatabaseFactory, *, own_protocol: bool
) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer, run_live_server(Settings(database=url), own_protocol=own_protocol) as address:
        register_commitment(writer, "FR0001")
        with open_acknowledged_socket(address) as socket:
            subscribe(socket, "1", after=1)
            assert receive_position(socket) == 2
            for number in range(30):
                change_title(writer, "FR0001", f"Burst {number}")
            assert [receive_position(socket) for _ in range(30)] == list(range(3, 33))


def test_open_streams_do_not_delay_the_stop_of_the_server(new_database: DatabaseFactory, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with run_server(new_database(), log) as server:
        address = server.wait_until_ready()
        with (
            httpx.stream("GET", f"{address}/feed", timeout=60) as response,
            open_acknowledged_socket(address) as socket,
        ):
            read_events(response, 1)
            subscribe(socket, "1")
            code, _ = server.stop()
    assert code == 0
    assert "timeout graceful shutdown exceeded" not in log.read_text()
