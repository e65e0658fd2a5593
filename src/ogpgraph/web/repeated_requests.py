"""Requests whose bytes came before: what these say is known, so they are not parsed again.

A client that asks the same again and again sends the same bytes. What is remembered of them is what the server's parser
made of them. How they are answered is found out anew each time.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, NamedTuple

from starlette.types import Scope

MAX_REPEATED_BYTES: Final = 8 << 20
"""About what all remembered requests take. If that is not enough, all are forgotten: they are soon known again."""
LONGEST: Final = 20_000
"""Longer requests are not remembered."""
_BYTES_PER_REQUEST: Final = 4_000
_COPIES: Final = 3
"""The bytes of a request are kept as they came, as headers, and as a body."""


class ReceivedBytes(NamedTuple):
    """The bytes of one request, and what else of its connection decides what they mean."""

    data: bytes
    client: Hashable
    server: Hashable
    scheme: str | None


class RepeatedRequest(NamedTuple):
    """What the parser made of the bytes of a request. The scope is shared, and has nothing of one connection."""

    scope: Scope
    body: bytes


class RepeatedRequests:
    """The requests that were answered at once, by their bytes. Used on one event loop."""

    def __init__(self, max_bytes: int = MAX_REPEATED_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._requests: dict[ReceivedBytes, RepeatedRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def get(self, received: ReceivedBytes) -> RepeatedRequest | None:
        """Return what some bytes say, if that is known."""
        return self._requests.get(received)

    def add(self, received: ReceivedBytes, scope: Scope, body: bytes) -> None:
        """Remember what some bytes say."""
        if received in self._requests:
            return
        self._bytes += _BYTES_PER_REQUEST + _COPIES * len(received.data)
        if self._bytes > self._max_bytes:
            self._requests.clear()
            self._bytes = _BYTES_PER_REQUEST + _COPIES * len(received.data)
        shared = {key: value for key, value in scope.items() if key not in ("state", "extensions")}
        self._requests[received] = RepeatedRequest(shared, body)
