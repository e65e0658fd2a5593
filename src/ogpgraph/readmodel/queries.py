"""What lists hold: subjects by a condition on their tags, entries by their columns; whole, or each parent's part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ogpgraph.readmodel.filters import AllOf, Condition
from ogpgraph.readmodel.index import BY_CODE, Order

VALID_AT = "{0}.since <= :at and :at < {0}.until"
MATCH_ALL = AllOf()


@dataclass(frozen=True)
class AggregateQuery:
    """A list of one kind of subject, in an order; `parent` is the dimension by which parents own parts of it."""

    aggregate_type: str
    condition: Condition = MATCH_ALL
    order: Order = BY_CODE
    parent: str | None = None


@dataclass(frozen=True)
class EntryQuery:
    """A list of entries, each column, and each tag of its subject then, being one of some values.

    `parent` is the column by which subjects own parts of it.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parent: str | None = None
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class SqlStatement:
    """A query text and its parameters."""

    sql: str
    parameters: dict[str, object]


ParentKey = tuple[int, str]
"""A parent's part of a list: the position that it is read at, and the parent's id."""


def select_entries(query: EntryQuery, at: int, page_request: PageRequest) -> SqlStatement:
    """Return the statement for one slice of a list of entries."""
    parameters: dict[str, object] = {"at": at}
    where = _where_clause(query, ":at", parameters) + _bounds_clause(page_request, parameters)
    sql = f"select e.* from entry e where {where} order by {_order_clause(page_request)} limit :limit"
    return SqlStatement(sql, parameters)


def select_entries_by_parent(query: EntryQuery, page_request: PageRequest, parts: Sequence[ParentKey]) -> SqlStatement:
    """Return the statement for the same slice of many parts (rows of entries, with `at` and `parent`)."""
    asked, parameters = _values_clause(parts)
    where = _where_clause(query, "asked.at", parameters) + _bounds_clause(page_request, parameters)
    ranked = (
        f"select e.*, asked.at, asked.parent, row_number() over (partition by asked.at, asked.parent "
        f"order by {_order_clause(page_request)}) as place "
        f"from asked join entry e on e.{query.parent} = asked.parent where {where}"
    )
    sql = f"{asked} select * from ({ranked}) ranked where place <= :limit order by at, parent, place"
    return SqlStatement(sql, parameters)


def count_entries(query: EntryQuery, at: int) -> SqlStatement:
    """Return the statement that counts a list of entries."""
    parameters: dict[str, object] = {"at": at}
    return SqlStatement(
        f"select count(*) as number from entry e where {_where_clause(query, ':at', parameters)}", parameters
    )


def count_entries_by_parent(query: EntryQuery, parts: Sequence[ParentKey]) -> SqlStatement:
    """Return the statement that counts many parts (rows of at, parent and number, none for an empty part)."""
    asked, parameters = _values_clause(parts)
    where = _where_clause(query, "asked.at", parameters)
    sql = (
        f"{asked} select asked.at, asked.parent, count(*) as number from asked "
        f"join entry e on e.{query.parent} = asked.parent where {where} group by asked.at, asked.parent"
    )
    return SqlStatement(sql, parameters)


def _values_clause(parts: Sequence[ParentKey]) -> tuple[str, dict[str, object]]:
    values = ", ".join(f"(:at_{n}, :parent_{n})" for n in range(len(parts)))
    parameters: dict[str, object] = {}
    for n, (at, parent) in enumerate(parts):
        parameters |= {f"at_{n}": at, f"parent_{n}": parent}
    return f"with asked (at, parent) as (values {values})", parameters


def _order_clause(page_request: PageRequest) -> str:
    return "e.position desc" if page_request.backward else "e.position"


def _bounds_clause(page_request: PageRequest, parameters: dict[str, object]) -> str:
    parameters["limit"] = page_request.limit + 1
    where = ""
    for name, key, sign in (("after", page_request.after, ">"), ("before", page_request.before, "<")):
        if key is not None:
            where += f" and e.position {sign} :{name}"
            parameters[name] = key[0]
    return where


def _where_clause(query: EntryQuery, at: str, parameters: dict[str, object]) -> str:
    conditions = [f"e.position <= {at}"]
    for place, (column, values) in enumerate(query.columns):
        conditions.append(f"e.{column} in :values_{place}")
        parameters[f"values_{place}"] = values
    for place, (dimension, values) in enumerate(query.tags):
        tagged = f"t.id = e.stream and t.dimension = :dimension_{place} and t.value in :tags_{place}"
        conditions.append(
            f"exists (select 1 from tag t where {tagged} and t.since <= e.position and e.position < t.until)"
        )
        parameters |= {f"dimension_{place}": dimension, f"tags_{place}": values}
    return " and ".join(conditions)


T = TypeVar("T")
U = TypeVar("U")
PageKey = tuple[str, ...] | tuple[int]
MAX_PAGE_SIZE = 100


@dataclass(frozen=True)
class PageRequest:
    """A slice of an ordered list: at most `limit` items after one key and before another.

    It is taken from the end if `backward`.
    """

    limit: int = MAX_PAGE_SIZE
    after: PageKey | None = None
    before: PageKey | None = None
    backward: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """The items of a slice with their keys, in the list's order, and whether there are more on either side."""

    items: tuple[tuple[PageKey, T], ...] = ()
    has_next: bool = False
    has_previous: bool = False

    def map_items(self, things: Mapping[T, U]) -> Page[U]:
        """Return the page with each item replaced by what it stands for."""
        return Page(tuple((key, things[item]) for key, item in self.items), self.has_next, self.has_previous)


def build_page(found: Sequence[tuple[PageKey, T]], page_request: PageRequest) -> Page[T]:
    """Return the page that at most `limit + 1` found items make; the one too many tells that there are more."""
    more = len(found) > page_request.limit
    items = found[: page_request.limit]
    if page_request.backward:
        return Page(tuple(reversed(items)), has_next=page_request.before is not None, has_previous=more)
    return Page(tuple(items), has_next=more, has_previous=page_request.after is not None)
