"""The memory that clients may make the server hold: of bodies while they arrive, of responses until they are read.

A response may be read, and a body sent, as slowly as the timeouts permit, over as many connections as a client likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self

import msgspec

from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import QUEUE_RETRY_SECONDS, RequestRejected


class HoldLimits(msgspec.Struct, frozen=True):
    """The bytes that are held for all clients and for each of them; `share` is admitted to each in any case."""

    total: int = 96 << 20
    each: int = 32 << 20
    share: int = 1 << 20

    @classmethod
    def for_messages(cls, max_bytes: int) -> Self:
        """Return limits that admit two of the largest requests or responses of a client, and six of all."""
        return cls(6 * max_bytes, 2 * max_bytes)


DEFAULT_LIMITS: Final = HoldLimits()


class HeldBytes:
    """Counts the bytes that are held for clients. Used on one event loop."""

    def __init__(self, limits: HoldLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._held: dict[str, int] = {}
        self.total = 0

    @contextmanager
    def hold(self, client: str) -> Iterator[Holding]:
        """Return what is held for one request of a client, until the end of the context."""
        holding = Holding(self, client)
        try:
            yield holding
        finally:
            holding.release()

    def add(self, client: str, count: int) -> None:
        """Count bytes of a client; raises RequestRejected (503), with nothing counted, if there are too many."""
        held, limits = self._held.get(client, 0) + count, self._limits
        if held > limits.each:
            raise _too_much("this client has")
        if held > limits.share and self.total + count > limits.total:
            raise _too_much("all clients together have")
        self._held[client] = held
        self.total += count

    def remove(self, client: str, count: int) -> None:
        """Stop counting bytes of a client."""
        self.total -= count
        self._held[client] -= count
        if not self._held[client]:
            del self._held[client]


class Holding:
    """The bytes that are held for one request and its response."""

    def __init__(self, held: HeldBytes, client: str) -> None:
        self._held = held
        self._client = client
        self._count = 0

    def add(self, count: int) -> None:
        """Hold some more; raises RequestRejected as `HeldBytes.add` does."""
        if count:
            self._held.add(self._client, count)
            self._count += count

    def release(self) -> None:
        """Hold nothing any more."""
        if self._count:
            self._held.remove(self._client, self._count)
            self._count = 0


def _too_much(who: str) -> RequestRejected:
    return RequestRejected(
        RequestErrorCode.QUEUE_FULL,
        f"The server is busy: {who} as many bytes of requests and responses under way as may be.",
        headers={"Retry-After": str(QUEUE_RETRY_SECONDS), "Connection": "close"},
    )
