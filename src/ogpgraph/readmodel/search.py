"""Searches the texts of the record at one position and as of one day.

What is found, in which order, with which scores and suggestions, depends on the record at that position alone: the
rows that are valid there, and rules that know no statistics (`ogpgraph.search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.filters import Condition, IndexOf, Matches
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.search_index import (
    SEARCHED_FIELDS,
    SEARCHED_TYPES,
    OpenSearchIndex,
    ValidRows,
    pack_bitset,
    unpack_bitset,
)
from ogpgraph.search.matching import ClauseMatches, View, match
from ogpgraph.search.matching import Matches as FoundObjects
from ogpgraph.search.points import Numbers
from ogpgraph.search.query import parse_query
from ogpgraph.search.text_index import Mask, TextIndex
from ogpgraph.search.vocabulary import MAX_PLACES, PLACE_BITS

if TYPE_CHECKING:
    from ogpgraph.readmodel.snapshot import RecordReader

_TYPE_COUNT: Final = len(SEARCHED_TYPES)
_OWNER_BITS: Final = 31
_HIGHEST_SCORE: Final = (1 << 62 - _OWNER_BITS) - 1


class HitKey(NamedTuple):
    """The place of a hit among all: by score, the highest first, then by when its aggregate was recorded, by part."""

    score: int
    stream: str
    part: str


class Hit(NamedTuple):
    """What was found: an aggregate, or the part of it at a path, with its score and the text that it has most of it by.

    `path` is that of the text; of what was found by its code alone, `code`, without a reference. `places` are the
    numbers of the words in the text that were searched for.
    """

    key: HitKey
    path: str
    reference: str
    places: tuple[int, ...]


class Search:
    """A query on the texts of the record, as an index of each type has it, at one position and as of one day."""

    def __init__(
        self,
        text: str,
        language: str | None,
        session: RecordReader,
        index_of: IndexOf,
        *,
        all_by_default: bool = False,
    ) -> None:
        """Prepare a search, which begins when something of its result is asked for.

        Without a word to search for, nothing is found, or everything by default.
        """
        self.query = parse_query(text, lambda name: bool(SEARCHED_FIELDS.named(name)), language)
        self._language = language
        self._session = session
        self._index_of = index_of
        self._all_by_default = all_by_default

    @cached_property
    def _open(self) -> OpenSearchIndex:
        return self._session.open_search_index()

    @property
    def _texts(self) -> TextIndex:
        return self._open.rows.texts

    @cached_property
    def _valid(self) -> ValidRows:
        commitments = self._index_of("commitment")
        return self._open.rows.find_valid(commitments.position, commitments.day, self._index_of)

    @cached_property
    def _view(self) -> View:
        texts, valid = self._texts, self._valid
        return View(
            texts,
            valid.rows,
            len(valid.owners),
            SEARCHED_FIELDS.weights,
            SEARCHED_FIELDS.named,
            self._find_code,
            self._language,
            self._session.checkpoint,
        )

    @cached_property
    def _matches(self) -> FoundObjects:
        return match(self.query, self._view, all_by_default=self._all_by_default)

    def _find_code(self, code: str, is_prefix: bool) -> Numbers:
        """Return the listed aggregates that have a code, have had it, or have one that begins so."""
        found = np.zeros(len(self._valid.owners), dtype=np.bool_)
        for number, name in enumerate(SEARCHED_TYPES):
            index = self._index_of(name)
            known = index.values("code")
            codes = [each for each in index.check(known) if each.startswith(code)] if is_prefix else [code]
            mask = unpack_bitset(index.select("code", codes), index.count)
            found[number::_TYPE_COUNT][: index.count] = mask
        return np.flatnonzero(found & self._valid.owners)

    # What was found

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Return the words that were searched for in place of others of the query that no text has."""
        return self._matches.near

    def select(self, aggregate_type: str) -> int:
        """Return the aggregates of a type that match with all of their texts, as a bitset of its index."""
        if aggregate_type not in SEARCHED_TYPES:
            return 0
        count = self._index_of(aggregate_type).count
        return pack_bitset(self._matches.matching[self._slice(aggregate_type)][:count])

    def select_owners(self, found: Mask, aggregate_type: str) -> int:
        """Return the aggregates of a type that some hits are, or are parts of, as a bitset of its index."""
        owners = np.zeros(len(self._valid.owners), dtype=np.bool_)
        owners[self._owner_of[np.flatnonzero(found)]] = True
        return pack_bitset(owners[self._slice(aggregate_type)][: self._index_of(aggregate_type).count])

    def find(self, allowed: Mapping[str, int], with_aggregates: Iterable[str], with_parts: Iterable[str]) -> Mask:
        """Return the objects that match, by number: aggregates of some types, and parts of some lists.

        `allowed` has for each type the aggregates that are wanted, as a bitset of its index.
        """
        owners = np.zeros(len(self._valid.owners), dtype=np.bool_)
        for name, bitset in allowed.items():
            count = self._index_of(name).count
            owners[self._slice(name)][:count] = unpack_bitset(bitset, count)
        count = len(owners)
        # Parts that were recorded later may have owners that were, too. They match nothing.
        matching = self._matches.matching & owners[np.minimum(self._owner_of, count - 1)]
        wanted = list(with_aggregates)
        for name in SEARCHED_TYPES:
            if name not in wanted:
                matching[:count][self._slice(name)] = False
        part_fields = self._texts.part_fields()[: len(matching) - count]
        matching[count:] &= SEARCHED_FIELDS.of_lists(with_parts)[part_fields]
        return matching

    def page(self, found: Mask, limit: int, after: HitKey | None = None) -> list[Hit]:
        """Return up to `limit` of the objects that were found, the best first, after the place of a hit."""
        numbers = np.flatnonzero(found)
        ranks = (_HIGHEST_SCORE - self._matches.scores[numbers] << _OWNER_BITS) | self._owner_of[numbers]
        if after is not None:
            owner = self._number_of(after.stream)
            last = (_HIGHEST_SCORE - after.score << _OWNER_BITS) | owner
            numbers, ranks = numbers[ranks >= last], ranks[ranks >= last]
        else:
            last = -1
        # As many more as the aggregate of the last hit may have parts before it.
        skipped = int(np.count_nonzero(ranks == last))
        chosen = _least(ranks, limit + skipped)
        keyed = sorted((int(ranks[n]), self._part_of(int(numbers[n])), int(numbers[n])) for n in chosen)
        following = (each for each in keyed if after is None or each[:2] > (last, after.part))
        return self._build_hits([number for _, _, number in islice(following, limit)])

    def _build_hits(self, numbers: Sequence[int]) -> list[Hit]:
        rows = [self._best_row(int(self._owner_of[number]), self._part_of(number)) for number in numbers]
        places = self._find_places([row for row in rows if row is not None])
        hits = []
        for number, row in zip(numbers, rows, strict=True):
            stream = self._stream_of(int(self._owner_of[number]))
            key = HitKey(int(self._matches.scores[number]), stream, self._part_of(number))
            if row is None:
                hits.append(Hit(key, "code", "", ()))
            else:
                reference = self._texts.references[row].hex()
                hits.append(Hit(key, self._texts.paths[row], reference, tuple(sorted(places[row]))))
        return hits

    def _best_row(self, owner: int, part: str) -> int | None:
        """Return the row of an object that has most points; the first by path if several have."""
        texts, valid = self._texts, self._valid.rows
        known = (n for n in texts.rows_of(owner) if n < len(valid) and valid[n])
        rows = [n for n in known if _is_at_or_below(texts.paths[n], part)]
        rows.sort(key=lambda each: (texts.paths[each], texts.references[each]))
        if not rows:
            return None
        points = np.zeros(len(rows), dtype=np.int64)
        for clause in self._matches.clauses:
            points += _points_at(clause, np.array(rows, dtype=np.int64))
        best = int(np.argmax(points))
        return rows[best] if points[best] else None

    def _find_places(self, rows: Sequence[int]) -> dict[int, set[int]]:
        """Return row → the places in it of the words that were searched for."""
        is_shown = np.zeros(len(self._valid.rows), dtype=np.bool_)
        is_shown[list(rows)] = True
        found: dict[int, set[int]] = {row: set() for row in rows}
        for clause, matches in zip(self.query.required, self._matches.clauses, strict=True):
            for occurrence in matches.within(is_shown).tolist():
                row, last = occurrence >> PLACE_BITS, occurrence & MAX_PLACES - 1
                found[row].update(range(max(0, last - len(clause.words) + 1), last + 1))
        return found

    @cached_property
    def _owner_of(self) -> Numbers:
        """The owner of each object."""
        owner_count, size = len(self._valid.owners), len(self._matches.matching)
        parts = self._texts.part_owners()[: size - owner_count]
        return np.concatenate([np.arange(owner_count, dtype=np.int64), parts])

    def _part_of(self, number: int) -> str:
        owner_count = len(self._valid.owners)
        return "" if number < owner_count else self._texts.parts[number - owner_count]

    def _stream_of(self, owner: int) -> str:
        slot, number = divmod(owner, _TYPE_COUNT)
        return self._open.streams.stream_of_slot(SEARCHED_TYPES[number], slot)

    def _number_of(self, stream: str) -> int:
        slot = self._open.streams.slot(stream)
        name = stream.partition("-")[0]
        return -1 if slot is None or name not in SEARCHED_TYPES else slot * _TYPE_COUNT + SEARCHED_TYPES.index(name)

    @staticmethod
    def _slice(aggregate_type: str) -> slice:
        return slice(SEARCHED_TYPES.index(aggregate_type), None, _TYPE_COUNT)


@dataclass(frozen=True)
class TextMatches(Condition):
    """A text of the aggregate matches a query; every aggregate matches one without a word."""

    text: str
    session: RecordReader = field(compare=False)

    @property
    def is_portable(self) -> bool:
        """Return False: it reads in a session."""
        return False

    def evaluate(self, index: Index, index_of: IndexOf) -> Matches:
        search = Search(self.text, None, self.session, index_of, all_by_default=True)
        return Matches(index.universe & search.select(index.aggregate_type))


def _is_at_or_below(path: str, part: str) -> bool:
    return not part or path == part or path.startswith(f"{part}/")


def _least(ranks: Numbers, number: int) -> Numbers:
    """Return where the least of some numbers are, at least so many, with all that are equal to the last of them."""
    if len(ranks) <= number:
        return np.arange(len(ranks))
    bound = np.partition(ranks, number)[number]
    return np.flatnonzero(ranks <= bound)


def _points_at(clause: ClauseMatches, rows: Numbers) -> Numbers:
    """Return the points of a clause in some rows."""
    if not len(clause.rows):
        return np.zeros(len(rows), dtype=np.int64)
    places = np.minimum(np.searchsorted(clause.rows, rows), len(clause.rows) - 1)
    return np.where(clause.rows[places] == rows, clause.points[places], 0)
