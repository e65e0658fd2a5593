"""Kept responses: the data of queries, each for as long as it says what would be read now.

A response that was read at one state of the model is right at that state. One that names the positions that it reads is
right at all later ones, too. Who may use one is found without reading anything, in a few microseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from ogpgraph.storage.byte_cache import ByteCache

if TYPE_CHECKING:
    from ogpgraph.readmodel.model import ModelState

MAX_RESPONSE_BYTES: Final = 96 * 2**20
"""About how much memory all kept responses take; those used least recently are dropped."""
_LARGEST_SHARE: Final = 32
_BYTES_PER_RESPONSE: Final = 500


class Origin(NamedTuple):
    """What a response depends on besides the request and the entries: the log, its removed texts, and the rules."""

    log_id: str
    redaction_version: int
    projection_version: int


class KeptData(msgspec.Struct, kw_only=True):
    """The data of a response as JSON, with the objects and the characters that each use of it counts as.

    It was read from `origin`, at the state of the model at `position`. If it `is_fixed`, it is right from that position
    on, otherwise at it alone.
    """

    data: bytes
    objects: int
    characters: int
    origin: Origin
    position: int
    is_fixed: bool = False

    def holds_at(self, state: ModelState) -> bool:
        """Return whether it is what is read at a state of the same history."""
        return self.position == state.position or (self.is_fixed and self.position < state.position)


def _size_of(kept: KeptData) -> int:
    return _BYTES_PER_RESPONSE + len(kept.data)


class KeptResponses(ByteCache[int, KeptData]):
    """The responses that were read from one history of a log, by the numbers of requests. Threads may use it at once.

    A response that does not hold any more is replaced when it was read anew.
    """

    def __init__(self, max_bytes: int = MAX_RESPONSE_BYTES) -> None:
        super().__init__(max_bytes, _size_of, _LARGEST_SHARE)

    def find(self, number: int, state: ModelState, origin: Origin) -> KeptData | None:
        """Return the response to a request at a state of this history; None if it has to be read."""
        kept = self.get(number)
        return kept if kept is not None and kept.origin == origin and kept.holds_at(state) else None
