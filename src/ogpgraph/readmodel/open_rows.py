"""What the projector keeps of the aggregates it projects into, and the rows that a batch of events adds and closes.

Streams and terms are interned: a stream's key is the position of its first entry; a term, which is a value of a
dimension of tags or of a column of entries, gets the next number when it is first used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Generic, TypeVar

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.as_of import Timeline
from ogpgraph.domain.field import Tag
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.earlier_claims import EarlierClaim, decode_earlier, encode_claim, hash_claim
from ogpgraph.readmodel.queries import insert_terms, select_earlier_claims, select_terms
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
from ogpgraph.storage.database import Parameters, Row, Transaction, iter_chunks

MAX_OPEN_AGGREGATES = 2_000
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

_SELECT_CHAINS = (
    "select s.id, s.key, v.position, v.chain, v.delta, v.frame, v.fold from {0}stream s join {0}entry e "
    "on e.stream = s.key join {0}version v on v.position = e.position where s.id in :streams and e.position >= "
    "(select c.chain from {0}version c "
    "where c.position = (select max(l.position) from {0}entry l where l.stream = s.key))"
)
_SELECT_LAST_TERM = "select max(key) from {}term"
# With `+until`, no index is used for it: the rows of a stream are few, those of a term that are still valid are many.
_CLOSE_TAG = (
    "update {0}tag set until = :until where stream = :stream and term = (select m.key from {0}term m "
    f"where m.dimension = :dimension and m.value = :value) and +until = {FOREVER} "
    "and first_day = :first_day and end_day = :end_day"
)
_CLOSE_EARLIER_CLAIM = (
    f"update {{}}earlier_claim set until = :until where stream = :stream and path = :path and +until = {FOREVER} "
    "and hash = :hash and first_day = :first_day and end_day = :end_day"
)
_CLOSE_SEARCHED_TEXT = (
    f"update {{}}searched_text set until = :until where stream = :stream and path = :path and +until = {FOREVER} "
    "and reference = :reference and first_day = :first_day and end_day = :end_day"
)


ItemT = TypeVar("ItemT")
FindAggregate = Callable[[str, int], Aggregate | None]
"""Returns the aggregate of a stream at a revision, with all that the fold needs; None where it is not in memory."""


def find_no_aggregate(_stream: str, _revision: int) -> Aggregate | None:
    """Find none: for a projection of events that another process has recorded, or of old ones."""
    return None


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
        return AggregateTags(self.timeline.aggregate.type)

    @cached_property
    def days(self) -> DayCounter:
        """Return the counter of the days on which its state changes, which is moved on with the timeline."""
        return DayCounter(self.timeline)


class OpenRowsCache:
    """The open rows of aggregates, and the keys of terms, at one checkpoint; read once and carried over to the next.

    The projector updates the `OpenRows` it gets in place, and adds terms. `get` therefore distrusts the cache until
    `advance_to` names the checkpoint that it belongs to: after a failed transaction it belongs to none.
    """

    def __init__(self, prefix: str, find_aggregate: FindAggregate) -> None:
        self._prefix = prefix
        self._find_aggregate = find_aggregate
        self._cached: OrderedDict[str, OpenRows] = OrderedDict()
        self._checkpoint: object = None
        self.terms = TermKeys(prefix)

    def get(self, checkpoint: object, transaction: Transaction, revisions: Mapping[str, int]) -> dict[str, OpenRows]:
        """Return the open rows of some streams at a checkpoint, each given with the revision that follows."""
        if checkpoint != self._checkpoint:
            self._cached.clear()
            self.terms = TermKeys(self._prefix)
        self._checkpoint = None
        known = {
            stream: self._find_aggregate(stream, revision - 1)
            for stream, revision in revisions.items()
            if stream not in self._cached
        }
        self._cached.update(_read_open_rows(transaction, self._prefix, known))
        return {stream: self._cached[stream] for stream in revisions}

    def advance_to(self, checkpoint: object) -> None:
        """Accept the updated rows as those of another checkpoint."""
        self._checkpoint = checkpoint
        while len(self._cached) > MAX_OPEN_AGGREGATES:
            self._cached.popitem(last=False)


def _read_open_rows(
    transaction: Transaction, prefix: str, known: Mapping[str, Aggregate | None]
) -> dict[str, OpenRows]:
    """Return the open rows of some streams, of which the aggregates are given that are known."""
    open_rows = {stream: OpenRows(Timeline(Aggregate(stream))) for stream in known}
    for chunk in iter_chunks(list(known)):
        rows = transaction.fetch_all(_SELECT_CHAINS.format(prefix), streams=chunk)
        chains = group_chains(rows)
        aggregates = {stream: known[stream] or _restore_aggregate(stream, own) for stream, own in chains.items()}
        # Where no source has several statements at a path, it has no earlier claims.
        several = [stream for stream, aggregate in aggregates.items() if aggregate.sequences]
        earlier = _read_earlier_claims(transaction, prefix, several)
        for stream, own in chains.items():
            aggregate = aggregates[stream]
            timeline = Timeline(aggregate, earlier.get(stream, {}))
            open_rows[stream] = OpenRows(timeline, own[0]["key"], code_of(aggregate), restore_chain(own))
    return open_rows


def _restore_aggregate(stream: str, rows: Sequence[Row]) -> Aggregate:
    folds = (decompress(row["fold"]) for row in rows if row["fold"] is not None)
    return restore_fold(decode_chain(stream, rows), folds)


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
        missing = [term for term in requested if term not in self._keys]
        if len(missing) > MAX_INSERTED_TERMS:
            missing = self.find_missing(transaction, missing)
            self._insert(transaction, missing)
        elif missing:
            self._insert_or_find(transaction, missing)
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

    def iter_added(self) -> Iterator[ItemT]:
        """Yield the items of the rows to add."""
        yield from (item for _, item in self._open)
        yield from (item for _, item, _, _ in self._closed)


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
        self._close_rows(transaction, prefix, key_of)
        entries = [
            (
                *entry[:_FIRST_TERM],
                *(term and key_of[term] for term in entry[_FIRST_TERM:_END_OF_TERMS]),
                *entry[_END_OF_TERMS:],
            )
            for entry in self.entries
        ]
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
        of_sets = [(key_of[path], key_of[each]) for each, paths in new_sets.items() for path in paths]
        for table, columns, rows in (
            ("stream", STREAM_COLUMNS, self.streams),
            ("entry", ENTRY_COLUMNS, entries),
            ("path_set", PATH_SET_COLUMNS, sorted(of_sets)),
            ("version", VERSION_COLUMNS, self.versions),
            ("stream_code", STREAM_CODE_COLUMNS, sorted(self.codes)),
            ("tag", TAG_COLUMNS, sorted(tags)),
            ("earlier_claim", EARLIER_CLAIM_COLUMNS, sorted(earlier_claims)),
            ("searched_text", SEARCHED_TEXT_COLUMNS, sorted(searched_texts)),
        ):
            if rows:
                transaction.insert(prefix + table, columns, rows)

    def _close_rows(self, transaction: Transaction, prefix: str, key_of: Mapping[Tag, int]) -> None:
        ended_tags: list[Parameters] = [
            {"stream": stream, "dimension": each.dimension, "value": each.value, "until": until} | _days(each)
            for stream, each, until in self.tags.ended
        ]
        ended_claims: list[Parameters] = [
            {"stream": stream, "path": key_of[each.term], "hash": hash_claim(each.claim), "until": until} | _days(each)
            for stream, each, until in self.earlier_claims.ended
        ]
        ended_texts: list[Parameters] = [
            {"stream": stream, "path": key_of[each.term], "reference": bytes.fromhex(each.reference), "until": until}
            | _days(each)
            for stream, each, until in self.searched_texts.ended
        ]
        for statement, ended in (
            (_CLOSE_TAG, ended_tags),
            (_CLOSE_EARLIER_CLAIM, ended_claims),
            (_CLOSE_SEARCHED_TEXT, ended_texts),
        ):
            if ended:
                transaction.execute_many(statement.format(prefix), ended)

    def _iter_terms(self) -> Iterable[Tag]:
        of_entries = (term for entry in self.entries for term in entry[_FIRST_TERM:_END_OF_TERMS] if term)
        tags = (tag.tag for tag in self.tags.iter_added())
        claims = (each.term for each in chain(self.earlier_claims.iter_added(), _items(self.earlier_claims.ended)))
        texts = (each.term for each in chain(self.searched_texts.iter_added(), _items(self.searched_texts.ended)))
        return chain(of_entries, tags, claims, texts)


def _items(ended: Iterable[tuple[int, ItemT, int]]) -> Iterator[ItemT]:
    return (item for _, item, _ in ended)


def _days(item: DatedTag | EarlierClaim | SearchedText) -> dict[str, object]:
    return {"first_day": item.first_day, "end_day": item.end_day}
