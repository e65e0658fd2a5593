"""Those who follow: what each was told, what waits for it, and that one who is too slow hinders nobody else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ogpgraph.web.live.subscriptions import Subscription

MAX_PENDING = 1_000
"""How many entries may wait for one reader before it counts as too slow."""


@dataclass(frozen=True, slots=True)
class StreamItem:
    """Something to send: an entry's payload with its position; without a payload, only how far all is told."""

    position: int
    payload: bytes | None = None


class SubscriberTooSlow(Exception):
    """A reader did not keep up; `position` is the last it was given."""

    def __init__(self, position: int) -> None:
        super().__init__(f"you read too slowly: the last position you were sent is {position}")
        self.position = position


@dataclass(eq=False, slots=True)
class Channel:
    """All who follow the same topic; told up to `cursor`. `users` counts those who replay, too."""

    subscription: Subscription
    cursor: int
    subscribers: set[Subscriber] = field(default_factory=set)
    reference_count: int = 0


def _ignore_wake() -> None:
    """Wake nobody: the reader looks by itself."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One who follows.

    It was sent everything up to `cursor`; what came to it since lies in `waiting`, and there is nothing else for it up
    to `until`. `wake` is called, in the event loop, whenever that changes. `straight`, where there is one, is offered a
    single item first, with `cursor`: it tells whether it has sent it, so that nothing has to wait.
    """

    channel: Channel
    cursor: int = 0
    until: int = 0
    wake: Callable[[], None] = _ignore_wake
    direct_writer: Callable[[StreamItem, int], bool] | None = None
    pending: deque[StreamItem] | None = None
    is_too_slow: bool = False
    is_detached: bool = False

    def deliver(self, items: Sequence[StreamItem], until: int) -> None:
        """Let items wait for the reader, unless too many do."""
        if self.is_detached or self.is_too_slow:
            return
        if (
            self.direct_writer is not None
            and not self.pending
            and len(items) == 1
            and self.direct_writer(items[0], self.cursor)
        ):
            self.cursor, self.until = items[0].position, until
            return
        if len(self.pending or ()) + len(items) > MAX_PENDING:
            self.is_too_slow = True
        else:
            self.until = until
            self._enqueue(items)
        if items:
            self.wake()

    def _enqueue(self, items: Sequence[StreamItem]) -> None:
        if self.pending is None:
            self.pending = deque(items) if items else None
        else:
            self.pending.extend(items)

    def pop(self) -> StreamItem | None:
        """Return the next item, None where nothing waits; raises SubscriberTooSlow at the end of what could wait."""
        while self.pending:
            item = self.pending.popleft()
            if not self.pending:
                self.pending = None  # an empty one takes 0.7 KB, of everyone who keeps up
            if item.position > self.cursor:
                self.cursor = item.position
                return item
        if self.is_too_slow:
            raise SubscriberTooSlow(self.cursor)
        return None


@dataclass(eq=False, slots=True)
class StreamCancellation:
    """Ends a stream from outside; `code` says why."""

    code: str | None = None
    wake: Callable[[], None] = _ignore_wake

    def cancel(self, code: str) -> None:
        """Let the stream end."""
        self.code = code
        self.wake()
