"""Entries are executed in the turns of the clients that subscribed, and charged to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from ogpgraph.readmodel.bookmark import Bookmark, parse_bookmark
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.system import System
from ogpgraph.web.deadline import endless_deadline
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live import batches
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscribers import StreamFailed, StreamItem
from ogpgraph.web.live.subscriptions import SubscriptionExecutor
from ogpgraph.web.request import RequestParameters
from tests.support.writers import change_title
from tests.web.live.hubs import POSITIONS, fill_log, positions_in, run_hub, wait_until_subscribed

pytestmark = pytest.mark.anyio

ATTACKER, OTHER = Client("192.0.2.66"), Client("192.0.2.1")
EXPENSIVE = """subscription { entries { position subject { ... on Commitment { a%d: code
    actionPlan { commitments(first: 90) { nodes { code milestones { number } } } } } } } }"""


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The query and the position of each execution, in order."""
    executions: list[tuple[str, int]] = []
    encode_result = SubscriptionExecutor.encode_result

    def record_and_encode(executor: SubscriptionExecutor, session: ReadSession, entry: Entry) -> bytes:
        executions.append((executor.subscription.parameters.query, entry.position))
        return encode_result(executor, session, entry)

    monkeypatch.setattr(SubscriptionExecutor, "encode_result", record_and_encode)
    return executions


async def stream(hub: Hub, query: str, client: Client, after: Bookmark | None = None) -> AsyncIterator[StreamItem]:
    subscription = await hub.compile(client, RequestParameters(query))
    async with aclosing(hub.stream(subscription, after, client)) as items:
        async for item in items:
            yield item


async def take(items: AsyncIterator[StreamItem], number: int) -> list[int]:
    positions: list[int] = []
    async with asyncio.timeout(60):
        async for item in items:
            positions += positions_in(item)
            if len(positions) == number:
                break
    return positions


async def take_one(items: AsyncIterator[StreamItem]) -> StreamItem:
    return await anext(items)


async def test_a_plain_feed_is_delivered_before_the_expensive_subscriptions_of_another_client(
    system: System, executed: list[tuple[str, int]]
) -> None:
    fill_log(system, 2)
    plain = "subscription { entries { position } }"
    async with run_hub(system) as hub:
        expensive = [asyncio.create_task(take_one(stream(hub, EXPENSIVE % number, ATTACKER))) for number in range(40)]
        await wait_until_subscribed(hub, 40)
        feed = asyncio.create_task(take(stream(hub, plain, OTHER), 1))
        await wait_until_subscribed(hub, 41)
        change_title(system, "FR0001", "New")
        async with asyncio.timeout(60):
            assert await feed == [3]
            await asyncio.gather(*expensive)
    queries = [query for query, _ in executed]
    assert len(queries) == 41
    assert queries.index(plain) <= 2


async def test_a_spent_budget_ends_the_stream_with_a_cursor_after_which_nothing_is_lost(system: System) -> None:
    fill_log(system, 9)
    positions, start = [], "0"
    for _ in range(3):
        async with run_hub(system, cost_per_minute=3) as hub:  # a new process, whose budgets are full
            some, code, start = await collect(hub, OTHER, parse_bookmark(start))
        positions += some
        assert code == "BUDGET_EXHAUSTED" or positions[-1] == 9
    assert positions == list(range(1, 10))


async def test_clients_that_share_executions_pay_in_turn_and_each_ends_for_its_own_debts(system: System) -> None:
    fill_log(system, 2)
    async with run_hub(system, cost_per_minute=2) as hub:
        first, second = (asyncio.create_task(collect(hub, client)) for client in (ATTACKER, OTHER))
        await wait_until_subscribed(hub, 2)
        for number in range(6):
            change_title(system, "FR0001", f"New {number}")
            await asyncio.sleep(0.05)
        results = await asyncio.wait_for(asyncio.gather(first, second), 60)
    # Four units for both: whoever ends later got all four entries, and lacks none.
    assert {code for _, code, _ in results} == {"BUDGET_EXHAUSTED"}
    assert max(positions for positions, _, _ in results) == [3, 4, 5, 6]


async def collect(hub: Hub, client: Client, after: Bookmark | None = None) -> tuple[list[int], str, str]:
    """Return the positions up to the ninth or the failure, its code, and the cursor to resume after."""
    positions: list[int] = []
    try:
        async with asyncio.timeout(60):
            async for item in stream(hub, POSITIONS, client, after):
                positions += positions_in(item)
                if item.position == 9:
                    return positions, "", str(item.bookmark)
    except StreamFailed as failure:
        return positions, failure.code, str(failure.extensions["cursor"])
    raise AssertionError("the stream ended")


async def test_a_batch_that_takes_long_ends_with_the_entries_that_it_has(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_log(system, 9)
    monkeypatch.setattr(batches, "BATCH_SECONDS", 0.0)
    async with run_hub(system) as hub:
        subscription = await hub.compile(OTHER, RequestParameters(POSITIONS))
        batch = hub.reader.read(subscription, 2, 9, OTHER, endless_deadline())
        assert [item.position for item in batch.items] == [3]
        assert batch.until == batch.items[0].bookmark
        assert await take(stream(hub, POSITIONS, OTHER, Bookmark(0)), 9) == list(range(1, 10))


async def test_a_replay_is_stopped_when_its_client_has_gone(system: System) -> None:
    fill_log(system, 9)
    async with run_hub(system) as hub:
        subscription = await hub.compile(OTHER, RequestParameters(POSITIONS))
        deadline = endless_deadline()
        deadline.cancel()
        batch = hub.reader.read(subscription, 0, 9, OTHER, deadline)
    assert batch.items == []
    assert batch.failure is not None
    assert batch.failure.code == "DEADLINE_EXCEEDED"
