"""One reading of the head for all requests that need it on an event loop: each gets one that began after it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from ogpgraph.storage.database import StorageError, VersionChannel

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Readable(Protocol[T_co]):
    """What is read as of a version of the database, or of a moment after the call."""

    def open_version_channel(self) -> VersionChannel | None:
        """Return a channel to ask for the version by; None if nobody has to be asked. Raises StorageError."""

    def recall_at(self, version: object) -> T_co | None:
        """Return what is known to be read at a version; None if that has to be read."""

    def refresh(self) -> T_co:
        """Read, which may wait; raises StorageError."""


class _Outcome(NamedTuple, Generic[T]):
    """What was read in a thread, with a channel if one was opened."""

    value: T
    channel: VersionChannel | None


class SharedConfirmation(Generic[T]):
    """Reads for one event loop, once at a time; who asks while a reading is under way shares the next one.

    By a channel the database is asked for its version without a thread. What is not known at that is read in a thread,
    which opens the channel, too, if there is none.
    """

    def __init__(self, find: Callable[[], Readable[T]]) -> None:
        self._find = find
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="confirmation")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._channel: VersionChannel | None = None
        self._is_asked = False
        self._current: asyncio.Future[T] | None = None
        self._next: asyncio.Future[T] | None = None

    def request(self) -> asyncio.Future[T]:
        """Return the future of a reading that begins after this call; all share it, so nobody may cancel it."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move_to(loop)
        if self._next is None:
            self._next = loop.create_future()
            if self._current is None:
                loop.call_soon(self._begin)
        return self._next

    async def get(self) -> T:
        """Return what was read after the call; raises what reading it raised."""
        return await asyncio.shield(self.request())

    def close(self) -> None:
        """Close the channel; the next reading opens another one."""
        if self._channel is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._channel.fileno())
            self._channel.close()
        self._channel, self._is_asked = None, False

    def _move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        self.close()
        self._loop, self._current, self._next = loop, None, None

    def _begin(self) -> None:
        self._current, self._next = self._next, None  # who asks from here on needs another reading
        if not self._ask():
            self._read_in_thread()

    def _end(self, settle: Callable[[asyncio.Future[T]], None]) -> None:
        """Settle the present reading; the next one begins before, as the database may answer meanwhile."""
        ended, self._current = self._current, None
        if self._next is not None:
            self._begin()
        if ended is not None:
            settle(ended)

    # By the channel

    def _ask(self) -> bool:
        """Ask the database for its version; returns whether an answer can be expected."""
        if self._channel is None:
            return False
        try:
            self._channel.send()
        except StorageError:
            self.close()
            return False
        self._is_asked = True
        return True

    def _receive(self) -> None:
        """Take the answer of the database, if it is here."""
        if self._channel is None:
            return
        is_asked = self._is_asked
        try:
            version = self._channel.receive()
        except StorageError:
            self.close()
            if is_asked:
                self._read_in_thread()
            return
        if version is not None:
            self._is_asked = False
            self._take(version)

    def _take(self, version: object) -> None:
        try:
            known = self._find().recall_at(version)
        except Exception as error:
            self._end(partial(_fail, error))
            return
        if known is None:
            self._read_in_thread()
        else:
            self._end(partial(_succeed, known))

    # In a thread

    def _read_in_thread(self) -> None:
        reading = asyncio.get_running_loop().run_in_executor(self._executor, self._read, self._channel is None)
        reading.add_done_callback(self._finish)

    def _read(self, is_closed: bool) -> _Outcome[T]:
        readable = self._find()
        value, channel = readable.refresh(), None
        if is_closed:
            with suppress(StorageError):  # the next reading tries again
                channel = readable.open_version_channel()
        return _Outcome(value, channel)

    def _finish(self, reading: asyncio.Future[_Outcome[T]]) -> None:
        if (error := reading.exception()) is not None:
            self._end(partial(_fail, error))
            return
        outcome = reading.result()
        if outcome.channel is not None:
            self._channel = outcome.channel
            asyncio.get_running_loop().add_reader(outcome.channel.fileno(), self._receive)
        self._end(partial(_succeed, outcome.value))


def _succeed(value: T, future: asyncio.Future[T]) -> None:
    if not future.done():
        future.set_result(value)


def _fail(error: BaseException, future: asyncio.Future[T]) -> None:
    if not future.done():
        future.set_exception(error)


class IterationMemo(Generic[T]):
    """What `read` returned, for all who ask until the event loop has gone round; it must not block.

    It is forgotten by a call that the loop has queued behind the tasks that were there at the time of the reading. So
    any other task that still finds it was queued before, with a request that had arrived. The same task may have waited
    for something else in between, and has it read again.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._found: list[T] = []
        self._reader: asyncio.Task[object] | None = None

    def get(self) -> T:
        """Return what `read` returned; raises what it raises now."""
        task = asyncio.current_task()
        if self._found and self._reader is not task:
            return self._found[0]
        if not self._found:
            asyncio.get_running_loop().call_soon(self._forget)
        self._found[:], self._reader = [self._read()], task
        return self._found[0]

    def _forget(self) -> None:
        self._found.clear()
        self._reader = None
