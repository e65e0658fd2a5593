"""Subscribers of the hub: the items pending for each of them, and why the server ends a stream.

A subscriber that reads too slowly fails alone: at MAX_PENDING items it is marked as failed, so neither the memory of
the process nor any other subscriber depends on it. Everything here runs on the event loop and awaits nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ogpgraph.error_code import ErrorCode
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.subscriptions import Subscription

BEGINNING: Final = Bookmark(0)
MAX_PENDING = 1_000
"""The number of items that may be pending for a subscriber; with more it fails as too slow."""


@dataclass(frozen=True, slots=True)
class StreamItem:
    """The encoded result for the entry at a bookmark's position.

    Without a payload it is a heartbeat: there is nothing more for the subscriber up to that position.
    """

    bookmark: Bookmark
    payload: bytes | None = None

    @property
    def position(self) -> int:
        """Return the position of the entry."""
        return self.bookmark.position


class FailureReason(NamedTuple):
    """The reason why the server ends a stream: the code and the message of an error."""

    code: ErrorCode
    message: str


TOO_SLOW: Final = FailureReason(RequestErrorCode.TOO_SLOW, "You read too slowly.")


class StreamFailed(Exception):
    """The server ends a stream. The client may resume after the last position that it was sent."""

    def __init__(self, reason: FailureReason, last: Bookmark) -> None:
        super().__init__(f"{reason.message} The last position you were sent is {last.position}.")
        self.code = reason.code
        self.last = last

    @property
    def extensions(self) -> dict[str, object]:
        """Return what a client needs besides the code: where to resume."""
        return {"position": self.last.position, "cursor": str(self.last)}


@dataclass(eq=False, slots=True)
class Channel:
    """The subscribers of one subscription, which all get the same payloads.

    Every entry up to `cursor` has been delivered to `subscribers`. `clients` are those of all subscribers, with their
    numbers, including the subscribers that are still being replayed. `is_due` while entries are being read for it.
    """

    subscription: Subscription
    cursor: int
    subscribers: set[Subscriber] = field(default_factory=set)
    clients: dict[Client, int] = field(default_factory=dict)
    is_due: bool = False

    def add_client(self, client: Client) -> None:
        """Count a subscriber of a client."""
        self.clients[client] = self.clients.get(client, 0) + 1

    def remove_client(self, client: Client) -> None:
        """Count a subscriber of a client no more."""
        self.clients[client] -= 1
        if not self.clients[client]:
            del self.clients[client]

    def next_payer(self) -> Client:
        """Return the client that pays for the next batch, which all share: each in turn. There has to be one."""
        payer = next(iter(self.clients))
        self.clients[payer] = self.clients.pop(payer)  # behind the others
        return payer


def _ignore_wake() -> None:
    """Do nothing: the subscriber polls."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """One client of a channel.

    It was sent everything up to `cursor`. Later items are in `pending`, and there is nothing else for it up to `until`.
    `wake` is called whenever that changes. A `direct_writer` is offered a single item first, together with `cursor`; it
    returns whether it wrote the item, which then never becomes pending.
    """

    channel: Channel
    client: Client
    cursor: Bookmark = BEGINNING
    until: Bookmark = BEGINNING
    wake: Callable[[], None] = _ignore_wake
    direct_writer: Callable[[StreamItem, Bookmark], bool] | None = None
    pending: deque[StreamItem] | None = None
    failure: FailureReason | None = None
    is_detached: bool = False

    def deliver(self, items: Sequence[StreamItem], until: Bookmark) -> None:
        """Write or enqueue the channel's next items; `until` is the position up to which they are complete."""
        if self.is_detached or self.failure:
            return
        if (
            self.direct_writer is not None
            and not self.pending
            and len(items) == 1
            and self.direct_writer(items[0], self.cursor)
        ):
            self.cursor, self.until = items[0].bookmark, until
            return
        if len(self.pending or ()) + len(items) > MAX_PENDING:
            self.fail(TOO_SLOW)
            return
        self.until = until
        self._enqueue(items)
        if items:
            self.wake()

    def fail(self, reason: FailureReason) -> None:
        """End the stream once the pending items have been taken."""
        if self.is_detached or self.failure:
            return
        self.failure = reason
        self.wake()

    def pop(self) -> StreamItem | None:
        """Return the next pending item, None if there is none; raises StreamFailed after the last one of a failure."""
        while self.pending:
            item = self.pending.popleft()
            if not self.pending:
                self.pending = None  # an empty deque takes 0.7 KB, for each of thousands of subscribers
            if item.bookmark > self.cursor:
                self.cursor = item.bookmark
                return item
        if self.failure:
            raise StreamFailed(self.failure, self.cursor)
        return None

    def _enqueue(self, items: Sequence[StreamItem]) -> None:
        if self.pending is None:
            self.pending = deque(items) if items else None
        else:
            self.pending.extend(items)


@dataclass(eq=False, slots=True)
class StreamCancellation:
    """Ends a stream from outside it; `code` is the error code that the client gets."""

    code: ErrorCode | None = None
    wake: Callable[[], None] = _ignore_wake

    def cancel(self, code: ErrorCode) -> None:
        """End the stream as soon as the event loop runs it."""
        self.code = code
        self.wake()
