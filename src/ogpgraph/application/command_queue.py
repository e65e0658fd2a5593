"""The queue of commands: what arrives while a group is being executed is the next group.

There is no thread of its own. Whoever finds nobody at work leads: it executes all that waits, itself included. The
others wait until they are settled, or have to lead the next group. Beside busy readers, a leader waits a moment for
others to come: a group takes much less time from the readers than as many commands alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from ogpgraph.storage.waiting import waiting

T = TypeVar("T")

GATHER_SECONDS: Final = 0.01
"""How long a leader beside busy readers waits for other commands: reads become half again as many or more, and writes
a tenth fewer. With twice as long, writes become a third fewer."""
READS_PER_COMMAND: Final = 8
"""With more reads than these for each command, readers are busy. A command itself reads about four times."""


class _Place(Generic[T]):
    """A place in the queue, for one thread."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.is_done = False
        self.woken = threading.Event()


class CommandQueue(Generic[T]):
    """Executes items in groups, in the order in which they came."""

    def __init__(
        self,
        execute_group: Callable[[Sequence[T]], None],
        count_reads: Callable[[], int] = lambda: 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Call `execute_group` for one group at a time; it settles every item, and raises nothing but interruptions.

        `count_reads` tells how often readers have read in this process.
        """
        self._execute_group = execute_group
        self._count_reads = count_reads
        self._sleep = sleep
        self._are_readers_busy = False
        self._lock = threading.Lock()
        self._waiting: list[_Place[T]] = []
        self._leader: int | None = None

    def execute(self, item: T) -> None:
        """Execute an item with all that waits; returns once it is settled.

        Raises RuntimeError within `execute_group`, which would wait for itself.
        """
        place = _Place(item)
        with self._lock:
            if self._leader == threading.get_ident():
                raise RuntimeError("commands cannot execute commands of the same system")
            self._waiting.append(place)
            leads, self._leader = self._leader is None, self._leader or threading.get_ident()
        # For the leader, too: commands take turns here, one group at a time, and queries need not wait for them.
        with waiting():
            if not leads:
                place.woken.wait()
            if not place.is_done:
                self._lead()

    def _lead(self) -> None:
        if self._are_readers_busy:
            self._sleep(GATHER_SECONDS)
        with self._lock:
            self._leader = threading.get_ident()
            group, self._waiting = self._waiting, []
        reads = self._count_reads()
        try:
            self._execute_group([place.item for place in group])
        finally:
            self._are_readers_busy = self._count_reads() - reads > READS_PER_COMMAND * len(group)
            with self._lock:
                following = self._waiting[:1]
                # Whoever comes before the next leader has woken waits for it.
                self._leader = _NEXT if following else None
            for place in group:
                place.is_done = True
            for place in (*group, *following):
                place.woken.set()


_NEXT = -1
"""In place of a thread: the one that was woken to lead."""
