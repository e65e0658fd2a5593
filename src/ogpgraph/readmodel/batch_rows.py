"""The rows that a batch of events adds and closes, and how they are written into a set of tables.

Streams and terms are interned: a stream's key is the position of its first entry; a term, which is a value of a
dimension of tags or of a column of entries, gets the next number when it is first used. A batch is projected without
the keys of terms: in its rows a term is the number of one of its own terms.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.dimension_tags import FOREVER, DatedTag
from ogpgraph.readmodel.earlier_claims import EarlierClaim, encode_claim, hash_claim
from ogpgraph.readmodel.queries import insert_terms, select_terms
from ogpgraph.readmodel.searched_texts import SearchedText
from ogpgraph.storage.database import Transaction, iter_chunks

MAX_CACHED_TERMS = 50_000
MAX_INSERTED_TERMS = 20
"""Of more terms than these, as those of a rebuild are, it is read first which there are."""
STREAM_COLUMNS = ["key", "aggregate_type", "id"]
TERM_COLUMNS = ["key", "dimension", "value"]
ENTRY_COLUMNS = [
    "position",
    "log_position",
    "event_hash",
    "stream",
    "revision",
    "recorded_at",
    "effective_after",
    "effective_before",
    "name",
    "cause",
    "actor",
    "role",
    "source",
    "correlation",
    "paths",
    "root",
]
PATH_SET_COLUMNS = ["path", "paths"]
VERSION_COLUMNS = ["position", "code", "chain", "delta", "frame", "fold"]
STREAM_CODE_COLUMNS = ["stream", "since", "code"]
TAG_COLUMNS = ["stream", "term", "since", "until", "first_day", "end_day"]
EARLIER_CLAIM_COLUMNS = ["stream", "path", "hash", "since", "until", "first_day", "end_day", "claim"]
SEARCHED_TEXT_COLUMNS = ["stream", "path", "reference", "since", "until", "first_day", "end_day"]
_FIRST_TERM, _END_OF_TERMS = ENTRY_COLUMNS.index("name"), ENTRY_COLUMNS.index("root")

_SELECT_LAST_TERM = "select max(key) from {}term"
# With `+until`, no index is used for it: the rows of a stream are few, those of a term that are still valid are many.
_OF_TERM = "(select m.key from {0}term m where m.dimension = :dimension and m.value = :value)"
_STILL_VALID = f"+until = {FOREVER} and first_day = :first_day and end_day = :end_day"
_CLOSE_TAG = f"update {{0}}tag set until = :until where stream = :stream and term = {_OF_TERM} and {_STILL_VALID}"
_CLOSE_EARLIER_CLAIM = (
    f"update {{0}}earlier_claim set until = :until where stream = :stream and path = {_OF_TERM} and {_STILL_VALID} "
    "and hash = :hash"
)
_CLOSE_SEARCHED_TEXT = (
    f"update {{0}}searched_text set until = :until where stream = :stream and path = {_OF_TERM} and {_STILL_VALID} "
    "and reference = :reference"
)

ItemT = TypeVar("ItemT")
Rows = list[Any]
"""Rows in the order of the table's columns."""
Closed = list[dict[str, Any]]
"""The parameters of the statement that closes a row, for each."""


# What a batch collects


class RowChanges(Generic[ItemT]):
    """Rows of items of streams, each valid from a position until another, that a batch adds and closes.

    A row that the batch itself added is closed here, in memory: most rows of a rebuild reach the table closed. `ended`
    has the items of earlier batches that end in this one, each with its stream and the position.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[int, ItemT], int] = {}
        self._closed: list[tuple[int, ItemT, int, int]] = []
        self.ended: list[tuple[int, ItemT, int]] = []

    def replace(self, stream: int, ended: Iterable[ItemT], begun: Iterable[ItemT], position: int) -> None:
        """Close the rows of items that a stream no longer has, and open those of others that it has now."""
        for item in ended:
            if (since := self._open.pop((stream, item), None)) is not None:
                self._closed.append((stream, item, since, position))
            else:
                self.ended.append((stream, item, position))
        for item in begun:
            self._open[stream, item] = position

    def iter_rows(self) -> Iterator[tuple[int, ItemT, int, int]]:
        """Yield the rows to add: stream, item, `since` and `until`."""
        yield from self._closed
        for (stream, item), since in self._open.items():
            yield stream, item, since, FOREVER


class BatchRows(Struct, array_like=True):
    """The rows that a batch adds, with the numbers of `terms` in place of keys, and those that it closes.

    It consists of what MessagePack has, so that another process can send it. Entries lack the root, which depends on
    all entries before.
    """

    terms: list[Tag]
    path_sets: list[tuple[Tag, list[Tag]]]
    """The sets of paths that the entries changed: most are those of earlier entries."""
    streams: Rows
    entries: Rows
    versions: Rows
    codes: Rows
    """The codes that streams have from a position on: one at the first entry, and one where it changes."""
    tags: Rows
    earlier_claims: Rows
    searched_texts: Rows
    closed_tags: Closed
    closed_claims: Closed
    closed_texts: Closed


@dataclass
class RowBatch:
    """Collects the rows that a batch of events adds and closes."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    """In the order of `ENTRY_COLUMNS`, with terms in place of their keys, and without the root."""
    path_sets: dict[Tag, list[Tag]] = field(default_factory=dict)
    streams: list[tuple[int, str, str]] = field(default_factory=list)
    versions: list[tuple[Any, ...]] = field(default_factory=list)
    codes: list[tuple[int, int, str]] = field(default_factory=list)
    tags: RowChanges[DatedTag] = field(default_factory=RowChanges)
    earlier_claims: RowChanges[EarlierClaim] = field(default_factory=RowChanges)
    searched_texts: RowChanges[SearchedText] = field(default_factory=RowChanges)

    def add_stream(self, key: int, aggregate: Aggregate) -> None:
        """Add the row of a stream."""
        self.streams.append((key, aggregate.type, aggregate.id))

    def to_rows(self) -> BatchRows:
        """Return all that was collected."""
        numbers = _TermNumbers()
        entries = [
            (*entry[:_FIRST_TERM], *(term and numbers[term] for term in entry[_FIRST_TERM:])) for entry in self.entries
        ]
        tags = [
            (stream, numbers[tag.tag], since, until, tag.first_day, tag.end_day)
            for stream, tag, since, until in self.tags.iter_rows()
        ]
        earlier_claims = [
            (
                *(stream, numbers[each.term], hash_claim(each.claim), since, until),
                *(each.first_day, each.end_day, encode_claim(each.claim)),
            )
            for stream, each, since, until in self.earlier_claims.iter_rows()
        ]
        searched_texts = [
            (stream, numbers[each.term], bytes.fromhex(each.reference), since, until, each.first_day, each.end_day)
            for stream, each, since, until in self.searched_texts.iter_rows()
        ]
        return BatchRows(
            list(numbers),
            list(self.path_sets.items()),
            self.streams,
            entries,
            self.versions,
            self.codes,
            tags,
            earlier_claims,
            searched_texts,
            [_closed(stream, each.tag, each, until) for stream, each, until in self.tags.ended],
            [
                _closed(stream, each.term, each, until) | {"hash": hash_claim(each.claim)}
                for stream, each, until in self.earlier_claims.ended
            ],
            [
                _closed(stream, each.term, each, until) | {"reference": bytes.fromhex(each.reference)}
                for stream, each, until in self.searched_texts.ended
            ],
        )


class _TermNumbers(dict[Tag, int]):
    """The numbers of terms, in the order of their first use."""

    def __missing__(self, term: Tag) -> int:
        number = self[term] = len(self)
        return number


def _closed(stream: int, term: Tag, item: DatedTag | EarlierClaim | SearchedText, until: int) -> dict[str, Any]:
    dimension, value = term
    return {
        "stream": stream,
        "dimension": dimension,
        "value": value,
        "until": until,
        "first_day": item.first_day,
        "end_day": item.end_day,
    }


# How it is written


class TermKeys:
    """The keys of terms in one set of tables, read or assigned when they are first needed."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._keys: OrderedDict[Tag, int] = OrderedDict()
        self._last = 0

    def intern(self, transaction: Transaction, terms: Sequence[Tag]) -> list[int]:
        """Return the key of each of some terms, which all differ; those that have none get the next keys, in order."""
        missing = [term for term in terms if term not in self._keys]
        if len(missing) > MAX_INSERTED_TERMS:
            missing = self.find_missing(transaction, missing)
            self._insert(transaction, missing)
        elif missing:
            self._insert_or_find(transaction, missing)
        found = [self._keys[term] for term in terms]
        while len(self._keys) > MAX_CACHED_TERMS:
            self._keys.popitem(last=False)
        return found

    def find_missing(self, transaction: Transaction, terms: Iterable[Tag]) -> list[Tag]:
        """Return those of some terms that have no key yet, each once."""
        missing = [term for term in dict.fromkeys(terms) if term not in self._keys]
        for chunk in iter_chunks(missing):
            statement = select_terms(chunk, self._prefix)
            for row in transaction.fetch_all(statement.sql, **statement.parameters):
                self._keys[row["dimension"], row["value"]] = row["key"]
        return [term for term in missing if term not in self._keys]

    def _insert_or_find(self, transaction: Transaction, terms: Sequence[Tag]) -> None:
        """Insert a few terms, which nearly always are new: those that the table has are read afterwards."""
        statement = insert_terms(self._number(transaction, terms), self._prefix)
        rows = transaction.fetch_all(statement.sql, **statement.parameters)
        self._keys.update(((row["dimension"], row["value"]), row["key"]) for row in rows)
        if len(rows) < len(terms):
            self.find_missing(transaction, terms)

    def _insert(self, transaction: Transaction, terms: Sequence[Tag]) -> None:
        if not terms:
            return
        rows = self._number(transaction, terms)
        transaction.insert(f"{self._prefix}term", TERM_COLUMNS, rows)
        self._keys.update(((dimension, value), key) for key, dimension, value in rows)

    def _number(self, transaction: Transaction, terms: Sequence[Tag]) -> list[tuple[int, str, str]]:
        """Return terms with the next keys, of which some may remain unused."""
        self._last = self._last or transaction.fetch_value(_SELECT_LAST_TERM.format(self._prefix)) or 0
        first = self._last + 1
        self._last += len(terms)
        return [(key, *term) for key, term in enumerate(terms, start=first)]


class RowWriter:
    """Writes the rows of batches into one set of tables."""

    def __init__(self, transaction: Transaction, prefix: str, terms: TermKeys) -> None:
        self._transaction = transaction
        self._prefix = prefix
        self._terms = terms

    def write(self, parts: Sequence[BatchRows], roots: Sequence[bytes]) -> None:
        """Write the rows of a batch, whose parts are of different streams; `roots` are those of all its entries."""
        path_sets = {paths: members for part in parts for paths, members in part.path_sets}
        new_sets = self._terms.find_missing(self._transaction, path_sets)
        terms = dict.fromkeys(term for part in parts for term in part.terms)
        terms.update(dict.fromkeys(term for paths in new_sets for term in (paths, *path_sets[paths])))
        key_of = dict(zip(terms, self._terms.intern(self._transaction, list(terms)), strict=True))
        by_part = [(part, [key_of[term] for term in part.terms]) for part in parts]
        self._close(parts)
        self._insert("stream", STREAM_COLUMNS, (row for part in parts for row in part.streams))
        entries = sorted(_with_keys(row, keys) for part, keys in by_part for row in part.entries)
        self._insert("entry", ENTRY_COLUMNS, ((*entry, root) for entry, root in zip(entries, roots, strict=True)))
        of_sets = ((key_of[path], key_of[paths]) for paths in new_sets for path in path_sets[paths])
        self._insert("path_set", PATH_SET_COLUMNS, of_sets)
        self._insert("version", VERSION_COLUMNS, (row for part in parts for row in part.versions))
        self._insert("stream_code", STREAM_CODE_COLUMNS, (row for part in parts for row in part.codes))
        for table, columns, rows_of in (
            ("tag", TAG_COLUMNS, "tags"),
            ("earlier_claim", EARLIER_CLAIM_COLUMNS, "earlier_claims"),
            ("searched_text", SEARCHED_TEXT_COLUMNS, "searched_texts"),
        ):
            rows = (
                (stream, of_part[term], *others)
                for part, of_part in by_part
                for stream, term, *others in getattr(part, rows_of)
            )
            self._insert(table, columns, rows)

    def _insert(self, table: str, columns: list[str], rows: Iterable[Any]) -> None:
        """Insert rows in the order of their keys, in which they take their places at the least cost."""
        if in_order := sorted(rows):
            self._transaction.insert(self._prefix + table, columns, in_order)

    def _close(self, parts: Sequence[BatchRows]) -> None:
        for statement, closed in (
            (_CLOSE_TAG, [each for part in parts for each in part.closed_tags]),
            (_CLOSE_EARLIER_CLAIM, [each for part in parts for each in part.closed_claims]),
            (_CLOSE_SEARCHED_TEXT, [each for part in parts for each in part.closed_texts]),
        ):
            if closed:
                self._transaction.execute_many(statement.format(self._prefix), closed)


def _with_keys(entry: Sequence[Any], keys: Sequence[int]) -> tuple[Any, ...]:
    """Return an entry with the keys of its terms, of which some may be missing."""
    of_terms = (None if number is None else keys[number] for number in entry[_FIRST_TERM:])
    return (*entry[:_FIRST_TERM], *of_terms)
