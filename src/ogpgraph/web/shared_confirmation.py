"""One reading for all requests that need it on an event loop: each gets what was read after it arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedConfirmation(Generic[T]):
    """Calls `read` in a thread, one call at a time; who asks while one is under way shares the next one."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="confirmation")
        self._current: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """Return what `read` returned in a call that began after this one; raises what it raised."""
        if self._next is None:
            self._next = asyncio.create_task(self._follow(self._current))
        return await asyncio.shield(self._next)

    async def _follow(self, former: asyncio.Task[T] | None) -> T:
        if former is not None and not former.done():
            await asyncio.wait([former])
        self._current, self._next = self._next, None  # who asks from here on needs another reading
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._read)


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
