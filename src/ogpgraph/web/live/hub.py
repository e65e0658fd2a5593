"""The hub of a process: reads each new entry once for all clients that subscribe to the same thing.

The `entry` table is the queue. A new subscriber is first replayed the entries between its position and its channel's
cursor, and joins the channel exactly there, without an await in between. So it misses no entry and gets none twice,
whichever process recorded it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import structlog

from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.session import PositionError, ReadSession
from ogpgraph.storage.database import StorageFailure
from ogpgraph.system import System
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.live.subscribers import (
    Channel,
    FailureReason,
    StreamCancellation,
    StreamFailed,
    StreamItem,
    Subscriber,
)
from ogpgraph.web.live.subscriptions import Subscription, SubscriptionCompiler

BATCH_SIZE = 100
HEARTBEAT_SECONDS = 15.0  # nginx closes a connection after 60 silent seconds by default, other proxies earlier
RETRY_DELAY_SECONDS = 0.5
READ_THREADS: Final = 4  # besides those of queries, which replays must not occupy
DELIVERIES_PER_YIELD: Final = 250
"""The number of subscribers that are delivered to before other tasks of the event loop run."""

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class PositionBeyondHead(Exception):
    """A position is past the head, and does not say which history it is of."""


@dataclass(slots=True)
class Batch:
    """The next items of a subscription, complete up to `until`; `failure` ends the streams after them."""

    until: Bookmark
    items: list[StreamItem] = field(default_factory=list)
    failure: FailureReason | None = None


class Hub:
    """Reads the read model for all subscribers of this process."""

    def __init__(self, system: Callable[[], System], compiler: SubscriptionCompiler) -> None:
        self._system = system
        self.compiler = compiler
        self._channels: dict[str, Channel] = {}
        self._wake_event = asyncio.Event()
        self._known_head = 0
        self._delivered_position = 0
        self._limiter = anyio.CapacityLimiter(READ_THREADS)
        self.is_closing = False

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Deliver new entries while the context is open; at its end every stream ends."""
        loop = asyncio.get_running_loop()
        self._delivered_position = self._known_head = (await self.head()).position
        # The notifier calls from the thread that has projected the entries.
        unsubscribe = self._system().projection.notifier.subscribe(
            lambda position: _call_soon(loop, self._wake, position)
        )
        task = asyncio.create_task(self._deliver_forever())
        try:
            yield
        finally:
            unsubscribe()
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """End every stream."""
        self.is_closing = True
        for channel in list(self._channels.values()):
            for subscriber in list(channel.subscribers):
                subscriber.wake()

    async def locate(self, after: Bookmark | None) -> Bookmark:
        """Return the bookmark of this log at the position of another one, or at the head.

        Raises:
            OtherHistory: if `after` is of another history.
            PositionBeyondHead: if it is past the head, and does not say which history it is of.
        """
        return await self._run_in_thread(self._locate, after)

    async def head(self) -> Bookmark:
        """Return the bookmark of the newest entry."""
        return await self.locate(None)

    # The life of a subscriber: attach, replay, then deliveries by the hub, detach.

    def attach(self, subscription: Subscription) -> Subscriber:
        """Return a new subscriber, which gets nothing until it was replayed, and must be detached in the end."""
        channel = self._channels.setdefault(subscription.key, Channel(subscription, self._delivered_position))
        channel.reference_count += 1
        # The hub may be in a round that began before a new channel existed: let it advance the channel as well.
        self._wake_event.set()
        return Subscriber(channel)

    def detach(self, subscriber: Subscriber) -> None:
        """Deliver nothing more to a subscriber. Awaits nothing, so a client's disconnect cannot interrupt it."""
        if subscriber.is_detached:
            return
        subscriber.is_detached = True
        channel = subscriber.channel
        channel.subscribers.discard(subscriber)
        channel.reference_count -= 1
        if not channel.reference_count:
            self._channels.pop(channel.subscription.key, None)

    async def replay(self, subscriber: Subscriber, after: Bookmark | None) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries after a position (None: the head) up to the channel's cursor, where the subscriber joins.

        Raises:
            OtherHistory, PositionBeyondHead: as `locate` does.
            StreamFailed: if an entry cannot be executed in time.
        """
        channel = subscriber.channel
        subscriber.cursor = await self.locate(after)
        while subscriber.cursor.position < (until := channel.cursor) and not self.is_closing:
            batch = await self._run_in_thread(self._read, channel.subscription, subscriber.cursor.position, until)
            for item in batch.items:
                subscriber.cursor = item.bookmark
                yield item
            if batch.failure:
                raise StreamFailed(batch.failure, subscriber.cursor)
            subscriber.cursor = batch.until
        # Nothing is awaited between the comparison with the channel's cursor and joining: no entry can slip through.
        subscriber.until = subscriber.cursor
        channel.subscribers.add(subscriber)

    async def stream(
        self, subscription: Subscription, after: Bookmark | None, cancellation: StreamCancellation | None = None
    ) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries of a subscription after a position (None: the head), until the consumer stops.

        After HEARTBEAT_SECONDS without an entry it yields a heartbeat.

        Raises:
            OtherHistory, PositionBeyondHead: as `locate` does.
            StreamFailed: if the consumer is too slow, or an entry cannot be executed in time.
        """
        subscriber, cancellation = self.attach(subscription), cancellation or StreamCancellation()
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
        self._wake_event.set()

    async def _deliver_forever(self) -> None:
        while True:
            await self._wake_event.wait()
            self._wake_event.clear()
            head = self._known_head
            try:
                for channel in list(self._channels.values()):
                    await self._advance(channel, head)
                self._delivered_position = head
            except Exception:
                log.exception("the live hub could not read the new entries and tries again")
                await asyncio.sleep(RETRY_DELAY_SECONDS)
                self._wake_event.set()

    async def _advance(self, channel: Channel, head: int) -> None:
        """Deliver the entries up to the head to the subscribers of a channel."""
        while channel.cursor < head:
            batch = await self._run_in_thread(self._read, channel.subscription, channel.cursor, head)
            channel.cursor = batch.until.position
            # A subscriber that joins during a pause below joins at the new cursor, so it has been replayed this batch.
            for number, subscriber in enumerate(list(channel.subscribers), start=1):
                subscriber.deliver(batch.items, batch.until)
                if batch.failure:
                    subscriber.fail(batch.failure)
                if number % DELIVERIES_PER_YIELD == 0:
                    await asyncio.sleep(0)

    # Reading, in worker threads

    def _read(self, subscription: Subscription, after: int, until: int) -> Batch:
        system = self._system()
        try:
            return self._read_batch(system.model.peek(until), subscription, after, until)
        except (StorageFailure, PositionError):
            # The database server was restarted, perhaps without the latest rows of the read model, which are not
            # synced: `read_session` projects them again.
            return self._read_batch(system.read_session(), subscription, after, until)

    def _read_batch(
        self, opened: AbstractContextManager[ReadSession], subscription: Subscription, after: int, until: int
    ) -> Batch:
        with opened as session:
            query, request = subscription.query(session), PageRequest(BATCH_SIZE, after=(after,))
            entries = [entry for _, entry in session.at(until).page_entries(query, request).items]
            batch = Batch(entries[-1].bookmark if len(entries) == BATCH_SIZE else session.bookmark(until))
            if not entries:
                return batch
            executor = self.compiler.prepare_executor(subscription)
            for entry in entries:
                try:
                    payload = executor.encode_result(session, entry)
                except RequestRejected as rejected:
                    batch.until, batch.failure = entry.bookmark, FailureReason(rejected.code, rejected.message)
                    break
                batch.items.append(StreamItem(entry.bookmark, payload))
        return batch

    def _locate(self, after: Bookmark | None) -> Bookmark:
        with self._system().read_session() as session:
            if after is None:
                return session.bookmark(session.head)
            try:
                session.require(after)
            except PositionError as error:
                raise PositionBeyondHead(str(error)) from error
            return session.bookmark(after.position)

    async def _run_in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[int], None], position: int) -> None:
    with suppress(RuntimeError):  # the loop was closed: the process stops
        loop.call_soon_threadsafe(function, position)
