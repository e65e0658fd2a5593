"""A hub without a server, and subscriptions to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
import strawberry

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscribers import StreamItem
from ogpgraph.web.live.subscriptions import SubscriptionCompiler
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import RequestParameters
from ogpgraph.web.scheduler import Scheduler
from tests.support.writers import change_title, register_commitment

POSITIONS = (
    "subscription ($after: Position, $where: EntryFilter) { entries(after: $after, where: $where) { position } }"
)
SCHEMA = build_schema()
CLIENT = Client("192.0.2.1")


@asynccontextmanager
async def run_hub(
    system: System,
    *,
    deadline_seconds: float = 60,
    clock: Callable[[], float] = time.monotonic,
    schema: strawberry.Schema = SCHEMA,
    cost_per_minute: int = 10**12,
) -> AsyncIterator[Hub]:
    """Run a hub over a system; `clock` measures the deadline of each entry."""
    compiler = SubscriptionCompiler(
        OperationRunner(schema, DocumentLimits()),
        lambda session: Context(session, "test"),
        deadline_seconds=deadline_seconds,
        clock=clock,
    )
    hub = Hub(lambda: system, compiler, Scheduler(), CostBudget(cost_per_minute))
    async with hub.run():
        yield hub


def fill_log(system: System, entries: int) -> None:
    """Record entries: two for a new commitment, then one for each new title."""
    register_commitment(system, "FR0001")
    for number in range(entries - 2):
        change_title(system, "FR0001", f"Title {number}")


async def take_positions(hub: Hub, number: int, after: int | None, **variables: object) -> list[int]:
    """Return the positions of the next entries, as in their payloads."""
    request = RequestParameters(POSITIONS, variables={"after": after, **variables})
    subscription = await hub.compile(CLIENT, request)
    positions: list[int] = []
    async with asyncio.timeout(60), aclosing(hub.stream(subscription, subscription.after, CLIENT)) as items:
        async for item in items:
            positions += positions_in(item)
            if len(positions) >= number:
                break
    return positions


def positions_in(item: StreamItem) -> list[int]:
    """Return the position in an item's payload, or nothing for a heartbeat."""
    if item.payload is None:
        return []
    position = msgspec.json.decode(item.payload)["data"]["entries"]["position"]
    assert position == item.position
    return [position]


async def wait_until_subscribed(hub: Hub, number: int) -> None:
    """Wait until so many subscribers have been replayed and get live entries."""
    async with asyncio.timeout(60):
        while sum(len(channel.subscribers) for channel in hub._channels.values()) < number:  # noqa: ASYNC110 - the hub has no event for it
            await asyncio.sleep(0.01)
