"""The fold of statements and amendments, against the naive oracle, and the laws that follow from the definition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain import fold
from ogpgraph.domain.aggregate import Aggregate, select_current
from ogpgraph.domain.delta import apply_claims, apply_delta, undo_claims
from ogpgraph.domain.event import Amendments, Cause, Envelope, Event, Facts, Origin
from ogpgraph.domain.fold import Fold, derive_delta, effective_facts, evolve, replay
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.values import Interval, Value
from tests.domain.oracle import present

START = datetime(2016, 1, 1, tzinfo=UTC)
PATHS = ("title/en", "status")
VALUES = ("first", "second", "third")
SOURCES = ((Origin.PERSON, None), (Origin.HEADER, "source-1"), (Origin.DATABASE, "source-2"))
LANGUAGES = {"source-1": "en", "source-5": "es"}
PERIODS = ("2015", "2015-S2", "2016", "2016-S1", "2016-Q1", "2016-01", "2016-01-01", "2016-01-04", "2015/..", "2016/..")


def make_event(
    revision: int,
    facts: Facts | None = None,
    *,
    day: int = 0,
    source: tuple[Origin, str | None] = SOURCES[0],
    after: int | None = None,
    effective_on: str | None = None,
    withdraws: tuple[int, ...] = (),
    amends: Amendments | None = None,
) -> Event:
    time = START + timedelta(days=day)
    between = Interval(before=time, after=None if after is None else START + timedelta(days=after))
    envelope = Envelope(
        id=f"event-{revision}",
        time=time,
        actor="account-1",
        role="reviewer",
        cause=Cause.REPORTED,
        origin=source[0],
        correlation="request",
        source=source[1],
        language=LANGUAGES.get(source[1] or ""),
        effective_on=effective_on,
        changed_between=between if source[0] is not Origin.PERSON else None,
    )
    return Event("commitment-1", revision, "CommitmentRevised", envelope, facts or {}, withdraws, amends or {})


def reader(events: list[Event]) -> ReadEvents:
    def read(revisions: Collection[int]) -> Mapping[int, Event]:
        return {event.revision: event for event in events if event.revision in revisions}

    return read


@st.composite
def logs(
    draw: st.DrawFn,
    paths: tuple[str, ...] = PATHS,
    values: tuple[Value, ...] = VALUES,
    sources: tuple[tuple[Origin, str | None], ...] = SOURCES,
) -> list[Event]:
    """Statements, corrections, withdrawals and withdrawals of withdrawals, in any order and at any times."""
    events: list[Event] = []
    values_or_null: st.SearchStrategy[Value | None] = st.sampled_from((*values, None))
    facts = st.dictionaries(st.sampled_from(paths), values_or_null, min_size=1)
    for revision in range(1, draw(st.integers(1, 12)) + 1):
        kind = draw(st.sampled_from(("state", "state", "withdraw", "amend"))) if events else "state"
        older = st.integers(1, max(1, revision - 1))
        if kind == "withdraw":
            withdraws = tuple(sorted(draw(st.sets(older, min_size=1, max_size=3))))
            events.append(make_event(revision, withdraws=withdraws))
        elif kind == "amend":
            events.append(make_event(revision, amends=draw(st.dictionaries(older, facts, min_size=1, max_size=2))))
        else:
            day, source = draw(st.integers(0, 6)), draw(st.sampled_from(sources))
            after = draw(st.none() | st.integers(0, day - 1)) if day else None
            period = draw(st.none() | st.none() | st.sampled_from(PERIODS))
            events.append(make_event(revision, draw(facts), day=day, source=source, after=after, effective_on=period))
    return events


def current_values(aggregate: Aggregate) -> Facts:
    return {path: claim.value for path, claim in aggregate.current_claims.items()}


@pytest.fixture(autouse=True)
def max_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a state refer to very few statements, so that the others must be read from the stream."""
    monkeypatch.setattr(fold, "_MAX_SEQUENCE", 2)


@given(logs())
def test_at_every_revision_the_present_equals_that_of_the_naive_oracle(events: list[Event]) -> None:
    aggregate = Aggregate("commitment-1")
    for event in events:
        aggregate = evolve(aggregate, event, reader(events[: event.revision]))
        assert current_values(aggregate) == present(events[: event.revision])


@given(logs())
def test_withdrawing_an_event_gives_the_state_without_it(events: list[Event]) -> None:
    last = len(events) + 1
    for withdrawn in events:
        log = [*events, make_event(last, withdraws=(withdrawn.revision,))]
        replaced = [
            structs.replace(each, facts={}, withdraws=(), amends={}) if each == withdrawn else each for each in log
        ]
        assert replay("commitment-1", log).claims == replay("commitment-1", replaced[:-1]).claims


@given(logs())
def test_withdrawing_a_withdrawal_brings_everything_back(events: list[Event]) -> None:
    before = replay("commitment-1", events)
    for withdrawn in events:
        last = len(events) + 1
        log = [*events, make_event(last, withdraws=(withdrawn.revision,)), make_event(last + 1, withdraws=(last,))]
        after = replay("commitment-1", log)
        assert (after.claims, after.amended) == (before.claims, before.amended)


@given(logs())
def test_a_delta_has_the_claims_that_changed_and_the_current_ones_of_both_states(events: list[Event]) -> None:
    aggregate = Aggregate("commitment-1")
    for event in events:
        delta = derive_delta(aggregate, event, reader(events))
        changed = apply_delta(aggregate, delta)
        assert changed.claims.keys() - delta.claims.keys() == aggregate.claims.keys() - delta.claims.keys()
        for path, (before, after) in delta.claims.items():
            known, now = aggregate.claims.get(path, ()), changed.claims.get(path, ())
            assert set(known) - set(now) <= set(before) <= set(known)
            assert set(now) - set(known) <= set(after) <= set(now)
            assert select_current(path, before) == select_current(path, known)
            assert select_current(path, after) == select_current(path, now)
        aggregate = changed


@given(logs())
def test_what_is_known_without_the_fold_of_an_event_that_states_only_what_is_new_is_what_the_fold_finds(
    events: list[Event],
) -> None:
    aggregate = Aggregate("commitment-1")
    for event in events:
        read = reader(events)
        fold_of_event = Fold(aggregate, event, read)
        adding = {path: value for path, value in event.facts.items() if fold_of_event.adds(path, value)}
        assert event.is_amendment or effective_facts(aggregate, event, read) == adding
        fold_of_event.activate()
        assert derive_delta(aggregate, event, read) == fold_of_event.delta()
        aggregate = evolve(aggregate, event, read)


@given(logs(), st.data())
def test_undoing_the_last_changes_gives_what_was_before_them(events: list[Event], data: st.DataObject) -> None:
    states = [Aggregate("commitment-1")]
    deltas = []
    for event in events:
        deltas.append(derive_delta(states[-1], event, reader(events[: event.revision])))
        states.append(apply_delta(states[-1], deltas[-1]))
    first = data.draw(st.integers(0, len(events) - 1))
    before, after = Aggregate("commitment-1", first, states[first].claims), states[-1]
    if data.draw(st.booleans()):
        assert after.current_claims is not None  # from now on derived from those, and not computed again
    undone = undo_claims(after, deltas[first:])
    assert undone == before
    assert list(undone.current_claims.items()) == list(before.current_claims.items())
    repeated = apply_claims(undone, deltas[first:])
    assert repeated.claims == after.claims
    assert list(repeated.current_claims.items()) == list(after.current_claims.items())


def test_a_delta_does_not_grow_with_the_number_of_sources_at_a_path() -> None:
    log = [make_event(n, {"title/en": VALUES[0]}, day=n, source=(Origin.HEADER, f"source-{n}")) for n in range(1, 40)]
    last = derive_delta(replay("commitment-1", log[:-1]), log[-1], reader(log))
    assert {path: (len(before), len(after)) for path, (before, after) in last.claims.items()} == {"title/en": (1, 2)}
    assert len(replay("commitment-1", log).claims["title/en"]) == len(log)


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(VALUES)), unique_by=lambda each: each[0]), st.randoms())
def test_the_order_in_which_observations_are_recorded_makes_no_difference(
    observed: list[tuple[int, str]], random: object
) -> None:
    def claims_of(observations: list[tuple[int, str]]) -> list[tuple[object, ...]]:
        events = [
            make_event(n, {"title/en": value}, day=day, source=SOURCES[1])
            for n, (day, value) in enumerate(observations, 1)
        ]
        claims = replay("commitment-1", events).claims.get("title/en", ())
        return [(claim.value, claim.after, claim.before) for claim in claims]

    shuffled = list(observed)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert claims_of(shuffled) == claims_of(sorted(observed))


def test_a_reverted_value_does_not_return_whatever_is_reverted_first() -> None:
    stated = [make_event(n, {"title/en": value}, day=n) for n, value in enumerate(VALUES, start=1)]
    for first, second in ((2, 3), (3, 2)):
        log = [*stated, make_event(4, withdraws=(first,)), make_event(5, withdraws=(second,))]
        assert current_values(replay("commitment-1", log)) == {"title/en": "first"}


def test_amending_a_superseded_statement_leaves_the_present_unchanged() -> None:
    log = [make_event(1, {"status": "ACTIVE"}, day=1), make_event(2, {"status": "COMPLETE"}, day=2)]
    log.append(make_event(3, amends={1: {"status": "WITHDRAWN"}}, day=3))
    delta = derive_delta(replay("commitment-1", log[:2]), log[2], reader(log))
    assert delta.claims == {}
    assert delta.superseded == {"status": ("ACTIVE", "WITHDRAWN")}
    reverted = [*log, make_event(4, withdraws=(2,), day=4)]
    assert current_values(replay("commitment-1", reverted)) == {"status": "WITHDRAWN"}


def test_amending_to_null_falls_back_to_what_was_stated_before() -> None:
    log = [make_event(1, {"status": "ACTIVE"}, day=1), make_event(2, {"status": "COMPLETE"}, day=2)]
    log.append(make_event(3, amends={2: {"status": None}}, day=3))
    assert current_values(replay("commitment-1", log)) == {"status": "ACTIVE"}


def test_an_older_observation_narrows_the_interval_of_a_later_change() -> None:
    page = SOURCES[1]
    log = [
        make_event(1, {"status": "ACTIVE"}, day=1, source=page),
        make_event(2, {"status": "COMPLETE"}, day=9, after=1, source=page),
        make_event(3, {"status": "ACTIVE"}, day=4, source=page),
    ]
    (claim,) = replay("commitment-1", log).claims["status"]
    assert (claim.value, claim.after, claim.before) == ("COMPLETE", START + timedelta(4), START + timedelta(9))


@pytest.mark.parametrize(
    ("day", "value", "adds"),
    [
        (9, "COMPLETE", False),  # the newest of its source, and the same
        (9, "ACTIVE", True),
        (3, "ACTIVE", True),  # narrows when the change happened
        (0, "ACTIVE", True),  # since when it has been so
    ],
)
def test_only_facts_that_add_something_are_effective(day: int, value: str, adds: bool) -> None:
    page = SOURCES[1]
    log = [
        make_event(1, {"status": "ACTIVE"}, day=1, source=page),
        make_event(2, {"status": "COMPLETE"}, day=6, after=1, source=page),
    ]
    facts: Facts = {"status": value}
    new = make_event(3, facts, day=day, source=page)
    assert effective_facts(replay("commitment-1", log), new, reader(log)) == (facts if adds else {})


def test_a_person_who_repeats_a_value_makes_it_current_again() -> None:
    log = [make_event(1, {"status": "ACTIVE"}, day=1), make_event(2, {"status": "COMPLETE"}, day=2, source=SOURCES[1])]
    again = make_event(3, {"status": "ACTIVE"}, day=3)
    assert effective_facts(replay("commitment-1", log), again, reader(log)) == {"status": "ACTIVE"}
    assert current_values(replay("commitment-1", [*log, again])) == {"status": "ACTIVE"}


def test_the_cost_of_an_event_does_not_grow_with_the_length_of_the_stream() -> None:
    log = [make_event(n, {"title/en": f"Title {n}"}, day=n) for n in range(1, 400)]
    aggregate, read = replay("commitment-1", log), list[int]()

    def count(revisions: Collection[int]) -> Mapping[int, Event]:
        read.extend(revisions)
        return reader(log)(revisions)

    evolve(aggregate, make_event(400, {"title/en": "Last"}, day=400), count)
    assert read == []
    assert len(aggregate.sequences["title/en"]["PERSON "]) <= fold._MAX_SEQUENCE + 1
    evolve(aggregate, make_event(400, withdraws=(399, 3), day=400), count)
    assert len(read) <= 3
