"""The streams of the record in memory: when each began, and at which positions its entries are.

A table only grows: what it says about positions up to its head never changes. So readers at all positions share one,
while it is advanced. One thread at a time advances it; readers need no lock, and say up to which position they read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.readmodel.bitsets import Posting
from ogpgraph.readmodel.model_change import StreamVersion

_POSITION: Final = "i"
"""Positions have four bytes, as in the tables."""
_TYPE_SHIFT: Final = 27
_SLOT_MASK: Final = (1 << _TYPE_SHIFT) - 1
"""A stream has a number in which its slot follows the number of its type."""
_TYPE_NAMES: Final = tuple(AGGREGATE_TYPES)
_STREAM_BYTES: Final = 700
_ENTRY_BYTES: Final = 2 * 4


class TypeStreams:
    """The streams of one aggregate type. The slot of a stream is how many of the type began before it."""

    def __init__(self, number: int, entries: array[int]) -> None:
        self.number = number
        self._entries = entries
        self.ids: list[str] = []
        self.slots: dict[str, int] = {}
        self.first_positions = array(_POSITION)
        self.positions: list[array[int]] = []
        self.codes: list[str] = []
        """The present code of each slot."""
        self.code_changes: dict[int, list[tuple[int, str]]] = {}
        """Slot → each code with the position since which it holds, for streams that had several."""
        self.recodings = array(_POSITION)
        """The positions at which a stream got another code, in their order."""
        self.slots_of_code: dict[str, tuple[int, ...]] = {}
        """Code → the slots of the streams that have it, or had it at some position."""
        self.codeless: set[int] = set()
        """The slots that had no code at some position."""

    def count(self, position: int) -> int:
        """Return how many streams had begun at a position: these have the slots below that number."""
        return bisect_right(self.first_positions, position)

    def version_at(self, slot: int, position: int) -> int:
        """Return the position of the last entry of a stream up to a position, 0 before its first."""
        positions = self.positions[slot]
        number = bisect_right(positions, position)
        return positions[number - 1] if number else 0

    def versions_at(self, slots: Iterable[int], position: int) -> list[int]:
        """Return the positions of the last entries of some streams up to a position, 0 before the first of one."""
        positions, wanted = self.positions, list(slots)
        latest = [positions[slot][-1] for slot in wanted]
        if not latest or max(latest) <= position:
            return latest
        return [
            version if version <= position else self.version_at(slot, position)
            for slot, version in zip(wanted, latest, strict=True)
        ]

    def count_recodings(self, position: int) -> int:
        """Return how often streams had got other codes at a position: where that is the same, so are all codes."""
        return bisect_right(self.recodings, position)

    def code_at(self, slot: int, position: int) -> str:
        """Return the code of a stream at a position from its first on; empty where no list shows it."""
        present = self.codes[slot]  # read before the changes: if it is a later code, they say so
        changes = self.code_changes.get(slot)
        if changes is None:
            return present
        number = bisect_right(changes, position, key=_position_of)
        return changes[max(number, 1) - 1][1]

    def changed_slots(self, after: int, position: int) -> set[int]:
        """Return the slots of the streams that have an entry after one position and up to another."""
        numbers = set(self._entries[max(after, 0) + 1 : position + 1])
        return {number & _SLOT_MASK for number in numbers if number >> _TYPE_SHIFT == self.number}

    def recoded_slots(self, after: int, position: int) -> set[int]:
        """Return the slots of the streams that got another code after one position and up to another."""
        changes = list(self.code_changes.items())
        return {slot for slot, codes in changes if any(after < since <= position for since, _ in codes[1:])}

    def add(self, version: StreamVersion) -> int:
        """Add an entry that follows all others; returns the slot."""
        position, stream, _, code = version
        if (slot := self.slots.get(stream)) is None:
            slot = len(self.ids)
            self.ids.append(stream)
            self.positions.append(array(_POSITION))
            self.codes.append(code)
            self.first_positions.append(position)
            self._add_code(code, slot)
            self.slots[stream] = slot
        elif code != self.codes[slot]:
            first = (self.first_positions[slot], self.codes[slot])
            # A list that readers have is not changed, and the present code is replaced last.
            self.recodings.append(position)
            self.code_changes[slot] = [*self.code_changes.get(slot, [first]), (position, code)]
            self.codes[slot] = code
            self._add_code(code, slot)
        if not code:
            self.codeless.add(slot)
        self.positions[slot].append(position)
        return slot

    def load_stream(self, stream: str, positions: array[int], codes: list[tuple[int, str]]) -> int:
        """Add a stream that begins after all others, with its entries and each code with its first position.

        Returns the slot.
        """
        slot = self.slots[stream] = len(self.ids)
        self.ids.append(stream)
        self.first_positions.append(positions[0])
        self.positions.append(positions)
        self.codes.append(codes[-1][1])
        if len(codes) > 1:
            self.code_changes[slot] = codes
            for position, _ in codes[1:]:
                insort(self.recodings, position)
        for _, code in codes:
            if code:
                self._add_code(code, slot)
            else:
                self.codeless.add(slot)
        return slot

    def find_by_code(self, code: str, position: int) -> list[str]:
        """Return the streams that have a code at a position, the one that changed first before the others."""
        found = [
            slot
            for slot in self.slots_of_code.get(code, ())
            if self.first_positions[slot] <= position and self.code_at(slot, position) == code
        ]
        return [self.ids[slot] for slot in sorted(found, key=lambda each: self.version_at(each, position))]

    def _add_code(self, code: str, slot: int) -> None:
        if code and slot not in (known := self.slots_of_code.get(code, ())):
            self.slots_of_code[code] = (*known, slot)

    def size_bytes(self) -> int:
        """Return about how many bytes the streams take."""
        return _STREAM_BYTES * len(self.ids)


class StreamTable:
    """The streams of all types up to `position`, by their ids."""

    def __init__(self) -> None:
        self.position = 0
        self._entries = array(_POSITION, [-1])
        """The number of the stream of each entry, by position; none is at 0."""
        self._types = {name: TypeStreams(number, self._entries) for number, name in enumerate(AGGREGATE_TYPES)}
        self._by_number = list(self._types.values())
        self._of_no_type = TypeStreams(len(self._by_number), self._entries)
        self.type_names = _TYPE_NAMES

    def load_stream(self, aggregate_type: str, stream: str, positions: array[int], codes: list[tuple[int, str]]) -> int:
        """Add a stream as `TypeStreams.load_stream` does; returns its number. `load_entries` is to follow."""
        streams = self._types[aggregate_type]
        return streams.number << _TYPE_SHIFT | streams.load_stream(stream, positions, codes)

    def load_entries(self, numbers: bytes) -> None:
        """Set the numbers of the streams of all entries, four bytes each, once all streams are loaded."""
        self._entries.frombytes(numbers)
        self.position = len(self._entries) - 1

    def advance(self, versions: Iterable[StreamVersion]) -> None:
        """Add the entries that follow those so far, in order."""
        for version in versions:
            streams = self._types[version.aggregate_type]
            self._entries.append(streams.number << _TYPE_SHIFT | streams.add(version))
            self.position = version.position

    def of_type(self, aggregate_type: str) -> TypeStreams:
        """Return the streams of a type; none for a name that is no type's, as in what a client takes for an id."""
        return self._types.get(aggregate_type, self._of_no_type)

    def slot(self, stream: str) -> int | None:
        """Return the slot of a stream among those of its type; None for one that has not begun."""
        return self._of(stream).slots.get(stream)

    def stream_of_slot(self, aggregate_type: str, slot: int) -> str:
        """Return the stream that has a slot of a type."""
        return self.of_type(aggregate_type).ids[slot]

    def copy_numbers(self) -> array[int]:
        """Return the numbers of the streams of all entries, by position, as they are now."""
        return self._entries[:]

    def numbers_at(self, positions: Iterable[int]) -> frozenset[int]:
        """Return the numbers of the streams of the entries at some positions."""
        return frozenset(map(self._entries.__getitem__, positions))

    def changed_after(self, after: int, position: int) -> Sequence[int]:
        """Return the numbers of the streams that have an entry after one position and up to another."""
        return self._entries[after + 1 : position + 1]

    def stream_at(self, position: int) -> str:
        """Return the stream of the entry at a position; of the key of a stream, the stream."""
        number = self._entries[position]
        return self._by_number[number >> _TYPE_SHIFT].ids[number & _SLOT_MASK]

    def key(self, stream: str) -> int | None:
        """Return the key of a stream in the tables, which is the position of its first entry."""
        slot = self.slot(stream)
        return None if slot is None else self._of(stream).first_positions[slot]

    def count(self, aggregate_type: str, position: int) -> int:
        """Return how many streams of a type had begun at a position: these have the slots below that number."""
        return self.of_type(aggregate_type).count(position)

    def positions(self, stream: str, position: int) -> Sequence[int]:
        """Return the positions of the entries of a stream up to a position, in order."""
        slot = self.slot(stream)
        if slot is None:
            return ()
        positions = self._of(stream).positions[slot]
        return positions[: bisect_right(positions, position)]

    def all_positions(self, stream: str) -> Sequence[int]:
        """Return the positions of all entries of a stream that the table has, which may be past a reader's position."""
        slot = self.slot(stream)
        return () if slot is None else self._of(stream).positions[slot]

    def slots_of(self, keys: Iterable[int]) -> list[tuple[str, int]]:
        """Return the type and the slot of the stream that has each of some keys in the tables."""
        numbers = map(self._entries.__getitem__, keys)
        return [(_TYPE_NAMES[number >> _TYPE_SHIFT], number & _SLOT_MASK) for number in numbers]

    def streams_of(self, positions: Iterable[int]) -> list[str]:
        """Return the streams of the entries at some positions."""
        return [self.stream_at(position) for position in positions]

    def version_at(self, stream: str, position: int) -> int:
        """Return the position of the last entry of a stream up to a position, 0 before its first."""
        slot = self.slot(stream)
        return 0 if slot is None else self._of(stream).version_at(slot, position)

    def position_of(self, stream: str, revision: int) -> int | None:
        """Return the position of the entry that made a revision of a stream; None where there is none yet."""
        slot = self.slot(stream)
        positions = () if slot is None else self._of(stream).positions[slot]
        return positions[revision - 1] if 1 <= revision <= len(positions) else None

    def code_at(self, stream: str, position: int) -> str:
        """Return the code of a stream at a position; empty before its first entry, and where no list shows it."""
        streams = self._of(stream)
        slot = streams.slots.get(stream)
        if slot is None or streams.first_positions[slot] > position:
            return ""
        return streams.code_at(slot, position)

    def size_bytes(self) -> int:
        """Return about how many bytes the table takes."""
        return _ENTRY_BYTES * len(self._entries) + sum(streams.size_bytes() for streams in self._types.values())

    def _of(self, stream: str) -> TypeStreams:
        return self.of_type(aggregate_type_of(stream))


def _position_of(change: tuple[int, str]) -> int:
    return change[0]


class PostingReader:
    """Makes postings of the keys of streams, as `group_concat` gives them: the slots of the streams with these keys."""

    def __init__(self, streams: StreamTable) -> None:
        """Take the streams that the table has now."""
        self._numbers = streams.copy_numbers()
        self._array = np.frombuffer(self._numbers, dtype=np.int32)

    def read(self, keys: str) -> Iterator[tuple[str, Posting]]:
        """Yield the posting of each type of which there are streams."""
        if keys.isdigit():  # as of the values that only one stream has, which are most
            number = self._numbers[int(keys)]
            yield _TYPE_NAMES[number >> _TYPE_SHIFT], Posting(number & _SLOT_MASK, 1)
            return
        numbers = self._array[np.fromstring(keys, dtype=np.int32, sep=",")]
        types, slots = numbers >> _TYPE_SHIFT, numbers & _SLOT_MASK
        first, last = int(types.min()), int(types.max())
        if first == last:  # as nearly always
            yield _TYPE_NAMES[first], Posting.of_array(slots)
            return
        for each in range(first, last + 1):
            if (of_type := slots[types == each]).size:
                yield _TYPE_NAMES[each], Posting.of_array(of_type)
