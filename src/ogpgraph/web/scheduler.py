"""The scheduler of a process: operations of all transports run in worker threads, but one at a time has the turn.

Python executes one thread at a time anyway; several that compute only slow each other down. So the one with the turn
computes, and hands it over at a checkpoint: after a quantum, or at once where something cheap waits. The next is of the
client that has used the least time (`fair_queue`). An operation is cheap if its cost is small, until it has run for
longer than that suggests; cheap ones go first, but leave a part of the time to the expensive ones.

An operation gives the turn up while it waits for something else (`released`). One that reaches no checkpoint for a
while is taken to be waiting, too: the next one gets the turn, and the former has to wait for it at its next checkpoint.
So a lock, a slow statement or a loop without checkpoints delays others, but never stops them.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, cast

import msgspec

from ogpgraph.web.deadline import Deadline
from ogpgraph.web.errors import deadline_exceeded, queue_full
from ogpgraph.web.fair_queue import Client, FairQueue
from ogpgraph.web.task import Lane, Phase, Task

T = TypeVar("T")
Inbox = SimpleQueue[Task]

QUANTUM_SECONDS: Final = 0.01
"""How long a task has the turn while others wait for it."""
CHEAP_COST: Final = 5_000
"""The largest cost of a cheap operation: about 50 ms of work."""
CHEAP_SECONDS: Final = 0.05
"""How long a task may have had the turn and still be a cheap one, whatever it was said to cost."""
CHEAP_BURST_SECONDS: Final = 0.04
"""How long cheap tasks go first while an expensive one waits; then that one has a quantum."""
STALL_SECONDS: Final = 0.04
"""The time without a checkpoint after which a task is taken to be waiting for something else."""
TICK_SECONDS: Final = 0.02
"""How often waiting tasks are looked through for those that nobody waits for any more."""
IDLE_SECONDS: Final = 10.0
"""How long a thread without work stays."""


def _do_nothing() -> None:
    """Compute nothing in a thread."""


class SchedulerLimits(msgspec.Struct, frozen=True):
    """The numbers of turns and threads, and how much may wait.

    A thread whose task has handed over its turn waits in the middle of it, with all that it holds. So a client has at
    most `threads_each`, and of the expensive tasks, which may hold a connection to the database, only so many have
    begun. What waits is bounded by number and bytes, for each client and in total.
    """

    turns: int = 1
    threads: int = 128
    threads_each: int = 4
    expensive: int = 6
    waiting: int = 2_048
    waiting_each: int = 256
    waiting_bytes: int = 64 << 20
    waiting_bytes_each: int = 8 << 20


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
        self._cheap: FairQueue[Task] = FairQueue()
        self._expensive: FairQueue[Task] = FairQueue()
        self._lanes = {Lane.CHEAP: self._cheap, Lane.EXPENSIVE: self._expensive}
        self._live: set[Task] = set()
        self._running: set[Task] = set()
        self._threads: dict[Client, int] = {}
        self._thread_count = 0
        self._begun_count = 0
        self._cheap_seconds = 0.0
        """The time that cheap tasks had since an expensive one had a turn."""
        self._idle: list[Inbox] = []
        self._ticking: asyncio.AbstractEventLoop | None = None

    @property
    def waiting(self) -> int:
        """Return how many tasks wait for their turn."""
        return len(self._cheap) + len(self._expensive)

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
        if cost > CHEAP_COST:
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
            return not self._is_expensive_next() and not self._cheap.is_before(client)

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
            self._cheap.charge(client, seconds)
            self._cheap_seconds += seconds

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
            self._dispatch()

    def resume(self, task: Task) -> None:
        """Wait for the turn again."""
        with self._lock:
            is_paused = self._pause(task, self._clock(), is_first=True)
        if is_paused:
            task.resumed.acquire()

    def _pause(self, task: Task, now: float, *, is_first: bool) -> bool:
        """Have a task wait before the others of its client, or behind them; returns whether it has to."""
        self._leave_turn(task, now, Phase.PAUSED)
        if task.lane is Lane.CHEAP and task.used_seconds >= CHEAP_SECONDS:
            task.lane = Lane.EXPENSIVE
            self._begin_expensive(task)
        if not self.waiting and len(self._running) < self.limits.turns and self._may_go(task):
            self._begin_turn(task)
            return False
        self._lanes[task.lane].add(task, first=is_first)
        self._dispatch()
        return True

    def _leave_turn(self, task: Task, now: float, phase: Phase) -> None:
        if task.phase in (Phase.RUNNING, Phase.STALLED):
            self._charge(task, now)
        self._running.discard(task)
        task.phase = phase

    def _is_due(self, task: Task, now: float) -> bool:
        """Return whether a task with the turn has to hand it over."""
        if not self.waiting:
            return False
        is_cheap = task.lane is Lane.CHEAP
        if not is_cheap and not task.keeps_quantum and self._cheap:
            return True
        if now - task.charged_at < QUANTUM_SECONDS:
            return False
        self._charge(task, now)
        task.keeps_quantum = False
        if is_cheap and (task.used_seconds >= CHEAP_SECONDS or self._is_expensive_next()):
            return True
        return (not is_cheap and len(self._cheap) > 0) or self._lanes[task.lane].is_before(task.client)

    def _charge(self, task: Task, now: float) -> None:
        seconds, task.charged_at = now - task.charged_at, now
        task.used_seconds += seconds
        self._lanes[task.lane].charge(task.client, seconds)
        if task.lane is Lane.CHEAP:
            self._cheap_seconds += seconds

    # Who is next

    def _submit(self, task: Task, *, is_bounded: bool) -> None:
        if is_bounded and self.waiting:
            self._make_room(task)
        queue = self._lanes[task.lane]
        if not self._live:
            for each in self._lanes.values():
                each.reset()
        self._live.add(task)
        queue.add(task)
        self._dispatch()
        if task.phase is Phase.QUEUED and task.lane is Lane.CHEAP:
            for running in self._running:
                if running.lane is Lane.EXPENSIVE:
                    running.deadline.interrupt()

    def _make_room(self, task: Task) -> None:
        """Raise RequestRejected if the client of a task, or all together, have too much waiting.

        Whoever has the most makes room for the others.
        """
        limits, client, lanes = self.limits, task.client, self._lanes.values()
        count, size = (sum(each) for each in zip(*(lane.load_of(client) for lane in lanes), strict=True))
        if count >= limits.waiting_each or (size and size + task.size > limits.waiting_bytes_each):
            raise queue_full("this client has")
        total_size = sum(lane.total_size for lane in lanes)
        if self.waiting < limits.waiting and total_size + task.size <= limits.waiting_bytes:
            return
        dropped = self._cheap.drop_from_longest(client, lambda each: each.phase is Phase.QUEUED)
        if dropped is None:
            raise queue_full("all clients together have")
        self._live.discard(dropped)
        dropped.reject(queue_full("all clients together have"))

    def _dispatch(self, inbox: Inbox | None = None) -> Task | None:
        """Give free turns to those who are next. Returns the one that the worker of `inbox` is to run, if any."""
        own: Task | None = None
        while len(self._running) < self.limits.turns and (task := self._take_next()) is not None:
            is_paused = task.phase is Phase.PAUSED
            self._begin_turn(task)
            if is_paused:
                task.resumed.release()
                continue
            if task.is_on_loop:
                task.begin_on_loop()
                continue
            self._count_thread(task.client, 1)
            if inbox is not None and own is None:
                own = task
            elif self._idle:
                self._idle.pop().put(task)
            else:
                self._start_thread(task)
        return own

    def _take_next(self) -> Task | None:
        if self._is_expensive_next() and (task := self._expensive.take(self._may_go)) is not None:
            self._cheap_seconds = 0.0
            task.keeps_quantum = True
            return task
        task = self._cheap.take(self._may_go)
        if task is None:
            self._cheap_seconds = 0.0
            task = self._expensive.take(self._may_go)
        return task

    def _is_expensive_next(self) -> bool:
        return self._cheap_seconds >= CHEAP_BURST_SECONDS and len(self._expensive) > 0

    def _may_go(self, task: Task) -> bool:
        limits = self.limits
        if task.lane is Lane.EXPENSIVE and not task.is_begun and self._begun_count >= limits.expensive:
            return False
        if task.phase is Phase.PAUSED or task.is_on_loop:
            return True
        return self._threads.get(task.client, 0) < limits.threads_each and self._thread_count < limits.threads

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

    # Worker threads

    def _start_thread(self, task: Task) -> None:
        inbox: Inbox = SimpleQueue()
        inbox.put(task)
        threading.Thread(target=self._work, args=(inbox,), name="operations", daemon=True).start()

    def _count_thread(self, client: Client, by: int) -> None:
        self._thread_count += by
        self._threads[client] = count = self._threads.get(client, 0) + by
        if not count:
            del self._threads[client]

    def _work(self, inbox: Inbox) -> None:
        while True:
            try:
                task: Task | None = inbox.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if inbox in self._idle:
                        self._idle.remove(inbox)
                        return
                continue  # it was just given something to do
            while task is not None:
                task.run()
                task = self._finish(task, inbox)

    def _finish(self, task: Task, inbox: Inbox) -> Task | None:
        """End the turn of a task; returns the next one for the same thread, if there is one."""
        with self._lock:
            self._leave_turn(task, self._clock(), Phase.DONE)
            self._live.discard(task)
            self._count_thread(task.client, -1)
            if task.is_begun:
                self._count_begun(-1)
            following = self._dispatch(inbox)
            if following is None:
                self._idle.append(inbox)
            return following

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
            if self.waiting:
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
        for queue in self._lanes.values():
            for task in [each for each in queue if each.deadline.is_exceeded()]:
                queue.remove(task)
                if task.phase is Phase.QUEUED:
                    self._live.discard(task)
                    task.reject(deadline_exceeded())
                else:  # it ends at once, without a turn
                    task.phase, task.charged_at = Phase.STALLED, now
                    task.resumed.release()

    def _withdraw(self, task: Task) -> bool:
        """Take a task out; returns whether it is over, as it had not begun or has ended."""
        with self._lock:
            if task.phase is Phase.QUEUED and self._lanes[task.lane].remove(task):
                self._live.discard(task)
                task.phase = Phase.DONE
            return task.phase is Phase.DONE
