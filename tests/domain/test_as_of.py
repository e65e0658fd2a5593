"""What an aggregate was like at an instant, as known at a position: against the naive oracle, and worked examples."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain import fold
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.as_of import AggregateAsOf, cut, last_decided
from ogpgraph.domain.event import Event, Origin
from ogpgraph.domain.review import is_starred
from ogpgraph.domain.values import Rating, TextValue, Value
from ogpgraph.domain.vocabulary import RatingState, RatingValue
from tests.domain import oracle
from tests.domain.events import replay_timeline
from tests.domain.test_fold import START, logs, make_event

PERSON, PAGE, DATABASE, SIBLINGS, SPANISH, NARRATIVE = SOURCES = (
    (Origin.PERSON, None),
    (Origin.HEADER, "source-1"),
    (Origin.DATABASE, "source-2"),
    (Origin.SIBLING_LIST, "source-1"),
    (Origin.HEADER, "source-5"),
    (Origin.NARRATIVE, "source-1"),
)
TITLE, STATUS, LEADS, RATING = PATHS = ("title/en", "status", "leadInstitutions/en", "ratings/COMPLETION/RESULTS")
RATED = [Rating(RatingState.RATED, value) for value in (RatingValue.LIMITED, RatingValue.COMPLETE)]
VALUES = ("first", "second", "SPLIT", RATED[0], structs.replace(RATED[0], irm_report="a" * 64), TextValue("b" * 64))
INSTANTS = (
    *(START + timedelta(hours=12 * number) for number in range(-2, 14)),
    *(datetime(year, month, day, 23, 59, 59, 999_999, UTC) for year, month, day in ((2015, 12, 31), (2016, 1, 4))),
    *(START + timedelta(days=days) for days in (-400, -100, 29, 60, 150, 300, 500)),
)


def d(number: float) -> datetime:
    """Return an instant, in days after the first one of 2016."""
    return START + timedelta(days=number)


def end_of(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 23, 59, 59, 999_999, UTC)


def is_required(path: str) -> bool:
    return AGGREGATE_TYPES["commitment"].find_field(path).is_required


def readings(state: AggregateAsOf, paths: tuple[str, ...] = PATHS) -> dict[str, tuple[object, object]]:
    """Return path → the value that is read, and the unknown one."""
    unknown = {path: (each.after, each.before, each.candidates) for path, each in state.unknown.items()}
    return {path: (state.aggregate.value(path), unknown.get(path)) for path in paths}


def expected_readings(
    state: Mapping[str, oracle.Reading], paths: tuple[str, ...] = PATHS
) -> dict[str, tuple[object, object]]:
    """Return the same of the oracle."""
    expected: dict[str, tuple[object, object]] = {}
    for path in paths:
        value, required = state.get(path, oracle.Reading(None, None))
        is_unknown = isinstance(value, oracle.Unknown)
        read = required if is_required(path) else None if is_unknown else value
        expected[path] = (read, tuple(value) if isinstance(value, oracle.Unknown) else None)
    return expected


def log_of(*parts: dict[str, object]) -> list[Event]:
    return [make_event(revision, **part) for revision, part in enumerate(parts, 1)]  # type: ignore[arg-type]


def says(
    value: Value | None,
    day: int,
    source: tuple[Origin, str | None] = PAGE,
    *,
    path: str = LEADS,
    effective_on: str | None = None,
) -> dict[str, object]:
    """Return what a source says on a day; a page that was seen before is undecided in between by what it said then."""
    return {"facts": {path: value}, "day": day, "source": source, "effective_on": effective_on}


@pytest.fixture(autouse=True)
def max_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a state refer to very few statements, so that the others must be read from the stream."""
    monkeypatch.setattr(fold, "_MAX_SEQUENCE", 2)


# ------------------------------------------------------------------------------------------------------ worked examples

A, B, C = "first", "second", "third"
Answer = Value | oracle.Unknown | None
Example = tuple[str, list[Event], dict[datetime, Answer]]
unknown = oracle.Unknown
LAST_OF_2015, LAST_OF_JUNE = end_of(2015, 12, 31), end_of(2016, 6, 30)

EXAMPLES: dict[str, Example] = {
    "a page that was seen once": (
        LEADS,
        log_of(says(A, 2)),
        {d(1): unknown(None, d(2), (None, A)), d(2): A, d(9): A},
    ),
    "successive observations of a page": (
        LEADS,
        log_of(says(A, 1), says(A, 3), says(B, 5)),
        {d(1): A, d(2): A, d(3): A, d(4): unknown(d(3), d(5), (A, B)), d(5): B, d(6): B},
    ),
    "an older observation that says the same is recorded later": (
        LEADS,
        log_of(says(A, 1), says(B, 5), says(A, 3)),
        {d(2): A, d(3): A, d(4): unknown(d(3), d(5), (A, B)), d(5): B},
    ),
    "an older observation that says something else is recorded later": (
        LEADS,
        log_of(says(A, 1), says(A, 5), says(B, 3)),
        {d(2): unknown(d(1), d(3), (A, B)), d(3): B, d(4): unknown(d(3), d(5), (B, A)), d(5): A},
    ),
    "a source that ceases to say anything": (
        LEADS,
        log_of(says(A, 1), says(None, 5)),
        {d(1): A, d(3): unknown(d(1), d(5), (None, A)), d(5): None, d(9): None},
    ),
    "one observation that was read twice": (
        LEADS,
        log_of(says(A, 1), says(B, 5), says(C, 5)),
        {d(1): A, d(3): unknown(d(1), d(5), (A, C)), d(5): C},
    ),
    "a person who says since when": (
        LEADS,
        log_of(says(A, 400, PERSON, effective_on="2016-S1")),
        {
            LAST_OF_2015: None,
            d(0): unknown(LAST_OF_2015, LAST_OF_JUNE, (None, A)),
            d(90): unknown(LAST_OF_2015, LAST_OF_JUNE, (None, A)),
            LAST_OF_JUNE: A,
        },
    ),
    "a person who does not say since when": (
        LEADS,
        log_of(says(A, 2, PERSON), says(B, 5, PERSON)),
        {d(1): unknown(None, d(2), (None, A)), d(2): A, d(4): unknown(d(2), d(5), (A, B)), d(5): B},
    ),
    "a person who says what was so earlier": (
        LEADS,
        log_of(says(B, 500, PERSON, effective_on="2016-03"), says(A, 501, PERSON, effective_on="2016-01-04")),
        {
            end_of(2016, 1, 3): None,
            d(3.5): unknown(end_of(2016, 1, 3), end_of(2016, 1, 4), (None, A)),
            end_of(2016, 1, 4): A,
            end_of(2016, 2, 29): A,
            end_of(2016, 3, 1): unknown(end_of(2016, 2, 29), end_of(2016, 3, 31), (A, B)),
            end_of(2016, 3, 31): B,
        },
    ),
    "a person who says it anew for the same period": (
        LEADS,
        log_of(says(A, 400, PERSON, effective_on="2016"), says(B, 401, PERSON, effective_on="2016")),
        {d(90): unknown(LAST_OF_2015, end_of(2016, 12, 31), (None, B)), end_of(2016, 12, 31): B},
    ),
    "a correction": (
        LEADS,
        log_of(says(A, 1), says(B, 5), {"amends": {2: {LEADS: C}}, "day": 9}),
        {d(1): A, d(3): unknown(d(1), d(5), (A, C)), d(5): C, d(9): C},
    ),
    "a correction of what was superseded": (
        LEADS,
        log_of(says(A, 1), says(B, 5), {"amends": {1: {LEADS: C}}, "day": 9}),
        {d(1): C, d(3): unknown(d(1), d(5), (C, B)), d(5): B},
    ),
    "a correction that drops a statement": (
        LEADS,
        log_of(says(A, 1), says(B, 5), {"amends": {2: {LEADS: None}}, "day": 9}),
        {d(0): unknown(None, d(1), (None, A)), d(3): A, d(5): A, d(9): A},
    ),
    "a withdrawal": (LEADS, log_of(says(A, 1), says(B, 5), {"withdraws": (2,), "day": 9}), {d(3): A, d(9): A}),
    "a withdrawal that was withdrawn": (
        LEADS,
        log_of(says(A, 1), says(B, 5), {"withdraws": (2,), "day": 8}, {"withdraws": (3,), "day": 9}),
        {d(3): unknown(d(1), d(5), (A, B)), d(5): B},
    ),
    "a list that is undecided under a page that is not": (
        LEADS,
        log_of(says(A, 1, SIBLINGS), says(B, 2), says(C, 6, SIBLINGS)),
        {d(1): unknown(None, d(2), (A, B)), d(1.5): unknown(None, d(2), (A, B, C)), d(2): B, d(4): B, d(6): B},
    ),
    "a translation that is undecided beside a page that is not": (
        LEADS,
        log_of(says(A, 1), says(B, 2, SPANISH), says(C, 6, SPANISH)),
        {d(1): A, d(4): A, d(6): A},
    ),
    "a page that is undecided beside a database that is not": (
        LEADS,
        log_of(says(A, 1, DATABASE), says(A, 2), says(B, 6)),
        {d(1): A, d(1.5): A, d(2): A, d(4): unknown(d(2), d(6), (A, B)), d(6): B},
    ),
    "two sources that are undecided": (
        LEADS,
        log_of(says(A, 1), says(A, 2, DATABASE), says(C, 5, DATABASE), says(B, 7)),
        {d(4): unknown(d(1), d(7), (A, C, B)), d(5): unknown(d(1), d(7), (C, B)), d(7): B},
    ),
    "a source that is undecided and makes no difference": (
        LEADS,
        log_of(says(A, 1), says(B, 2, DATABASE), says(C, 5, DATABASE), says(None, 9)),
        {d(2): B, d(3): unknown(d(2), d(5), (B, C)), d(5): C, d(9): C},
    ),
    "a person who says again what a page ceased to say": (
        LEADS,
        log_of(says(A, 1, PERSON), says(B, 3), says(A, 5, PERSON)),
        {d(2): unknown(d(1), d(5), (A, B)), d(4): unknown(d(1), d(5), (B, A)), d(5): A},
    ),
    "a rating in a narrative, which is evidence only": (
        RATING,
        log_of(says(A, 1, NARRATIVE, path=RATING), says(B, 2, path=RATING), says(C, 9, NARRATIVE, path=RATING)),
        {d(1): unknown(None, d(2), (None, B)), d(2): B, d(4): B, d(9): B},
    ),
}
"""What it is about → the path, the log, and instant → the answer, written by hand."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_oracle_gives_the_answers_that_were_written_by_hand(name: str) -> None:
    path, events, answers = EXAMPLES[name]
    assert {instant: oracle.state_as_of(events, instant)[path].value for instant in answers} == answers


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_field_reads_what_was_written_by_hand(name: str) -> None:
    path, events, answers = EXAMPLES[name]
    timeline = replay_timeline("commitment-1", events)
    for instant, answer in answers.items():
        expected = (None, tuple(answer)) if isinstance(answer, oracle.Unknown) else (answer, None)
        assert readings(cut(timeline, instant), (path,)) == {path: expected}


def test_a_required_field_reads_the_last_decided_value_and_without_one_the_next() -> None:
    log = log_of(says("ACTIVE", 2, path=STATUS), says("INACTIVE", 6, path=STATUS))
    timeline = replay_timeline("commitment-1", log)
    read = {each: readings(cut(timeline, d(each)), (STATUS,))[STATUS] for each in (1, 2, 4, 6)}
    assert read == {
        1: ("ACTIVE", (None, d(2), (None, "ACTIVE"))),
        2: ("ACTIVE", None),
        4: ("ACTIVE", (d(2), d(6), ("ACTIVE", "INACTIVE"))),
        6: ("INACTIVE", None),
    }


def test_a_commitment_that_was_split_is_so_whatever_an_undecided_page_says() -> None:
    log = log_of(
        says("ACTIVE", 1, path=STATUS), says("COMPLETE", 9, path=STATUS), says("SPLIT", 3, PERSON, path=STATUS)
    )
    timeline = replay_timeline("commitment-1", log)
    read = {each: readings(cut(timeline, d(each)), (STATUS,))[STATUS] for each in (2, 3, 5, 9)}
    assert read == {
        2: ("ACTIVE", (None, d(3), ("ACTIVE", "SPLIT", "COMPLETE"))),
        3: ("SPLIT", None),
        5: ("SPLIT", None),
        9: ("SPLIT", None),
    }


def test_a_rating_is_known_whose_citation_alone_changed() -> None:
    limited, complete = RATED
    cited, uncited = (structs.replace(limited, irm_report=report) for report in ("a" * 64, None))
    log = log_of(says(cited, 1, path=RATING), says(uncited, 5, path=RATING), says(complete, 9, path=RATING))
    timeline = replay_timeline("commitment-1", log)
    read = {each: readings(cut(timeline, d(each)), (RATING,))[RATING] for each in (1, 3, 5, 7)}
    assert read == {
        1: (cited, None),
        3: (cited, None),
        5: (uncited, None),
        7: (None, (d(5), d(9), (uncited, complete))),
    }


def test_what_is_never_null_reads_what_was_decided_last() -> None:
    path, awarded = "ratings/STARRED/RESULTS", Rating(RatingState.RATED, RatingValue.YES)
    state = cut(replay_timeline("commitment-1", log_of(says(awarded, 1, path=path), says(None, 5, path=path))), d(3))
    assert path in state.unknown
    assert (is_starred(state.aggregate), is_starred(last_decided(state.aggregate))) == (False, True)


def test_a_title_that_is_required_reads_the_next_in_one_language_and_only_where_it_has_none_in_another() -> None:
    log = log_of(says(A, 2, path=TITLE), says(B, 5, SPANISH, path="title/es"))
    timeline = replay_timeline("commitment-1", log)
    read = {each: readings(cut(timeline, d(each)), (TITLE, "title/es")) for each in (1, 3, 5)}
    before = (None, d(5), (None, B))
    assert read == {
        1: {TITLE: (A, (None, d(2), (None, A))), "title/es": (None, before)},
        3: {TITLE: (A, None), "title/es": (None, before)},
        5: {TITLE: (A, None), "title/es": (B, None)},
    }


def test_codes_and_the_member_are_the_same_at_every_date() -> None:
    log = log_of(says("FR0001", 5, path="code"), says("member-1", 5, path="member"))
    state = cut(replay_timeline("commitment-1", log), d(1))
    assert (state.aggregate.value("code"), state.aggregate.value("member")) == ("FR0001", "member-1")
    assert not state.unknown


def test_what_a_table_of_this_program_says_holds_at_every_date() -> None:
    from_table = (Origin.REFERENCE, None)
    log = log_of(says("Europe", 5, from_table, path="region"), says("Europe", 9, DATABASE, path="region"))
    state = cut(replay_timeline("member-1", log), d(1))
    assert (state.aggregate.value("region"), state.unknown) == ("Europe", {})


# ----------------------------------------------------------------------------------------------------------- properties


@given(logs(PATHS, VALUES, SOURCES), st.data())
def test_at_any_position_and_instant_the_state_equals_that_of_the_naive_oracle(
    events: list[Event], data: st.DataObject
) -> None:
    recorded = events[: data.draw(st.integers(1, len(events)))]
    timeline = replay_timeline("commitment-1", recorded)
    for instant in data.draw(st.sets(st.sampled_from(INSTANTS), min_size=1, max_size=6)):
        assert readings(cut(timeline, instant)) == expected_readings(oracle.state_as_of(recorded, instant))


@given(logs(PATHS, VALUES, SOURCES))
def test_in_the_end_everything_is_as_it_is_now(events: list[Event]) -> None:
    timeline = replay_timeline("commitment-1", events)
    state = cut(timeline, datetime.max.replace(tzinfo=UTC))
    assert state.aggregate.current_claims == timeline.aggregate.current_claims
    assert not state.unknown


@given(st.permutations(list(range(6))), st.sampled_from(INSTANTS), st.data())
def test_the_order_in_which_statements_are_recorded_makes_no_difference(
    order: list[int], instant: datetime, data: st.DataObject
) -> None:
    said = [
        says(data.draw(st.sampled_from((*VALUES, None))), day, data.draw(st.sampled_from(SOURCES))) for day in range(6)
    ]
    states = [
        cut(replay_timeline("commitment-1", log_of(*(said[each] for each in numbers))), instant)
        for numbers in (range(6), order)
    ]
    assert readings(states[0], (LEADS,)) == readings(states[1], (LEADS,))
