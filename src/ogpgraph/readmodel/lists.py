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


def select_entries(listing: EntryListing, at: int, wanted: Slice, parents: Sequence[str] = ()) -> Statement:
    """Return the statement for one slice of a list of entries, or for that slice of every parent's part of it."""
    where, parameters = _where(listing, at, parents)
    parameters["limit"] = wanted.limit + 1
    for name, key, sign in (("after", wanted.after, ">"), ("before", wanted.before, "<")):
        if key is not None:
            where += f" and e.position {sign} :{name}"
            parameters[name] = key[0]
    order = "e.position desc" if wanted.backward else "e.position"
    if listing.parent is None:
        return Statement(f"select e.* from entry e where {where} order by {order} limit :limit", parameters)
    owner = f"e.{listing.parent}"
    ranked = (
        f"select e.*, row_number() over (partition by {owner} order by {order}) as place from entry e where {where}"
    )
    return Statement(f"select * from ({ranked}) e where place <= :limit order by {owner}, place", parameters)


def count_entries(listing: EntryListing, at: int, parents: Sequence[str] = ()) -> Statement:
    """Return the statement that counts a list, or every parent's part of it (rows of parent and number)."""
    where, parameters = _where(listing, at, parents)
    if listing.parent is None:
        return Statement(f"select count(*) as number from entry e where {where}", parameters)
    owner = f"e.{listing.parent}"
    return Statement(
        f"select {owner} as parent, count(*) as number from entry e where {where} group by {owner}", parameters
    )


def _where(listing: EntryListing, at: int, parents: Sequence[str]) -> tuple[str, dict[str, object]]:
    conditions, parameters = ["e.position <= :at"], dict[str, object](at=at)
    if listing.parent is not None:
        conditions.append(f"e.{listing.parent} in :parents")
        parameters["parents"] = tuple(parents)
    for place, (column, values) in enumerate(listing.columns):
        conditions.append(f"e.{column} in :values_{place}")
        parameters[f"values_{place}"] = values
    for place, (dimension, values) in enumerate(listing.tags):
        tagged = f"t.id = e.stream and t.dimension = :dimension_{place} and t.value in :tags_{place}"
        conditions.append(
            f"exists (select 1 from tag t where {tagged} and t.since <= e.position and e.position < t.until)"
        )
        parameters |= {f"dimension_{place}": dimension, f"tags_{place}": values}
    return " and ".join(conditions), parameters
