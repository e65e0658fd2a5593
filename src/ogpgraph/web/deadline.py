"""The deadline of an operation, which is also its checkpoint: where it may be stopped, or hand its turn over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from ogpgraph.readmodel.session import ReadSession

MAX_RESPONSE_BYTES: Final = 16 << 20
LOOK_SECONDS: Final = 0.005
"""How often a checkpoint does more than to look at the clock."""


class OperationCancelled(BaseException):
    """Unwinds an operation that has to stop.

    Not an `Exception`: resolvers and the executor may catch those, and would go on.
    """


class ResultTooLarge(OperationCancelled):
    """Unwinds an operation whose texts alone exceed the limit of responses."""


class Turn(Protocol):
    """The right to compute, which operations have in turns: see `scheduler`."""

    def checkpoint(self) -> bool:
        """Hand the turn over where that is due, and wait for the next one; returns whether it was."""

    def declare_cost(self, cost: int) -> None:
        """Say what the rest of the operation may cost, and wait behind cheaper ones if it is expensive."""

    def released(self) -> AbstractContextManager[None]:
        """Give the turn up until the end of the context."""


class _EndlessTurn:
    """The turn of an operation that shares the process with no other one."""

    def checkpoint(self) -> bool:
        return False

    def declare_cost(self, cost: int) -> None:
        pass

    def released(self) -> AbstractContextManager[None]:
        return nullcontext()


ENDLESS_TURN: Final = _EndlessTurn()


class Deadline:
    """Decides whether an operation has to stop, and when it hands over its turn; it begins with the deadline.

    It also bounds the texts of a result, which cost nothing but memory and may be repeated: `max_characters`.

    The executor calls it for each object, and so do loops over many items, by `check`; SQLite calls `is_over` every few
    thousand steps of a statement. `clock` gives seconds that never go back. Other threads may call `cancel` and
    `interrupt`. `on_delay` is called once, on the event loop, if the operation is not done after a moment.
    """

    def __init__(
        self,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_characters: int = MAX_RESPONSE_BYTES,
    ) -> None:
        self.seconds = seconds
        self.max_characters = self._characters_left = max_characters
        self.is_cancelled = False
        self.is_disabled = False
        self.object_count = 0
        self.turn: Turn = ENDLESS_TURN
        self.on_delay: Callable[[], None] | None = None
        self._clock = clock
        self._look_at = now = clock()
        self._until = now + seconds
        self._session: ReadSession | None = None

    def __call__(self) -> None:
        """Count an object; raises OperationCancelled if the operation has to stop."""
        self.object_count += 1
        if (now := self._clock()) >= self._look_at:
            self._look(now)

    def count_objects(self, number: int) -> None:
        """Count objects that were not made; raises OperationCancelled if the operation has to stop."""
        self.object_count += number
        self.check()

    def check(self) -> None:
        """Hand the turn over where that is due; raises OperationCancelled if the operation has to stop."""
        if (now := self._clock()) >= self._look_at:
            self._look(now)

    def is_over(self) -> bool:
        """Hand the turn over where that is due; returns whether the operation has to stop."""
        self.turn.checkpoint()
        return self.is_exceeded()

    def is_exceeded(self) -> bool:
        """Return whether the operation has to stop."""
        return self._is_exceeded_at(self._clock())

    def cancel(self) -> None:
        """Have the operation stop: nobody wants its result any more."""
        self.is_cancelled = True
        self.interrupt()

    def interrupt(self) -> None:
        """Have the next check look whether the turn has to be handed over."""
        self._look_at = float("-inf")

    def notify_of_delay(self) -> None:
        """Call `on_delay`, once."""
        if (on_delay := self.on_delay) is not None:
            self.on_delay = None
            on_delay()

    def restart(self) -> None:
        """Give the next operation of the same session the whole time again."""
        self._look_at = now = self._clock()
        self._until = now + self.seconds
        self.object_count = 0
        self._characters_left = self.max_characters

    def limit(self, seconds: float, clock: Callable[[], float]) -> None:
        """Have it pass after so many seconds, by a clock, from the next `restart` on."""
        self.seconds, self._clock = seconds, clock

    def apply_to(self, session: ReadSession) -> None:
        """Have the loops of a session call `check`, and the database cancel its statements at the deadline.

        It is set once for each session: on PostgreSQL that is a round trip, too slow for each of thousands of entries.
        """
        if session is not self._session:
            session.set_deadline(self.is_over, self.seconds)
            session.checkpoint = self.check
            session.count_characters = self.count_characters
            self._session = session

    def count_characters(self, number: int) -> None:
        """Count the characters of a text in the result; raises ResultTooLarge if there are too many."""
        self._characters_left -= number
        if self._characters_left < 0:
            raise ResultTooLarge

    def _look(self, now: float) -> None:
        # An interruption that comes from here on is noticed by the next check.
        self._look_at = min(self._until, now + LOOK_SECONDS)
        if self._is_exceeded_at(now) or (self.turn.checkpoint() and self.is_exceeded()):
            raise OperationCancelled

    def _is_exceeded_at(self, now: float) -> bool:
        return (self.is_cancelled or now > self._until) and not self.is_disabled


def endless_deadline() -> Deadline:
    """Return the deadline of something that may wait for its turn as long as it takes, but can be cancelled."""
    return Deadline(math.inf)
