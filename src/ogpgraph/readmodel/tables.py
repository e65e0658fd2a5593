"""The read model's tables: the live set that readers use and, during a rebuild, a second set beside it.

The two sets differ in a prefix of their names, so that one text of definitions and statements serves both. A set's
definitions change only together with `PROJECTION_VERSION`: then the set is built anew, never altered.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import structs

from ogpgraph.domain.aggregate import Aggregate, aggregate_type_of
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.tags import code_of
from ogpgraph.storage.database import Row, Transaction, iter_chunks

PROJECTION_VERSION = 3
"""Increment it whenever the same events would give other rows: `ogpgraph migrate` then rebuilds the read model.

They would, for example, if a field that events already state gets a filter, an order or a facet.
"""
LIVE_PREFIX = ""
NEXT_PREFIX = "next_"
PROJECTOR_NAME = "main"
PROJECTOR_TABLE = "projector"
FORMER_PROJECTOR_TABLE = "follower"
"""The first program's name of the table; its `version` and `tag` have other columns than ours."""
FOREVER = 2**63 - 1
"""The `until` of a row that is still valid."""
MAX_CACHED_DOCUMENTS = 20_000
MAX_OPEN_AGGREGATES = 2_000
ENTRY_COLUMNS = [
    "position",
    "log_position",
    "event_id",
    "stream",
    "revision",
    "name",
    "recorded_at",
    "actor",
    "cause",
    "source",
    "correlation",
    "envelope",
    "changes",
    "leaf",
    "root",
]
VERSION_COLUMNS = ["aggregate_type", "id", "since", "until", "revision", "code", "document"]
TAG_COLUMNS = ["aggregate_type", "id", "dimension", "value", "since", "until"]

_TABLE_PATTERN = re.compile(r"create table if not exists (\w+)")
_INDEX_PATTERN = re.compile(r"create index if not exists (\w+) on (\w+)")
_UNTIL_OF_VERSION = VERSION_COLUMNS.index("until")
_UNTIL_OF_TAG = TAG_COLUMNS.index("until")
_CLOSE_VERSION = "update {}version set until = :until where id = :id and since = :since"
_CLOSE_TAG = (
    "update {}tag set until = :until where id = :id and dimension = :dimension and value = :value and since = :since"
)
_SELECT_OPEN_VERSIONS = (
    f"select id, since, revision, document from {{}}version where id in :streams and until = {FOREVER}"
)
_SELECT_OPEN_TAGS = f"select id, dimension, value, since from {{}}tag where id in :streams and until = {FOREVER}"
_DUMP_QUERIES = {
    "entry": "select * from entry order by position",
    "version": "select * from version order by id, since",
    "tag": "select * from tag order by id, dimension, value, since",
    "projector": "select name, projection_version, log_position, position, frontier from projector order by name",
}
_document_encoder = msgspec.json.Encoder()
_document_decoder = msgspec.json.Decoder(Aggregate)


# Definitions


def table_names(*, former: bool = False) -> list[str]:
    """Return the names of a set's tables, the projector's first: everyone who locks several does so in this order."""
    others = [table for table in _TABLE_PATTERN.findall(_definitions()) if table != PROJECTOR_TABLE]
    return [FORMER_PROJECTOR_TABLE if former else PROJECTOR_TABLE, *others]


def render_ddl(prefix: str, build: int) -> str:
    """Return the definitions of a set; `build` makes its index names unique, as SQLite cannot rename an index."""
    prefixed = _TABLE_PATTERN.sub(rf"create table if not exists {prefix}\1", _definitions())
    return _INDEX_PATTERN.sub(rf"create index if not exists \1_{build} on {prefix}\2", prefixed)


def drop_tables(transaction: Transaction, prefix: str) -> None:
    """Drop the tables of a set as far as they exist, also those that an older program left."""
    for table in (*table_names(), FORMER_PROJECTOR_TABLE):
        transaction.execute(f"drop table if exists {prefix}{table}")


def insert_projector(transaction: Transaction, prefix: str, projection_version: int, build: int) -> None:
    """Insert the projector's row into a set, unless it has one."""
    transaction.execute(
        f"insert into {prefix}projector (name, projection_version, build, log_position, position, frontier) "
        "values (:name, :projection_version, :build, 0, 0, '') on conflict do nothing",
        name=PROJECTOR_NAME,
        projection_version=projection_version,
        build=build,
    )


def swap_tables(transaction: Transaction) -> None:
    """Replace the live set by the next one. The caller has locked the live tables; all others see it at the commit."""
    drop_tables(transaction, LIVE_PREFIX)
    for table in table_names():
        transaction.execute(f"alter table {NEXT_PREFIX}{table} rename to {table}")


@cache
def _definitions() -> str:
    return files("ogpgraph.readmodel").joinpath("tables.sql").read_text()


# Documents: the claims of an aggregate in a row of `version`


def encode_document(aggregate: Aggregate) -> str:
    """Return an aggregate's state as JSON; equal states give equal bytes."""
    ordered = structs.replace(
        aggregate, claims=dict(sorted(aggregate.claims.items())), sequences=dict(sorted(aggregate.sequences.items()))
    )
    return _document_encoder.encode(ordered).decode()


def decode_document(document: str) -> Aggregate:
    """Return the aggregate whose state a row holds."""
    return _document_decoder.decode(document)


class AggregateCache:
    """Decoded documents by id and `since`, the most recently added ones. They never change, so none is ever stale."""

    def __init__(self) -> None:
        self._cached: OrderedDict[tuple[str, int], Aggregate] = OrderedDict()
        self._lock = threading.Lock()

    def decode(self, row: Row) -> Aggregate:
        """Return the aggregate in a row of `version`."""
        key = (row["id"], row["since"])
        with self._lock:
            cached = self._cached.get(key)
        if cached is not None:
            return cached
        aggregate = decode_document(row["document"])
        with self._lock:
            self._cached[key] = aggregate
            while len(self._cached) > MAX_CACHED_DOCUMENTS:
                self._cached.popitem(last=False)
        return aggregate


# The rows that are still valid


@dataclass
class OpenRows:
    """The open rows of an aggregate: its state, since when it is valid, and since when each of its tags is."""

    aggregate: Aggregate
    since: int = 0
    tags: dict[Tag, int] = field(default_factory=dict)


class OpenRowsCache:
    """The open rows of aggregates at one checkpoint, read once and carried over from batch to batch.

    The projector updates the `OpenRows` it gets in place. `get` therefore distrusts the cache until `advance_to` names
    the checkpoint that the updated rows belong to: after a failed transaction they belong to none.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._cached: OrderedDict[str, OpenRows] = OrderedDict()
        self._checkpoint: object = None

    def get(self, checkpoint: object, transaction: Transaction, streams: Iterable[str]) -> dict[str, OpenRows]:
        """Return the open rows of some streams at a checkpoint."""
        if checkpoint != self._checkpoint:
            self._cached.clear()
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
        for row in transaction.fetch_all(_SELECT_OPEN_VERSIONS.format(prefix), streams=chunk):
            aggregate = decode_document(row["document"])
            open_rows[row["id"]] = OpenRows(aggregate, row["since"])
        for row in transaction.fetch_all(_SELECT_OPEN_TAGS.format(prefix), streams=chunk):
            open_rows[row["id"]].tags[row["dimension"], row["value"]] = row["since"]
    return open_rows


@dataclass
class RowBatch:
    """The rows that a batch of events adds and closes.

    A row that the batch itself added is closed here, in memory: most rows of a rebuild reach the table closed.
    """

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    versions: dict[tuple[str, int], list[Any]] = field(default_factory=dict)
    tags: dict[tuple[str, Tag, int], list[Any]] = field(default_factory=dict)
    closed_versions: list[dict[str, Any]] = field(default_factory=list)
    closed_tags: list[dict[str, Any]] = field(default_factory=list)

    def open_version(self, aggregate: Aggregate, position: int) -> None:
        """Add the row of a state that is valid from a position on."""
        self.versions[aggregate.id, position] = [
            aggregate.type,
            aggregate.id,
            position,
            FOREVER,
            aggregate.revision,
            code_of(aggregate),
            encode_document(aggregate),
        ]

    def close_version(self, stream: str, since: int, until: int) -> None:
        """End the validity of a state; there is none to end where `since` is 0."""
        if (row := self.versions.get((stream, since))) is not None:
            row[_UNTIL_OF_VERSION] = until
        elif since:
            self.closed_versions.append({"id": stream, "since": since, "until": until})

    def open_tag(self, stream: str, tag: Tag, position: int) -> None:
        """Add the row of a tag that is valid from a position on."""
        self.tags[stream, tag, position] = [aggregate_type_of(stream), stream, *tag, position, FOREVER]

    def close_tag(self, stream: str, tag: Tag, since: int, until: int) -> None:
        """End the validity of a tag."""
        if (row := self.tags.get((stream, tag, since))) is not None:
            row[_UNTIL_OF_TAG] = until
        else:
            dimension, value = tag
            self.closed_tags.append(
                {"id": stream, "dimension": dimension, "value": value, "since": since, "until": until}
            )

    def write(self, transaction: Transaction, prefix: str) -> None:
        """Write all rows into a set of tables."""
        transaction.execute_many(_CLOSE_VERSION.format(prefix), self.closed_versions)
        transaction.execute_many(_CLOSE_TAG.format(prefix), self.closed_tags)
        transaction.insert(f"{prefix}version", VERSION_COLUMNS, list(self.versions.values()))
        transaction.insert(f"{prefix}tag", TAG_COLUMNS, list(self.tags.values()))
        transaction.insert(f"{prefix}entry", ENTRY_COLUMNS, self.entries)


# The canonical dump


def dump_rows(transaction: Transaction) -> Iterator[bytes]:
    """Yield every row of the live set as a line of JSON, in a fixed order; two equal read models give equal bytes."""
    for table, sql in _DUMP_QUERIES.items():
        for row in transaction.stream(sql):
            columns = row.keys()  # sqlite3.Row iterates over its values, a dict over its keys
            yield msgspec.json.encode([table, *(row[column] for column in columns)]) + b"\n"


def compute_digest(transaction: Transaction) -> str:
    """Return the SHA-256 of the canonical dump, in hex."""
    digest = sha256()
    for line in dump_rows(transaction):
        digest.update(line)
    return digest.hexdigest()
