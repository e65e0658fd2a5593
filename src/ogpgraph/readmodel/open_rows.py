"""What the projector keeps of the aggregates it projects into, and the rows that a batch of events adds and closes.

Streams and terms are interned: a stream's key is the position of its first entry; a term, which is a value of a
dimension of tags or of a column of entries, gets the next number when it is first used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.queries import select_chains, select_terms
from ogpgraph.readmodel.states import (
    Chain,
    VersionContent,
    decode_chain,
    decompress,
    group_chains,
    restore_chain,
    restore_fold,
)
from ogpgraph.readmodel.tables import FOREVER
from ogpgraph.readmodel.tags import code_of
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
TAG_COLUMNS = ["stream", "term", "since", "until"]
_FIRST_TERM, _END_OF_TERMS = ENTRY_COLUMNS.index("name"), ENTRY_COLUMNS.index("root")

_SELECT_KEYS = "select key, id from {}stream where id in :streams"
_SELECT_LAST_TERM = "select max(key) from {}term"
_CLOSE_TAG = f"update {{}}tag set until = :until where stream = :stream and term = :term and until = {FOREVER}"


@dataclass
class OpenRows:
    """The last row of an aggregate: its state, the key of its stream (0 if it has no row yet), and its chain."""

    aggregate: Aggregate
    key: int = 0
    chain: Chain = Chain()  # noqa: RUF009 - it is immutable


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
    open_rows = {stream: OpenRows(Aggregate(stream)) for stream in streams}
    for chunk in iter_chunks(streams):
        keys = transaction.fetch_all(_SELECT_KEYS.format(prefix), streams=chunk)
        key_of = {row["id"]: row["key"] for row in keys}
        statement = select_chains([(FOREVER, stream) for stream in key_of], prefix) if key_of else None
        rows = transaction.fetch_all(statement.sql, **statement.parameters) if statement else []
        for stream, own in group_chains(rows).items():
            folds = (decompress(row["fold"]) for row in own if row["fold"] is not None)
            state = restore_fold(decode_chain(stream, own), folds)
            open_rows[stream] = OpenRows(state, key_of[stream], restore_chain(own))
    return open_rows


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


@dataclass
class RowBatch:
    """The rows that a batch of events adds and closes.

    A tag that the batch itself added is closed here, in memory: most rows of a rebuild reach the table closed.
    """

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    """In the order of `ENTRY_COLUMNS`, with terms in place of their keys."""
    path_sets: dict[Tag, tuple[Tag, ...]] = field(default_factory=dict)
    """The sets of paths that the entries changed: most are those of earlier entries."""
    streams: list[tuple[int, str, str]] = field(default_factory=list)
    versions: list[tuple[Any, ...]] = field(default_factory=list)
    open_tags: dict[tuple[int, Tag], int] = field(default_factory=dict)
    closed_tags: list[tuple[int, Tag, int, int]] = field(default_factory=list)
    ended_tags: list[tuple[int, Tag, int]] = field(default_factory=list)
    """Tags of earlier batches that end in this one."""

    def add_stream(self, key: int, aggregate: Aggregate) -> None:
        """Add the row of a stream."""
        self.streams.append((key, aggregate.type, aggregate.id))

    def add_version(self, position: int, aggregate: Aggregate, content: VersionContent) -> None:
        """Add the row of a state that is valid from a position on."""
        self.versions.append((position, code_of(aggregate), *content))

    def open_tag(self, stream: int, tag: Tag, position: int) -> None:
        """Add the row of a tag that is valid from a position on."""
        self.open_tags[stream, tag] = position

    def close_tag(self, stream: int, tag: Tag, until: int) -> None:
        """End the validity of a tag."""
        if (since := self.open_tags.pop((stream, tag), None)) is not None:
            self.closed_tags.append((stream, tag, since, until))
        else:
            self.ended_tags.append((stream, tag, until))

    def write(self, transaction: Transaction, prefix: str, terms: TermKeys) -> None:
        """Write all rows into a set of tables."""
        new_sets = {each: self.path_sets[each] for each in terms.find_missing(transaction, self.path_sets)}
        key_of = terms.intern(transaction, chain(self._iter_terms(), *new_sets.values()))
        ended = [{"stream": stream, "term": key_of[tag], "until": until} for stream, tag, until in self.ended_tags]
        transaction.execute_many(_CLOSE_TAG.format(prefix), ended)
        closed = [(stream, key_of[tag], since, until) for stream, tag, since, until in self.closed_tags]
        opened = [(stream, key_of[tag], since, FOREVER) for (stream, tag), since in self.open_tags.items()]
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
        transaction.insert(f"{prefix}tag", TAG_COLUMNS, sorted(closed + opened))

    def _iter_terms(self) -> Iterable[Tag]:
        of_entries = (term for entry in self.entries for term in entry[_FIRST_TERM:_END_OF_TERMS] if term)
        opened, closed, ended = (tag for _, tag in self.open_tags), self.closed_tags, self.ended_tags
        return chain(of_entries, opened, (tag for _, tag, *_ in closed), (tag for _, tag, _ in ended))
