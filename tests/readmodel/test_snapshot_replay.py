"""Every position shows what the events up to it say, and never changes: property tests over generated logs."""

from __future__ import annotations

from itertools import combinations, count, cycle, groupby, pairwise
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.readmodel import projector, states
from ogpgraph.readmodel.entry import iter_fields
from ogpgraph.readmodel.entry_query import EntryQuery
from ogpgraph.readmodel.open_rows import OpenRowsCache, find_no_aggregate
from ogpgraph.readmodel.queries import PageRequest
from ogpgraph.readmodel.tables import LIVE_PREFIX
from tests.conftest import BOTH_ENGINES, ONLY_POSTGRES, ONLY_SQLITE, SystemFactory
from tests.readmodel.histories import Step, histories, record_history
from tests.readmodel.replay import (
    Replay,
    View,
    check_against_replay,
    check_dates_against_replay,
    iter_replay,
    view_all,
    view_at,
)

pytestmark = pytest.mark.slow
NAMES = count()
EVERY_HISTORY = settings(max_examples=30)
A_FEW = settings(max_examples=5, phases=[Phase.generate])


@ONLY_SQLITE
@EVERY_HISTORY
@given(history=histories)
def test_every_position_shows_what_its_events_say(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    check_against_replay(system)


@A_FEW
@given(history=histories)
def test_every_position_shows_as_of_any_date_what_its_events_say(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    check_dates_against_replay(system, dates_per_position=6)


@A_FEW
@given(history=histories)
@ONLY_POSTGRES
def test_every_position_shows_what_its_events_say_on_postgresql(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    check_against_replay(system)


@BOTH_ENGINES
@A_FEW
@given(history=histories)
def test_rows_of_a_projector_without_caches_are_those_of_one_with_them_and_of_a_rebuild(
    make_system: SystemFactory, history: list[Step]
) -> None:
    """Key frames as early as possible, so that they occur in short histories, too."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(states.Chain, "is_frame_due", lambda _chain, _added: True)
        system = make_system(f"log-{next(NAMES)}")

        in_memory = system.projection._projector._open_rows._find_aggregate
        sources = cycle((find_no_aggregate, in_memory))

        def forget() -> None:
            system.projection._projector._open_rows = OpenRowsCache(LIVE_PREFIX, next(sources))

        record_history(system, history, after_each=forget)
        check_against_replay(system)
        digest = system.digest()
        system.rebuild()
        assert system.digest() == digest
        with system.database.read() as transaction:
            *_, (position, replay, _) = [(0, Replay(), None), *iter_replay(system)]
            next_revisions = {each: aggregate.revision + 1 for each, aggregate in replay.aggregates.items()}
            found = OpenRowsCache(LIVE_PREFIX, find_no_aggregate).get(position, transaction, next_revisions)
            assert {each: rows.timeline for each, rows in found.items()} == replay.timelines


def assert_unchanged(before: dict[int, View], after: dict[int, View]) -> None:
    assert before.keys() <= after.keys()
    for position, view in before.items():
        assert view == after[position], f"position {position}"


@ONLY_SQLITE
@settings(max_examples=15)
@given(history=histories)
def test_position_shows_the_same_after_later_writes_reopening_and_a_rebuild(
    make_system: SystemFactory, history: list[Step]
) -> None:
    name = f"log-{next(NAMES)}"
    system = make_system(name)
    before: dict[int, View] = {}

    def view_head() -> None:
        with system.read_session() as session:
            before[session.head] = view_at(session, session.head)

    record_history(system, history, after_each=view_head)
    after = view_all(system)
    assert_unchanged(before, after)
    assert_unchanged(after, view_all(make_system(name)))
    system.rebuild()
    assert_unchanged(after, view_all(system))
    assert_unchanged(after, view_all(make_system(name)))


@ONLY_SQLITE
@settings(max_examples=15)
@given(history=histories)
def test_rows_do_not_depend_on_the_size_of_batches(
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
def test_versions_have_no_gaps_and_validities_of_tags_do_not_overlap(
    make_system: SystemFactory, history: list[Step]
) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    with system.read_session() as session:
        versions = session.transaction.fetch_all(
            "select e.stream, e.revision, e.position, v.chain from entry e join version v on v.position = e.position "
            "order by e.stream, e.position"
        )
        tags = session.transaction.fetch_all("select * from tag order by stream, term, since")
        positions = session.transaction.fetch_all("select position, log_position from entry order by position")
        head = session.head
    assert [row["position"] for row in positions] == list(range(1, head + 1))
    assert len(versions) == head
    for stream, rows in groupby(versions, key=itemgetter("stream")):
        own = list(rows)
        assert [row["revision"] for row in own] == list(range(1, len(own) + 1))
        assert own[0]["position"] == own[0]["chain"] == stream
        assert all(two["chain"] in (one["chain"], two["position"]) for one, two in pairwise(own))
    for _, same in groupby(tags, key=itemgetter("stream", "term")):
        for one, two in combinations(same, 2):
            are_days_apart = one["end_day"] <= two["first_day"] or two["end_day"] <= one["first_day"]
            assert are_days_apart or one["until"] <= two["since"]
    assert all(row["since"] < row["until"] for row in tags)


@ONLY_SQLITE
@settings(max_examples=20)
@given(history=histories)
def test_changes_of_all_entries_add_up_to_the_present(make_system: SystemFactory, history: list[Step]) -> None:
    system = make_system(f"log-{next(NAMES)}")
    record_history(system, history)
    fields: dict[str, dict[str, Any]] = {}
    with system.read_session() as session:
        snapshot = session.at_head()
        for _, entry in snapshot.page_entries(EntryQuery(), PageRequest(limit=10_000)).items:
            own = fields.setdefault(entry.stream, {})
            for change in entry.changes:
                if change.path.startswith("claims/"):
                    continue
                assert own.get(change.path) == change.before, (entry.name, change)
                own.pop(change.path, None)
                own |= {change.path: change.after} if change.after is not None else {}
        for stream, aggregate in snapshot.find_many(list(fields)).items():
            assert fields[stream] == current_fields(aggregate)


def current_fields(aggregate: Aggregate) -> dict[str, Any]:
    """The fields of the current values."""
    return dict(field for path, claim in aggregate.current_claims.items() for field in iter_fields(path, claim.value))
