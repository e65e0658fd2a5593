"""Lists and their pages, and the SQL that selects them.

Lists of aggregates are answered from the index; the statements here select the rows they consist of. Lists of entries
are answered by SQL. What many aggregates have, such as the last entries of each, is fetched in one statement.

Ids, and the values of tags and of columns of entries, are interned: rows contain their keys (`stream`, `term`).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Generic, TypeVar

from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.entry_query import EntryOrder, EntryQuery, entry_term, where_clause
from ogpgraph.readmodel.filters import AllOf, Condition
from ogpgraph.readmodel.index import LISTING, Dimensions
from ogpgraph.readmodel.sort_keys import BY_CODE, BY_VERSION, Order
from ogpgraph.readmodel.tags import CHANGED

T = TypeVar("T")
U = TypeVar("U")
PageKey = tuple[str, ...] | tuple[int]
"""The sort key of an item: a cursor holds it."""

MAX_PAGE_SIZE = 100
_SET_BYTES = 12
"""So many bytes of a hash distinguish the sets of paths."""
MATCH_ALL = AllOf()


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

    def __hash__(self) -> int:
        """Return the hash, computed once: that of the conditions takes longer than finding a list by it."""
        return self._hash

    @cached_property
    def is_portable(self) -> bool:
        """Return whether it may be kept for other sessions."""
        return self.condition.is_portable

    @cached_property
    def dimensions(self) -> Dimensions | None:
        """Return what the list depends on besides the versions of its items, LISTING included; None if unknown."""
        matching, sorting = self.condition.dimensions(self.aggregate_type), {step.name for step in self.order}
        if matching is None or not sorting.isdisjoint(BY_VERSION):
            return None
        names = {LISTING, *(sorting - {"code"}), *filter(None, [self.parent])}
        return matching | {(self.aggregate_type, name) for name in names}

    @cached_property
    def _hash(self) -> int:
        return hash((self.aggregate_type, self.condition, self.order, self.parent))


@dataclass(frozen=True)
class SqlStatement:
    """A statement and its parameters."""

    sql: str
    parameters: dict[str, object]


# Aggregates


def select_chains(pairs: Sequence[tuple[int, str]]) -> SqlStatement:
    """Return the statement for aggregates at positions (position, id): the rows of their chains, each once."""
    values, parameters = _values_clause(("at", "id"), pairs)
    sql = (
        f"with requested (at, id) as (values {values}), last (id, stream, position) as (select s.id, s.key, "
        "(select max(e.position) from entry e where e.stream = s.key and e.position <= r.at) "
        "from requested r join stream s on s.id = r.id), chain (id, position) as (select distinct l.id, "
        "e.position from last l join version v on v.position = l.position join entry e "
        "on e.stream = l.stream and e.position >= v.chain and e.position <= l.position) "
        "select c.id, v.position, v.chain, v.code, v.delta, v.frame, v.fold "
        "from chain c join version v on v.position = c.position"
    )
    return SqlStatement(sql, parameters)


def select_deltas(positions: Sequence[int]) -> SqlStatement:
    """Return the statement for what the entries at some positions changed in the states of their aggregates."""
    return SqlStatement(
        "select position, delta from version where position in :positions", {"positions": tuple(positions)}
    )


def select_earlier_claims(pairs: Sequence[tuple[int, str]], day: int | None, prefix: str = "") -> SqlStatement:
    """Return the statement for the earlier claims of aggregates at positions (position, id) that matter on a day."""
    values, parameters = _values_clause(("at", "id"), pairs)
    on_day = "" if day is None else "and c.first_day <= :day and :day < c.end_day "
    sql = (
        f"with requested (at, id) as (values {values}) select r.at, r.id, m.value as path, c.claim "
        f"from requested r join {prefix}stream s on s.id = r.id join {prefix}earlier_claim c on c.stream = s.key "
        f"and c.since <= r.at and r.at < c.until {on_day}join {prefix}term m on m.key = c.path"
    )
    return SqlStatement(sql, parameters if day is None else parameters | {"day": day})


def select_changed_ids(aggregate_type: str, days: tuple[int, int], at: int) -> SqlStatement:
    """Return the statement for the ids of the aggregates that changed after one day and not later than another."""
    sql = (
        "select distinct s.id from term m join tag t on t.term = m.key join stream s on s.key = t.stream "
        "where m.dimension = :dimension and m.value = :value and t.since <= :at and :at < t.until "
        "and t.first_day > :then and t.first_day <= :day and s.aggregate_type = :aggregate_type"
    )
    dimension, value = CHANGED
    then, day = days
    return SqlStatement(
        sql,
        {"aggregate_type": aggregate_type, "dimension": dimension, "value": value, "at": at, "then": then, "day": day},
    )


def select_ids_by_code(aggregate_type: str, code: str, at: int) -> SqlStatement:
    """Return the statement for the ids of the aggregates that have or had a code."""
    # SQLite takes a cross join in the order it is written, PostgreSQL finds the order by itself.
    sql = (
        "select distinct s.id from term m cross join tag t cross join stream s "
        "where m.dimension = 'code' and m.value = :code and t.term = m.key and t.since <= :at and :at < t.until "
        "and s.key = t.stream and s.aggregate_type = :aggregate_type"
    )
    return SqlStatement(sql, {"aggregate_type": aggregate_type, "code": code, "at": at})


def select_ids_by_tag(aggregate_type: str, dimension: str, values: Sequence[str], at: int) -> SqlStatement:
    """Return the statement for the ids of the aggregates that have one of some values of a dimension."""
    sql = (
        "select distinct s.id from term m join tag t on t.term = m.key join stream s on s.key = t.stream "
        "where m.dimension = :dimension and m.value in :values and t.since <= :at and :at < t.until "
        f"and t.end_day = {FOREVER} and s.aggregate_type = :aggregate_type"
    )
    return SqlStatement(
        sql, {"aggregate_type": aggregate_type, "dimension": dimension, "values": tuple(values), "at": at}
    )


def select_values(dimension: str, aggregate_type: str | None) -> SqlStatement:
    """Return the statement for each `value` that a dimension of tags of a type ever had, or a column of entries."""
    if aggregate_type is None:
        return SqlStatement("select value from term where dimension = :dimension", {"dimension": dimension})
    sql = (
        "select m.value from term m where m.dimension = :dimension and exists (select 1 from tag t "
        "join stream s on s.key = t.stream where t.term = m.key and s.aggregate_type = :aggregate_type)"
    )
    return SqlStatement(sql, {"dimension": dimension, "aggregate_type": aggregate_type})


def select_terms(terms: Sequence[tuple[str, str]], prefix: str = "") -> SqlStatement:
    """Return the statement for the keys of the terms (dimension, value) that have one."""
    values, parameters = _values_clause(("dimension", "value"), terms)
    sql = (
        f"with requested (dimension, value) as (values {values}) select m.key, m.dimension, m.value "
        f"from requested r join {prefix}term m on m.dimension = r.dimension and m.value = r.value"
    )
    return SqlStatement(sql, parameters)


def insert_terms(terms: Sequence[tuple[int, str, str]], prefix: str = "") -> SqlStatement:
    """Return the statement that inserts terms (key, dimension, value), and returns those that were not there."""
    values, parameters = _values_clause(("key", "dimension", "value"), terms)
    sql = (
        f"insert into {prefix}term (key, dimension, value) values {values} "
        "on conflict (dimension, value) do nothing returning key, dimension, value"
    )
    return SqlStatement(sql, parameters)


# Entries. An entry is read with its event, from which it has all but its position and the root, and with its delta. An
# event that is missing from the log leaves nulls, so that the entry is not passed over in silence.

_SELECT_ENTRIES = "select e.position as entry, e.log_position, e.recorded_at as entered_at, e.root, v.delta, ev.*"
_JOIN_CONTENT = "left join event ev on ev.position = e.log_position left join version v on v.position = e.position"


def select_entries(query: EntryQuery, at: int, page_request: PageRequest) -> SqlStatement:
    """Return the statement for one slice of a list of entries."""
    parameters: dict[str, object] = {"at": at, "limit": page_request.limit + 1}
    where = where_clause(query, parameters, ":at") + _page_clause(query.order, page_request, parameters)
    order = _order_clause(query.order, page_request)
    # The slice is chosen before its content is joined, and what is sorted for it are positions, not rows.
    chosen = f"select e.position from entry e where {where} order by {order} limit :limit"
    joined = f"from ({chosen}) c join entry e on e.position = c.position {_JOIN_CONTENT}"
    return SqlStatement(f"{_SELECT_ENTRIES} {joined} order by {order}", parameters)


def select_entries_at(positions: Sequence[int]) -> SqlStatement:
    """Return the statement for the entries of some positions."""
    return SqlStatement(
        f"{_SELECT_ENTRIES} from entry e {_JOIN_CONTENT} where e.position in :positions",
        {"positions": tuple(positions)},
    )


def select_entries_of_events(event_ids: Sequence[str]) -> SqlStatement:
    """Return the statement for the entries of events with the hashes of some ids, and so nearly always with the ids."""
    return SqlStatement(
        f"{_SELECT_ENTRIES} from entry e {_JOIN_CONTENT} where e.event_hash in :hashes",
        {"hashes": tuple(hash_event_id(each) for each in event_ids)},
    )


def select_filtered_histories(
    query: EntryQuery, page_request: PageRequest, aggregates: Sequence[tuple[int, str]]
) -> SqlStatement:
    """Return the statement for the same slice of the entries about each of some aggregates that match a query.

    The aggregates are given by position and id; the rows have them as `at` and `id`, and are in the order of the slice.
    """
    found, parameters = _matching_histories(query, aggregates)
    parameters["limit"] = page_request.limit + 1
    order = _order_clause(query.order, page_request)
    sql = (
        f"with {found}, numbered (at, id, position, number) as (select f.at, f.id, f.position, "
        f"row_number() over (partition by f.at, f.id order by {order}) from found f join entry e "
        f"on e.position = f.position where 1 = 1{_page_clause(query.order, page_request, parameters)}) "
        f"{_SELECT_ENTRIES}, n.at, n.id from numbered n join entry e on e.position = n.position {_JOIN_CONTENT} "
        "where n.number <= :limit order by n.number"
    )
    return SqlStatement(sql, parameters)


def count_filtered_histories(query: EntryQuery, aggregates: Sequence[tuple[int, str]]) -> SqlStatement:
    """Return the statement for the `number` of entries about aggregates (`at`, `id`) that match, without zeros."""
    found, parameters = _matching_histories(query, aggregates)
    return SqlStatement(
        f"with {found} select f.at, f.id, count(*) as number from found f group by f.at, f.id", parameters
    )


def _matching_histories(query: EntryQuery, aggregates: Sequence[tuple[int, str]]) -> tuple[str, dict[str, object]]:
    values, parameters = _values_clause(("at", "id"), aggregates)
    found = (
        f"requested (at, id) as (values {values}), found (at, id, position) as (select r.at, r.id, e.position "
        "from requested r join stream s on s.id = r.id join entry e on e.stream = s.key "
        f"where {where_clause(query, parameters, 'r.at')})"
    )
    return found, parameters


def count_entries(query: EntryQuery, at: int) -> SqlStatement:
    """Return the statement for the `number` of entries of a list."""
    parameters: dict[str, object] = {"at": at}
    where = where_clause(query, parameters, ":at")
    return SqlStatement(f"select count(*) as number from entry e where {where}", parameters)


def select_correlated_events(correlation: str, at: int, max_entries: int | None) -> SqlStatement:
    """Return the statement for stream and revision of the entries of a correlation, of one more than `max_entries`."""
    parameters: dict[str, object] = {"at": at}
    where = where_clause(EntryQuery(columns=(("correlation", (correlation,)),)), parameters, ":at")
    sql = f"select s.id, e.revision from entry e join stream s on s.key = e.stream where {where} order by e.position"
    if max_entries is None:
        return SqlStatement(sql, parameters)
    return SqlStatement(f"{sql} limit :limit", parameters | {"limit": max_entries + 1})


@lru_cache(maxsize=10_000)
def path_set_term(paths: tuple[str, ...]) -> tuple[str, str]:
    """Return the term of a sorted set of changed paths, which most entries have in common with others."""
    digest = sha256("\n".join(paths).encode()).digest()[:_SET_BYTES]
    return entry_term("paths", urlsafe_b64encode(digest).decode())


def hash_event_id(event_id: str) -> int:
    """Return the number by which the entry of an event is found."""
    return int.from_bytes(sha256(event_id.encode()).digest()[:8], signed=True)


def _values_clause(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> tuple[str, dict[str, object]]:
    clause = ", ".join("(" + ", ".join(f":{name}_{n}" for name in names) + ")" for n in range(len(rows)))
    parameters = {f"{name}_{n}": value for n, row in enumerate(rows) for name, value in zip(names, row, strict=True)}
    return clause, parameters


def _order_clause(order: EntryOrder, page_request: PageRequest) -> str:
    return ", ".join(
        f"e.{column} desc" if descending != page_request.backward else f"e.{column}" for column, descending in order
    )


def _page_clause(order: EntryOrder, page_request: PageRequest, parameters: dict[str, object]) -> str:
    """Return the conditions, each after `and`, that an entry is on the right side of the keys of a slice."""
    clause = ""
    for name, key, is_after in (("after", page_request.after, True), ("before", page_request.before, False)):
        if key is not None:
            parameters[name] = key[0]
            clause += f" and {_beyond(order, name, is_after=is_after)}"
    return clause


def _beyond(order: EntryOrder, name: str, *, is_after: bool) -> str:
    """Return the condition that an entry is after or before that of a position in an order."""
    (column, descending), *others = order
    sign = ">" if is_after != descending else "<"
    if not others:
        return f"e.{column} {sign} :{name}"
    key = f"(select p.{column} from entry p where p.position = :{name})"
    rest = _beyond(tuple(others), name, is_after=is_after)
    # The first condition follows from the second one, but an index serves only the first.
    return f"e.{column} {sign}= {key} and (e.{column} {sign} {key} or {rest})"
