"""The tasks that wait for their turn, in two lanes, and which of them is next.

Within a lane, it is that of the client that has used the least time (`fair_queue`). Cheap tasks go before expensive
ones, but leave a part of the time to them: after a burst of cheap ones, an expensive one has a quantum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

import msgspec

from ogpgraph.web.errors import queue_full
from ogpgraph.web.fair_queue import Client, FairQueue
from ogpgraph.web.task import Lane, Phase, Task

CHEAP_BURST_SECONDS: Final = 0.04
"""How long cheap tasks go first while an expensive one waits; then that one has a quantum."""


class WaitingLimits(msgspec.Struct, frozen=True):
    """How much may wait: numbers of tasks and the bytes that they hold, in total and of each client."""

    tasks: int = 2_048
    tasks_each: int = 256
    bytes: int = 64 << 20
    bytes_each: int = 8 << 20


class WaitingTasks:
    """The tasks that wait, and the time that those of each lane have used. Not thread-safe."""

    def __init__(self, limits: WaitingLimits) -> None:
        self._limits = limits
        self._cheap: FairQueue[Task] = FairQueue()
        self._expensive: FairQueue[Task] = FairQueue()
        self._lanes = {Lane.CHEAP: self._cheap, Lane.EXPENSIVE: self._expensive}
        self._cheap_seconds = 0.0
        """The time that cheap tasks had since an expensive one had a turn."""

    def __len__(self) -> int:
        return len(self._cheap) + len(self._expensive)

    def __iter__(self) -> Iterator[Task]:
        return chain(self._cheap, self._expensive)

    @property
    def has_cheap(self) -> bool:
        """Whether a cheap task waits."""
        return len(self._cheap) > 0

    @property
    def is_expensive_next(self) -> bool:
        """Whether an expensive task waits that goes before cheap ones."""
        return self._cheap_seconds >= CHEAP_BURST_SECONDS and len(self._expensive) > 0

    def is_before(self, lane: Lane, client: Client) -> bool:
        """Return whether the next task of a lane is of somebody who has used less time than a client."""
        return self._lanes[lane].is_before(client)

    def add(self, task: Task, *, first: bool = False) -> None:
        """Let a task wait behind those of its client in its lane, or before them."""
        self._lanes[task.lane].add(task, first=first)

    def remove(self, task: Task) -> bool:
        """Take a task out, wherever it is; returns whether it was there."""
        return self._lanes[task.lane].remove(task)

    def take(self, may_go: Callable[[Task], bool]) -> Task | None:
        """Take the task that is next; None if none may go."""
        if self.is_expensive_next and (task := self._expensive.take(may_go)) is not None:
            self._cheap_seconds = 0.0
            task.keeps_quantum = True
            return task
        task = self._cheap.take(may_go)
        if task is None:
            self._cheap_seconds = 0.0
            task = self._expensive.take(may_go)
        return task

    def charge(self, lane: Lane, client: Client, seconds: float) -> None:
        """Count the time that a task of a client used."""
        self._lanes[lane].charge(client, seconds)
        if lane is Lane.CHEAP:
            self._cheap_seconds += seconds

    def reset(self) -> None:
        """Forget the used time: nobody waits, and nobody is served."""
        for each in self._lanes.values():
            each.reset()

    def make_room(self, task: Task) -> Task | None:
        """Make room for a task; returns the one that was taken out for it, if any.

        Whoever has the most waiting makes room for the others.

        Raises:
            RequestRejected: if the client of the task, or all together, have too much waiting.
        """
        limits, client, lanes = self._limits, task.client, self._lanes.values()
        count, size = (sum(each) for each in zip(*(lane.load_of(client) for lane in lanes), strict=True))
        if count >= limits.tasks_each or (size and size + task.size > limits.bytes_each):
            raise queue_full("this client has")
        total_size = sum(lane.total_size for lane in lanes)
        if len(self) < limits.tasks and total_size + task.size <= limits.bytes:
            return None
        dropped = self._cheap.drop_from_longest(client, lambda each: each.phase is Phase.QUEUED)
        if dropped is None:
            raise queue_full("all clients together have")
        return dropped
