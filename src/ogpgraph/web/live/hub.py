"""The hub of a process: one wake-up, one reader; each entry is put into words once for all who ask the same.

The table is the queue. A follower first reads what lies between its cursor and the hub's, then joins
at exactly that point, within one step of the event loop: so nothing is missed and nothing comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, suppress
from typing import Final, TypeVar

import anyio
import anyio.to_thread
import structlog

from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.read_session import PositionError, ReadSession
from ogpgraph.storage.database import ConnectionLost
from ogpgraph.system import System
from ogpgraph.web.live.subscribers import Channel, StreamCancellation, StreamItem, Subscriber
from ogpgraph.web.live.subscriptions import Subscription, SubscriptionCompiler

BATCH = 100
HEARTBEAT_SECONDS = 15.0
RETRY_DELAY_SECONDS = 0.5
DELIVERIES_PER_YIELD: Final = 250
"""How many readers are given something before others have their turn on the event loop."""

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class PositionBeyondHead(Exception):
    """A cursor lies past the head: it is of another log, or of one that was restored."""


class Hub:
    """Follows the read model for everybody who is connected to this process."""

    def __init__(self, system: Callable[[], System], compiler: SubscriptionCompiler) -> None:
        self._system = system
        self.compiler = compiler
        self._channels: dict[str, Channel] = {}
        self._wake_event = asyncio.Event()
        self._known_head = 0
        self._delivered_position = 0
        self._limiter = anyio.CapacityLimiter(4)
        self.is_closing = False

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Follow until the end; then every stream ends."""
        loop = asyncio.get_running_loop()
        self._delivered_position = self._known_head = await self.head()
        unsubscribe = self._system().projection.notifier.subscribe(
            lambda position: _call_soon(loop, self._wake, position)
        )
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            unsubscribe()
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """Let every stream end."""
        self.is_closing = True
        for channel in list(self._channels.values()):
            for reader in list(channel.subscribers):
                reader.wake()

    async def require_position(self, after: int | None) -> None:
        """Raise PositionBeyondHead for a position past the head."""
        if after is not None and after > self._delivered_position and after > (head := await self.head()):
            raise PositionBeyondHead(f"position {after} is past the head of this log, which is {head}")

    async def head(self) -> int:
        """Return the newest position."""
        return await self._run_in_thread(self._head)

    def attach(self, topic: Subscription) -> Subscriber:
        """Return a reader of a topic, which has to be replayed before it is given anything, and must leave at last."""
        channel = self._channels.setdefault(topic.key, Channel(topic, self._delivered_position))
        channel.reference_count += 1
        self._wake_event.set()  # what the hub told while the channel was not there is caught up
        return Subscriber(channel)

    def detach(self, reader: Subscriber) -> None:
        """Forget a reader. Nothing is awaited: a disconnect cuts off whatever would be."""
        if reader.is_detached:
            return
        reader.is_detached = True
        channel = reader.channel
        channel.subscribers.discard(reader)
        channel.reference_count -= 1
        if not channel.reference_count:
            self._channels.pop(channel.subscription.key, None)

    async def replay(self, reader: Subscriber, after: int | None) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries after a position, or after the head, up to where the reader joins those who are told live.

        Raises PositionBeyondHead for a position past the head.
        """
        await self.require_position(after)
        channel = reader.channel
        reader.cursor = await self.head() if after is None else after
        while reader.cursor < (until := channel.cursor) and not self.is_closing:
            items = await self._run_in_thread(self._read, channel.subscription, reader.cursor, until)
            for item in items:
                reader.cursor = item.position
                yield item
            reader.cursor = items[-1].position if len(items) == BATCH else until
        # Nothing is awaited between the last look at the channel's cursor and joining it: no entry can slip through.
        reader.until = reader.cursor
        channel.subscribers.add(reader)

    async def stream(
        self, topic: Subscription, after: int | None, ending: StreamCancellation | None = None
    ) -> AsyncGenerator[StreamItem, None]:
        """Yield the entries of a topic after a position, or after the head, until one stops listening or is ended.

        When there is nothing for a while, an item without payload tells how far all is told.
        Raises PositionBeyondHead for a position past the head, and SubscriberTooSlow.
        """
        reader, ending = self.attach(topic), ending or StreamCancellation()
        try:
            async with aclosing(self.replay(reader, after)) as items:
                async for item in items:
                    if ending.code:
                        return
                    yield item
            async for item in self._stream_live(reader, ending):
                yield item
        finally:
            self.detach(reader)

    async def _stream_live(self, reader: Subscriber, ending: StreamCancellation) -> AsyncIterator[StreamItem]:
        something = asyncio.Event()
        reader.wake = ending.wake = something.set
        while not self.is_closing and not ending.code:
            while (item := reader.pop()) is not None:
                yield item
            something.clear()
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await something.wait()
            except TimeoutError:
                reader.cursor = max(reader.cursor, reader.until)
                yield StreamItem(reader.cursor)

    def _wake(self, position: int) -> None:
        self._known_head = max(self._known_head, position)
        self._wake_event.set()

    async def _run(self) -> None:
        while True:
            await self._wake_event.wait()
            self._wake_event.clear()
            head = self._known_head
            try:
                for channel in list(self._channels.values()):
                    await self._advance(channel, head)
                self._delivered_position = head
            except Exception:
                log.exception("the live hub could not read; it tries again")
                await asyncio.sleep(RETRY_DELAY_SECONDS)
                self._wake_event.set()

    async def _advance(self, channel: Channel, head: int) -> None:
        while channel.cursor < head:
            items = await self._run_in_thread(self._read, channel.subscription, channel.cursor, head)
            channel.cursor = items[-1].position if len(items) == BATCH else head
            # Who joins while others have their turn joins at the new cursor, and has read up to it.
            for number, reader in enumerate(list(channel.subscribers), start=1):
                reader.deliver(items, channel.cursor)
                if number % DELIVERIES_PER_YIELD == 0:
                    await asyncio.sleep(0)

    def _read(self, topic: Subscription, after: int, until: int) -> list[StreamItem]:
        system = self._system()
        try:
            return self._read_items(system.model.peek(until), topic, after, until)
        except (
            ConnectionLost,
            PositionError,
        ):  # the server went away, perhaps with the last that was shown: it is shown again
            return self._read_items(system.read_session(), topic, after, until)

    def _read_items(
        self, opened: AbstractContextManager[ReadSession], topic: Subscription, after: int, until: int
    ) -> list[StreamItem]:
        with opened as reading:
            page = reading.at(until).page_entries(topic.listing(reading), PageRequest(BATCH, after=(after,)))
            return [
                StreamItem(entry.position, self.compiler.encode_payload(topic, reading, entry))
                for _, entry in page.items
            ]

    def _head(self) -> int:
        with self._system().read_session() as reading:
            return reading.head

    async def _run_in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[int], None], position: int) -> None:
    with suppress(RuntimeError):  # the loop has been closed: nobody is left to be told
        loop.call_soon_threadsafe(function, position)
