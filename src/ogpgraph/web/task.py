"""What the scheduler runs: one function in a worker thread, with the turn that it has or waits for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from enum import Enum, auto
from typing import Any, Protocol

from ogpgraph.storage.waiting import announce_waiting
from ogpgraph.web.deadline import ENDLESS_TURN, Deadline, OperationCancelled
from ogpgraph.web.errors import RequestRejected, deadline_exceeded
from ogpgraph.web.fair_queue import Client


class Lane(Enum):
    """Cheap tasks go before expensive ones."""

    CHEAP = auto()
    EXPENSIVE = auto()


class Phase(Enum):
    """What a task is doing."""

    QUEUED = auto()
    """It waits for its first turn, without a thread."""
    RUNNING = auto()
    """It has the turn."""
    PAUSED = auto()
    """Its thread waits for the turn."""
    RELEASED = auto()
    """Its thread has given the turn up, until it asks for it again."""
    STALLED = auto()
    """Its turn was taken away, which its thread notices at the next checkpoint."""
    DONE = auto()


class TurnKeeper(Protocol):
    """Whom a task asks for its turn; called by the task's thread."""

    def pause_if_due(self, task: Task) -> bool:
        """Hand the turn over where that is due, and wait for the next one; returns whether it was."""

    def declare_cost(self, task: Task, cost: int) -> None:
        """Wait for the turn behind cheaper tasks, if the rest of this one is expensive."""

    def release(self, task: Task) -> None:
        """Give the turn up."""

    def resume(self, task: Task) -> None:
        """Wait for the turn again."""


class Task:
    """A function that is called in a worker thread when it is its client's turn. `size` are the bytes that it holds.

    The event loop awaits its result by `wait`. All other attributes are the scheduler's, under its lock.
    """

    def __init__(
        self, keeper: TurnKeeper, client: Client, call: Callable[[], Any], deadline: Deadline, size: int
    ) -> None:
        self.client = client
        self.deadline = deadline
        self.size = size
        self.lane = Lane.CHEAP
        self.phase = Phase.QUEUED
        self.is_begun = False
        """Whether it is one of the expensive ones that have begun."""
        self.is_on_loop = False
        """Whether its turn is used on the event loop, by whoever awaits it, and not by a function in a thread."""
        self.keeps_quantum = False
        """Whether it has the turn for a whole quantum although cheap ones wait."""
        self.used_seconds = 0.0
        self.charged_at = self.looked_at = 0.0
        self.resumed = threading.Lock()
        self.resumed.acquire()  # until the task is given its turn again
        self._keeper = keeper
        self._call = call
        self._context = copy_context()
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Any] = self._loop.create_future()
        self._is_settled = self._is_abandoned = False

    # The turn; called by the task's thread

    def checkpoint(self) -> bool:
        """Hand the turn over where that is due, and wait for the next one; returns whether it was."""
        return self._keeper.pause_if_due(self)

    def declare_cost(self, cost: int) -> None:
        """Say what the rest of the task may cost, and wait for the turn behind cheaper ones, if it is expensive."""
        self._keeper.declare_cost(self, cost)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the turn up until the end of the context: for what waits for a lock, a disk or another process."""
        if self.phase is Phase.RELEASED:
            yield
            return
        self._keeper.release(self)
        try:
            yield
        finally:
            self._keeper.resume(self)

    def begin_on_loop(self) -> None:
        """Tell whoever awaits the turn on the event loop that this is it."""
        self._settle_soon(None, None)

    def run(self) -> None:
        """Call the function, and pass its result or its exception to the event loop."""
        self.deadline.turn = self
        self._settle_soon(*self._find_outcome())  # no name here: an exception has this frame, and must not be in it

    def _find_outcome(self) -> tuple[object, BaseException | None]:
        try:
            return self._context.run(self._call_announced), None
        except OperationCancelled:
            return None, deadline_exceeded()
        except BaseException as raised:
            return None, raised
        finally:
            # What holds this task is let go: a request is freed with its last reference, and leaves no garbage.
            self.deadline.turn = ENDLESS_TURN
            del self._call, self._context

    def _settle_soon(self, result: object, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody awaits the result
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _call_announced(self) -> object:
        announce_waiting(self.released)
        return self._call()

    # The result; called on the event loop

    async def wait(self) -> Any:
        """Return the result of the function, or raise its exception; awaited once."""
        try:
            return await self._future
        except Exception:
            self._future = self._loop.create_future()  # the other has the exception, which has this task in its frames
            raise

    async def wait_for_end(self) -> None:
        """Wait until the function has returned, although whoever waited for its result was cancelled."""
        self._is_abandoned = True
        while not self._is_settled:
            self._future = self._loop.create_future()
            with suppress(asyncio.CancelledError):
                await self._future

    def reject(self, rejected: RequestRejected) -> None:
        """Have the event loop get a rejection in place of a result: the function is not called."""
        self.phase = Phase.DONE
        self._settle(None, rejected)

    def _settle(self, result: object, error: BaseException | None) -> None:
        self._is_settled = True
        if self._future.done():  # whoever waited was cancelled
            return
        if error is None or self._is_abandoned:
            self._future.set_result(result)
        else:
            self._future.set_exception(error)
