from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import date
from itertools import count

import msgspec
import psycopg
import pytest

from ogpgraph.graphql.deprecation import deprecate
from ogpgraph.graphql.executor import core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.system import System
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.live import batches, subscribers
from ogpgraph.web.live import hub as hub_module
from ogpgraph.web.live.batches import PositionBeyondHead
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscribers import StreamFailed, StreamItem
from ogpgraph.web.live.subscriptions import SubscriptionExecutor
from ogpgraph.web.request import RequestParameters
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES, SystemFactory
from tests.support.writers import change_title, register_commitment
from tests.web.live.hubs import CLIENT, POSITIONS, fill_log, run_hub, take_positions, wait_until_subscribed

pytestmark = pytest.mark.anyio
CHANGES = "subscription ($after: Position) { entries(after: $after) { position changes { path } } }"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@BOTH_ENGINES
async def test_a_stream_from_any_position_is_exactly_the_rest_of_the_log(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 7)
    fill_log(system, 40)
    async with run_hub(system) as hub:
        for after in range(40):
            assert await take_positions(hub, 40 - after, after) == list(range(after + 1, 41))


@pytest.mark.parametrize(
    ("where", "code"),
    [
        ({"path": ["titel"]}, "UNKNOWN_VALUE"),
        ({"policyArea": ["Opn Data"]}, "UNKNOWN_VALUE"),
        ({"subject": ["commitment-1@soon"]}, "INVALID"),
        ({"subject": ["FR0043"]}, "INVALID"),
        ({"source": ["https://example.org"]}, "INVALID"),
        ({"effective": {"from": "2021-02-30"}}, "BAD_TIME"),
    ],
)
async def test_a_filter_that_can_never_match_is_rejected_when_the_stream_begins(
    system: System, where: dict[str, object], code: str
) -> None:
    async with run_hub(system) as hub:
        with pytest.raises(RequestErrors, check=lambda error: error.code == code):
            await hub.compile(CLIENT, RequestParameters(POSITIONS, variables={"where": where}))


async def test_a_stream_waits_for_what_does_not_exist_yet(system: System) -> None:
    fill_log(system, 3)
    where = {"commitment": ["fr0002"], "path": ["title"]}
    async with run_hub(system) as hub:
        waiting = asyncio.create_task(take_positions(hub, 1, 0, where=where))
        await wait_until_subscribed(hub, 1)
        await asyncio.to_thread(register_commitment, system, "FR0002")
        assert await waiting == [5]


@BOTH_ENGINES
async def test_entries_recorded_while_subscribers_join_arrive_once_and_in_order(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SIZE", 5)
    fill_log(system, 10)
    async with run_hub(system) as hub:
        streams = [
            asyncio.create_task(take_positions(hub, 40 - after, after)) for after in (0, 3, 9, 10) for _ in range(3)
        ]
        for number in range(30):
            await asyncio.to_thread(change_title, system, "FR0001", f"Later {number}")
            if number % 10 == 0:
                streams.append(asyncio.create_task(take_positions(hub, 30, 10)))
        for stream in streams:
            positions = await stream
            assert positions == list(range(positions[0], 41))


async def test_entries_of_another_process_arrive(system: System, make_system: SystemFactory) -> None:
    other = make_system()
    fill_log(system, 5)
    async with run_hub(system) as hub:
        with system.poller.run():
            stream = asyncio.create_task(take_positions(hub, 2, None))
            await wait_until_subscribed(hub, 1)
            for number in range(2):
                await asyncio.to_thread(change_title, other, "FR0001", f"Elsewhere {number}")
            assert await stream == [6, 7]


async def test_equal_subscriptions_share_one_execution(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    fill_log(system, 3)
    executed: list[int] = []
    encode_result = SubscriptionExecutor.encode_result

    def record_and_encode(executor: SubscriptionExecutor, session: ReadSession, entry: Entry) -> bytes:
        executed.append(entry.position)
        return encode_result(executor, session, entry)

    monkeypatch.setattr(SubscriptionExecutor, "encode_result", record_and_encode)
    async with run_hub(system) as hub:
        streams = [asyncio.create_task(take_positions(hub, 1, None)) for _ in range(20)]
        await wait_until_subscribed(hub, 20)
        await asyncio.to_thread(change_title, system, "FR0001", "One for all")
        assert [await stream for stream in streams] == [[4]] * 20
        assert executed == [4]


async def test_a_filter_selects_entries_and_heartbeats_report_the_position_reached(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "HEARTBEAT_SECONDS", 0.2)
    fill_log(system, 6)
    register_commitment(system, "FR0002")
    async with run_hub(system) as hub:
        where = {"commitment": ["fr0002"], "kind": ["CommitmentRegistered"]}
        assert await take_positions(hub, 1, 0, where=where) == [8]
        subscription = await hub.compile(CLIENT, RequestParameters(POSITIONS, variables={"after": 8, "where": where}))
        async with aclosing(hub.stream(subscription, Bookmark(8), CLIENT)) as items:
            await asyncio.to_thread(change_title, system, "FR0001", "Filtered out")
            async for item in items:
                assert item.payload is None
                if item.position == 9:
                    break


async def test_a_slow_subscriber_fails_with_its_last_position_and_the_others_continue(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "MAX_PENDING", 5)
    fill_log(system, 2)
    async with run_hub(system) as hub:
        subscription = await hub.compile(CLIENT, RequestParameters(POSITIONS))
        async with aclosing(hub.stream(subscription, None, CLIENT)) as slow:
            first = asyncio.create_task(anext(slow))
            quick = asyncio.create_task(take_positions(hub, 10, None))
            await wait_until_subscribed(hub, 2)
            for number in range(10):
                await asyncio.to_thread(change_title, system, "FR0001", f"Title {number}")
            assert await quick == list(range(3, 13))
            last = (await first).position
            failure: StreamFailed | None = None
            while failure is None:
                try:
                    last = (await anext(slow)).position
                except StreamFailed as failed:
                    failure = failed
            assert (failure.code, failure.last.position) == ("TOO_SLOW", last)


# Objects are the units of the deadline in these tests: the clock advances by a second whenever it is read, which the
# executor does for each object, and when it counts those that it keeps. An entry is two objects with its subscription,
# and has one more for each change.


def one_second_per_object() -> Callable[[], float]:
    seconds = count()
    return lambda: float(next(seconds))


async def collect_until_failure(hub: Hub, after: int | None) -> tuple[list[int], str, int]:
    """Return the positions that a subscription to changes gets, and the code and position of its failure."""
    subscription = await hub.compile(CLIENT, RequestParameters(CHANGES))
    positions: list[int] = []
    with pytest.raises(StreamFailed) as failed:
        await append_positions(hub.stream(subscription, None if after is None else Bookmark(after), CLIENT), positions)
    return positions, failed.value.code, failed.value.last.position


async def append_positions(items: AsyncIterator[StreamItem], positions: list[int]) -> None:
    async with asyncio.timeout(60):
        async for item in items:
            positions.append(item.position)  # noqa: PERF401 - what was appended before a failure counts


@BOTH_ENGINES
async def test_a_replay_ends_before_an_entry_that_exceeds_the_deadline(system: System) -> None:
    fill_log(system, 5)
    register_commitment(system, "FR0002")  # 6 has one change, 7 has two
    async with run_hub(system, deadline_seconds=4, clock=one_second_per_object()) as hub:
        assert await collect_until_failure(hub, 2) == ([3, 4, 5, 6], "DEADLINE_EXCEEDED", 6)
        assert await take_positions(hub, 7, 0) == [1, 2, 3, 4, 5, 6, 7]


async def test_a_live_stream_ends_before_an_entry_that_exceeds_the_deadline_and_others_continue(
    system: System,
) -> None:
    fill_log(system, 2)
    async with run_hub(system, deadline_seconds=4, clock=one_second_per_object()) as hub:
        failing = [asyncio.create_task(collect_until_failure(hub, None)) for _ in range(2)]
        unaffected = asyncio.create_task(take_positions(hub, 4, None))
        await wait_until_subscribed(hub, 3)
        await asyncio.to_thread(change_title, system, "FR0001", "Another title")
        await asyncio.to_thread(register_commitment, system, "FR0002")
        await asyncio.to_thread(change_title, system, "FR0001", "Yet another title")
        assert await unaffected == [3, 4, 5, 6]
        for stream in failing:
            assert await stream == ([3, 4], "DEADLINE_EXCEEDED", 4)
        assert hub._channels == {}


@ONLY_POSTGRES
async def test_a_restart_of_the_database_connections_is_invisible_to_subscribers(
    system: System, postgres_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill_log(system, 6)
    async with run_hub(system) as hub:
        assert await take_positions(hub, 6, 0) == [1, 2, 3, 4, 5, 6]
        stream = asyncio.create_task(take_positions(hub, 2, None))
        await wait_until_subscribed(hub, 1)
        for title in ("Another title", "And another"):
            with psycopg.connect(postgres_server, autocommit=True) as server:
                server.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ogpgraph'"
                )
            assert (await take_positions(hub, 3, 3))[:3] == [4, 5, 6]
            await asyncio.to_thread(change_title, system, "FR0001", title)
        assert await stream == [7, 8]
    assert "could not read" not in capsys.readouterr().out


async def test_a_position_past_the_head_is_rejected(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        with pytest.raises(PositionBeyondHead, match="position 4 is past the head"):
            await take_positions(hub, 1, 4)


async def test_cancelled_subscribers_leave_neither_channels_nor_tasks(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        streams = [asyncio.create_task(take_positions(hub, 1, None)) for _ in range(50)]
        await wait_until_subscribed(hub, 50)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        assert hub._channels == {}
        assert len(asyncio.all_tasks()) <= 3


async def test_streams_end_when_the_hub_closes(system: System) -> None:
    fill_log(system, 3)
    async with run_hub(system) as hub:
        subscription = await hub.compile(CLIENT, RequestParameters(POSITIONS))
        stream = asyncio.create_task(collect(hub.stream(subscription, Bookmark(0), CLIENT)))
        await wait_until_subscribed(hub, 1)
    assert [item.position for item in await stream if item.payload] == [1, 2, 3]


async def collect(items: AsyncIterator[StreamItem]) -> list[StreamItem]:
    return [item async for item in items]


async def test_each_result_names_the_deprecated_parts_that_the_subscription_uses(system: System) -> None:
    fill_log(system, 3)
    schema = build_schema.__wrapped__()  # changed here, and by no other test
    deprecated = core_schema(schema).type_map["Entry"].fields["kind"]  # type: ignore[attr-defined]  # an object type
    deprecated.deprecation_reason = deprecate("Use `id`.", since=date(2026, 12, 1), removal=date(2027, 12, 1))
    request = RequestParameters("subscription { entries(after: 0) { position kind } }")
    async with run_hub(system, schema=schema) as hub:
        subscription = await hub.compile(CLIENT, request)
        async with asyncio.timeout(60), aclosing(hub.stream(subscription, subscription.after, CLIENT)) as items:
            payloads = [msgspec.json.decode((await anext(items)).payload or b"") for _ in range(3)]
    expected = [{"coordinate": "Entry.kind", "reason": deprecated.deprecation_reason}]
    assert [payload["extensions"] for payload in payloads] == [{"deprecations": expected}] * 3
