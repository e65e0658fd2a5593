"""The index of texts in memory: the rows of all texts that were ever valid, and the vocabulary of their words.

It only grows, except that the end of a row is set when the text is replaced. What it says of a state of the record
never changes: readers of all states share one, and take from it the rows that are valid in theirs.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.occurrences import MarkedRows
from ogpgraph.search.points import measure_brevity
from ogpgraph.search.postings import Mask, SizedCache
from ogpgraph.search.vocabulary import Vocabulary
from ogpgraph.search.words import split_words

NO_PART: Final = -1
_ROW_COLUMNS: Final = (
    *("owner", "part", "since", "until", "first_day", "end_day"),
    *("cell", "part_cell"),
)
"""A cell is a field of an aggregate that has texts, a part's cell one of a part."""
_ROW_BYTES: Final = 250
"""About what a row takes in memory besides its words: its columns, its path and its reference."""
_FIRST_CAPACITY: Final = 1_024
_MARKED_BYTES: Final = 64 * 2**20
_POINTS_BYTES: Final = 64 * 2**20


Number = TypeVar("Number", bound=np.generic)


class TextRow(NamedTuple):
    """A text as a row has it: whose it is, at which path, since and until which positions and days it is valid.

    `part` is the path of the part of the aggregate that it is about; empty if it is about the aggregate itself.
    """

    owner: int
    part: str
    path: str
    field: int
    language: str
    reference: bytes
    since: int
    until: int
    first_day: int
    end_day: int


class Columns(Generic[Number]):
    """The numbers of rows by column, of one type.

    Arrays that are too short are replaced, so what readers hold stays as it is.
    """

    def __init__(self, number_type: type[Number], *names: str) -> None:
        self.count = 0
        self._type = number_type
        self._arrays = {name: np.zeros(_FIRST_CAPACITY, dtype=number_type) for name in names}

    def extend(self, rows: Sequence[tuple[int, ...]]) -> None:
        """Add rows, each with a value for every column."""
        if not rows:
            return
        end = self.count + len(rows)
        for name, values in zip(self._arrays, np.array(rows, dtype=self._type).T, strict=True):
            if end > len(known := self._arrays[name]):
                longer = np.zeros(max(2 * len(known), end), dtype=self._type)
                longer[: self.count] = known[: self.count]
                self._arrays[name] = longer
            self._arrays[name][self.count : end] = values
        self.count = end

    def set(self, name: str, row: int, value: int) -> None:
        """Set a value of a row."""
        self._arrays[name][row] = value

    def get(self, name: str, row: int) -> int:
        """Return a value of a row."""
        return int(self._arrays[name][row])

    def column(self, name: str, count: int) -> NDArray[Number]:
        """Return a column of the first rows."""
        return self._arrays[name][:count]


class ObjectPoints(NamedTuple):
    """The objects that have a word, with their points for it."""

    numbers: NDArray[np.int32]
    points: NDArray[np.int32]

    @classmethod
    def of(cls, all_points: NDArray[np.int32]) -> ObjectPoints:
        """Return the points of those of all objects that have some: mostly a small part of them."""
        numbers = np.flatnonzero(all_points > 0)  # of truth values, which is several times as fast as of numbers
        return cls(numbers.astype(np.int32), all_points.take(numbers))

    def expand(self, count: int) -> NDArray[np.int32]:
        """Return the points of all objects."""
        all_points = np.zeros(count, dtype=np.int32)
        all_points[self.numbers.astype(np.int64)] = self.points  # such indices are much faster
        return all_points

    def size_bytes(self) -> int:
        """Return how many bytes this takes."""
        return self.numbers.nbytes + self.points.nbytes


class TextIndex:
    """The rows of texts, and where their words are.

    One thread at a time adds and closes rows. Readers need no lock: they read rows up to a number that `count` had
    before, and a row is closed at a position that none of them reads yet.
    """

    def __init__(self) -> None:
        self.columns = Columns(np.int32, *_ROW_COLUMNS)
        self.small_columns = Columns(np.uint8, "field", "brevity")
        """In a byte each: then those of all rows fit into the processor's cache, where points are counted of many."""
        self.vocabulary = Vocabulary()
        self.marked_rows = SizedCache[MarkedRows](_MARKED_BYTES)
        """The rows that have the words that were searched for last."""
        self.object_points = SizedCache[ObjectPoints](_POINTS_BYTES)
        """The points of objects for these words, each in one state of the record."""
        self.paths: list[str] = []
        """The path of each row."""
        self.references: list[bytes] = []
        """The reference of the text of each row."""
        self.parts: list[str] = []
        """The path of each part, by its number."""
        self.part_columns = Columns(np.int32, "owner", "field")
        """Whose each part is, and the field of a text of it."""
        self.cells = Columns(np.int32, "owner")
        """The fields of aggregates that have texts: whose each is."""
        self.part_cells = Columns(np.int32, "part")
        """The fields of parts that have texts: of which part each is."""
        self._rows_of_owner: defaultdict[int, array[int]] = defaultdict(partial(array, "i"))

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return self.columns.count

    def add(self, rows: Sequence[tuple[TextRow, str]]) -> None:
        """Add rows with their texts."""
        words = [split_words(text) for _, text in rows]
        self.vocabulary.add_texts(self.count, zip((row.language for row, _ in rows), words, strict=True))
        numbers = _RowNumbers(self)
        numbered = [numbers.number(row) for row, _ in rows]
        numbers.save()
        for number, (row, _) in enumerate(rows, start=self.count):
            self._rows_of_owner[row.owner].append(number)
            self.paths.append(row.path)
            self.references.append(row.reference)
        pairs = zip(rows, words, strict=True)
        self.small_columns.extend([(row.field, measure_brevity(len(each))) for (row, _), each in pairs])
        self.columns.extend(numbered)

    def close(self, row: TextRow) -> bool:
        """Set the end of a row that was added before; returns whether it was."""
        for number in self._rows_of_owner.get(row.owner, ()):
            if self._is_of(number, row):
                self.columns.set("until", number, row.until)
                return True
        return False

    def _is_of(self, number: int, row: TextRow) -> bool:
        columns = self.columns
        return (
            self.references[number] == row.reference
            and self.paths[number] == row.path
            and columns.get("since", number) == row.since
            and columns.get("first_day", number) == row.first_day
        )

    def rows_of(self, owner: int) -> Sequence[int]:
        """Return the numbers of the rows of an aggregate."""
        return self._rows_of_owner.get(owner, ())

    def find_valid(self, count: int, position: int, day: int, owners: Mask) -> Mask:
        """Return which of the first rows are valid at a position and on a day, of some aggregates."""
        column = self.columns.column
        valid: Mask = (column("since", count) <= position) & (position < column("until", count))
        valid &= (column("first_day", count) <= day) & (day < column("end_day", count))
        of = column("owner", count)
        valid &= owners[np.minimum(of, len(owners) - 1)] & (of < len(owners))
        return valid

    def size_bytes(self) -> int:
        """Return about how many bytes the index takes."""
        kept = self.marked_rows.bytes + self.object_points.bytes
        return _ROW_BYTES * self.count + self.vocabulary.size_bytes() + kept


class _RowNumbers:
    """The values of new rows by column: among them the numbers of parts, and of the fields that have texts."""

    def __init__(self, texts: TextIndex) -> None:
        self._texts = texts
        self._parts: dict[tuple[int, str], int] = {}
        self._cells: dict[tuple[int, int], int] = {}
        self._part_cells: dict[tuple[int, int], int] = {}
        self._known_owners: set[int] = set()
        self._new_parts: list[tuple[int, int]] = []
        self._new_cells: list[tuple[int]] = []
        self._new_part_cells: list[tuple[int]] = []

    def number(self, row: TextRow) -> tuple[int, ...]:
        """Return the values of a row."""
        if row.owner not in self._known_owners:
            self._known_owners.add(row.owner)
            self._read_rows(row.owner)
        part = self._number_part(row) if row.part else NO_PART
        part_cell = self._number_part_cell(part, row.field) if row.part else NO_PART
        validity = row.since, row.until, row.first_day, row.end_day
        return row.owner, part, *validity, self._number_cell(row), part_cell

    def _read_rows(self, owner: int) -> None:
        """Read the numbers that earlier rows of an aggregate have."""
        get = self._texts.columns.get
        for row in self._texts.rows_of(owner):
            field, part = self._texts.small_columns.get("field", row), get("part", row)
            self._cells[owner, field] = get("cell", row)
            if part != NO_PART:
                self._parts[owner, self._texts.parts[part]] = part
                self._part_cells[part, field] = get("part_cell", row)

    def _number_cell(self, row: TextRow) -> int:
        key = row.owner, row.field
        if (number := self._cells.get(key)) is None:
            number = self._cells[key] = self._texts.cells.count + len(self._new_cells)
            self._new_cells.append((row.owner,))
        return number

    def _number_part(self, row: TextRow) -> int:
        key = row.owner, row.part
        if (number := self._parts.get(key)) is None:
            number = self._parts[key] = self._texts.part_columns.count + len(self._new_parts)
            self._new_parts.append((row.owner, row.field))
            self._texts.parts.append(row.part)
        return number

    def _number_part_cell(self, part: int, field: int) -> int:
        key = part, field
        if (number := self._part_cells.get(key)) is None:
            number = self._part_cells[key] = self._texts.part_cells.count + len(self._new_part_cells)
            self._new_part_cells.append((part,))
        return number

    def save(self) -> None:
        """Add the parts and the fields that are new to the index."""
        self._texts.part_columns.extend(self._new_parts)
        self._texts.cells.extend(self._new_cells)
        self._texts.part_cells.extend(self._new_part_cells)
