"""What lists hold: subjects by a condition on their tags, entries by their columns; whole, or each parent's part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ogpgraph.readmodel.conditions import All, Condition
from ogpgraph.readmodel.index import BY_CODE, Order
from ogpgraph.readmodel.paging import Slice

VALID = "{0}.since <= :at and :at < {0}.until"
EVERYONE = All()


@dataclass(frozen=True)
class Listing:
    """A list of one kind of subject, in an order; `parent` is the dimension by which parents own parts of it."""

    kind: str
    condition: Condition = EVERYONE
    order: Order = BY_CODE
    parent: str | None = None


@dataclass(frozen=True)
class EntryListing:
    """A list of entries, each column, and each tag of its subject then, being one of some values.

    `parent` is the column by which subjects own parts of it.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    parent: str | None = None
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Statement:
    """A query text and its parameters."""

    sql: str
    parameters: dict[str, object]


Part = tuple[int, str]
"""A parent's part of a list: the position that it is read at, and the parent's id."""


def select_entries(listing: EntryListing, at: int, wanted: Slice) -> Statement:
    """Return the statement for one slice of a list of entries."""
    parameters: dict[str, object] = {"at": at}
    where = _where(listing, ":at", parameters) + _bounds(wanted, parameters)
    sql = f"select e.* from entry e where {where} order by {_order(wanted)} limit :limit"
    return Statement(sql, parameters)


def select_parts(listing: EntryListing, wanted: Slice, parts: Sequence[Part]) -> Statement:
    """Return the statement for the same slice of many parts (rows of entries, with `at` and `parent`)."""
    asked, parameters = _asked(parts)
    where = _where(listing, "asked.at", parameters) + _bounds(wanted, parameters)
    ranked = (
        f"select e.*, asked.at, asked.parent, row_number() over (partition by asked.at, asked.parent "
        f"order by {_order(wanted)}) as place "
        f"from asked join entry e on e.{listing.parent} = asked.parent where {where}"
    )
    sql = f"{asked} select * from ({ranked}) ranked where place <= :limit order by at, parent, place"
    return Statement(sql, parameters)


def count_entries(listing: EntryListing, at: int) -> Statement:
    """Return the statement that counts a list of entries."""
    parameters: dict[str, object] = {"at": at}
    return Statement(f"select count(*) as number from entry e where {_where(listing, ':at', parameters)}", parameters)


def count_parts(listing: EntryListing, parts: Sequence[Part]) -> Statement:
    """Return the statement that counts many parts (rows of at, parent and number, none for an empty part)."""
    asked, parameters = _asked(parts)
    where = _where(listing, "asked.at", parameters)
    sql = (
        f"{asked} select asked.at, asked.parent, count(*) as number from asked "
        f"join entry e on e.{listing.parent} = asked.parent where {where} group by asked.at, asked.parent"
    )
    return Statement(sql, parameters)


def _asked(parts: Sequence[Part]) -> tuple[str, dict[str, object]]:
    values = ", ".join(f"(:at_{n}, :parent_{n})" for n in range(len(parts)))
    parameters: dict[str, object] = {}
    for n, (at, parent) in enumerate(parts):
        parameters |= {f"at_{n}": at, f"parent_{n}": parent}
    return f"with asked (at, parent) as (values {values})", parameters


def _order(wanted: Slice) -> str:
    return "e.position desc" if wanted.backward else "e.position"


def _bounds(wanted: Slice, parameters: dict[str, object]) -> str:
    parameters["limit"] = wanted.limit + 1
    where = ""
    for name, key, sign in (("after", wanted.after, ">"), ("before", wanted.before, "<")):
        if key is not None:
            where += f" and e.position {sign} :{name}"
            parameters[name] = key[0]
    return where


def _where(listing: EntryListing, at: str, parameters: dict[str, object]) -> str:
    conditions = [f"e.position <= {at}"]
    for place, (column, values) in enumerate(listing.columns):
        conditions.append(f"e.{column} in :values_{place}")
        parameters[f"values_{place}"] = values
    for place, (dimension, values) in enumerate(listing.tags):
        tagged = f"t.id = e.stream and t.dimension = :dimension_{place} and t.value in :tags_{place}"
        conditions.append(
            f"exists (select 1 from tag t where {tagged} and t.since <= e.position and e.position < t.until)"
        )
        parameters |= {f"dimension_{place}": dimension, f"tags_{place}": values}
    return " and ".join(conditions)
