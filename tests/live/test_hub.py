from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager

import msgspec
import psycopg
import pytest

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits
from ogpgraph.web.live import hub as hubs
from ogpgraph.web.live import subscribers
from ogpgraph.web.live.hub import Hub, PositionBeyondHead
from ogpgraph.web.live.subscribers import StreamItem, SubscriberTooSlow
from ogpgraph.web.live.subscriptions import SubscriptionCompiler
from ogpgraph.web.request import RequestParameters
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES
from tests.support.writers import change_title, register_commitment

POSITIONS = (
    "subscription ($after: Position, $where: EntryFilter) { entries(after: $after, where: $where) { position } }"
)
SCHEMA = build_schema()
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def run_hub(system: System) -> AsyncIterator[Hub]:
    documents = DocumentCache(SCHEMA._schema, DocumentLimits())
    hub = Hub(lambda: system, SubscriptionCompiler(SCHEMA, documents, lambda reading: Context(reading, "test")))
    async with hub.run():
        yield hub


def fill_log(system: System, entries: int) -> None:
    """Let a log have so many entries: two for a commitment, then one for each new title."""
    register_commitment(system, "FR0001")
    for number in range(entries - 2):
        change_title(system, "FR0001", f"Title {number}")


async def take_positions(hub: Hub, count: int, after: int | None, **variables: object) -> list[int]:
    """The positions of the next entries, as their payloads tell them."""
    topic = await hub.compiler.compile(RequestParameters(POSITIONS, variables={"after": after, **variables}))
    found: list[int] = []
    async with asyncio.timeout(30), aclosing(hub.stream(topic, topic.after)) as items:
        async for item in items:
            found += positions_in(item)
            if len(found) >= count:
                break
    return found


def positions_in(item: StreamItem) -> Iterator[int]:
    if item.payload is not None:
        position = msgspec.json.decode(item.payload)["data"]["entries"]["position"]
        assert position == item.position
        yield position


@BOTH_ENGINES
async def test_following_from_every_position_gives_exactly_the_tail(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "BATCH", 7)
    fill_log(system, 40)
    async with run_hub(system) as hub:
        for after in range(40):
            assert await take_positions(hub, 40 - after, after) == list(range(after + 1, 41))


@BOTH_ENGINES
async def test_entries_written_while_many_join_come_once_and_in_order(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "BATCH", 5)
    fill_log(system, 10)
    async with run_hub(system) as hub:
        followers = [
            asyncio.create_task(take_positions(hub, 40 - after, after)) for after in (0, 3, 9, 10) for _ in range(3)
        ]
        for number in range(30):
            await asyncio.to_thread(change_title, system, "FR0001", f"Later {number}")
            if number % 10 == 0:
                followers.append(asyncio.create_task(take_positions(hub, 30, 10)))
        for follower in followers:
            found = await follower
            assert found == list(range(found[0], 41))


async def test_what_another_process_writes_arrives_too(system: System, make_system: object) -> None:
    other: System = make_system()  # type: ignore[operator]  # the fixture's protocol is in conftest
    fill_log(system, 5)
    async with run_hub(system) as hub:
        with system.poller.run():
            follower = asyncio.create_task(take_positions(hub, 2, None))
            await asyncio.sleep(0.2)
            for number in range(2):
                await asyncio.to_thread(change_title, other, "FR0001", f"Elsewhere {number}")
            assert await follower == [6, 7]


async def test_those_who_ask_the_same_share_one_execution(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        executed: list[int] = []
        payload = hub.compiler.encode_payload

        def counted(topic: object, reading: object, entry: object) -> bytes:
            executed.append(entry.position)  # type: ignore[attr-defined]  # an entry
            return payload(topic, reading, entry)  # type: ignore[arg-type]  # handed on

        monkeypatch.setattr(hub.compiler, "encode_payload", counted)
        followers = [asyncio.create_task(take_positions(hub, 1, None)) for _ in range(20)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(change_title, system, "FR0001", "One for all")
        assert [await follower for follower in followers] == [[4]] * 20
        assert executed == [4]


async def test_only_entries_of_the_filter_come_and_heartbeats_tell_how_far_all_is_told(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "HEARTBEAT_SECONDS", 0.2)
    fill_log(system, 6)
    register_commitment(system, "FR0002")
    async with run_hub(system) as hub:
        where = {"commitment": ["fr0002"], "kind": ["CommitmentRegistered"]}
        assert await take_positions(hub, 1, 0, where=where) == [8]
        topic = await hub.compiler.compile(RequestParameters(POSITIONS, variables={"after": 8, "where": where}))
        async with aclosing(hub.stream(topic, 8)) as items:
            await asyncio.to_thread(change_title, system, "FR0001", "Of no interest")
            async for item in items:
                assert item.payload is None
                if item.position == 9:
                    break


async def test_a_slow_reader_is_told_its_last_position_and_the_others_go_on(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "MAX_PENDING", 5)
    fill_log(system, 2)
    async with run_hub(system) as hub:
        topic = await hub.compiler.compile(RequestParameters(POSITIONS))
        async with aclosing(hub.stream(topic, None)) as slow:
            first = asyncio.create_task(anext(slow))
            quick = asyncio.create_task(take_positions(hub, 10, None))
            await asyncio.sleep(0.2)
            for number in range(10):
                await asyncio.to_thread(change_title, system, "FR0001", f"Title {number}")
            assert await quick == list(range(3, 13))
            last = (await first).position
            told: SubscriberTooSlow | None = None
            while told is None:
                try:
                    last = (await anext(slow)).position
                except SubscriberTooSlow as slow_reader:
                    told = slow_reader
            assert told.position == last


@ONLY_POSTGRES
async def test_that_the_server_closed_all_connections_is_noticed_by_nobody_who_follows(
    system: System, postgres_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_log(system, 6)
    async with run_hub(system) as hub:
        assert await take_positions(hub, 6, 0) == [1, 2, 3, 4, 5, 6]
        follower = asyncio.create_task(take_positions(hub, 2, None))
        while not hub._channels:  # noqa: ASYNC110 - until it follows, of which nothing tells
            await asyncio.sleep(0.01)
        for title in ("And on", "And on again"):
            with psycopg.connect(postgres_server, autocommit=True) as server:
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ogpgraph'"
                )
            assert (await take_positions(hub, 3, 3))[:3] == [4, 5, 6]
            await asyncio.to_thread(change_title, system, "FR0001", title)
        assert await follower == [7, 8]
    assert "could not read" not in capsys.readouterr().out


async def test_a_position_past_the_head_is_refused(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        with pytest.raises(PositionBeyondHead, match="position 4 is past the head"):
            await take_positions(hub, 1, 4)


async def test_nothing_is_left_of_followers_that_went(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        for _ in range(50):
            assert await take_positions(hub, 3, 0) == [1, 2, 3]
        waiting = [asyncio.create_task(take_positions(hub, 1, None)) for _ in range(50)]
        await asyncio.sleep(0.2)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert hub._channels == {}
        assert len(asyncio.all_tasks()) <= 3


async def test_streams_end_when_the_hub_does(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        topic = await hub.compiler.compile(RequestParameters(POSITIONS))
        follower = asyncio.create_task(_all(hub.stream(topic, 0)))
        await asyncio.sleep(0.2)
    assert [item.position for item in await follower if item.payload] == [1, 2, 3]


async def _all(items: AsyncIterator[StreamItem]) -> list[StreamItem]:
    return [item async for item in items]
