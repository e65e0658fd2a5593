"""The scheduler of a process: operations of all transports run in worker threads, but one at a time has the turn.

Python executes one thread at a time anyway; several that compute only slow each other down. So the one with the turn
computes, and hands it over at a checkpoint: after a quantum, or at once where something cheap waits. Which is the next,
`waiting_tasks` knows. An operation is cheap if its cost and its request are small, until it has run for longer than
that suggests.

An operation gives the turn up while it waits for something else (`released`). One that reaches no checkpoint for a
while is taken to be waiting, too: the next one gets the turn, and the former has to wait for it at its next checkpoint.
So a lock, a slow statement or a loop without checkpoints delays others, but never stops them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar, cast

import msgspec

from ogpgraph.web.deadline import Deadline
from ogpgraph.web.errors import deadline_exceeded, queue_full
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.task import Lane, Phase, Task
from ogpgraph.web.waiting_tasks import WaitingLimits, WaitingTasks
from ogpgraph.web.worker_threads import WorkerThreads

T = TypeVar("T")

QUANTUM_SECONDS: Final = 0.01
"""How long a task has the turn while others wait for it."""
CHEAP_COST: Final = 5_000
"""The largest cost of a cheap operation: about 50 ms of work."""
CHEAP_BYTES: Final = 65_536
"""The largest request of a cheap operation: to decode a larger one takes milliseconds, and no cost is known before."""
CHEAP_SECONDS: Final = 0.05
"""How long a task may have had the turn and still be a cheap one, whatever it was said to cost."""
STALL_SECONDS: Final = 0.04
"""The time without a checkpoint after which a task is taken to be waiting for something else."""
TICK_SECONDS: Final = 0.02
"""How often waiting tasks are looked through for those that nobody waits for any more."""


def _do_nothing() -> None:
    """Compute nothing in a thread."""


class SchedulerLimits(msgspec.Struct, frozen=True):
    """The numbers of turns and threads, and how much may wait.

    A thread whose task has handed over its turn waits in the middle of it, with all that it holds. So a client has at
    most `threads_each`, and of the expensive tasks, which may hold a connection to the database, only so many have
    begun. Cheap tasks that have given their turn up for something else hold little, and count apart, as
    `released_each`: so many mutations of a client may be recorded by one commit.
    """

    turns: int = 1
    threads: int = 128
    threads_each: int = 4
    released_each: int = 16
    expensive: int = 6
    waiting: WaitingLimits = WaitingLimits()


DEFAULT_LIMITS: Final = SchedulerLimits()


class Scheduler:
    """Runs functions in worker threads, in turns. `clock` gives seconds that never go back.

    `run` and what ends with `at_once` are called on an event loop, the other methods by the threads of tasks.
    """

    def __init__(
        self,
        limits: SchedulerLimits = DEFAULT_LIMITS,
        clock: Callable[[], float] = time.monotonic,
        on_expensive: Callable[[bool], None] | None = None,
    ) -> None:
        """Run tasks within limits; `on_expensive` is told once expensive ones begin, and once all have ended."""
        self.limits = limits
        self._on_expensive = on_expensive
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting = WaitingTasks(limits.waiting)
        self._live: set[Task] = set()
        self._running: set[Task] = set()
        self._threads = WorkerThreads(self._lock, self._end)
        self._begun_count = 0
        self._released: Counter[Client] = Counter()
        """How many cheap tasks of each client have given their turn up."""
        self._ticking: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """Return how many tasks wait for their turn."""
        return len(self._waiting)

    async def run(
        self,
        client: Client,
        function: Callable[..., T],
        *arguments: Any,
        deadline: Deadline,
        size: int = 0,
        cost: int = 0,
        is_bounded: bool = True,
    ) -> T:
        """Call a function in a worker thread when it is its client's turn; returns its result.

        Its deadline is its checkpoint, and is kept while it waits, too. `size` are the bytes that it holds meanwhile.
        One that is not `is_bounded` may always wait, because something else bounds how many there are. A caller that is
        cancelled waits for the end of a function that has begun, as that uses what the caller would close.

        Raises:
            RequestRejected: 503, if too much waits already; 504, if the deadline passes before its turn.
        """
        task = Task(self, client, partial(function, *arguments), deadline, size)
        if cost > CHEAP_COST or size > CHEAP_BYTES:
            task.lane = Lane.EXPENSIVE
        with self._lock:
            self._submit(task, is_bounded=is_bounded)
        self._keep_ticking()
        try:
            return cast(T, await task.wait())
        except asyncio.CancelledError:
            deadline.cancel()
            if not self._withdraw(task):
                await task.wait_for_end()
            raise

    # What is executed on the event loop, without a turn

    def may_go_at_once(self, client: Client) -> bool:
        """Return whether a cheap task of a client would be the next one: nobody waits who would go before it."""
        if not self._live:
            return True  # nobody waits
        with self._lock:
            return not self._waiting.is_expensive_next and not self._waiting.is_before(Lane.CHEAP, client)

    async def take_turn(self, client: Client, deadline: Deadline) -> Task:
        """Wait for the turn as a cheap task of a client does, to compute for a moment on the event loop.

        Whoever gets it ends it by `end_turn`. Its time is counted by `charge_at_once`.

        Raises:
            RequestRejected: as `run` does.
        """
        task = Task(self, client, _do_nothing, deadline, 0)
        task.is_on_loop = True
        with self._lock:
            self._submit(task, is_bounded=True)
        self._keep_ticking()
        try:
            await task.wait()
        except BaseException:
            if not self._withdraw(task):
                self.end_turn(task)
            raise
        return task

    def end_turn(self, task: Task) -> None:
        """End a turn that was taken by `take_turn`."""
        with self._lock:
            task.charged_at = now = self._clock()
            self._leave_turn(task, now, Phase.DONE)
            self._live.discard(task)
            self._dispatch()

    def charge_at_once(self, client: Client, seconds: float) -> None:
        """Count the time of what a client had executed without a turn, as that of a cheap task."""
        if not self._live:
            return  # as `_submit` does: used time counts as long as there is something to share
        with self._lock:
            self._waiting.charge(Lane.CHEAP, client, seconds)

    # The turn of a task

    def pause_if_due(self, task: Task) -> bool:
        """Hand the turn over where that is due, and wait for the next one; returns whether it was."""
        with self._lock:
            now = self._clock()
            if task.phase is Phase.RELEASED or (task.phase is Phase.RUNNING and not self._is_due(task, now)):
                task.looked_at = now
                return False
            is_paused = self._pause(task, now, is_first=True)
        if is_paused:
            task.resumed.acquire()
        return is_paused

    def declare_cost(self, task: Task, cost: int) -> None:
        """Wait for the turn behind cheaper tasks, if the rest of this one is expensive."""
        if cost <= CHEAP_COST or task.lane is Lane.EXPENSIVE:
            return
        with self._lock:
            now = self._clock()
            self._charge(task, now)
            task.lane = Lane.EXPENSIVE
            is_paused = self._pause(task, now, is_first=False)
        if is_paused:
            task.resumed.acquire()

    def release(self, task: Task) -> None:
        """Give the turn up."""
        with self._lock:
            self._leave_turn(task, self._clock(), Phase.RELEASED)
            if task.lane is Lane.CHEAP:
                self._released[task.client] += 1
            self._dispatch()

    def resume(self, task: Task) -> None:
        """Wait for the turn again."""
        with self._lock:
            if task.lane is Lane.CHEAP:
                self._released[task.client] -= 1
                if not self._released[task.client]:
                    del self._released[task.client]
            is_paused = self._pause(task, self._clock(), is_first=True)
        if is_paused:
            task.resumed.acquire()

    def _pause(self, task: Task, now: float, *, is_first: bool) -> bool:
        """Have a task wait before the others of its client, or behind them; returns whether it has to."""
        self._leave_turn(task, now, Phase.PAUSED)
        if task.lane is Lane.CHEAP and task.used_seconds >= CHEAP_SECONDS:
            task.lane = Lane.EXPENSIVE
            self._begin_expensive(task)
        if not self._waiting and len(self._running) < self.limits.turns and self._may_go(task):
            self._begin_turn(task)
            return False
        self._waiting.add(task, first=is_first)
        self._dispatch()
        return True

    def _leave_turn(self, task: Task, now: float, phase: Phase) -> None:
        if task.phase in (Phase.RUNNING, Phase.STALLED):
            self._charge(task, now)
        self._running.discard(task)
        task.phase = phase

    def _is_due(self, task: Task, now: float) -> bool:
        """Return whether a task with the turn has to hand it over."""
        waiting = self._waiting
        if not waiting:
            return False
        is_cheap = task.lane is Lane.CHEAP
        if not is_cheap and not task.keeps_quantum and waiting.has_cheap:
            return True
        if now - task.charged_at < QUANTUM_SECONDS:
            return False
        self._charge(task, now)
        task.keeps_quantum = False
        if is_cheap and (task.used_seconds >= CHEAP_SECONDS or waiting.is_expensive_next):
            return True
        return (not is_cheap and waiting.has_cheap) or waiting.is_before(task.lane, task.client)

    def _charge(self, task: Task, now: float) -> None:
        seconds, task.charged_at = now - task.charged_at, now
        task.used_seconds += seconds
        self._waiting.charge(task.lane, task.client, seconds)

    # Who is next

    def _submit(self, task: Task, *, is_bounded: bool) -> None:
        if is_bounded and self._waiting and (dropped := self._waiting.make_room(task)) is not None:
            self._live.discard(dropped)
            dropped.reject(queue_full("all clients together have"))
        if not self._live:
            self._waiting.reset()
        self._live.add(task)
        self._waiting.add(task)
        self._dispatch()
        if task.phase is Phase.QUEUED and task.lane is Lane.CHEAP:
            for running in self._running:
                if running.lane is Lane.EXPENSIVE:
                    running.deadline.interrupt()

    def _dispatch(self) -> None:
        """Give free turns to those who are next."""
        while len(self._running) < self.limits.turns and (task := self._waiting.take(self._may_go)) is not None:
            is_paused = task.phase is Phase.PAUSED
            self._begin_turn(task)
            if is_paused:
                task.resumed.release()
            elif task.is_on_loop:
                task.begin_on_loop()
            else:
                self._threads.start(task)

    def _may_go(self, task: Task) -> bool:
        limits = self.limits
        if task.lane is Lane.EXPENSIVE and not task.is_begun and self._begun_count >= limits.expensive:
            return False
        if task.phase is Phase.PAUSED or task.is_on_loop:
            return True
        threads, released = self._threads, self._released[task.client]
        is_within = threads.count_of(task.client) - released < limits.threads_each and released < limits.released_each
        return is_within and threads.total < limits.threads

    def _begin_turn(self, task: Task) -> None:
        task.phase = Phase.RUNNING
        task.size = 0
        task.charged_at = task.looked_at = self._clock()
        self._running.add(task)
        if task.lane is Lane.EXPENSIVE:
            self._begin_expensive(task)

    def _begin_expensive(self, task: Task) -> None:
        if not task.is_begun:
            task.is_begun = True
            self._count_begun(1)

    def _count_begun(self, by: int) -> None:
        before, self._begun_count = self._begun_count, self._begun_count + by
        if self._on_expensive is not None and (before == 0 or self._begun_count == 0):
            self._on_expensive(self._begun_count > 0)

    def _end(self, task: Task) -> None:
        """End the turn of a task whose function has returned; its thread calls this under the lock."""
        self._leave_turn(task, self._clock(), Phase.DONE)
        self._live.discard(task)
        if task.is_begun:
            self._count_begun(-1)
        self._dispatch()

    # The event loop's part

    def _keep_ticking(self) -> None:
        loop = asyncio.get_running_loop()
        if self._ticking is not loop:
            self._ticking = loop
            loop.call_later(TICK_SECONDS, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take turns away from those that reach no checkpoint, and take out those that nobody waits for any more."""
        with self._lock:
            if not self._live:
                self._ticking = None
                return
            now = self._clock()
            if self._waiting:
                self._take_stalled_turns(now)
                self._end_waiting(now)
                self._dispatch()
            delayed = [task.deadline for task in self._live]
        for deadline in delayed:
            deadline.notify_of_delay()
        loop.call_later(TICK_SECONDS, self._tick, loop)

    def _take_stalled_turns(self, now: float) -> None:
        for task in [each for each in self._running if now - each.looked_at > STALL_SECONDS]:
            task.phase = Phase.STALLED
            self._running.discard(task)
            task.deadline.interrupt()

    def _end_waiting(self, now: float) -> None:
        for task in [each for each in self._waiting if each.deadline.is_exceeded()]:
            self._waiting.remove(task)
            if task.phase is Phase.QUEUED:
                self._live.discard(task)
                task.reject(deadline_exceeded())
            else:  # it ends at once, without a turn
                task.phase, task.charged_at = Phase.STALLED, now
                task.resumed.release()

    def _withdraw(self, task: Task) -> bool:
        """Take a task out; returns whether it is over, as it had not begun or has ended."""
        with self._lock:
            if task.phase is Phase.QUEUED and self._waiting.remove(task):
                self._live.discard(task)
                task.phase = Phase.DONE
            return task.phase is Phase.DONE
