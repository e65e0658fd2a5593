"""Searches the texts of the record at one position and as of one day.

What is found, in which order, with which scores and suggestions, depends on the record at that position alone: the
rows that are valid there, and rules that know no statistics (`ogpgraph.search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from ogpgraph.search.matching import match
from ogpgraph.search.postings import MAX_PLACES, PLACE_BITS, Mask, Numbers
from ogpgraph.search.query import parse_query
from ogpgraph.search.scoring import Matches as FoundObjects
from ogpgraph.search.text_index import TextIndex
from ogpgraph.search.view import View

if TYPE_CHECKING:
    from ogpgraph.readmodel.snapshot import RecordReader

_TYPE_COUNT: Final = len(SEARCHED_TYPES)
_OWNER_BITS: Final = 31
_OWNER_MASK: Final = (1 << _OWNER_BITS) - 1
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
        commitments = self._index_of("commitment")
        return View(
            texts,
            (commitments.position, commitments.day, len(valid.owners), valid.part_count),
            valid.rows,
            len(valid.owners),
            valid.part_count,
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
            codes = self._valid.find_codes(index, code) if is_prefix else [code]
            if selected := index.select("code", codes):
                found[number::_TYPE_COUNT][: index.count] = unpack_bitset(selected, index.count)
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
        owners = self._mark_owners(self._matches.numbers[self._matches.numbers < self._view.owner_count])
        return pack_bitset(owners[self._slice(aggregate_type)][:count])

    def select_owners(self, found: Numbers, aggregate_type: str) -> int:
        """Return the aggregates of a type that some hits are, or are parts of, as a bitset of its index."""
        owners = self._mark_owners(self._view.owners_of(found))
        return pack_bitset(owners[self._slice(aggregate_type)][: self._index_of(aggregate_type).count])

    def _mark_owners(self, owners: Numbers) -> Mask:
        marked = np.zeros(self._view.owner_count, dtype=np.bool_)
        marked[owners] = True
        return marked

    def find(self, allowed: Mapping[str, int], with_aggregates: Iterable[str], with_parts: Iterable[str]) -> Numbers:
        """Return the objects that match, by ascending numbers: aggregates of some types, and parts of some lists.

        `allowed` has for each type the aggregates that are wanted, as a bitset of its index.
        """
        owners = np.zeros(self._view.owner_count, dtype=np.bool_)
        for name, bitset in allowed.items():
            count = self._index_of(name).count
            owners[self._slice(name)][:count] = unpack_bitset(bitset, count)
        is_listed = np.array([name in set(with_aggregates) for name in SEARCHED_TYPES])
        is_shown = SEARCHED_FIELDS.of_lists(with_parts)
        numbers = self._matches.numbers
        first_part = int(np.searchsorted(numbers, len(owners)))
        aggregates, parts = numbers[:first_part], numbers[first_part:] - len(owners)
        aggregates = aggregates[owners.take(aggregates) & is_listed.take(aggregates % _TYPE_COUNT)]
        fields, owners_of_parts = (self._part_column(name).take(parts) for name in ("field", "owner"))
        parts = parts[is_shown.take(fields) & owners.take(owners_of_parts)]
        return np.concatenate([aggregates, parts + len(owners)])

    def page(self, found: Numbers, limit: int, after: HitKey | None = None) -> list[Hit]:
        """Return up to `limit` of the objects that were found, the best first, after the place of a hit."""
        numbers, scores = self._matches.score_best(found, limit, None if after is None else after.score)
        ranks = (_HIGHEST_SCORE - scores << _OWNER_BITS) | self._view.owners_of(numbers)
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
        return self._build_hits([(number, rank) for rank, _, number in islice(following, limit)])

    def _build_hits(self, ranked: Sequence[tuple[int, int]]) -> list[Hit]:
        """Return the hits of some objects with their ranks."""
        keys = [
            HitKey(_HIGHEST_SCORE - (rank >> _OWNER_BITS), self._stream_of(rank & _OWNER_MASK), self._part_of(number))
            for number, rank in ranked
        ]
        rows = self._find_best_rows(
            [(rank & _OWNER_MASK, key.part) for key, (_, rank) in zip(keys, ranked, strict=True)]
        )
        places = self._find_places([row for row in rows if row is not None])
        hits = []
        for key, row in zip(keys, rows, strict=True):
            if row is None:
                hits.append(Hit(key, "code", "", ()))
            else:
                reference = self._texts.references[row].hex()
                hits.append(Hit(key, self._texts.paths[row], reference, tuple(sorted(places[row]))))
        return hits

    def _find_best_rows(self, objects: Iterable[tuple[int, str]]) -> list[int | None]:
        """Return of each object, by owner and part, the row that has most points; the first by path if several have."""
        candidates = [self._list_rows(owner, part) for owner, part in objects]
        points = iter(self._matches.points(np.array([*chain(*candidates)], dtype=np.int64)).tolist())
        found: list[int | None] = []
        for rows in candidates:
            scored = zip(islice(points, len(rows)), rows, strict=True)
            best, row = max(scored, key=itemgetter(0), default=(0, None))  # the first of several
            found.append(row if best else None)
        return found

    def _list_rows(self, owner: int, part: str) -> list[int]:
        """Return the valid rows of an object, in order."""
        texts, valid = self._texts, self._valid.rows
        known = (n for n in texts.rows_of(owner) if n < len(valid) and valid[n])
        rows = [n for n in known if _is_at_or_below(texts.paths[n], part)]
        rows.sort(key=lambda each: (texts.paths[each], texts.references[each]))
        return rows

    def _find_places(self, rows: Sequence[int]) -> dict[int, set[int]]:
        """Return row → the places in it of the words that were searched for."""
        found: dict[int, set[int]] = {row: set() for row in rows}
        shown = np.array(sorted(found), dtype=np.int64)
        for words, occurrences in self._matches.occurrences_within(shown):
            for occurrence in occurrences.tolist():
                row, last = occurrence >> PLACE_BITS, occurrence & MAX_PLACES - 1
                found[row].update(range(max(0, last - words + 1), last + 1))
        return found

    def _part_column(self, name: str) -> NDArray[np.int32]:
        return self._texts.part_columns.column(name, self._view.part_count)

    def _part_of(self, number: int) -> str:
        owner_count = self._view.owner_count
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
