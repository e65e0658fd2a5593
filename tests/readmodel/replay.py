"""A naive model of the record: a loop over the log, to check every snapshot against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES, decode_stored_event, events_schema
from ogpgraph.domain.as_of import AggregateAsOf, cut, possible_states
from ogpgraph.domain.event import Event
from ogpgraph.domain.field import Tag
from ogpgraph.domain.timeline import Timeline, advance_timeline, last_instant, turning_days_of
from ogpgraph.domain.values import first_day
from ogpgraph.readmodel.dimension_tags import DatedTag
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.queries import AggregateQuery, PageRequest
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.readmodel.tag_rules import WHOLE, TagRule, build_rules
from ogpgraph.readmodel.tags import OBSERVED, DayCounter, code_of, compute_tags
from ogpgraph.storage.logged_event import LoggedEvent, canonical_bytes
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
        self.timelines: dict[str, Timeline] = {}
        self.events: dict[str, dict[int, Event]] = {}
        self.since: dict[str, int] = {}
        self.leaves: list[bytes] = []

    def apply(self, logged: LoggedEvent) -> None:
        event = decode_stored_event(logged)
        self.events.setdefault(event.stream, {})[event.revision] = event
        before = self.timelines.get(event.stream, Timeline(Aggregate(event.stream)))
        advance = advance_timeline(before, event, lambda _: self.events[event.stream])
        self.timelines[event.stream] = advance.timeline
        covered = canonical_bytes(
            logged.stream, logged.revision, logged.name, logged.version, logged.recorded_at, logged.payload
        )
        self.leaves.append(leaf_hash(covered))
        self.since[event.stream] = len(self.leaves)

    @property
    def aggregates(self) -> dict[str, Aggregate]:
        return {stream: timeline.aggregate for stream, timeline in self.timelines.items()}

    def tags(self) -> set[tuple[str, DatedTag]]:
        return {
            (stream, tag)
            for stream, timeline in self.timelines.items()
            for tag in compute_tags(timeline) | DayCounter(timeline).tags()
        }

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


def _tags_at(session: ReadSession, position: int) -> set[tuple[str, DatedTag]]:
    sql = (
        "select s.id, m.dimension, m.value, t.first_day, t.end_day from tag t join stream s on s.key = t.stream "
        "join term m on m.key = t.term where t.since <= :at and :at < t.until"
    )
    rows = session.transaction.fetch_all(sql, at=position)
    return {(row["id"], DatedTag(row["dimension"], row["value"], row["first_day"], row["end_day"])) for row in rows}


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


def turning_days(timeline: Timeline, path: str) -> Iterator[int]:
    """Yield the days on which the state at a path changes, in no order."""
    for claim in (*timeline.aggregate.claims.get(path, ()), *timeline.earlier.get(path, ())):
        yield from turning_days_of(claim.after, claim.before)


def check_dates_against_replay(system: System, dates_per_position: int) -> None:
    """Assert that every position shows, as of dates around those on which something changed, what the events say."""
    with system.read_session() as session:
        for position, replay, _ in iter_replay(system):
            dated = [(each, path) for each in replay.timelines.values() for path in each.aggregate.claims]
            turning = {day for each, path in dated for day in turning_days(each, path)}
            days = sorted({near for day in turning if day for near in (day - 1, day)})
            for day in days[:: max(1, len(days) // dates_per_position)]:
                _check_date(session.at(position, day), replay)


def _check_date(snapshot: Snapshot, replay: Replay) -> None:
    states = {stream: cut(each, last_instant(snapshot.day)) for stream, each in replay.timelines.items()}
    existing = {stream: state for stream, state in states.items() if _exists(replay, states, stream, snapshot.day)}
    found = snapshot.find_many(states)
    assert found == {stream: _without_fold(state.aggregate) for stream, state in existing.items()}
    assert {stream: snapshot.unknown(each) for stream, each in found.items()} == {
        stream: state.unknown for stream, state in existing.items()
    }
    for stream, each in found.items():
        assert each.current_claims == existing[stream].aggregate.current_claims
    for name in ("member", "plan", "commitment"):
        index = snapshot.index(name)
        of_type = {each: state for each, state in existing.items() if state.aggregate.type == name}
        listed = {each for each, state in of_type.items() if code_of(state.aggregate)}
        assert set(index.iter_ids(index.universe)) == listed
        for stream in listed:
            assert _tags_in(index, stream) == _naive_tags(of_type[stream], replay.aggregates[stream])


def _without_fold(aggregate: Aggregate) -> Aggregate:
    return Aggregate(aggregate.id, aggregate.revision, aggregate.claims)


def _exists(replay: Replay, states: dict[str, AggregateAsOf], stream: str, day: int) -> bool:
    aggregate = states[stream].aggregate
    if aggregate.type not in ("plan", "commitment"):
        return True
    # The plan is that of the day, its begin what is known of it at the position.
    plan = replay.aggregates.get(stream if aggregate.type == "plan" else aggregate.string("actionPlan") or "")
    begin = plan.string("startsOn") if plan else None
    return states[stream].is_observed if begin is None else first_day(begin) <= day


def _tags_in(index: Index, stream: str) -> set[Tag]:
    mask = index.mask_of([stream])
    return {
        (dimension, value)
        for dimension, values in index.postings.items()
        for value, posting in values.items()
        if posting.has_any(mask) and (dimension, value) != OBSERVED
    }


def _naive_tags(state: AggregateAsOf, present: Aggregate) -> set[Tag]:
    """The tags of every rule, from all that may have been so; of an undated one from the state at the position."""
    found: set[Tag] = set()
    for rule in build_rules(AGGREGATE_TYPES[present.type]):
        if rule.is_whole:
            found |= set(rule.derive(present))
            continue
        states = [state.aggregate] if rule.is_reference else possible_states(state)
        by_group = [_tags_by_group(rule, each if rule.is_dated else present) for each in states]
        certain, perhaps = set[Tag](), set[Tag]()
        for group in {group for each in by_group for group in each}:
            possible = [each.get(group, set()) for each in by_group]
            certain |= set.intersection(*possible)
            perhaps |= set.union(*possible)
        found |= certain | {(f"unknown/{dimension}", "") for dimension, _ in perhaps - certain}
    return found


def _tags_by_group(rule: TagRule, state: Aggregate) -> dict[str, set[Tag]]:
    """The tags that follow from what a state has in each group of paths, by itself."""
    groups: dict[str, dict[str, Claim]] = {WHOLE: {}} if rule.has_one_group else {}
    for path, claim in state.current_claims.items():
        if (group := rule.find_group(path)) is not None:
            groups.setdefault(group, {})[path] = claim
    found = {}
    for group, claims in groups.items():
        part = Aggregate(state.id, state.revision, {path: (claim,) for path, claim in claims.items()})
        part.__dict__["current_claims"] = claims
        found[group] = set(rule.derive(part))
    return found
