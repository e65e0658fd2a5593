"""The hub of a process: one wake-up, one reader; each entry is put into words once for all who ask the same.

The table is the queue. A follower first reads what lies between its cursor and the hub's, then joins
at exactly that point, within one step of the event loop: so nothing is missed and nothing comes twice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.to_thread
import structlog

from ogpgraph.readmodel.paging import Slice
from ogpgraph.system import System
from ogpgraph.web.live.topics import Topic, Topics

BATCH = 100
WAITING = 1_000
"""How many entries may wait for one reader before it counts as too slow."""
HEARTBEAT_SECONDS = 15.0
PAUSE_SECONDS = 0.5

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Item:
    """Something to send: an entry's payload with its position; without a payload, only how far all is told."""

    position: int
    payload: bytes | None = None


class TooSlow(Exception):
    """A reader did not keep up; `position` is the last it was given."""

    def __init__(self, position: int) -> None:
        super().__init__(f"you read too slowly: the last position you were sent is {position}")
        self.position = position


class NoSuchPosition(Exception):
    """A cursor lies past the head: it is of another log, or of one that was restored."""


@dataclass(eq=False)
class Reader:
    """One who follows: what waits for it, and whether it fell behind."""

    waiting: deque[Item] = field(default_factory=deque)
    something: asyncio.Event = field(default_factory=asyncio.Event)
    overflowed: bool = False

    def give(self, items: list[Item]) -> None:
        """Let items wait for the reader, unless too many do."""
        if len(self.waiting) + len(items) > WAITING:
            self.overflowed = True
        else:
            self.waiting.extend(items)
        self.something.set()


@dataclass(eq=False)
class Channel:
    """All who follow the same topic; told up to `cursor`."""

    topic: Topic
    cursor: int
    readers: set[Reader] = field(default_factory=set)
    users: int = 0


class Hub:
    """Follows the read model for everybody who is connected to this process."""

    def __init__(self, system: Callable[[], System], topics: Topics) -> None:
        self._system = system
        self.topics = topics
        self._channels: dict[str, Channel] = {}
        self._woken = asyncio.Event()
        self._closing = asyncio.Event()
        self._told = 0
        self._limiter = anyio.CapacityLimiter(4)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow until the end; then every stream ends."""
        loop = asyncio.get_running_loop()
        wakeups = self._system().follower.wakeups
        self._told = await self._thread(self._head)

        def wake(_position: int) -> None:
            loop.call_soon_threadsafe(self._woken.set)

        unsubscribe = wakeups.subscribe(wake)
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
        self._closing.set()
        for channel in self._channels.values():
            for reader in channel.readers:
                reader.something.set()

    async def require(self, after: int | None) -> None:
        """Raise NoSuchPosition for a position past the head."""
        head = await self.head()
        if after is not None and after > head:
            raise NoSuchPosition(f"position {after} is past the head of this log, which is {head}")

    async def head(self) -> int:
        """Return the newest position."""
        return await self._thread(self._head)

    async def follow(self, topic: Topic, after: int | None) -> AsyncGenerator[Item, None]:
        """Yield the entries of a topic after a position, or after the head, for as long as one listens.

        When there is nothing for a while, an item without payload tells how far all is told.
        Raises NoSuchPosition for a position past the head, and TooSlow.
        """
        await self.require(after)
        with self._used(topic) as channel:
            cursor = await self.head() if after is None else after
            while cursor < (until := channel.cursor):
                items = await self._thread(self._read, topic, cursor, until)
                for item in items:
                    yield item
                cursor = items[-1].position if len(items) == BATCH else until
            # Nothing is awaited between the last look at the channel's cursor and joining it: no entry can slip through.
            with self._joined(channel) as reader:
                async for item in self._live(channel, reader, cursor):
                    yield item

    async def _live(self, channel: Channel, reader: Reader, cursor: int) -> AsyncIterator[Item]:
        while not self._closing.is_set():
            while reader.waiting:
                item = reader.waiting.popleft()
                if item.position > cursor:
                    cursor = item.position
                    yield item
            if reader.overflowed:
                raise TooSlow(cursor)
            reader.something.clear()
            try:
                await asyncio.wait_for(reader.something.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                cursor = max(cursor, channel.cursor)
                yield Item(cursor)

    @contextmanager
    def _used(self, topic: Topic) -> Iterator[Channel]:
        channel = self._channels.setdefault(topic.key, Channel(topic, self._told))
        channel.users += 1
        self._woken.set()  # what the hub told while the channel was not there is caught up
        try:
            yield channel
        finally:
            channel.users -= 1
            if not channel.users:
                self._channels.pop(topic.key, None)

    @contextmanager
    def _joined(self, channel: Channel) -> Iterator[Reader]:
        reader = Reader()
        channel.readers.add(reader)
        try:
            yield reader
        finally:
            channel.readers.discard(reader)

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                head = await self.head()
                for channel in list(self._channels.values()):
                    await self._advance(channel, head)
                self._told = head
            except Exception:
                log.exception("the live hub could not read; it tries again")
                await asyncio.sleep(PAUSE_SECONDS)
                self._woken.set()

    async def _advance(self, channel: Channel, head: int) -> None:
        while channel.cursor < head:
            items = await self._thread(self._read, channel.topic, channel.cursor, head)
            channel.cursor = items[-1].position if len(items) == BATCH else head
            for reader in channel.readers:
                reader.give(items)

    def _read(self, topic: Topic, after: int, until: int) -> list[Item]:
        with self._system().reading() as reading:
            page = reading.at(until).entries(topic.listing(reading), Slice(BATCH, after=(after,)))
            return [Item(entry.position, self.topics.payload(topic, reading, entry)) for _, entry in page.items]

    def _head(self) -> int:
        with self._system().reading() as reading:
            return reading.head

    async def _thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)
