"""Queries for entries: by what entries are filtered and in which order they are read, and the SQL of the conditions.

Every condition is served by an index, or by the range of positions that it stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from ogpgraph.readmodel.dimension_tags import FOREVER

MAX_POSITION = 2**31 - 1
"""Greater than any position."""
EntryOrder = tuple[tuple[str, bool], ...]
"""Columns of `entry` to sort by, each with whether it is descending; `position`, which has no ties, is the last."""
Bounds = tuple[int | None, int | None]
"""A lower and an upper bound, None where there is none."""
BY_POSITION: EntryOrder = (("position", False),)
LATEST_FIRST: EntryOrder = (("position", True),)


@dataclass(frozen=True)
class EntryQuery:
    """A list of entries in an order.

    Each of the `columns` has one of the given values, each of the `excluded` ones none, and the entry's aggregate had
    one of the given values of each of the `tags` then, or is itself one of them. `positions` includes both bounds;
    `recorded`, in microseconds since 1970, includes the lower bound only. The interval in which what the entry states
    became so has an instant between the bounds of `effective`, or with `is_within` none outside of them. The entry
    changed something at or below one of `paths`.
    """

    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()
    excluded: tuple[tuple[str, tuple[str, ...]], ...] = ()
    positions: Bounds = (None, None)
    recorded: Bounds = (None, None)
    effective: Bounds = (None, None)
    is_within: bool = False
    paths: tuple[str, ...] | None = None
    order: EntryOrder = BY_POSITION

    @property
    def has_conditions(self) -> bool:
        """Return whether any entries are left out."""
        return replace(self, order=BY_POSITION) != ALL_ENTRIES


ALL_ENTRIES = EntryQuery()


# The conditions. The entry is `e`; values are parameters.


def where_clause(query: EntryQuery, parameters: dict[str, object], at: str) -> str:
    """Return the conditions of a query on the entries up to a position, and add their values to the parameters."""
    return " and ".join(
        (
            f"e.position <= {at}",
            *_range_conditions(query, parameters),
            *_column_conditions(query, parameters),
            *_tag_conditions(query, parameters),
            *_path_conditions(query, parameters),
        )
    )


# Recorded time increases with the position, so a time is a position.
_FIRST_RECORDED = (
    "coalesce((select p.position from entry p where p.recorded_at >= :{} order by p.recorded_at limit 1), "
    f"{MAX_POSITION})"
)
# What an entry states became so after `effective_after`, not at it.
_OVERLAPS = (
    "e.effective_before >= :effective_from",
    "(e.effective_after is null or e.effective_after < :effective_until)",
)
_WITHIN = ("e.effective_after >= :effective_from - 1", "e.effective_before <= :effective_until")


def _range_conditions(query: EntryQuery, parameters: dict[str, object]) -> Iterator[str]:
    effective_from, effective_until = _WITHIN if query.is_within else _OVERLAPS
    conditions = {
        "first_position": (query.positions[0], "e.position >= :first_position"),
        "last_position": (query.positions[1], "e.position <= :last_position"),
        "recorded_from": (query.recorded[0], f"e.position >= {_FIRST_RECORDED.format('recorded_from')}"),
        "recorded_until": (query.recorded[1], f"e.position < {_FIRST_RECORDED.format('recorded_until')}"),
        "effective_from": (query.effective[0], effective_from),
        "effective_until": (query.effective[1], effective_until),
    }
    first, last = query.effective
    if first is not None and last is not None and first > last:
        yield "1 = 0"  # an interval that is open or long would overlap such a range
    for name, (bound, condition) in conditions.items():
        if bound is not None:
            parameters[name] = bound
            yield condition


def _column_conditions(query: EntryQuery, parameters: dict[str, object]) -> Iterator[str]:
    for n, (column, values) in enumerate(query.columns):
        keys = _keys_of_values(f"values_{n}", column, values, parameters)
        # A single key is compared: with a list, SQLite would sort all entries that match.
        yield f"e.{column} = ({keys})" if len(values) == 1 else f"e.{column} in ({keys})"
    for n, (column, values) in enumerate(query.excluded):
        # Nothing differs from null: an entry without a value would be left out.
        yield f"coalesce(e.{column}, 0) not in ({_keys_of_values(f'excluded_{n}', column, values, parameters)})"


def _tag_conditions(query: EntryQuery, parameters: dict[str, object]) -> Iterator[str]:
    for n, (dimension, values) in enumerate(query.tags):
        terms = f"select m.key from term m where m.dimension = :dimension_{n} and m.value in :tags_{n}"
        itself = f"select s.key from stream s where s.id in :tags_{n}"
        parameters |= {f"dimension_{n}": dimension, f"tags_{n}": values}
        # The first condition follows from the second one, but an index serves only the first. The second one is about
        # the tags that the aggregate had at the entry's own position, not those at the position that is read.
        yield f"e.stream in (select t.stream from tag t where t.term in ({terms}) union all {itself})"
        yield (
            f"(e.stream in ({itself}) or exists (select 1 from tag t where t.stream = e.stream and t.term in ({terms}) "
            f"and t.since <= e.position and e.position < t.until and t.end_day = {FOREVER}))"
        )


def _path_conditions(query: EntryQuery, parameters: dict[str, object]) -> Iterator[str]:
    if query.paths is None:
        return
    matches = []
    for n, path in enumerate(query.paths):
        # The paths below one begin with it and a slash, which 0 follows in the order of characters.
        parameters |= {f"path_{n}": path, f"below_{n}": f"{path}/", f"beyond_{n}": f"{path}0"}
        matches.append(f"m.value = :path_{n} or (m.value >= :below_{n} and m.value < :beyond_{n})")
    found = f"select key from term m where m.dimension = 'entry/path' and ({' or '.join(matches)})"
    yield f"e.paths in (select p.paths from path_set p where p.path in ({found}))" if matches else "1 = 0"


@cache
def _dimension_of(column: str) -> str:
    """Return the dimension of the terms of a column: the same string each time, whose hash is computed once."""
    return f"entry/{column}"


def entry_term(column: str, value: str) -> tuple[str, str]:
    """Return the term of a value in a column of `entry`; its dimension is none that tags have."""
    return _dimension_of(column), value


def _keys_of_values(name: str, column: str, values: tuple[str, ...], parameters: dict[str, object]) -> str:
    """Return the subquery for the keys of some values of a column."""
    parameters[name] = values
    if column == "stream":
        return f"select s.key from stream s where s.id in :{name}"
    return f"select m.key from term m where m.dimension = 'entry/{column}' and m.value in :{name}"
