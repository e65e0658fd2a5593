"""The index of texts in memory: the rows of all texts that were ever valid, and the vocabulary of their words.

It only grows, except that the end of a row is set when the text is replaced. What it says of a state of the record
never changes: readers of all states share one, and take from it the rows that are valid in theirs.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ogpgraph.search.vocabulary import Vocabulary
from ogpgraph.search.words import split_words

Mask = NDArray[np.bool_]
NO_PART: Final = -1
_ROW_BYTES: Final = 250
"""About what a row takes in memory besides its words: its columns, its path and its reference."""
_FIRST_CAPACITY: Final = 1_024


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


class Columns:
    """The numbers of rows by column. Arrays that are too short are replaced, so what readers hold stays as it is."""

    NAMES: Final = ("owner", "part", "field", "length", "since", "until", "first_day", "end_day")

    def __init__(self) -> None:
        self.count = 0
        self._arrays = {name: np.zeros(_FIRST_CAPACITY, dtype=np.int32) for name in self.NAMES}

    def append(self, *values: int) -> None:
        """Add a row with the values of the columns in the order of NAMES."""
        if self.count == len(self._arrays["owner"]):
            self._arrays = {name: np.concatenate([each, np.zeros_like(each)]) for name, each in self._arrays.items()}
        for name, value in zip(self.NAMES, values, strict=True):
            self._arrays[name][self.count] = value
        self.count += 1

    def set(self, name: str, row: int, value: int) -> None:
        """Set a value of a row."""
        self._arrays[name][row] = value

    def get(self, name: str, row: int) -> int:
        """Return a value of a row."""
        return int(self._arrays[name][row])

    def column(self, name: str, count: int) -> NDArray[np.int32]:
        """Return a column of the first rows."""
        return self._arrays[name][:count]


class TextIndex:
    """The rows of texts, and where their words are.

    One thread at a time adds and closes rows. Readers need no lock: they read rows up to a number that `count` had
    before, and a row is closed at a position that none of them reads yet.
    """

    def __init__(self) -> None:
        self.columns = Columns()
        self.vocabulary = Vocabulary()
        self.paths: list[str] = []
        """The path of each row."""
        self.references: list[bytes] = []
        """The reference of the text of each row."""
        self.parts: list[str] = []
        """The path of each part, by its number."""
        self._part_owners = array("i")
        self._part_fields = array("i")
        self._part_numbers: dict[tuple[int, str], int] = {}
        self._rows_of_owner: defaultdict[int, array[int]] = defaultdict(partial(array, "i"))

    @property
    def count(self) -> int:
        """Return how many rows there are."""
        return self.columns.count

    def add(self, rows: Sequence[tuple[TextRow, str]]) -> None:
        """Add rows with their texts."""
        words = [split_words(text) for _, text in rows]
        self.vocabulary.add_texts(self.count, zip((row.language for row, _ in rows), words, strict=True))
        for (row, _), each in zip(rows, words, strict=True):
            self._add_row(row, len(each))

    def _add_row(self, row: TextRow, length: int) -> None:
        self._rows_of_owner[row.owner].append(self.count)
        self.paths.append(row.path)
        self.references.append(row.reference)
        part = self._number_part(row) if row.part else NO_PART
        self.columns.append(row.owner, part, row.field, length, row.since, row.until, row.first_day, row.end_day)

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

    def part_owners(self) -> NDArray[np.int64]:
        """Return the owner of each part, by its number."""
        return _copy(self._part_owners)

    def part_fields(self) -> NDArray[np.int64]:
        """Return the field of a text of each part, by its number."""
        return _copy(self._part_fields)

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
        return _ROW_BYTES * self.count + self.vocabulary.size_bytes()

    def _number_part(self, row: TextRow) -> int:
        key = row.owner, row.part
        if key not in self._part_numbers:
            self._part_numbers[key] = len(self.parts)
            self._part_owners.append(row.owner)
            self._part_fields.append(row.field)
            self.parts.append(row.part)
        return self._part_numbers[key]


def _copy(numbers: array[int]) -> NDArray[np.int64]:
    """Return numbers of four bytes that may grow meanwhile, by a copy that is made at once."""
    return np.frombuffer(numbers.tobytes(), dtype=np.int32).astype(np.int64)
