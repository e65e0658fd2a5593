"""What the projector keeps of the aggregates it projects into, and the rows that a batch of events adds and closes.

Streams and terms are interned: a stream's key is the position of its first entry; a term, which is a value of a
dimension of tags or of a column of entries, gets the next number when it is first used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, Generic, TypeVar

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.as_of import Timeline
from ogpgraph.domain.field import Tag
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.earlier_claims import EarlierClaim, decode_earlier, encode_claim, hash_claim
from ogpgraph.readmodel.queries import select_chains, select_earlier_claims, select_terms
from ogpgraph.readmodel.searched_texts import SearchedText
from ogpgraph.readmodel.states import (
    Chain,
    decode_chain,
    decompress,
    group_chains,
    restore_chain,
    restore_fold,
)
from ogpgraph.readmodel.tags import FOREVER, AggregateTags, DatedTag, DayCounter, code_of
from ogpgraph.storage.database import Transaction, iter_chunks

MAX_OPEN_AGGREGATES = 2_000
MAX_CACHED_TERMS = 50_000
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

_SELECT_KEYS = "select key, id from {}stream where id in :streams"
_SELECT_LAST_TERM = "select max(key) from {}term"
_CLOSE_TAG = (
    f"update {{}}tag set until = :until where stream = :stream and term = :term and until = {FOREVER} "
    "and first_day = :first_day and end_day = :end_day"
)
_CLOSE_EARLIER_CLAIM = (
    f"update {{}}earlier_claim set until = :until where stream = :stream and path = :path and until = {FOREVER} "
    "and hash = :hash and first_day = :first_day and end_day = :end_day"
)
_CLOSE_SEARCHED_TEXT = (
    f"update {{}}searched_text set until = :until where stream = :stream and path = :path and until = {FOREVER} "
    "and reference = :reference and first_day = :first_day and end_day = :end_day"
)


ItemT = TypeVar("ItemT")


@dataclass
class OpenRows:
    """The last row of an aggregate: its timeline, the key of its stream (0 without any row yet), code, and chain."""

    timeline: Timeline
    key: int = 0
    code: str = ""
    chain: Chain = Chain()  # noqa: RUF009 - it is immutable

    @cached_property
    def tags(self) -> AggregateTags:
        """Return its tags, which are moved on with the timeline."""
        return AggregateTags(self.timeline)

    @cached_property
    def days(self) -> DayCounter:
        """Return the counter of the days on which its state changes, which is moved on with the timeline."""
        return DayCounter(self.timeline)


class OpenRowsCache:
    """The open rows of aggregates, and the keys of terms, at one checkpoint; read once and carried over to the next.

    The projector updates the `OpenRows` it gets in place, and adds terms. `get` therefore distrusts the cache until
    `advance_to` names the checkpoint that it belongs to: after a failed transaction it belongs to none.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._cached: OrderedDict[str, OpenRows] = OrderedDict()
        self._checkpoint: object = None
        self.terms = TermKeys(prefix)

    def get(self, checkpoint: object, transaction: Transaction, streams: Iterable[str]) -> dict[str, OpenRows]:
        """Return the open rows of some streams at a checkpoint."""
        if checkpoint != self._checkpoint:
            self._cached.clear()
            self.terms = TermKeys(self._prefix)
        self._checkpoint = None
        requested = set(streams)
        missing = sorted(requested - self._cached.keys())
        self._cached.update(_read_open_rows(transaction, self._prefix, missing))
        return {stream: self._cached[stream] for stream in requested}

    def advance_to(self, checkpoint: object) -> None:
        """Accept the updated rows as those of another checkpoint."""
        self._checkpoint = checkpoint
        while len(self._cached) > MAX_OPEN_AGGREGATES:
            self._cached.popitem(last=False)


def _read_open_rows(transaction: Transaction, prefix: str, streams: list[str]) -> dict[str, OpenRows]:
    open_rows = {stream: OpenRows(Timeline(Aggregate(stream))) for stream in streams}
    for chunk in iter_chunks(streams):
        keys = transaction.fetch_all(_SELECT_KEYS.format(prefix), streams=chunk)
        key_of = {row["id"]: row["key"] for row in keys}
        statement = select_chains([(FOREVER, stream) for stream in key_of], prefix) if key_of else None
        rows = transaction.fetch_all(statement.sql, **statement.parameters) if statement else []
        earlier = _read_earlier_claims(transaction, prefix, list(key_of))
        for stream, own in group_chains(rows).items():
            folds = (decompress(row["fold"]) for row in own if row["fold"] is not None)
            state = restore_fold(decode_chain(stream, own), folds)
            timeline = Timeline(state, earlier.get(stream, {}))
            open_rows[stream] = OpenRows(timeline, key_of[stream], code_of(state), restore_chain(own))
    return open_rows


def _read_earlier_claims(
    transaction: Transaction, prefix: str, streams: list[str]
) -> dict[str, dict[str, tuple[Claim, ...]]]:
    if not streams:
        return {}
    statement = select_earlier_claims([(FOREVER - 1, stream) for stream in streams], None, prefix)
    rows = transaction.fetch_all(statement.sql, **statement.parameters)
    return {stream: claims for (_, stream), claims in decode_earlier(rows).items()}


class TermKeys:
    """The keys of terms in one set of tables, read or assigned when they are first needed."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._keys: OrderedDict[Tag, int] = OrderedDict()
        self._last = 0

    def intern(self, transaction: Transaction, terms: Iterable[Tag]) -> dict[Tag, int]:
        """Return term → key; terms that have none get the next keys, in the order given."""
        requested = list(dict.fromkeys(terms))
        self._insert(transaction, self.find_missing(transaction, requested))
        found = {term: self._keys[term] for term in requested}
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

    def _insert(self, transaction: Transaction, terms: Sequence[Tag]) -> None:
        if not terms:
            return
        self._last = self._last or transaction.fetch_value(_SELECT_LAST_TERM.format(self._prefix)) or 0
        keys = count(self._last + 1)
        rows = [(next(keys), *term) for term in terms]
        transaction.insert(f"{self._prefix}term", TERM_COLUMNS, rows)
        self._keys.update(((dimension, value), key) for key, dimension, value in rows)
        self._last += len(rows)


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

    def iter_items(self) -> Iterator[tuple[int, ItemT]]:
        """Yield all items with their streams."""
        yield from self._open
        yield from ((stream, item) for stream, item, _, _ in self._closed)
        yield from ((stream, item) for stream, item, _ in self.ended)


@dataclass
class RowBatch:
    """The rows that a batch of events adds and closes."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    """In the order of `ENTRY_COLUMNS`, with terms in place of their keys."""
    path_sets: dict[Tag, tuple[Tag, ...]] = field(default_factory=dict)
    """The sets of paths that the entries changed: most are those of earlier entries."""
    streams: list[tuple[int, str, str]] = field(default_factory=list)
    versions: list[tuple[Any, ...]] = field(default_factory=list)
    codes: list[tuple[int, int, str]] = field(default_factory=list)
    """The codes that streams have from a position on: one at the first entry, and one where it changes."""
    tags: RowChanges[DatedTag] = field(default_factory=RowChanges)
    earlier_claims: RowChanges[EarlierClaim] = field(default_factory=RowChanges)
    searched_texts: RowChanges[SearchedText] = field(default_factory=RowChanges)

    def add_stream(self, key: int, aggregate: Aggregate) -> None:
        """Add the row of a stream."""
        self.streams.append((key, aggregate.type, aggregate.id))

    def write(self, transaction: Transaction, prefix: str, terms: TermKeys) -> None:
        """Write all rows into a set of tables."""
        new_sets = {each: self.path_sets[each] for each in terms.find_missing(transaction, self.path_sets)}
        key_of = terms.intern(transaction, chain(self._iter_terms(), *new_sets.values()))
        ended_tags = [
            {"stream": stream, "term": key_of[each.tag], "until": until} | _days(each)
            for stream, each, until in self.tags.ended
        ]
        transaction.execute_many(_CLOSE_TAG.format(prefix), ended_tags)
        ended_claims = [
            {"stream": stream, "path": key_of[each.term], "hash": hash_claim(each.claim), "until": until} | _days(each)
            for stream, each, until in self.earlier_claims.ended
        ]
        transaction.execute_many(_CLOSE_EARLIER_CLAIM.format(prefix), ended_claims)
        ended_texts = [
            {"stream": stream, "path": key_of[each.term], "reference": bytes.fromhex(each.reference), "until": until}
            | _days(each)
            for stream, each, until in self.searched_texts.ended
        ]
        transaction.execute_many(_CLOSE_SEARCHED_TEXT.format(prefix), ended_texts)
        tags = [
            (stream, key_of[tag.tag], since, until, tag.first_day, tag.end_day)
            for stream, tag, since, until in self.tags.iter_rows()
        ]
        earlier_claims = [
            (stream, key_of[each.term], hash_claim(each.claim), *valid, *_days(each).values(), encode_claim(each.claim))
            for stream, each, *valid in self.earlier_claims.iter_rows()
        ]
        searched_texts = [
            (stream, key_of[each.term], bytes.fromhex(each.reference), *valid, *_days(each).values())
            for stream, each, *valid in self.searched_texts.iter_rows()
        ]
        entries = [
            (
                *entry[:_FIRST_TERM],
                *(term and key_of[term] for term in entry[_FIRST_TERM:_END_OF_TERMS]),
                *entry[_END_OF_TERMS:],
            )
            for entry in self.entries
        ]
        transaction.insert(f"{prefix}stream", STREAM_COLUMNS, self.streams)
        transaction.insert(f"{prefix}entry", ENTRY_COLUMNS, entries)
        of_sets = [(key_of[path], key_of[each]) for each, paths in new_sets.items() for path in paths]
        transaction.insert(f"{prefix}path_set", PATH_SET_COLUMNS, sorted(of_sets))
        transaction.insert(f"{prefix}version", VERSION_COLUMNS, self.versions)
        transaction.insert(f"{prefix}stream_code", STREAM_CODE_COLUMNS, sorted(self.codes))
        transaction.insert(f"{prefix}tag", TAG_COLUMNS, sorted(tags))
        transaction.insert(f"{prefix}earlier_claim", EARLIER_CLAIM_COLUMNS, sorted(earlier_claims))
        transaction.insert(f"{prefix}searched_text", SEARCHED_TEXT_COLUMNS, sorted(searched_texts))

    def _iter_terms(self) -> Iterable[Tag]:
        of_entries = (term for entry in self.entries for term in entry[_FIRST_TERM:_END_OF_TERMS] if term)
        tags = (tag.tag for _, tag in self.tags.iter_items())
        claims = (each.term for _, each in self.earlier_claims.iter_items())
        texts = (each.term for _, each in self.searched_texts.iter_items())
        return chain(of_entries, tags, claims, texts)


def _days(item: DatedTag | EarlierClaim | SearchedText) -> dict[str, object]:
    return {"first_day": item.first_day, "end_day": item.end_day}
