"""Kept responses: the data of queries, each for as long as it says what would be read now.

A response is right at the state of the model that it was read at. It is right at a later one, too, if nothing has
changed that it was read from: the present versions of some things, and which things have some tags. So whoever reads
notes these (`Reads`), and whether one may be used again is found in a few microseconds, without reading anything. What
is read at a position before the head never changes, and need not be noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from ogpgraph.readmodel.index import Dimensions
from ogpgraph.readmodel.index_cache import PresentIndexes
from ogpgraph.storage.byte_cache import ByteCache

MAX_RESPONSE_BYTES: Final = 96 * 2**20
"""About how much memory all kept responses take; those used least recently are dropped."""
_LARGEST_SHARE: Final = 32
_BYTES_PER_RESPONSE: Final = 500
_BYTES_PER_READ: Final = 60
MAX_ENTRIES: Final = 2_000
"""After so many entries it is not looked whether something has changed."""


class RecordVersion(NamedTuple):
    """What a response depends on besides the request and the entries: the log, its removed texts, and the rules."""

    log_id: str
    redaction_version: int
    projection_version: int


class View(Protocol):
    """A snapshot: what is read at a position and, where `date` is one, as of a day."""

    @property
    def position(self) -> int:
        """The position."""

    @property
    def date(self) -> object:
        """The day; None for all that was stated."""


class State(Protocol):
    """A state of the model in memory."""

    @property
    def position(self) -> int:
        """The position of its newest entry."""

    @property
    def indexes(self) -> PresentIndexes:
        """The tags of all things there."""


class Reads:
    """What a response is read from at the head of its session. It `is_complete` unless something is not known.

    `versions` are those of the things that are shown, by their positions; `dimensions` decide which things these are.
    """

    __slots__ = ("_head", "dimensions", "is_complete", "versions")

    def __init__(self, head: int) -> None:
        self._head = head
        self.is_complete = True
        self.versions: list[int] = []
        self.dimensions: set[tuple[str, str]] = set()

    def note_versions(self, view: View, versions: Iterable[int]) -> None:
        """Note that the present versions of some things are read."""
        if view.position == self._head:
            self.versions += versions

    def note_dimensions(self, view: View, dimensions: Dimensions | None) -> None:
        """Note which dimensions decide what is read, None where these are not known."""
        if view.position != self._head:
            return
        if dimensions is None or view.date is not None:  # changes as of a day are not remembered
            self.is_complete = False
        else:
            self.dimensions |= dimensions

    def give_up(self) -> None:
        """Note that something is read of which it is not known when it changes."""
        self.is_complete = False


class KeptData(msgspec.Struct, kw_only=True):
    """The data of a response as JSON, with the objects and the characters that each use of it counts as.

    It was read in `record_version`, and is right at `position`; if it `is_fixed`, at all later ones, too. Otherwise,
    if it `is_followed`, it is right as long as no stream of `streams` has another entry, and no dimension of
    `dimensions` changes. The streams are named by their numbers.
    """

    data: bytes
    objects: int
    characters: int
    record_version: RecordVersion
    position: int
    is_fixed: bool = False
    is_followed: bool = False
    streams: frozenset[int] = frozenset()
    dimensions: Sequence[tuple[str, str]] = ()

    def holds_at(self, state: State) -> bool:
        """Return whether it is what is read at a state of the same history, which it is moved to if that is later."""
        distance = state.position - self.position
        if distance <= 0 or self.is_fixed:
            return distance >= 0
        if not self.is_followed or distance > MAX_ENTRIES or self._has_changed(state):
            return False
        self.position = state.position
        return True

    def _has_changed(self, state: State) -> bool:
        if not self.streams.isdisjoint(state.indexes.streams.changed_after(self.position, state.position)):
            return True
        index_of, position = state.indexes.of_type, self.position
        return any(index_of(name).version(dimension) > position for name, dimension in self.dimensions)


def _size_of(kept: KeptData) -> int:
    reads = len(kept.streams) + len(kept.dimensions)
    return _BYTES_PER_RESPONSE + len(kept.data) + _BYTES_PER_READ * reads


class KeptResponses(ByteCache[int, KeptData]):
    """The responses that were read from one history of a log, by the numbers of requests. Threads may use it at once.

    A response that does not hold any more is replaced when it was read anew.
    """

    def __init__(self, max_bytes: int = MAX_RESPONSE_BYTES) -> None:
        super().__init__(max_bytes, _size_of, _LARGEST_SHARE)

    def find(self, number: int, state: State, record_version: RecordVersion) -> KeptData | None:
        """Return the response to a request at a state of this history; None if it has to be read."""
        kept = self.get(number)
        return kept if kept is not None and kept.record_version == record_version and kept.holds_at(state) else None
