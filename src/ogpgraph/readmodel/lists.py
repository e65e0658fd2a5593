"""The SQL of lists: subjects by their tags, entries by their columns; whole lists and lists of many parents at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ogpgraph.readmodel.paging import Slice

VALID = "{0}.since <= :at and :at < {0}.until"


@dataclass(frozen=True)
class Where:
    """Conditions on a list: all of them must hold. `columns` of entries or `tags` of subjects, each one of some values."""

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Listing:
    """A list: of entries, or of one kind of subject; `parent` is the column or tag by which parents own parts of it."""

    kind: str
    where: Where = field(default_factory=Where)
    parent: str | None = None

    @property
    def is_entries(self) -> bool:
        """Tell whether it is the list of entries."""
        return self.kind == "entry"


@dataclass(frozen=True)
class Statement:
    """A query text and its parameters."""

    sql: str
    parameters: dict[str, object]


def select(listing: Listing, at: int, wanted: Slice, parents: Sequence[str] = ()) -> Statement:
    """Return the statement for one slice of a list, or for that slice of every parent's part of it."""
    parameters: dict[str, object] = {"at": at, "limit": wanted.limit + 1}
    source, conditions, columns, owner = _base(listing, parameters, parents)
    keys = ("e.position",) if listing.is_entries else ("v.code", "v.id")
    conditions += _keyset(keys, wanted, parameters)
    direction = " desc" if wanted.backward else ""
    order = ", ".join(key + direction for key in keys)
    where = " and ".join(conditions)
    if owner is None:
        return Statement(f"select {columns} from {source} where {where} order by {order} limit :limit", parameters)
    ranked = (
        f"select {columns}, {owner} as parent, row_number() over (partition by {owner} order by {order}) as place "
        f"from {source} where {where}"
    )
    return Statement(f"select * from ({ranked}) ranked where place <= :limit order by parent, place", parameters)


def count(listing: Listing, at: int, parents: Sequence[str] = ()) -> Statement:
    """Return the statement that counts a list, or every parent's part of it (rows of parent and number)."""
    parameters: dict[str, object] = {"at": at}
    source, conditions, _, owner = _base(listing, parameters, parents)
    where = " and ".join(conditions)
    if owner is None:
        return Statement(f"select count(*) as number from {source} where {where}", parameters)
    return Statement(
        f"select {owner} as parent, count(*) as number from {source} where {where} group by {owner}", parameters
    )


def _base(
    listing: Listing, parameters: dict[str, object], parents: Sequence[str]
) -> tuple[str, list[str], str, str | None]:
    if listing.is_entries:
        return _entries(listing, parameters, parents)
    source, owner = "version v", None
    conditions = ["v.kind = :kind", VALID.format("v")]
    parameters["kind"] = listing.kind
    if listing.parent is not None:
        source, owner = "tag p join version v on v.id = p.id", "p.value"
        conditions += ["p.kind = :kind", "p.dimension = :parent", "p.value in :parents", VALID.format("p")]
        parameters |= {"parent": listing.parent, "parents": tuple(parents)}
    for n, (dimension, values) in enumerate(listing.where.tags):
        tagged = f"t.id = v.id and t.dimension = :dimension_{n} and t.value in :values_{n} and {VALID.format('t')}"
        conditions.append(f"exists (select 1 from tag t where {tagged})")
        parameters |= {f"dimension_{n}": dimension, f"values_{n}": values}
    return source, conditions, "v.id, v.since, v.revision, v.document", owner


def _entries(
    listing: Listing, parameters: dict[str, object], parents: Sequence[str]
) -> tuple[str, list[str], str, str | None]:
    conditions = ["e.position <= :at"]
    if listing.parent is not None:
        conditions.append(f"e.{listing.parent} in :parents")
        parameters["parents"] = tuple(parents)
    for n, (column, values) in enumerate(listing.where.columns):
        conditions.append(f"e.{column} in :values_{n}")
        parameters[f"values_{n}"] = values
    return "entry e", conditions, "e.*", f"e.{listing.parent}" if listing.parent else None


def _keyset(keys: tuple[str, ...], wanted: Slice, parameters: dict[str, object]) -> list[str]:
    conditions = []
    for name, key, sign in (("after", wanted.after, ">"), ("before", wanted.before, "<")):
        if key is None:
            continue
        bound = [f"{name}_key_{n}" for n in range(len(keys))]
        parameters |= dict(zip(bound, key, strict=True))
        conditions.append(f"({', '.join(keys)}) {sign} ({', '.join(':' + b for b in bound)})")
    return conditions
