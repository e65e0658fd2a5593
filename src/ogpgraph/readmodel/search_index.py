"""The index of texts of one history of the log: loaded from the rows of searched texts, and led on when it is read.

A thread loads it with pauses after a process has started, and whoever searches before it is there loads the rest.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from typing import Final, NamedTuple

import numpy as np

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import Field
from ogpgraph.readmodel.index import Checkpoint, Index
from ogpgraph.readmodel.searched_texts import find_searched_field
from ogpgraph.readmodel.streams import StreamTable
from ogpgraph.search.postings import Mask
from ogpgraph.search.text_index import TextIndex, TextRow
from ogpgraph.storage.byte_cache import CacheUse
from ogpgraph.storage.database import Row, StorageUnavailable, Transaction
from ogpgraph.storage.texts import TextReader
from ogpgraph.storage.waiting import acquire_lock

SEARCHED_TYPES: Final = ("commitment", "plan", "member")
"""The types whose texts are searched. An aggregate has the number `slot * len(SEARCHED_TYPES) + number of the type`."""
LOADED_POSITIONS: Final = 250
"""The texts of streams that began at so many positions are loaded at a time."""
MAX_VALID_BYTES: Final = 32 * 2**20
_CODE_BYTES: Final = 8
"""What a code takes in a list: the code itself is that of the index."""
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
        self.weights = np.array([each.search_weight for each in self.fields], dtype=np.int32)
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
    """The rows that are searched at a position and as of a day, and which aggregates lists show there.

    `part_count` is how many parts were known with the rows. `codes` are the codes that aggregates of a type have had
    until then, in order; they are read when they are needed.
    """

    rows: Mask
    owners: Mask
    part_count: int
    codes: dict[str, Sequence[str]]

    def find_codes(self, index: Index, beginning: str) -> Sequence[str]:
        """Return the codes that begin in some way, as the index of a type at the position has them."""
        if (codes := self.codes.get(index.aggregate_type)) is None:
            codes = self.codes[index.aggregate_type] = sorted(index.values("code"))
        first = bisect_left(codes, beginning)
        return list(takewhile(lambda code: code.startswith(beginning), islice(codes, first, None)))

    def size_bytes(self) -> int:
        """Return about how many bytes this takes."""
        return self.rows.nbytes + self.owners.nbytes + _CODE_BYTES * sum(map(len, self.codes.values()))


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
        rows = self.texts.find_valid(self.texts.count, position, day, owners)
        found = ValidRows(rows, owners, self.texts.part_columns.count, {})
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
        return sum(each.size_bytes() for each in self._valid.values())


class SearchIndex:
    """The index of the texts of one history, up to the position at which it was read last.

    It is loaded and led on in parts, each by one reader. While several need the rest, each does a part when it gets
    the lock, and none waits for longer than a part takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._redaction_version = 0
        self._begin(0)

    def _begin(self, position: int) -> None:
        """Begin to load the texts of the streams that began up to a position, as of that position."""
        self._rows = SearchedRows()
        self._target = self._position = position
        self._loaded_until = 0
        self._missing: set[bytes] = set()
        """The references of rows whose texts were removed: they are not in the index."""

    def read(self, reader: RowReader, checkpoint: Checkpoint) -> SearchedRows:
        """Return the index led to the position of a reader, or past it.

        Raises:
            StorageError: where rows cannot be read.
            Exception: what the checkpoint raises, which is called after each part; the parts are kept.
        """
        while True:
            with self._hold_lock():
                if not self._advance(reader):
                    return self._rows
            checkpoint()

    def load_part(self, reader: RowReader) -> bool:
        """Load a part of what is missing up to the position of a reader; returns whether more than a part is left."""
        with self._hold_lock():
            self._advance(reader)
            return self._loaded_until < self._target or reader.position - self._position > LOADED_POSITIONS

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

    def _advance(self, reader: RowReader) -> bool:
        """Load a part of what is missing up to the position of a reader; returns whether something was."""
        if reader.redaction_version > self._redaction_version:  # no word of a removed text is found at any position
            self._redaction_version = reader.redaction_version
            self._begin(0)
        if self._loaded_until == self._target and self._position >= reader.position:
            return False
        if reader.redaction_version < self._redaction_version:
            raise StorageUnavailable("a text was removed from the record while this search began: search again")
        if self._loaded_until < self._target:
            self._load(reader)
        elif self._position == 0:
            self._begin(reader.position)
        else:
            self._follow(reader)
            if reader.has_any_text(self._missing):  # one is stated again: it is found wherever it was, as it is read
                self._begin(0)
        return True

    def _load(self, reader: RowReader) -> None:
        if reader.position < self._target:  # what it reads from may not have the rows up to there
            self._begin(reader.position)
        until = min(self._loaded_until + LOADED_POSITIONS, self._target)
        self._add(reader.fetch_of_streams(self._loaded_until, until, self._target))
        self._loaded_until = until

    def _follow(self, reader: RowReader) -> None:
        until = min(self._position + LOADED_POSITIONS, reader.position)
        changed, texts = reader.fetch_changed(self._position, until), self._rows.texts
        self._add([(row, text) for row, text in changed if not texts.close(row)])
        self._position = until

    def _add(self, found: Sequence[tuple[TextRow, str | None]]) -> None:
        self._rows.texts.add([(row, text) for row, text in found if text is not None])
        self._missing.update(row.reference for row, text in found if text is None)


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
        self,
        transaction: Transaction,
        streams: StreamTable,
        texts: TextReader,
        *,
        position: int,
        redaction_version: int,
    ) -> None:
        self.position = position
        """The position that the session reads up to."""
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

    def has_any_text(self, references: Collection[bytes]) -> bool:
        """Return whether the record has one of some texts."""
        found = self._texts.read_uncached(self._transaction, (each.hex() for each in references))
        return any(isinstance(text, str) for text in found.values())

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
