"""A stream can be resumed after any position of a long log, and is exactly the rest of the log.

A replay is a chain of reads, each of which begins where the one before ended. So it suffices that a read from any
position begins with the next entry; whole streams from some positions show that the chain holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import aclosing
from functools import partial

import pytest

from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.deadline import endless_deadline
from ogpgraph.web.live import batches
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscriptions import SubscriptionExecutor
from ogpgraph.web.request import RequestParameters
from tests.conftest import execute_statement
from tests.support.writers import command_context, register_commitment, title_facts
from tests.web.live.hubs import CLIENT, POSITIONS, run_hub

ENTRIES = 1_000
MANY_ENTRIES = 10_000
ENTRIES_PER_COMMAND = 250
pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(
    scope="module",
    params=[
        ("sqlite", ENTRIES),
        pytest.param(("postgres", ENTRIES), marks=pytest.mark.postgres),
        pytest.param(("sqlite", MANY_ENTRIES), marks=pytest.mark.long),
    ],
    ids=lambda param: f"{param[1]} on {param[0]}",
)
def long_log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with so many entries; with ten thousand on SQLite only, as each takes longer on PostgreSQL."""
    engine, entries = request.param
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('resume') / 'log.db'}"
    else:
        url = execute_statement(request.getfixturevalue("postgres_server"), "create database {}")
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
        for start in range(2, entries, ENTRIES_PER_COMMAND):
            numbers = range(start, min(start + ENTRIES_PER_COMMAND, entries))
            system.execute(command_context(), partial(change_titles, numbers=numbers))
        with system.read_session() as session:
            assert session.head == entries
        yield system


def change_titles(uow: UnitOfWork, numbers: range) -> None:
    commitment = uow.require_by_code("commitment", "FR0001")
    for number in numbers:
        revise_commitment(uow, commitment, title_facts(uow, {"title/en": f"Title {number}"}))


@pytest.fixture(autouse=True)
def only_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the execution of the selection: thousands of them would show nothing more."""

    def encode_position(_executor: SubscriptionExecutor, _session: ReadSession, entry: Entry) -> bytes:
        return b"%d" % entry.position

    monkeypatch.setattr(SubscriptionExecutor, "encode_result", encode_position)


async def test_a_read_after_any_position_begins_with_the_next_entry(
    long_log: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 1)
    async with run_hub(long_log) as hub:
        subscription = await hub.compile(CLIENT, RequestParameters(POSITIONS))
        head = (await hub.head()).position
        for after in range(head):
            batch = hub.reader.read(subscription, after, head, CLIENT, endless_deadline())
            assert [item.position for item in batch.items] == [after + 1]
        assert hub.reader.read(subscription, head, head, CLIENT, endless_deadline()).items == []


async def test_a_resumed_stream_is_exactly_the_rest_of_the_log(long_log: System) -> None:
    async with run_hub(long_log) as hub:
        head = (await hub.head()).position
        some = random.Random(9).sample(range(head // 2, head), 5)
        for after in (0, 100, 101, head - 1, *some):
            assert await stream_to_head(hub, after, head) == list(range(after + 1, head + 1))


async def stream_to_head(hub: Hub, after: int, head: int) -> list[int]:
    subscription = await hub.compile(CLIENT, RequestParameters(POSITIONS, variables={"after": after}))
    positions: list[int] = []
    async with aclosing(hub.stream(subscription, Bookmark(after), CLIENT)) as items:
        async for item in items:
            assert item.payload == b"%d" % item.position
            positions.append(item.position)
            if item.position == head:
                break
    return positions
