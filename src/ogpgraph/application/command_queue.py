"""The queue of commands: what arrives while a group is being executed is the next group.

There is no thread of its own and no timer. Whoever finds nobody at work leads: it executes all that waits, itself
included. The others wait until they are settled, or have to lead the next group.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from ogpgraph.storage.waiting import waiting

T = TypeVar("T")


class _Place(Generic[T]):
    """A place in the queue, for one thread."""

    def __init__(self, item: T) -> None:
        self.item = item
        self.is_done = False
        self.woken = threading.Event()


class CommandQueue(Generic[T]):
    """Executes items in groups, in the order in which they came."""

    def __init__(self, execute_group: Callable[[Sequence[T]], None]) -> None:
        """Call `execute_group` for one group at a time; it settles every item, and raises nothing but interruptions."""
        self._execute_group = execute_group
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
        with self._lock:
            self._leader = threading.get_ident()
            group, self._waiting = self._waiting, []
        try:
            self._execute_group([place.item for place in group])
        finally:
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
