"""Lists and their pages, and the SQL that selects them.

Lists of aggregates are answered from the index; the statements here select the rows they consist of. Lists of entries
are answered by SQL. A list may be split by parents, each of which owns a part of it, and the parts of many parents are
fetched in one statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ogpgraph.readmodel.filters import AllOf, Condition
from ogpgraph.readmodel.index import BY_CODE, Order

T = TypeVar("T")
U = TypeVar("U")
PageKey = tuple[str, ...] | tuple[int]
"""The sort key of an item: a cursor holds it."""
ParentKey = tuple[int, str]
"""A parent at a position: the position that its part of a list is read at, and the parent's id."""

MAX_PAGE_SIZE = 100
MATCH_ALL = AllOf()
_VALID_AT = "{0}.since <= :at and :at < {0}.until"


@dataclass(frozen=True)
class PageRequest:
    """A slice of a list: at most `limit` items after one key and before another, from the end if `backward`."""

    limit: int = MAX_PAGE_SIZE
    after: PageKey | None = None
    before: PageKey | None = None
    backward: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """The items of a slice with their keys, in the list's order, and whether the list goes on at either end."""

    items: tuple[tuple[PageKey, T], ...] = ()
    has_next: bool = False
    has_previous: bool = False

    def map_items(self, mapping: Mapping[T, U]) -> Page[U]:
        """Return the page with each item replaced by its value in a mapping."""
        return Page(tuple((key, mapping[item]) for key, item in self.items), self.has_next, self.has_previous)


def build_page(found: Sequence[tuple[PageKey, T]], page_request: PageRequest) -> Page[T]:
    """Return the page of up to `limit + 1` found items; an item over the limit proves that the list goes on."""
    has_more = len(found) > page_request.limit
    items = found[: page_request.limit]
    if page_request.backward:
        return Page(tuple(reversed(items)), has_next=page_request.before is not None, has_previous=has_more)
    return Page(tuple(items), has_next=has_more, has_previous=page_request.after is not None)


@dataclass(frozen=True)
class AggregateQuery:
    """A list of the aggregates of a type, in an order; `parent` is the dimension of the tags that name the parent."""

    aggregate_type: str
    condition: Condition = MATCH_ALL
    order: Order = BY_CODE
    parent: str | None = None


@dataclass(frozen=True)
class EntryQuery:
    """A list of entries by position; `parent` is the column that names the parent.

    Each of the `columns`, and each of the `tags` that the entry's aggregate had then, has one of the given values.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parent: str | None = None
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class SqlStatement:
    """A statement and its parameters."""

    sql: str
    parameters: dict[str, object]


# Aggregates


def select_versions(pairs: Sequence[tuple[int, str]]) -> SqlStatement:
    """Return the statement for aggregates at positions (position, id): the rows valid then, with `at`."""
    values, parameters = _values_clause("id", pairs)
    sql = (
        f"with requested (at, id) as (values {values}) select r.at, v.id, v.since, v.revision, v.document "
        "from requested r join version v on v.id = r.id and v.since <= r.at and r.at < v.until"
    )
    return SqlStatement(sql, parameters)


def select_by_code(aggregate_type: str, code: str, at: int) -> SqlStatement:
    """Return the statement for the aggregates that have or had a code, the one that has it first."""
    sql = (
        # Tags first: SQLite takes a cross join in the order it is written, PostgreSQL finds the order by itself.
        "select v.id, v.since, v.revision, v.document from tag t cross join version v "
        "where t.aggregate_type = :aggregate_type and t.dimension = 'code' and t.value = :code "
        f"and {_VALID_AT.format('t')} and v.id = t.id and {_VALID_AT.format('v')} order by v.code <> :code, v.since"
    )
    return SqlStatement(sql, {"aggregate_type": aggregate_type, "code": code, "at": at})


def select_ids_by_tag(aggregate_type: str, dimension: str, values: Sequence[str], at: int) -> SqlStatement:
    """Return the statement for the ids of the aggregates that have one of some values of a dimension."""
    sql = (
        "select distinct t.id from tag t where t.aggregate_type = :aggregate_type "
        f"and t.dimension = :dimension and t.value in :values and {_VALID_AT.format('t')}"
    )
    return SqlStatement(
        sql, {"aggregate_type": aggregate_type, "dimension": dimension, "values": tuple(values), "at": at}
    )


# Entries


def select_entries(query: EntryQuery, at: int, page_request: PageRequest) -> SqlStatement:
    """Return the statement for one slice of a list of entries."""
    parameters: dict[str, object] = {"at": at}
    where = _where_clause(query, ":at", parameters) + _bounds_clause(page_request, parameters)
    sql = f"select e.* from entry e where {where} order by {_order_clause(page_request)} limit :limit"
    return SqlStatement(sql, parameters)


def select_entries_by_parent(
    query: EntryQuery, page_request: PageRequest, parents: Sequence[ParentKey]
) -> SqlStatement:
    """Return the statement for the same slice of each parent's part: rows of entries, with `at` and `parent`."""
    values, parameters = _values_clause("parent", parents)
    where = _where_clause(query, "r.at", parameters) + _bounds_clause(page_request, parameters)
    ranked = (
        "select e.*, r.at, r.parent, row_number() over (partition by r.at, r.parent "
        f"order by {_order_clause(page_request)}) as place "
        f"from requested r join entry e on e.{query.parent} = r.parent where {where}"
    )
    sql = (
        f"with requested (at, parent) as (values {values}) "
        f"select * from ({ranked}) ranked where place <= :limit order by at, parent, place"
    )
    return SqlStatement(sql, parameters)


def count_entries(query: EntryQuery, at: int) -> SqlStatement:
    """Return the statement for the `number` of entries of a list."""
    parameters: dict[str, object] = {"at": at}
    where = _where_clause(query, ":at", parameters)
    return SqlStatement(f"select count(*) as number from entry e where {where}", parameters)


def count_entries_by_parent(query: EntryQuery, parents: Sequence[ParentKey]) -> SqlStatement:
    """Return the statement for the size of each parent's part: `at`, `parent`, `number`; no row for an empty one."""
    values, parameters = _values_clause("parent", parents)
    where = _where_clause(query, "r.at", parameters)
    sql = (
        f"with requested (at, parent) as (values {values}) select r.at, r.parent, count(*) as number "
        f"from requested r join entry e on e.{query.parent} = r.parent where {where} group by r.at, r.parent"
    )
    return SqlStatement(sql, parameters)


def select_entries_of_revisions(keys: Sequence[tuple[str, int]]) -> SqlStatement:
    """Return the statement for the entries that made some revisions of streams (stream, revision)."""
    values, parameters = _values_clause("stream", [(revision, stream) for stream, revision in keys])
    sql = (
        f"with requested (revision, stream) as (values {values}) "
        "select e.* from requested r join entry e on e.stream = r.stream and e.revision = r.revision"
    )
    return SqlStatement(sql, parameters)


def select_correlated_events(correlation: str, at: int, max_entries: int | None) -> SqlStatement:
    """Return the statement for stream and revision of the entries of a correlation, of one more than `max_entries`."""
    sql = "select stream, revision from entry where correlation = :correlation and position <= :at order by position"
    parameters: dict[str, object] = {"correlation": correlation, "at": at}
    if max_entries is None:
        return SqlStatement(sql, parameters)
    return SqlStatement(f"{sql} limit :limit", parameters | {"limit": max_entries + 1})


def _values_clause(name: str, pairs: Sequence[tuple[int, str]]) -> tuple[str, dict[str, object]]:
    clause = ", ".join(f"(:at_{n}, :{name}_{n})" for n in range(len(pairs)))
    parameters: dict[str, object] = {}
    for n, (at, value) in enumerate(pairs):
        parameters |= {f"at_{n}": at, f"{name}_{n}": value}
    return clause, parameters


def _order_clause(page_request: PageRequest) -> str:
    return "e.position desc" if page_request.backward else "e.position"


def _bounds_clause(page_request: PageRequest, parameters: dict[str, object]) -> str:
    parameters["limit"] = page_request.limit + 1
    clause = ""
    for name, key, sign in (("after", page_request.after, ">"), ("before", page_request.before, "<")):
        if key is not None:
            clause += f" and e.position {sign} :{name}"
            parameters[name] = key[0]
    return clause


def _where_clause(query: EntryQuery, at: str, parameters: dict[str, object]) -> str:
    conditions = [f"e.position <= {at}"]
    for n, (column, values) in enumerate(query.columns):
        conditions.append(f"e.{column} in :values_{n}")
        parameters[f"values_{n}"] = values
    for n, (dimension, values) in enumerate(query.tags):
        # The tags that the aggregate had at the entry's own position, not those at the position that is read.
        tagged = f"t.id = e.stream and t.dimension = :dimension_{n} and t.value in :tags_{n}"
        conditions.append(
            f"exists (select 1 from tag t where {tagged} and t.since <= e.position and e.position < t.until)"
        )
        parameters |= {f"dimension_{n}": dimension, f"tags_{n}": values}
    return " and ".join(conditions)
