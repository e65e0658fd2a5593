"""The index of texts of one history of the log: loaded from the rows of searched texts, and led on when it is read.

It is loaded in parts, so that a thread can do it with pauses, and whoever searches before loads the rest.
"""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import Field
from ogpgraph.readmodel.index import Checkpoint, Index
from ogpgraph.readmodel.searched_texts import find_searched_field
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.search.points import Numbers
from ogpgraph.search.text_index import Mask, TextIndex, TextRow
from ogpgraph.storage.byte_cache import CacheUse
from ogpgraph.storage.database import Row, Transaction
from ogpgraph.storage.texts import TextReader
from ogpgraph.storage.waiting import acquire_lock

SEARCHED_TYPES: Final = ("commitment", "plan", "member")
"""The types whose texts are searched. An aggregate has the number `slot * len(SEARCHED_TYPES) + number of the type`."""
LOADED_POSITIONS: Final = 250
"""The texts of streams that began at so many positions are loaded at a time."""
MAX_VALID_BYTES: Final = 32 * 2**20
_SELECT = (
    "select s.id, m.value as path, x.reference, x.since, x.until, x.first_day, x.end_day from searched_text x "
    "join stream s on s.key = x.stream join term m on m.key = x.path where {} "
    "order by x.stream, m.value, x.reference, x.since, x.first_day"
)
_SELECT_OF_STREAMS: Final = _SELECT.format("x.stream > :after and x.stream <= :until and x.since <= :at")
_SELECT_CHANGED: Final = _SELECT.format(
    "x.stream in (select distinct e.stream from entry e where e.position > :after and e.position <= :at) "
    "and x.until > :after and x.since <= :at and (x.since > :after or x.until <= :at)"
)
_PARTS: Final = {"milestones/{number}": 2, "narratives/{stage}/{section}/{language}": 4}
"""The beginnings of patterns of fields of parts that are found as themselves → how many segments name the part."""


class SearchedFields:
    """The fields whose texts are searched, by number, with what their declarations say about the search."""

    def __init__(self) -> None:
        all_fields = [(name, each) for name in SEARCHED_TYPES for each in AGGREGATE_TYPES[name].fields]
        declared = [(name, each) for name, each in all_fields if each.is_searched]
        self.fields = tuple(each for _, each in declared)
        self.weights: Numbers = np.array([each.search_weight for each in self.fields], dtype=np.int64)
        self._numbers = {(name, each.pattern): number for number, (name, each) in enumerate(declared)}
        self._part_lengths = [_count_part_segments(each) for each in self.fields]

    def number_of(self, aggregate_type: str, path: str) -> int:
        """Return the number of the field of a path."""
        field = find_searched_field(aggregate_type, path)
        assert field is not None, path
        return self._numbers[aggregate_type, field.pattern]

    def of_lists(self, lists: Iterable[str]) -> Mask:
        """Return which fields are those of parts in some lists, which are named by their first segments."""
        wanted = set(lists)
        return np.array([each.group in wanted for each in self.fields])

    def part_of(self, number: int, path: str) -> str:
        """Return the path of the part that a text at a path is about; empty for one about the aggregate itself."""
        length = self._part_lengths[number]
        return sys.intern("/".join(path.split("/")[:length])) if length else ""

    def named(self, name: str) -> Sequence[int]:
        """Return the fields that a name in lower case stands for in queries: those in whose names it is."""
        return [number for number, each in enumerate(self.fields) if _is_named(each, name)]


def _count_part_segments(field: Field) -> int:
    return next((number for beginning, number in _PARTS.items() if field.pattern.startswith(beginning)), 0)


def _is_named(field: Field, name: str) -> bool:
    segments = (segment for segment in field.pattern.lower().split("/") if not segment.startswith("{"))
    return any(name in segment for segment in segments)


SEARCHED_FIELDS: Final = SearchedFields()


class ValidRows(NamedTuple):
    """The rows that are searched at a position and as of a day, and which aggregates lists show there."""

    rows: Mask
    owners: Mask


class SearchedRows:
    """The index of texts, and the rows that are valid in the states that were searched most recently."""

    def __init__(self) -> None:
        self.texts = TextIndex()
        self._lock = threading.Lock()
        self._valid: OrderedDict[tuple[int, int], ValidRows] = OrderedDict()
        self._hits = self._misses = 0

    def find_valid(self, position: int, day: int, index_of: Callable[[str], Index]) -> ValidRows:
        """Return the rows that are searched at a position up to which the index was read, and as of a day."""
        key = position, day
        with self._lock:
            if (known := self._valid.get(key)) is not None:
                self._hits += 1
                self._valid.move_to_end(key)
                return known
            self._misses += 1
        owners = _listed_owners(index_of)
        found = ValidRows(self.texts.find_valid(self.texts.count, position, day, owners), owners)
        with self._lock:
            self._valid[key] = found
            while len(self._valid) > 1 and self._count_valid_bytes() > MAX_VALID_BYTES:
                self._valid.popitem(last=False)
        return found

    def use(self) -> CacheUse:
        """Return how much memory this takes, and how often the rows of a state were known."""
        with self._lock:
            size = self.texts.size_bytes() + self._count_valid_bytes()
            return CacheUse(self.texts.count, size, self._hits, self._misses)

    def _count_valid_bytes(self) -> int:
        return sum(each.rows.nbytes + each.owners.nbytes for each in self._valid.values())


class SearchIndex:
    """The index of the texts of one history, up to the position at which it was read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = SearchedRows()
        self._redaction_version = 0
        self._is_begun = False
        self._target = self._loaded_until = self._position = 0

    def read(self, reader: RowReader, position: int, checkpoint: Checkpoint) -> SearchedRows:
        """Return the index led to a position, or past it; raises StorageError, and what the checkpoint raises."""
        with self._hold_lock():
            self._follow_redaction(reader.redaction_version)
            while self._load_part(reader, position):
                checkpoint()
            while self._position < position:
                self._follow(reader, min(self._position + LOADED_POSITIONS, position))
                checkpoint()
            return self._rows

    def load_part(self, reader: RowReader, position: int) -> bool:
        """Load a part of what is missing up to a position; returns whether more is."""
        with self._hold_lock():
            self._follow_redaction(reader.redaction_version)
            return self._load_part(reader, position)

    def use(self) -> CacheUse:
        """Return how much memory the index takes, and how often the rows of a state were known."""
        return self._rows.use()

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        acquire_lock(self._lock)
        try:
            yield
        finally:
            self._lock.release()

    def _follow_redaction(self, version: int) -> None:
        """Begin anew if a text was removed since: none of its words is found at any position."""
        if version > self._redaction_version:
            self._rows, self._redaction_version = SearchedRows(), version
            self._is_begun, self._loaded_until, self._position = False, 0, 0

    def _load_part(self, reader: RowReader, position: int) -> bool:
        """Load a part of what is missing; returns whether more is."""
        if not self._is_begun:
            self._is_begun, self._target, self._position = True, position, position
        elif self._loaded_until >= self._target:
            return False
        until = min(self._loaded_until + LOADED_POSITIONS, self._target)
        self._add(reader.fetch_of_streams(self._loaded_until, until, self._target))
        self._loaded_until = until
        return until < self._target

    def _follow(self, reader: RowReader, position: int) -> None:
        changed, texts = reader.fetch_changed(self._position, position), self._rows.texts
        self._add([(row, text) for row, text in changed if not texts.close(row)])
        self._position = position

    def _add(self, found: Sequence[tuple[TextRow, str | None]]) -> None:
        self._rows.texts.add([(row, text) for row, text in found if text is not None])


class OpenSearchIndex(NamedTuple):
    """The index of texts as a session reads it, led to its head, with the streams that its numbers stand for."""

    rows: SearchedRows
    streams: StreamTable


def _listed_owners(index_of: Callable[[str], Index]) -> Mask:
    """Return which aggregates lists show, by their numbers."""
    indexes = [index_of(name) for name in SEARCHED_TYPES]
    owners = np.zeros(len(SEARCHED_TYPES) * max(1, *(each.count for each in indexes)), dtype=np.bool_)
    for number, each in enumerate(indexes):
        owners[number :: len(SEARCHED_TYPES)][: each.count] = unpack_bitset(each.universe, each.count)
    return owners


def unpack_bitset(bitset: int, count: int) -> Mask:
    """Return the first bits of a bitset as truth values."""
    data = np.frombuffer((bitset & (1 << count) - 1).to_bytes(count // 8 + 1, "little"), dtype=np.uint8)
    return np.unpackbits(data, bitorder="little")[:count].astype(np.bool_)


def pack_bitset(mask: Mask) -> int:
    """Return truth values as a bitset."""
    return int.from_bytes(np.packbits(mask, bitorder="little").tobytes(), "little")


class RowReader:
    """Reads rows of searched texts with the texts themselves, in one session."""

    def __init__(
        self, transaction: Transaction, streams: StreamTable, texts: TextReader, redaction_version: int
    ) -> None:
        self._transaction = transaction
        self._streams = streams
        self._texts = texts
        self.redaction_version = redaction_version

    def fetch_of_streams(self, after: int, until: int, at: int) -> list[tuple[TextRow, str | None]]:
        """Return the rows of the streams that began after one position and up to another, as of a third."""
        return self._complete(self._transaction.fetch_all(_SELECT_OF_STREAMS, after=after, until=until, at=at))

    def fetch_changed(self, after: int, at: int) -> list[tuple[TextRow, str | None]]:
        """Return the rows that began or ended after one position and up to another."""
        return self._complete(self._transaction.fetch_all(_SELECT_CHANGED, after=after, at=at))

    def _complete(self, rows: Sequence[Row]) -> list[tuple[TextRow, str | None]]:
        """Return rows with their texts, None for one that was removed or is damaged: it is not found."""
        decoded = [row for each in rows if (row := self._decode(each)) is not None]
        texts = self._texts.read_uncached(self._transaction, (row.reference.hex() for row in decoded))
        found = ((row, texts.get(row.reference.hex())) for row in decoded)
        return [(row, text if isinstance(text, str) else None) for row, text in found]

    def _decode(self, row: Row) -> TextRow | None:
        aggregate_type, path = aggregate_type_of(row["id"]), sys.intern(row["path"])
        slot = self._streams.slot(row["id"])
        if slot is None or aggregate_type not in SEARCHED_TYPES:
            return None
        field = SEARCHED_FIELDS.number_of(aggregate_type, path)
        return TextRow(
            slot * len(SEARCHED_TYPES) + SEARCHED_TYPES.index(aggregate_type),
            SEARCHED_FIELDS.part_of(field, path),
            path,
            field,
            sys.intern(path.rpartition("/")[2]),
            bytes(row["reference"]),
            row["since"],
            row["until"],
            row["first_day"],
            row["end_day"],
        )
