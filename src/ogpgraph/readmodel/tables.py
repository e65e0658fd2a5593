"""The read model's tables: the live set that readers use and, during a rebuild, a second set beside it.

The two sets differ in a prefix of their names, so that one text of definitions and statements serves both. A set's
definitions change only together with `PROJECTION_VERSION`: then the set is built anew, never altered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import msgspec

from ogpgraph.domain.aggregate import FOLD_VERSION
from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.readmodel.states import decompress
from ogpgraph.readmodel.tag_rules import describe_rules
from ogpgraph.storage.database import Row, Transaction, split_statements

LIVE_PREFIX = ""
NEXT_PREFIX = "next_"
PROJECTOR_NAME = "main"
PROJECTOR_TABLE = "projector"
ROWS_VERSION = 9
"""Increment it whenever the same events would give other rows, except by another set of dimensions."""

_TABLE_PATTERN = re.compile(r"create table if not exists (\w+)")
_INDEX_PATTERN = re.compile(r"create index if not exists (\w+) on (\w+)")
# With texts in place of keys, and with what is compressed as it was: the digest depends on nothing but the events.
_DUMP_QUERIES = {
    "entry": """
        select e.position, e.log_position, e.event_hash, s.id, e.revision, e.recorded_at, e.effective_after,
               e.effective_before, n.value as name, c.value as cause, a.value as actor, w.value as role,
               o.value as source, r.value as correlation, p.value as paths, e.root
        from entry e join stream s on s.key = e.stream join term n on n.key = e.name join term c on c.key = e.cause
        join term a on a.key = e.actor join term w on w.key = e.role join term r on r.key = e.correlation
        left join term o on o.key = e.source left join term p on p.key = e.paths
        order by e.position""",
    "path_set": """
        select s.value as paths, p.value as path
        from path_set m join term s on s.key = m.paths join term p on p.key = m.path order by s.value, p.value""",
    "version": "select position, chain, code, delta, frame, fold from version order by position",
    "stream_code": """
        select s.id, c.since, c.code from stream_code c join stream s on s.key = c.stream order by s.id, c.since""",
    "tag": """
        select s.id, m.dimension, m.value, t.since, t.until, t.first_day, t.end_day
        from tag t join stream s on s.key = t.stream join term m on m.key = t.term
        order by s.id, m.dimension, m.value, t.since, t.first_day""",
    "earlier_claim": """
        select s.id, m.value, c.since, c.until, c.first_day, c.end_day, c.hash, c.claim
        from earlier_claim c join stream s on s.key = c.stream join term m on m.key = c.path
        order by s.id, m.value, c.since, c.first_day, c.hash""",
    "searched_text": """
        select s.id, m.value, x.reference, x.since, x.until, x.first_day, x.end_day
        from searched_text x join stream s on s.key = x.stream join term m on m.key = x.path
        order by s.id, m.value, x.reference, x.since, x.first_day""",
    "stream": "select key, aggregate_type, id from stream order by key",
    "term": "select dimension, value from term order by dimension, value",
    "projector": "select name, projection_version, log_position, position, frontier from projector order by name",
}
_COMPRESSED_COLUMNS = ("delta", "frame", "fold", "claim")
_HASH_COLUMNS = ("root", "reference")


DUMPED_TABLES: Final = tuple(_DUMP_QUERIES)


def compute_projection_version(aggregate_types: Iterable[AggregateType]) -> int:
    """Return the version of the rows that this program writes: another one for other dimensions or searched fields.

    So a field that is made filterable, sortable, countable or searched has the read model rebuilt by
    `ogpgraph migrate`, as has another rule of what is current.
    """
    types = list(aggregate_types)
    dimensions = sorted(
        (aggregate_type.name, rule) for aggregate_type in types for rule in describe_rules(aggregate_type)
    )
    searched = sorted((each.name, field.pattern) for each in types for field in each.fields if field.is_searched)
    digest = sha256(msgspec.json.encode([ROWS_VERSION, FOLD_VERSION, dimensions, searched])).digest()
    return int.from_bytes(digest[:4]) >> 1  # an Int of GraphQL has 31 bits besides the sign


PROJECTION_VERSION: Final = compute_projection_version(AGGREGATE_TYPES.values())
"""The version of the rows that this program writes; `ogpgraph migrate` replaces those of another one."""

# Definitions


def table_names() -> list[str]:
    """Return the names of a set's tables, the projector's first: everyone who locks several does so in this order."""
    others = [table for table in _TABLE_PATTERN.findall(_definitions()) if table != PROJECTOR_TABLE]
    return [PROJECTOR_TABLE, *others]


def render_ddl(prefix: str, build: int) -> str:
    """Return the definitions of a set."""
    return f"{render_tables(prefix)};{render_indexes(prefix, build)}"


def render_tables(prefix: str) -> str:
    """Return the definitions of a set's tables, without those indexes that only readers need."""
    tables = (each for each in split_statements(_definitions()) if _TABLE_PATTERN.match(each))
    return ";".join(_TABLE_PATTERN.sub(rf"create table if not exists {prefix}\1", each) for each in tables)


def render_indexes(prefix: str, build: int) -> str:
    """Return the definitions of a set's other indexes; `build` makes their names unique: SQLite cannot rename them."""
    indexes = (each for each in split_statements(_definitions()) if _INDEX_PATTERN.match(each))
    return ";".join(
        _INDEX_PATTERN.sub(rf"create index if not exists \1_{build} on {prefix}\2", each) for each in indexes
    )


def drop_tables(transaction: Transaction, prefix: str) -> None:
    """Drop the tables of a set as far as they exist."""
    for table in table_names():
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


# The canonical dump


def dump_rows(transaction: Transaction) -> Iterator[bytes]:
    """Yield every row of the live set as a line of JSON, in a fixed order; two equal read models give equal bytes."""
    for table in DUMPED_TABLES:
        yield from dump_table(transaction, table)


def dump_table(transaction: Transaction, table: str) -> Iterator[bytes]:
    """Yield the rows of one table of the live set, as `dump_rows` does."""
    for row in transaction.stream(_DUMP_QUERIES[table]):
        columns = row.keys()  # sqlite3.Row iterates over its values, a dict over its keys
        yield msgspec.json.encode([table, *(_dump_value(row, column) for column in columns)]) + b"\n"


def _dump_value(row: Row, column: str) -> Any:
    value = row[column]
    if column not in _COMPRESSED_COLUMNS or value is None:
        return bytes(value).hex() if column in _HASH_COLUMNS else value
    return msgspec.json.decode(decompress(value))


def compute_digest(transaction: Transaction) -> str:
    """Return the SHA-256 of the canonical dump, in hex."""
    digest = sha256()
    for line in dump_rows(transaction):
        digest.update(line)
    return digest.hexdigest()
