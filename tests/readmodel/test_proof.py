"""The proof: what is read at a position is what the events up to it tell, then and for ever.

A model of the record that is nothing but a loop over the log is held against what snapshots show, for every position
of logs that hypothesis makes up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from ogpgraph.application.executor import decode_logged_event
from ogpgraph.domain.aggregate import Aggregate, evolve
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, events_schema
from ogpgraph.readmodel import projector
from ogpgraph.readmodel.entry import iter_fields
from ogpgraph.readmodel.queries import AggregateQuery, EntryQuery, PageRequest
from ogpgraph.readmodel.snapshot import ReadSession, Snapshot
from ogpgraph.readmodel.tables import FOREVER
from ogpgraph.readmodel.tags import code_of, compute_tags
from ogpgraph.storage.event_log import LoggedEvent, canonical_bytes
from ogpgraph.storage.merkle import leaf_hash
from ogpgraph.system import System
from tests.conftest import ONLY_POSTGRES, ONLY_SQLITE, SystemFactory
from tests.domain.json_schema import find_violations
from tests.readmodel.histories import Step, histories, record_history
from tests.test_merkle import mth

NAMES = count()
SCHEMA = events_schema()
EVERY_HISTORY = settings(max_examples=30)
A_FEW = settings(max_examples=5, phases=[Phase.generate])

View = dict[str, Any]


# The model: a loop over the log


class Replay:
    """The record as the events of the log tell it, one after the other."""

    def __init__(self) -> None:
        self.subjects: dict[str, Aggregate] = {}
        self.since: dict[str, int] = {}
        self.leaves: list[bytes] = []

    def apply(self, logged: LoggedEvent) -> None:
        event = decode_logged_event(logged)
        self.subjects[event.stream] = evolve(self.subjects.get(event.stream, Aggregate(event.stream)), event)
        covered = canonical_bytes(
            logged.stream, logged.originator_version, logged.name, logged.version, logged.recorded_at, logged.state
        )
        self.leaves.append(leaf_hash(covered))
        self.since[event.stream] = len(self.leaves)

    def tags(self) -> set[tuple[str, str, str]]:
        return {(stream, *tag) for stream, subject in self.subjects.items() for tag in compute_tags(subject)}

    def listed(self, kind: str) -> list[str]:
        of_kind = [subject for subject in self.subjects.values() if subject.type == kind and code_of(subject)]
        return [subject.id for subject in sorted(of_kind, key=lambda each: (code_of(each), each.id))]


def replayed(system: System) -> Iterator[tuple[int, Replay, LoggedEvent]]:
    replay = Replay()
    for position, logged in enumerate(system.log.select_notifications(None, 10_000), start=1):
        replay.apply(logged)
        yield position, replay, logged


# What is read


def tags_at(reading: ReadSession, position: int) -> set[tuple[str, str, str]]:
    rows = reading.transaction.fetch_all(
        "select id, dimension, value from tag where since <= :at and :at < until", at=position
    )
    return {(row["id"], row["dimension"], row["value"]) for row in rows}


def ids_in(reading: ReadSession) -> list[str]:
    return [row["id"] for row in reading.transaction.fetch_all("select distinct id from version order by id")]


def view(reading: ReadSession, position: int) -> View:
    """Everything that a snapshot tells."""
    snapshot = reading.at(position)
    subjects = snapshot.find_many(ids_in(reading))
    entries = snapshot.page_entries(EntryQuery(), PageRequest(limit=10_000)).items
    return {
        "subjects": {each: (subject, snapshot.since(each)) for each, subject in subjects.items()},
        "tags": tags_at(reading, position),
        "lists": {kind: listed(snapshot, kind) for kind in AGGREGATE_TYPES},
        "entries": [(entry.position, entry.event_id, entry.stream, entry.revision, entry.name) for _, entry in entries],
        "told": [(entry.envelope, entry.changes, entry.root, entry.recorded_at) for _, entry in entries],
        "root": snapshot.root_hash,
        "recorded_at": snapshot.recorded_at,
        "by code": {kind: by_code(snapshot, kind) for kind in ("member", "plan", "commitment")},
    }


def listed(snapshot: Snapshot, kind: str) -> list[str]:
    return [subject.id for _, subject in snapshot.page(AggregateQuery(kind), PageRequest(limit=1000)).items]


def by_code(snapshot: Snapshot, kind: str) -> dict[str, str | None]:
    codes = ["FRA", "FR", "FRA-2015", "fr0001", "FR0002", "ES0001", "FR0101", "FR0102"]
    return {code: found.id if (found := snapshot.find_by_code(kind, code)) else None for code in codes}


def views(system: System) -> dict[int, View]:
    with system.read_session() as reading:
        return {position: view(reading, position) for position in range(1, reading.head + 1)}


# The proof


def prove(system: System) -> None:
    seen = views(system)
    assert len(seen) == len(system.log.select_notifications(None, 10_000))
    for position, replay, logged in replayed(system):
        shown = seen[position]
        assert {each: subject for each, (subject, _) in shown["subjects"].items()} == replay.subjects
        assert {each: since for each, (_, since) in shown["subjects"].items()} == replay.since
        assert shown["tags"] == replay.tags()
        assert shown["lists"] == {kind: replay.listed(kind) for kind in AGGREGATE_TYPES}
        assert shown["root"] == mth(replay.leaves).hex()
        assert shown["recorded_at"] == logged.recorded_at
        assert len(shown["entries"]) == position
        assert shown["entries"][-1][2:] == (logged.stream, logged.originator_version, logged.name)
        assert list(find_violations(SCHEMA["events"][logged.topic], json.loads(logged.state), SCHEMA)) == []


@ONLY_SQLITE
@EVERY_HISTORY
@given(history=histories)
def test_every_position_shows_what_the_events_up_to_it_tell(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    prove(system)


@A_FEW
@given(history=histories)
@ONLY_POSTGRES
def test_every_position_shows_it_on_postgresql_too(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    prove(system)


def same(one: dict[int, View], other: dict[int, View]) -> None:
    assert one.keys() <= other.keys()
    for position, shown in one.items():
        assert shown == other[position], f"position {position}"


@ONLY_SQLITE
@settings(max_examples=15)
@given(history=histories)
def test_a_position_shows_the_same_after_later_writes_after_opening_again_and_after_a_rebuild(
    make_system: SystemFactory, history: list[Step]
) -> None:
    name = f"log-{next(NAMES)}"
    system = make_system(name)
    before: dict[int, View] = {}

    def look() -> None:
        with system.read_session() as reading:
            before[reading.head] = view(reading, reading.head)

    record_history(system, history, after_each=look)
    after = views(system)
    same(before, after)
    same(after, views(make_system(name)))
    system.rebuild()
    same(after, views(system))
    same(after, views(make_system(name)))


@ONLY_SQLITE
@settings(max_examples=15)
@given(history=histories)
def test_the_rows_are_the_same_however_the_follower_came_to_them(
    make_system: SystemFactory, history: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    digest = system.digest()
    for size in (1, 3, 500):
        with monkeypatch.context() as patched:
            patched.setattr(projector, "BATCH_SIZE", size)
            system.rebuild()
        assert system.digest() == digest


@ONLY_SQLITE
@settings(max_examples=15)
@given(history=histories)
def test_versions_and_tags_neither_overlap_nor_leave_holes(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    with system.read_session() as reading:
        versions = reading.transaction.fetch_all("select id, since, until, revision from version order by id, since")
        tags = reading.transaction.fetch_all("select * from tag order by id, dimension, value, since")
        positions = reading.transaction.fetch_all("select position, log_position from entry order by position")
        head = reading.head
    assert [row["position"] for row in positions] == list(range(1, head + 1))
    streams = {row["id"] for row in versions}
    for stream in streams:
        own = [row for row in versions if row["id"] == stream]
        assert [row["revision"] for row in own] == list(range(1, len(own) + 1))
        assert all(one["until"] == two["since"] for one, two in pairwise(own))
        assert own[-1]["until"] == FOREVER
    for one, two in pairwise(tags):
        if (one["id"], one["dimension"], one["value"]) == (two["id"], two["dimension"], two["value"]):
            assert one["since"] < one["until"] < two["since"]
    assert all(row["since"] < row["until"] for row in tags)


@ONLY_SQLITE
@settings(max_examples=20)
@given(history=histories)
def test_the_changes_of_all_entries_from_nothing_on_are_the_present(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    fields: dict[str, dict[str, Any]] = {}
    with system.read_session() as reading:
        snapshot = reading.at_head()
        for _, entry in snapshot.page_entries(EntryQuery(), PageRequest(limit=10_000)).items:
            own = fields.setdefault(entry.stream, {})
            for change in entry.changes:
                if change.path.startswith("claims/"):
                    continue
                assert own.get(change.path) == change.before, (entry.name, change)
                own.pop(change.path, None)
                own |= {change.path: change.after} if change.after is not None else {}
        for stream, subject in snapshot.find_many(list(fields)).items():
            assert fields[stream] == present(subject)


def present(subject: Aggregate) -> dict[str, Any]:
    """The fields of what is so, as JSON has them."""
    fields = [field for path, claim in subject.current_claims.items() for field in iter_fields(path, claim.value)]
    plain: dict[str, Any] = json.loads(projector._encoder.encode(dict(fields)))
    return plain
