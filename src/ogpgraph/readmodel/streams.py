"""The streams of the record in memory: when each began, and at which positions its entries are.

A table only grows: what it says about positions up to its head never changes. So readers at all positions share one,
while it is advanced. One thread at a time advances it; readers need no lock, and say up to which position they read.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import compress, count
from typing import Final

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.readmodel.model_change import StreamVersion
from ogpgraph.storage.database import Transaction

_POSITION: Final = "i"
"""Positions have four bytes, as in the tables."""
_SELECT_STREAMS = (
    "select s.key, s.aggregate_type, s.id, group_concat(e.position) as positions from stream s "
    "join entry e on e.stream = s.key where s.key <= :at and e.position <= :at "
    "group by s.key, s.aggregate_type, s.id order by s.key"
)
_SELECT_CODES = "select stream, since, code from stream_code where since <= :at order by stream, since"


class TypeStreams:
    """The streams of one aggregate type. The slot of a stream is how many of the type began before it."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.slots: dict[str, int] = {}
        self.first_positions = array(_POSITION)
        self.positions: list[array[int]] = []
        self.codes: list[str] = []
        """The present code of each slot."""
        self.code_changes: dict[int, list[tuple[int, str]]] = {}
        """Slot → each code with the position since which it holds, for streams that had several."""
        self.entry_positions = array(_POSITION)
        self.entry_slots = array(_POSITION)
        """The entries of the type, in order: at `entry_positions[n]` that of `entry_slots[n]`."""
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

    def code_at(self, slot: int, position: int) -> str:
        """Return the code of a stream at a position from its first on; empty where no list shows it."""
        present = self.codes[slot]  # read before the changes: if it is a later code, they say so
        changes = self.code_changes.get(slot)
        if changes is None:
            return present
        number = bisect_right(changes, position, key=_position_of)
        return changes[max(number, 1) - 1][1]

    def count_entries(self, after: int, position: int) -> int:
        """Return how many entries of the type there are after one position and up to another."""
        return bisect_right(self.entry_positions, position) - bisect_right(self.entry_positions, after)

    def changed_slots(self, after: int, position: int) -> set[int]:
        """Return the slots of the streams that have an entry after one position and up to another."""
        begin, end = (bisect_right(self.entry_positions, each) for each in (after, position))
        return set(self.entry_slots[begin:end])

    def add(self, version: StreamVersion) -> int:
        """Add an entry that follows all others; returns the slot."""
        position, stream, _, code = version
        if (slot := self.slots.get(stream)) is None:
            slot = len(self.ids)
            self.ids.append(stream)
            self.positions.append(array(_POSITION))
            self.codes.append(code)
            self.slots[stream] = slot
            self.first_positions.append(position)
        elif code != self.codes[slot]:
            first = (self.first_positions[slot], self.codes[slot])
            # A list that readers have is not changed, and the present code is replaced last.
            self.code_changes[slot] = [*self.code_changes.get(slot, [first]), (position, code)]
            self.codes[slot] = code
        if not code:
            self.codeless.add(slot)
        self.positions[slot].append(position)
        self.entry_slots.append(slot)
        self.entry_positions.append(position)
        return slot

    def load_stream(self, stream: str, positions: list[int], codes: list[tuple[int, str]]) -> int:
        """Add a stream that begins after all others, with its entries so far and each code with its first position.

        `load_entries` has to follow. Returns the slot.
        """
        slot = self.slots[stream] = len(self.ids)
        self.ids.append(stream)
        self.first_positions.append(positions[0])
        self.positions.append(array(_POSITION, positions))
        self.codes.append(codes[-1][1])
        if len(codes) > 1:
            self.code_changes[slot] = codes
        if not all(code for _, code in codes):
            self.codeless.add(slot)
        return slot

    def load_entries(self, types: array[int], slots: array[int], number: int) -> None:
        """Set the entries, from the numbers of the types and the slots of all entries; the type has a number."""
        is_own = [each == number for each in types]
        self.entry_positions = array(_POSITION, compress(count(1), is_own))
        self.entry_slots = array(_POSITION, compress(slots, is_own))

    def size_bytes(self) -> int:
        """Return about how many bytes the streams take."""
        return _STREAM_BYTES * len(self.ids) + _ENTRY_BYTES * len(self.entry_positions)


_STREAM_BYTES: Final = 400
_ENTRY_BYTES: Final = 3 * 4


class StreamTable:
    """The streams of all types up to `position`, by their ids."""

    def __init__(self) -> None:
        self.position = 0
        self._types: dict[str, TypeStreams] = {}
        self.type_names: list[str] = []
        self._entry_types = array("B")
        self._entry_slots = array(_POSITION)

    @classmethod
    def load(cls, transaction: Transaction, position: int) -> StreamTable:
        """Return the streams at a position, read from the tables."""
        table = cls()
        table.position = position
        table._entry_types = array("B", bytes(position))
        table._entry_slots = array(_POSITION, [0]) * position
        codes: defaultdict[int, list[tuple[int, str]]] = defaultdict(list)
        for row in transaction.stream(_SELECT_CODES, at=position):
            codes[row["stream"]].append((row["since"], row["code"]))
        for row in transaction.stream(_SELECT_STREAMS, at=position):
            positions = sorted(map(int, row["positions"].split(",")))
            table._load_stream(row["aggregate_type"], row["id"], positions, codes[row["key"]])
        for number, name in enumerate(table.type_names):
            table.of_type(name).load_entries(table._entry_types, table._entry_slots, number)
        return table

    def _load_stream(
        self, aggregate_type: str, stream: str, positions: list[int], codes: list[tuple[int, str]]
    ) -> None:
        number = self._number_of(aggregate_type)
        slot = self.of_type(aggregate_type).load_stream(stream, positions, codes)
        for position in positions:
            self._entry_types[position - 1] = number
            self._entry_slots[position - 1] = slot

    def _number_of(self, aggregate_type: str) -> int:
        if aggregate_type not in self.type_names:
            self.type_names.append(aggregate_type)
        return self.type_names.index(aggregate_type)

    def advance(self, versions: Iterable[StreamVersion]) -> None:
        """Add the entries that follow those so far, in order."""
        for version in versions:
            number = self._number_of(version.aggregate_type)
            self._entry_slots.append(self.of_type(version.aggregate_type).add(version))
            self._entry_types.append(number)
            self.position = version.position

    def of_type(self, aggregate_type: str) -> TypeStreams:
        """Return the streams of a type, which may have none yet."""
        return self._types.setdefault(aggregate_type, TypeStreams())

    def slot(self, stream: str) -> int | None:
        """Return the slot of a stream among those of its type; None for one that has not begun."""
        return self._of(stream).slots.get(stream)

    def stream_of_slot(self, aggregate_type: str, slot: int) -> str:
        """Return the stream that has a slot of a type."""
        return self.of_type(aggregate_type).ids[slot]

    def stream_at(self, position: int) -> str:
        """Return the stream of the entry at a position; of the key of a stream, the stream."""
        aggregate_type = self.type_names[self._entry_types[position - 1]]
        return self._types[aggregate_type].ids[self._entry_slots[position - 1]]

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

    def slots_by_type(self, keys: Iterable[int]) -> dict[str, list[int]]:
        """Return type → the slots of the streams that have some keys in the tables."""
        found: dict[int, list[int]] = {}
        types, slots = self._entry_types, self._entry_slots
        for key in keys:
            found.setdefault(types[key - 1], []).append(slots[key - 1])
        return {self.type_names[number]: of_type for number, of_type in found.items()}

    def slots_of_type(self, aggregate_type: str, keys: Iterable[int]) -> list[int]:
        """Return the slots of the streams of a type, of those that have some keys in the tables."""
        if aggregate_type not in self.type_names:
            return []
        types, slots, wanted = self._entry_types, self._entry_slots, self.type_names.index(aggregate_type)
        return [slots[key - 1] for key in keys if types[key - 1] == wanted]

    def version_at(self, stream: str, position: int) -> int:
        """Return the position of the last entry of a stream up to a position, 0 before its first."""
        slot = self.slot(stream)
        return 0 if slot is None else self._of(stream).version_at(slot, position)

    def revision_at(self, stream: str, position: int) -> int:
        """Return the revision of a stream at a position, 0 before its first entry."""
        slot = self.slot(stream)
        return 0 if slot is None else bisect_right(self._of(stream).positions[slot], position)

    def position_of(self, stream: str, revision: int) -> int | None:
        """Return the position of the entry that made a revision of a stream; None where there is none yet."""
        slot = self.slot(stream)
        positions = () if slot is None else self._of(stream).positions[slot]
        return positions[revision - 1] if 1 <= revision <= len(positions) else None

    def code_at(self, stream: str, position: int) -> str:
        """Return the code of a stream at a position; empty before its first entry, and where no list shows it."""
        slot = self.slot(stream)
        if slot is None or self._of(stream).first_positions[slot] > position:
            return ""
        return self._of(stream).code_at(slot, position)

    def size_bytes(self) -> int:
        """Return about how many bytes the table takes."""
        entries = self._entry_types.itemsize * len(self._entry_types) + self._entry_slots.itemsize * len(
            self._entry_slots
        )
        return entries + sum(streams.size_bytes() for streams in self._types.values())

    def _of(self, stream: str) -> TypeStreams:
        return self.of_type(aggregate_type_of(stream))


def _position_of(change: tuple[int, str]) -> int:
    return change[0]
