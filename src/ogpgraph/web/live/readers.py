"""Those who follow: what each was told, what waits for it, and that one who is too slow hinders nobody else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ogpgraph.web.live.topics import Topic

WAITING = 1_000
"""How many entries may wait for one reader before it counts as too slow."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something to send: an entry's payload with its position; without a payload, only how far all is told."""

    position: int
    payload: bytes | None = None


class TooSlow(Exception):
    """A reader did not keep up; `position` is the last it was given."""

    def __init__(self, position: int) -> None:
        super().__init__(f"you read too slowly: the last position you were sent is {position}")
        self.position = position


@dataclass(eq=False, slots=True)
class Channel:
    """All who follow the same topic; told up to `cursor`. `users` counts those who replay, too."""

    topic: Topic
    cursor: int
    readers: set[Reader] = field(default_factory=set)
    users: int = 0


def _nobody() -> None:
    """Wake nobody: the reader looks by itself."""


@dataclass(eq=False, slots=True)
class Reader:
    """One who follows.

    It was sent everything up to `cursor`; what came to it since lies in `waiting`, and there is nothing else for it up
    to `until`. `wake` is called, in the event loop, whenever that changes. `straight`, where there is one, is offered a
    single item first, with `cursor`: it tells whether it has sent it, so that nothing has to wait.
    """

    channel: Channel
    cursor: int = 0
    until: int = 0
    wake: Callable[[], None] = _nobody
    straight: Callable[[Item, int], bool] | None = None
    waiting: deque[Item] | None = None
    is_too_slow: bool = False
    has_left: bool = False

    def give(self, items: Sequence[Item], until: int) -> None:
        """Let items wait for the reader, unless too many do."""
        if self.has_left or self.is_too_slow:
            return
        if self.straight is not None and not self.waiting and len(items) == 1 and self.straight(items[0], self.cursor):
            self.cursor, self.until = items[0].position, until
            return
        if len(self.waiting or ()) + len(items) > WAITING:
            self.is_too_slow = True
        else:
            self.until = until
            self._keep(items)
        if items:
            self.wake()

    def _keep(self, items: Sequence[Item]) -> None:
        if self.waiting is None:
            self.waiting = deque(items) if items else None
        else:
            self.waiting.extend(items)

    def take(self) -> Item | None:
        """Return the next item, None where nothing waits; raises TooSlow at the end of what could wait."""
        while self.waiting:
            item = self.waiting.popleft()
            if not self.waiting:
                self.waiting = None  # an empty one takes 0.7 KB, of everyone who keeps up
            if item.position > self.cursor:
                self.cursor = item.position
                return item
        if self.is_too_slow:
            raise TooSlow(self.cursor)
        return None


@dataclass(eq=False, slots=True)
class Ending:
    """Ends a stream from outside; `code` says why."""

    code: str | None = None
    wake: Callable[[], None] = _nobody

    def end(self, code: str) -> None:
        """Let the stream end."""
        self.code = code
        self.wake()
