"""A naive model of the record: a loop over the log, to check every snapshot against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ogpgraph.application.aggregate_loader import decode_logged_event
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, events_schema
from ogpgraph.domain.event import Event
from ogpgraph.domain.fold import evolve
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.queries import AggregateQuery, PageRequest
from ogpgraph.readmodel.snapshot import ReadSession, Snapshot
from ogpgraph.readmodel.tags import code_of, compute_tags
from ogpgraph.storage.event_log import LoggedEvent, canonical_bytes
from ogpgraph.storage.merkle import leaf_hash
from ogpgraph.system import System
from tests.domain.json_schema import find_violations
from tests.storage.merkle_reference import merkle_tree_hash

SCHEMA = events_schema()
CODES = ["FRA", "FR", "FRA-2015", "fr0001", "FR0002", "ES0001", "FR0101", "FR0102"]
View = dict[str, Any]
"""Everything that a snapshot shows."""


class Replay:
    """The record after some events, built from nothing but these events."""

    def __init__(self) -> None:
        self.aggregates: dict[str, Aggregate] = {}
        self.events: dict[str, dict[int, Event]] = {}
        self.since: dict[str, int] = {}
        self.leaves: list[bytes] = []

    def apply(self, logged: LoggedEvent) -> None:
        event = decode_logged_event(logged)
        self.events.setdefault(event.stream, {})[event.revision] = event
        before = self.aggregates.get(event.stream, Aggregate(event.stream))
        self.aggregates[event.stream] = evolve(before, event, lambda _: self.events[event.stream])
        covered = canonical_bytes(
            logged.stream, logged.revision, logged.name, logged.version, logged.recorded_at, logged.payload
        )
        self.leaves.append(leaf_hash(covered))
        self.since[event.stream] = len(self.leaves)

    def tags(self) -> set[tuple[str, str, str]]:
        return {(stream, *tag) for stream, aggregate in self.aggregates.items() for tag in compute_tags(aggregate)}

    def listed_ids(self, aggregate_type: str) -> list[str]:
        listed = [each for each in self.aggregates.values() if each.type == aggregate_type and code_of(each)]
        return [each.id for each in sorted(listed, key=lambda each: (code_of(each), each.id))]


def iter_replay(system: System) -> Iterator[tuple[int, Replay, LoggedEvent]]:
    """Yield each position with the replay up to it and the event at it."""
    replay = Replay()
    for position, logged in enumerate(system.log.select_notifications(None, 10_000), start=1):
        replay.apply(logged)
        yield position, replay, logged


def view_all(system: System) -> dict[int, View]:
    """The views of all positions."""
    with system.read_session() as session:
        return {position: view_at(session, position) for position in range(1, session.head + 1)}


def view_at(session: ReadSession, position: int) -> View:
    snapshot = session.at(position)
    ids = [row["id"] for row in session.transaction.fetch_all("select id from stream order by id")]
    entries = [entry for _, entry in snapshot.page_entries(EntryQuery(), PageRequest(limit=10_000)).items]
    return {
        "aggregates": {each: (found, snapshot.since(each)) for each, found in snapshot.find_many(ids).items()},
        "tags": _tags_at(session, position),
        "lists": {aggregate_type: _listed_ids(snapshot, aggregate_type) for aggregate_type in AGGREGATE_TYPES},
        "entries": [(entry.position, entry.event_id, entry.stream, entry.revision, entry.name) for entry in entries],
        "details": [(entry.envelope, entry.changes, entry.root, entry.recorded_at) for entry in entries],
        "root": snapshot.root_hash,
        "recorded_at": snapshot.recorded_at,
        "by code": {name: _ids_by_code(snapshot, name) for name in ("member", "plan", "commitment")},
    }


def _tags_at(session: ReadSession, position: int) -> set[tuple[str, str, str]]:
    sql = (
        "select s.id, m.dimension, m.value from tag t join stream s on s.key = t.stream "
        "join term m on m.key = t.term where t.since <= :at and :at < t.until"
    )
    rows = session.transaction.fetch_all(sql, at=position)
    return {(row["id"], row["dimension"], row["value"]) for row in rows}


def _listed_ids(snapshot: Snapshot, aggregate_type: str) -> list[str]:
    page = snapshot.page(AggregateQuery(aggregate_type), PageRequest(limit=1000))
    return [aggregate.id for _, aggregate in page.items]


def _ids_by_code(snapshot: Snapshot, aggregate_type: str) -> dict[str, str | None]:
    found = {code: snapshot.find_by_code(aggregate_type, code) for code in CODES}
    return {code: aggregate.id if aggregate else None for code, aggregate in found.items()}


def check_against_replay(system: System) -> None:
    """Assert that every position shows what the events up to it say, and that every payload matches its schema."""
    views = view_all(system)
    assert len(views) == len(system.log.select_notifications(None, 10_000))
    for position, replay, logged in iter_replay(system):
        view = views[position]
        assert {each: aggregate for each, (aggregate, _) in view["aggregates"].items()} == {
            each: Aggregate(each, aggregate.revision, aggregate.claims) for each, aggregate in replay.aggregates.items()
        }
        assert {each: since for each, (_, since) in view["aggregates"].items()} == replay.since
        assert view["tags"] == replay.tags()
        assert view["lists"] == {name: replay.listed_ids(name) for name in AGGREGATE_TYPES}
        assert view["root"] == merkle_tree_hash(replay.leaves).hex()
        assert view["recorded_at"] == logged.recorded_at
        assert len(view["entries"]) == position
        assert view["entries"][-1][2:] == (logged.stream, logged.revision, logged.name)
        assert list(find_violations(SCHEMA["events"][logged.topic], json.loads(logged.payload), SCHEMA)) == []
