"""The threads that run tasks: as many as run at once, each of which stays for a while when it has none."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from ogpgraph.web.fair_queue import Client
from ogpgraph.web.task import Task

IDLE_SECONDS: Final = 10.0
"""How long a thread without work stays."""


class WorkerThreads:
    """Threads of tasks, counted by client. Whoever calls a method holds `lock`.

    A thread calls `end` under the lock, too, when the function of a task has returned: it may start the next one.
    """

    def __init__(self, lock: threading.Lock, end: Callable[[Task], None]) -> None:
        self._lock = lock
        self._end = end
        self._counts: dict[Client, int] = {}
        self._idle: list[SimpleQueue[Task]] = []
        self.total = 0
        """How many threads have a task."""

    def count_of(self, client: Client) -> int:
        """Return how many threads have a task of a client."""
        return self._counts.get(client, 0)

    def start(self, task: Task) -> None:
        """Run a task in a thread that has none, the last that had one, or in a new one."""
        self._count(task.client, 1)
        if self._idle:
            self._idle.pop().put(task)
            return
        inbox: SimpleQueue[Task] = SimpleQueue()
        inbox.put(task)
        threading.Thread(target=self._work, args=(inbox,), name="operations", daemon=True).start()

    def _work(self, inbox: SimpleQueue[Task]) -> None:
        while True:
            try:
                task = inbox.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if inbox in self._idle:
                        self._idle.remove(inbox)
                        return
                continue  # it was just given something to do
            task.run()
            with self._lock:
                self._count(task.client, -1)
                self._idle.append(inbox)  # so that what is started next goes on in this thread
                self._end(task)
            del task  # which would be kept until the next one

    def _count(self, client: Client, by: int) -> None:
        self.total += by
        self._counts[client] = count = self._counts.get(client, 0) + by
        if not count:
            del self._counts[client]
