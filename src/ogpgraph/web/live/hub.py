"""The hub of a process: reads each new entry once for all clients that subscribe to the same thing.

The `entry` table is the queue. A new subscriber is first replayed the entries between its position and its channel's
cursor, and joins the channel exactly there, without an await in between. So it misses no entry and gets none twice,
whichever process recorded it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final, NamedTuple, TypeVar

import structlog

from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.system import System
from ogpgraph.web.cost_budget import CostBudget
from ogpgraph.web.deadline import Deadline, endless_deadline
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.batches import BATCH_SIZE, Batch, BatchReader
from ogpgraph.web.live.subscribers import Channel, StreamCancellation, StreamFailed, StreamItem, Subscriber
from ogpgraph.web.live.subscriptions import Subscription, SubscriptionCompiler
from ogpgraph.web.request import RequestParameters
from ogpgraph.web.scheduler import CHEAP_COST, Scheduler

OURSELVES: Final = Client("")
"""Whom the time is counted for that the server needs for itself."""
HEARTBEAT_SECONDS = 15.0  # nginx closes a connection after 60 silent seconds by default, other proxies earlier
RETRY_DELAY_SECONDS = 0.5
DELIVERIES_PER_YIELD: Final = 250
"""The number of subscribers that are delivered to before other tasks of the event loop run."""

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class Work(NamedTuple):
    """The channels that one task delivers to: those that a client pays for, cheap and expensive ones apart."""

    payer: Client
    is_cheap: bool


class Hub:
    """Reads the read model for all subscribers of this process."""

    def __init__(
        self, system: Callable[[], System], compiler: SubscriptionCompiler, scheduler: Scheduler, budget: CostBudget
    ) -> None:
        self._system = system
        self._compiler = compiler
        self._scheduler = scheduler
        self.reader = BatchReader(system, compiler, budget)
        self._channels: dict[str, Channel] = {}
        self._due: dict[Work, deque[Channel]] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._known_head = 0
        self.is_closing = False

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Deliver new entries while the context is open; at its end every stream ends."""
        loop = asyncio.get_running_loop()
        self._known_head = (await self.head()).position
        # The notifier calls from the thread that has projected the entries.
        unsubscribe = self._system().projection.notifier.subscribe(
            lambda position: _call_soon(loop, self._wake, position)
        )
        try:
            yield
        finally:
            unsubscribe()
            self.close()
            for task in self._deliveries:
                task.cancel()
            await asyncio.gather(*self._deliveries, return_exceptions=True)

    def close(self) -> None:
        """End every stream."""
        self.is_closing = True
        for channel in list(self._channels.values()):
            for subscriber in list(channel.subscribers):
                subscriber.wake()

    async def compile(self, client: Client, parameters: RequestParameters) -> Subscription:
        """Return the subscription that a client asks for; raises RequestErrors."""
        deadline = endless_deadline()
        return await self.run_in_turn(client, self._compiler.compile, parameters, deadline, deadline=deadline)

    async def locate(self, after: Bookmark | None, client: Client = OURSELVES) -> Bookmark:
        """Return the bookmark of this log at the position of another one, or at the head.

        Raises:
            OtherHistory: if `after` is of another history.
            PositionBeyondHead: if it is past the head, and does not say which history it is of.
        """
        return await self.run_in_turn(client, self.reader.locate, after)

    async def head(self, client: Client = OURSELVES) -> Bookmark:
        """Return the bookmark of the newest entry."""
        return await self.locate(None, client)

    async def run_in_turn(
        self, client: Client, function: Callable[..., T], *arguments: object, deadline: Deadline | None = None
    ) -> T:
        """Call a function in a worker thread when it is a client's turn, however long that takes.

        One that checks a deadline itself is given it with the others of its arguments.
        """
        deadline = deadline or endless_deadline()
        return await self._scheduler.run(client, function, *arguments, deadline=deadline, is_bounded=False)

    # The life of a subscriber: attach, replay, then deliveries by the hub, detach.

    def attach(self, subscription: Subscription, client: Client) -> Subscriber:
        """Return a new subscriber, which gets nothing until it was replayed, and must be detached in the end."""
        channel = self._channels.get(subscription.key)
        if channel is None:
            channel = self._channels[subscription.key] = Channel(subscription, self._known_head)
        channel.add_client(client)
        return Subscriber(channel, client)

    def detach(self, subscriber: Subscriber) -> None:
        """Deliver nothing more to a subscriber. Awaits nothing, so a client's disconnect cannot interrupt it."""
        if subscriber.is_detached:
            return
        subscriber.is_detached = True
        channel = subscriber.channel
        channel.subscribers.discard(subscriber)
        channel.remove_client(subscriber.client)
        if not channel.clients:
            self._channels.pop(channel.subscription.key, None)

    async def replay(self, subscriber: Subscriber, after: Bookmark | None) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries after a position (None: the head) up to the channel's cursor, where the subscriber joins.

        Raises:
            OtherHistory, PositionBeyondHead: as `locate` does.
            StreamFailed: if an entry cannot be executed in time, or the client's budget is spent.
        """
        channel = subscriber.channel
        subscriber.cursor = await self.locate(after, subscriber.client)
        while subscriber.cursor.position < (until := channel.cursor) and not self.is_closing:
            batch = await self._read(channel.subscription, subscriber.cursor.position, until, subscriber.client)
            for item in batch.items:
                subscriber.cursor = item.bookmark
                yield item
            if failure := batch.failure or batch.refusal:
                raise StreamFailed(failure, subscriber.cursor)
            subscriber.cursor = batch.until
        # Nothing is awaited between the comparison with the channel's cursor and joining: no entry can slip through.
        subscriber.until = subscriber.cursor
        channel.subscribers.add(subscriber)

    async def stream(
        self,
        subscription: Subscription,
        after: Bookmark | None,
        client: Client,
        cancellation: StreamCancellation | None = None,
    ) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries of a subscription after a position (None: the head), until the consumer stops.

        After HEARTBEAT_SECONDS without an entry it yields a heartbeat.

        Raises:
            OtherHistory, PositionBeyondHead: as `locate` does.
            StreamFailed: if the consumer is too slow, an entry cannot be executed in time, or the client's budget is
                spent.
        """
        subscriber, cancellation = self.attach(subscription, client), cancellation or StreamCancellation()
        try:
            async with aclosing(self.replay(subscriber, after)) as items:
                async for item in items:
                    if cancellation.code:
                        return
                    yield item
            async for item in self._stream_live(subscriber, cancellation):
                yield item
        finally:
            self.detach(subscriber)

    async def _stream_live(self, subscriber: Subscriber, cancellation: StreamCancellation) -> AsyncIterator[StreamItem]:
        changed = asyncio.Event()
        subscriber.wake = cancellation.wake = changed.set
        while not self.is_closing and not cancellation.code:
            while (item := subscriber.pop()) is not None:
                yield item
            changed.clear()
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await changed.wait()
            except TimeoutError:
                subscriber.cursor = max(subscriber.cursor, subscriber.until)
                yield StreamItem(subscriber.cursor)

    # Delivery

    def _wake(self, position: int) -> None:
        self._known_head = max(self._known_head, position)
        for channel in self._channels.values():
            self._make_due(channel)

    def _make_due(self, channel: Channel) -> None:
        """Have entries read for a channel that lacks some, on behalf of one of its clients."""
        if not channel.subscribers:  # those that are still being replayed read these entries themselves
            channel.cursor = max(channel.cursor, self._known_head)
        if channel.is_due or channel.cursor >= self._known_head:
            return
        channel.is_due, payer = True, channel.next_payer()
        work = Work(payer, _cost_of_batch(channel.subscription) <= CHEAP_COST)
        if (channels := self._due.get(work)) is not None:
            channels.append(channel)
            return
        self._due[work] = deque([channel])
        delivery = asyncio.create_task(self._deliver(work))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, work: Work) -> None:
        """Deliver batches to the channels that a client pays for, in turn, until none of them lacks entries."""
        channels = self._due[work]
        while channels and not self.is_closing:
            channel = channels.popleft()
            try:
                await self._advance(channel, work.payer)
            except Exception:
                log.exception("the live hub could not read the new entries and tries again")
                await asyncio.sleep(RETRY_DELAY_SECONDS)
            channel.is_due = False
            self._make_due(channel)
        del self._due[work]

    async def _advance(self, channel: Channel, payer: Client) -> None:
        """Deliver the next batch to the subscribers of a channel."""
        batch = await self._read(channel.subscription, channel.cursor, self._known_head, payer)
        channel.cursor = batch.until.position
        # A subscriber that joins during a pause below joins at the new cursor, so it has been replayed this batch.
        for number, subscriber in enumerate(list(channel.subscribers), start=1):
            subscriber.deliver(batch.items, batch.until)
            if batch.failure:
                subscriber.fail(batch.failure)
            elif batch.refusal and subscriber.client == payer:
                subscriber.fail(batch.refusal)
            if number % DELIVERIES_PER_YIELD == 0:
                await asyncio.sleep(0)

    async def _read(self, subscription: Subscription, after: int, until: int, payer: Client) -> Batch:
        deadline, cost = endless_deadline(), _cost_of_batch(subscription)
        arguments = subscription, after, until, payer, deadline
        return await self._scheduler.run(
            payer, self.reader.read, *arguments, deadline=deadline, cost=cost, is_bounded=False
        )


def _cost_of_batch(subscription: Subscription) -> int:
    return subscription.cost * BATCH_SIZE


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[int], None], position: int) -> None:
    with suppress(RuntimeError):  # the loop was closed: the process stops
        loop.call_soon_threadsafe(function, position)
