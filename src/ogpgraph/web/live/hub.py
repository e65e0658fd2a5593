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

from ogpgraph.readmodel.model import PositionError, Reading
from ogpgraph.readmodel.paging import Slice
from ogpgraph.storage.database import Lost
from ogpgraph.system import System
from ogpgraph.web.live.readers import Channel, Ending, Item, Reader
from ogpgraph.web.live.topics import Topic, Topics

BATCH = 100
HEARTBEAT_SECONDS = 15.0
PAUSE_SECONDS = 0.5
AT_ONCE: Final = 250
"""How many readers are given something before others have their turn on the event loop."""

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


class NoSuchPosition(Exception):
    """A cursor lies past the head: it is of another log, or of one that was restored."""


class Hub:
    """Follows the read model for everybody who is connected to this process."""

    def __init__(self, system: Callable[[], System], topics: Topics) -> None:
        self._system = system
        self.topics = topics
        self._channels: dict[str, Channel] = {}
        self._woken = asyncio.Event()
        self._head_known = 0
        self._told = 0
        self._limiter = anyio.CapacityLimiter(4)
        self.is_closing = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow until the end; then every stream ends."""
        loop = asyncio.get_running_loop()
        self._told = self._head_known = await self.head()
        unsubscribe = self._system().follower.wakeups.subscribe(lambda position: _soon(loop, self._wake, position))
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
            for reader in list(channel.readers):
                reader.wake()

    async def require(self, after: int | None) -> None:
        """Raise NoSuchPosition for a position past the head."""
        if after is not None and after > self._told and after > (head := await self.head()):
            raise NoSuchPosition(f"position {after} is past the head of this log, which is {head}")

    async def head(self) -> int:
        """Return the newest position."""
        return await self._thread(self._head)

    def enter(self, topic: Topic) -> Reader:
        """Return a reader of a topic, which has to be replayed before it is given anything, and must leave at last."""
        channel = self._channels.setdefault(topic.key, Channel(topic, self._told))
        channel.users += 1
        self._woken.set()  # what the hub told while the channel was not there is caught up
        return Reader(channel)

    def leave(self, reader: Reader) -> None:
        """Forget a reader. Nothing is awaited: a disconnect cuts off whatever would be."""
        if reader.has_left:
            return
        reader.has_left = True
        channel = reader.channel
        channel.readers.discard(reader)
        channel.users -= 1
        if not channel.users:
            self._channels.pop(channel.topic.key, None)

    async def replay(self, reader: Reader, after: int | None) -> AsyncGenerator[Item, None]:
        """Yield the entries after a position, or after the head, up to where the reader joins those who are told live.

        Raises NoSuchPosition for a position past the head.
        """
        await self.require(after)
        channel = reader.channel
        reader.cursor = await self.head() if after is None else after
        while reader.cursor < (until := channel.cursor) and not self.is_closing:
            items = await self._thread(self._read, channel.topic, reader.cursor, until)
            for item in items:
                reader.cursor = item.position
                yield item
            reader.cursor = items[-1].position if len(items) == BATCH else until
        # Nothing is awaited between the last look at the channel's cursor and joining it: no entry can slip through.
        reader.until = reader.cursor
        channel.readers.add(reader)

    async def follow(self, topic: Topic, after: int | None, ending: Ending | None = None) -> AsyncGenerator[Item, None]:
        """Yield the entries of a topic after a position, or after the head, until one stops listening or is ended.

        When there is nothing for a while, an item without payload tells how far all is told.
        Raises NoSuchPosition for a position past the head, and TooSlow.
        """
        reader, ending = self.enter(topic), ending or Ending()
        try:
            async with aclosing(self.replay(reader, after)) as items:
                async for item in items:
                    if ending.code:
                        return
                    yield item
            async for item in self._live(reader, ending):
                yield item
        finally:
            self.leave(reader)

    async def _live(self, reader: Reader, ending: Ending) -> AsyncIterator[Item]:
        something = asyncio.Event()
        reader.wake = ending.wake = something.set
        while not self.is_closing and not ending.code:
            while (item := reader.take()) is not None:
                yield item
            something.clear()
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await something.wait()
            except TimeoutError:
                reader.cursor = max(reader.cursor, reader.until)
                yield Item(reader.cursor)

    def _wake(self, position: int) -> None:
        self._head_known = max(self._head_known, position)
        self._woken.set()

    async def _run(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            head = self._head_known
            try:
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
            # Who joins while others have their turn joins at the new cursor, and has read up to it.
            for number, reader in enumerate(list(channel.readers), start=1):
                reader.give(items, channel.cursor)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)

    def _read(self, topic: Topic, after: int, until: int) -> list[Item]:
        system = self._system()
        try:
            return self._items(system.model.glance(until), topic, after, until)
        except (Lost, PositionError):  # the server went away, perhaps with the last that was shown: it is shown again
            return self._items(system.reading(), topic, after, until)

    def _items(self, opened: AbstractContextManager[Reading], topic: Topic, after: int, until: int) -> list[Item]:
        with opened as reading:
            page = reading.at(until).entries(topic.listing(reading), Slice(BATCH, after=(after,)))
            return [Item(entry.position, self.topics.payload(topic, reading, entry)) for _, entry in page.items]

    def _head(self) -> int:
        with self._system().reading() as reading:
            return reading.head

    async def _thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await anyio.to_thread.run_sync(function, *arguments, limiter=self._limiter)


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[[int], None], position: int) -> None:
    with suppress(RuntimeError):  # the loop has been closed: nobody is left to be told
        loop.call_soon_threadsafe(function, position)
