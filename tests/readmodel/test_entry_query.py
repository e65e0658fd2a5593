"""Queries for entries: conditions, orders, pages and histories against a plain reading of every entry."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from ogpgraph.clock import to_microseconds
from ogpgraph.domain.statement import statement_interval
from ogpgraph.readmodel.entry import Entry
from ogpgraph.readmodel.entry_query import BY_POSITION, Bounds, EntryQuery
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES
from tests.graphql.example_log import record_example

pytestmark = BOTH_ENGINES

ORDERS = [
    BY_POSITION,
    (("position", True),),
    (("effective_before", False), ("position", False)),
    (("effective_before", True), ("position", True)),
    (("effective_before", True), ("position", False)),
]
ALL = PageRequest(limit=1_000)


class PlainEntry(NamedTuple):
    """What an entry is filtered by, read from its event and its changes."""

    position: int
    columns: dict[str, str | None]
    recorded: int
    after: int | None
    before: int
    paths: list[str]

    def matches(self, query: EntryQuery) -> bool:
        lower, upper = query.effective
        if lower is not None and upper is not None and lower > upper:
            return False
        if query.is_within:
            is_effective = (lower is None or (self.after is not None and self.after >= lower - 1)) and (
                upper is None or self.before <= upper
            )
        else:
            is_effective = (lower is None or self.before >= lower) and (
                upper is None or self.after is None or self.after < upper
            )
        return (
            is_effective
            and all(self.columns[column] in values for column, values in query.columns)
            and not any(self.columns[column] in values for column, values in query.excluded)
            and _is_between(self.position, query.positions)
            and _is_between(self.recorded, query.recorded)
            and self.recorded != query.recorded[1]
            and (query.paths is None or any(map(self._changes, query.paths)))
        )

    def _changes(self, path: str) -> bool:
        return any(each == path or each.startswith(f"{path}/") for each in self.paths)

    def sort_key(self, query: EntryQuery) -> tuple[int, ...]:
        values = {"position": self.position, "effective_before": self.before}
        return tuple(-values[column] if descending else values[column] for column, descending in query.order)


def _is_between(value: int, bounds: Bounds) -> bool:
    return (bounds[0] is None or bounds[0] <= value) and (bounds[1] is None or value <= bounds[1])


def _read_plainly(entry: Entry) -> PlainEntry:
    interval, envelope = statement_interval(entry.event), entry.envelope
    columns = {
        "name": entry.name,
        "cause": envelope.cause.value,
        "actor": envelope.actor,
        "role": envelope.role,
        "source": envelope.source,
        "correlation": envelope.correlation,
        "stream": entry.stream,
    }
    return PlainEntry(
        entry.position,
        columns,
        to_microseconds(datetime.fromisoformat(entry.recorded_at)),
        to_microseconds(interval.after) if interval.after else None,
        to_microseconds(interval.before),
        [change.path for change in entry.changes],
    )


def _some_query(rng: random.Random, entries: list[PlainEntry]) -> EntryQuery:
    """Return a query with one or two conditions, whose values are those of entries, or beside them."""
    conditions: dict[str, object] = {}
    for kind in rng.sample(["columns", "excluded", "positions", "recorded", "effective", "paths"], rng.randint(1, 2)):
        some = rng.sample(entries, 2)
        if kind in ("columns", "excluded"):
            column = rng.choice([name for name in some[0].columns if some[0].columns[name]])
            values = {each.columns[column] or "" for each in some} if rng.random() < 0.8 else {"no such value"}
            conditions[kind] = ((column, tuple(sorted(values)) if rng.random() < 0.9 else ()),)
        elif kind == "paths":
            paths = [path for each in some for path in each.paths] or ["title"]
            cut = [rng.choice([path, path.rpartition("/")[0] or path, path[:-1]]) for path in rng.sample(paths, 1)]
            conditions[kind] = tuple(cut) if rng.random() < 0.9 else ()
        else:
            read = {"positions": "position", "recorded": "recorded", "effective": rng.choice(["before", "after"])}[kind]
            bounds = [getattr(each, read) for each in some]
            conditions[kind] = tuple(b if b is None or rng.random() < 0.2 else b + rng.randint(-1, 1) for b in bounds)
    return EntryQuery(**conditions, is_within=rng.random() < 0.4, order=rng.choice(ORDERS))  # type: ignore[arg-type]


def test_entries_that_match_are_those_found_by_reading_all(system: System) -> None:
    record_example(system)
    rng = random.Random(7)
    found_some = 0
    with system.read_session() as session:
        for at in (session.head, session.head // 2):
            snapshot = session.at(at)
            entries = [_read_plainly(entry) for _, entry in snapshot.page_entries(EntryQuery(), ALL).items]
            for _ in range(30):
                query = _some_query(rng, entries)
                matching = sorted((e for e in entries if e.matches(query)), key=lambda e: e.sort_key(query))
                expected = [each.position for each in matching]
                assert _positions(snapshot, query, ALL) == expected, query
                assert snapshot.count_entries(query) == len(expected)
                assert list(_walk(snapshot, query, backward=False)) == expected, query
                assert list(_walk(snapshot, query, backward=True)) == expected[::-1], query
                found_some += bool(expected)
    assert found_some > 20


def _positions(snapshot: Snapshot, query: EntryQuery, page_request: PageRequest) -> list[int]:
    return [entry.position for _, entry in snapshot.page_entries(query, page_request).items]


def _walk(snapshot: Snapshot, query: EntryQuery, *, backward: bool) -> Iterator[int]:
    edge = None
    while True:
        at = {"before": edge} if backward else {"after": edge}
        page = snapshot.page_entries(query, PageRequest(7, backward=backward, **at))
        yield from (key[0] for key, _ in (reversed(page.items) if backward else page.items))  # type: ignore[misc]
        if not (page.has_previous if backward else page.has_next):
            return
        edge = page.items[0 if backward else -1][0]


def test_a_filtered_history_has_the_entries_about_the_aggregate_that_match(system: System) -> None:
    record_example(system)
    rng = random.Random(8)
    with system.read_session() as session:
        snapshot = session.at_head()
        entries = [_read_plainly(entry) for _, entry in snapshot.page_entries(EntryQuery(), ALL).items]
        streams = sorted({each.columns["stream"] or "" for each in entries})
        aggregates = [each for each in snapshot.find_many(streams).values() if each.type == "commitment"]
        assert len(aggregates) > 2
        for _ in range(12):
            query = _some_query(rng, entries)
            for backward in (False, True):
                for aggregate in aggregates:
                    own = [e for e in entries if e.columns["stream"] == aggregate.id and e.matches(query)]
                    expected = [each.position for each in sorted(own, key=lambda e: e.sort_key(query))]
                    page = snapshot.page_history(aggregate, PageRequest(3, backward=backward), query)
                    slice_ = expected[-3:] if backward else expected[:3]
                    assert [entry.position for _, entry in page.items] == slice_, query
                    assert snapshot.count_history(aggregate, query) == len(expected)
                    if expected:
                        after = PageRequest(100, after=(expected[0],))
                        rest = snapshot.page_history(aggregate, after, query)
                        assert [entry.position for _, entry in rest.items] == expected[1:], query


def test_a_path_matches_whole_segments_only(system: System) -> None:
    record_example(system)
    with system.read_session() as session:
        counts = {
            path: session.at_head().count_entries(EntryQuery(paths=(path,)))
            for path in ("title", "title/en", "titl", "title/e")
        }
    assert counts["title"] > counts["title/en"] > 0
    assert (counts["titl"], counts["title/e"]) == (0, 0)
