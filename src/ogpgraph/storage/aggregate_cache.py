"""The cache of aggregates for the write side: one row for each aggregate with many events, its state at one revision.

A row is used only if the log has the event of its revision with the leaf of the row, so the row of a log that was
restored from a backup is ignored. Rows can be deleted at any time; the next command reads the whole stream then. The
read model neither reads nor writes them.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from ogpgraph.storage.database import Database
from ogpgraph.storage.logged_event import LoggedEvent, load_event, require_consecutive

_CREATE_TABLE = """
create table if not exists aggregate_cache (
  stream text primary key,
  revision bigint not null,
  leaf blob not null,
  fold_version integer not null,
  document blob not null
)"""
_COMPRESSION_LEVEL = 1
# In one statement, so that the row and the events are those of one moment.
_SELECT = """
select e.position, e.stream, e.revision, e.topic, e.payload, e.recorded_at, e.leaf, e.save, c.document
from event e left join aggregate_cache c on c.stream = e.stream and c.revision = e.revision and c.leaf = e.leaf
and c.fold_version = :fold_version
where e.stream = :stream and e.revision >= coalesce((
  select used.revision from aggregate_cache used
  join event last on last.stream = used.stream and last.revision = used.revision and last.leaf = used.leaf
  where used.stream = :stream and used.fold_version = :fold_version
), 1)
order by e.revision"""
_UPSERT = """
insert into aggregate_cache (stream, revision, leaf, fold_version, document)
values (:stream, :revision, :leaf, :fold_version, :document)
on conflict (stream) do update set
  revision = excluded.revision, leaf = excluded.leaf, fold_version = excluded.fold_version, document = excluded.document
"""


class CachedStream(NamedTuple):
    """The document of a row and the events from its revision on, that one included; without a row, all events."""

    document: bytes | None
    events: Sequence[LoggedEvent]


class AggregateCache:
    """Reads and writes the rows of one version of the fold, which has to change with the form of the documents."""

    def __init__(self, database: Database, fold_version: int) -> None:
        self._database = database
        self._fold_version = fold_version

    def read(self, stream: str) -> CachedStream:
        """Return a stream's row, if it can be used, and the events that follow; raises CorruptEvent."""
        rows = self._database.query(_SELECT, stream=stream, fold_version=self._fold_version)
        events = [load_event(row) for row in rows]
        document = _decompress(bytes(rows[0]["document"])) if rows and rows[0]["document"] is not None else None
        require_consecutive(stream, events, first=events[0].revision if document is not None else 1)
        return CachedStream(document, events)

    def write(self, stream: str, revision: int, leaf: bytes, document: bytes) -> None:
        """Replace the row of a stream. It is not synced to the disk: a row that is lost is written again some time."""
        with self._database.write(durable=False) as transaction:
            transaction.execute(
                _UPSERT,
                stream=stream,
                revision=revision,
                leaf=leaf,
                fold_version=self._fold_version,
                document=zlib.compress(document, _COMPRESSION_LEVEL),
            )


def create_aggregate_cache(database: Database) -> None:
    """Create the table unless it exists."""
    database.apply_ddl(_CREATE_TABLE)


def _decompress(document: bytes) -> bytes:
    """Return a document; of a damaged one nothing, which is no document."""
    try:
        return zlib.decompress(document)  # which has a checksum
    except zlib.error:
        return b""
