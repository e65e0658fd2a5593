"""Resuming anywhere in a log of ten thousand entries gives exactly the tail, in order.

A replay is a chain of reads, each from where the one before ended. So it is enough that from every position one read
gives the next entry and nothing else; whole tails from some positions show that the chain holds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from ogpgraph.application import UnitOfWork
from ogpgraph.application.commands import commitments
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.live import hub as hubs
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscriptions import Subscription
from ogpgraph.web.request import RequestParameters
from tests.conftest import execute_statement
from tests.live.test_hub import POSITIONS, run_hub
from tests.support.writers import command_context, register_commitment, title_facts

ENTRIES = 10_000
FEWER = 1_000
SAVE = 250
pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", params=[("sqlite", ENTRIES), ("postgres", FEWER)], ids=["sqlite", "postgres"])
def long_log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose log has ten thousand entries; on the engine that takes longer for each, a tenth of them."""
    engine, entries = request.param
    if engine == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('tails') / 'log.db'}"
    else:
        url = execute_statement(request.getfixturevalue("postgres_server"), "create database {}")
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
        for begins in range(2, entries, SAVE):
            system.execute(command_context(), lambda uow, begins=begins: _retitled(uow, begins, entries))  # type: ignore[misc]  # a default is no problem
        with system.read_session() as reading:
            assert reading.head == entries
        yield system


def _retitled(uow: UnitOfWork, begins: int, entries: int) -> None:
    commitment = uow.require_by_code("commitment", "FR0001")
    for number in range(begins, min(begins + SAVE, entries)):
        commitments.revise_commitment(uow, commitment, title_facts(uow, {"title/en": f"Title {number}"}))


def without_words(_topic: Subscription, _reading: object, entry: object) -> bytes:
    """What is followed here is the position alone: ten thousand executions would show no more."""
    return b"%d" % entry.position  # type: ignore[attr-defined]  # an entry


async def test_from_every_position_the_next_read_gives_the_next_entry(
    long_log: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "BATCH", 1)
    async with run_hub(long_log) as hub:
        monkeypatch.setattr(hub.compiler, "encode_payload", without_words)
        topic = await hub.compiler.compile(RequestParameters(POSITIONS))
        head = await hub.head()
        for after in range(head):
            assert [item.position for item in hub._read(topic, after, head)] == [after + 1]
        assert hub._read(topic, head, head) == []


async def test_whole_tails_are_exact(long_log: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_hub(long_log) as hub:
        monkeypatch.setattr(hub.compiler, "encode_payload", without_words)
        head = await hub.head()
        some = random.Random(9).sample(range(head // 2, head), 5)
        for after in (0, 100, 101, head - 1, *some):
            assert await tail(hub, after, head) == list(range(after + 1, head + 1))


async def tail(hub: Hub, after: int, head: int) -> list[int]:
    """The positions that come after one, up to the head."""
    topic = await hub.compiler.compile(RequestParameters(POSITIONS, variables={"after": after}))
    found: list[int] = []
    async with aclosing(hub.stream(topic, after)) as items:
        async for item in items:
            assert item.payload == b"%d" % item.position
            found.append(item.position)
            if item.position == head:
                break
    return found
