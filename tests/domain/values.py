"""Hypothesis strategies for everything that can be stored: paths, values of their types, and whole events."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import EnumMeta
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from msgspec import structs

from ogpgraph.domain import vocabulary
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Cause, Envelope, Event, Evidence, Idempotency, Origin
from ogpgraph.domain.field import PATH_SEGMENTS, Field
from ogpgraph.domain.values import (
    Interval,
    Observation,
    PartialDate,
    Rating,
    TextListValue,
    TextValue,
    TranslationKind,
    validate_partial_date,
)

ALL_EVENT_TYPES: list[tuple[AggregateType, EventType]] = [
    (aggregate_type, event_type)
    for aggregate_type in AGGREGATE_TYPES.values()
    for event_type in aggregate_type.event_types
]

plain = st.sampled_from(["a", "Données ouvertes", 'it\'s "this" \\ / -', "𝔘 € ß", "https://example.org/?a=1&b=%20"])
references = st.sampled_from([letter * 64 for letter in "0123456789abcdef"])
moments = st.sampled_from([datetime(2026, 1, 2, 3, 4, 5, n, tzinfo=UTC) for n in (0, 6, 789000)])
texts = st.builds(TextValue, references, st.sampled_from(TranslationKind))
lists_of_texts = st.builds(TextListValue, st.lists(references, max_size=3).map(tuple), st.sampled_from(TranslationKind))


@cache
def ratings_of(values: Sequence[vocabulary.RatingValue]) -> st.SearchStrategy[Rating]:
    """Generate ratings on a scale: one that is RATED has a value, the others have none."""
    states = [state for state in vocabulary.RatingState if state != "RATED"]
    found = st.tuples(st.just(vocabulary.RatingState.RATED), st.sampled_from(values))
    missing = st.tuples(st.sampled_from(states), st.none())
    chosen = st.none() | references
    return st.builds(
        lambda both, words, report: Rating(both[0], both[1], words, report), found | missing, chosen, chosen
    )


observations = st.builds(Observation, references.map(lambda digest: "sha256:" + digest), references, plain)
BY_TYPE: dict[object, st.SearchStrategy[Any]] = {
    TextValue: texts,
    TextListValue: lists_of_texts,
    Rating: ratings_of(tuple(vocabulary.RatingValue)),
    Observation: observations,
    str: plain,
    vocabulary.PolicyArea: plain,
    int: st.integers(0, 9999),
    bool: st.just(True),  # items of sets
}


@cache
def values_of(value_type: Any) -> st.SearchStrategy[Any]:
    """Generate values of a type: a Struct, a value of a vocabulary, a list, or what a pattern or range permits."""
    if value_type in BY_TYPE:
        return BY_TYPE[value_type]
    if value_type == PartialDate:
        return matching(get_args(value_type)[1].pattern).filter(is_in_calendar)
    if isinstance(value_type, EnumMeta):
        return st.sampled_from(list(value_type))
    if get_origin(value_type) is tuple:
        return st.lists(values_of(get_args(value_type)[0]), max_size=3).map(tuple)
    if get_origin(value_type) is Literal:
        return st.sampled_from(get_args(value_type))
    if get_origin(value_type) in (Union, UnionType):
        return st.one_of(*map(values_of, get_args(value_type)))
    base, meta = get_args(value_type)
    if base is int:
        return st.integers(meta.ge, meta.le)
    return matching(meta.pattern).filter(lambda text: len(text) <= (meta.max_length or 999)) if meta.pattern else plain


def is_in_calendar(date: str) -> bool:
    """Return whether a partial date is one that can be recorded."""
    try:
        return validate_partial_date(date, "date") == date
    except Invalid:
        return False


@cache
def matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True).filter(str.isprintable)


def values_at(path: str, declared: Field) -> st.SearchStrategy[Any]:
    """Generate values that are valid at a path; a rating is on its indicator's scale."""
    if path.startswith("ratings/"):
        return ratings_of(vocabulary.VALUES_OF[vocabulary.Indicator(path.split("/")[1])])
    return values_of(declared.type)


@cache
def paths_of(path: Field) -> st.SearchStrategy[str]:
    """Generate concrete paths that match a declared one."""
    parts = [
        matching(PATH_SEGMENTS[part]) if part in PATH_SEGMENTS else st.just(part) for part in path.pattern.split("/")
    ]
    return st.tuples(*parts).map("/".join)


@st.composite
def facts_of(draw: st.DrawFn, aggregate_type: AggregateType, event_type: EventType) -> dict[str, Any]:
    """Generate facts that an event can state."""
    possible = [path for path in aggregate_type.fields if path.pattern.startswith(event_type.path_prefixes)]
    chosen = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=4))
    paths = [(draw(paths_of(path)), path) for path in chosen]
    return {path: draw(st.none() | values_at(path, declared)) for path, declared in paths}


evidence = st.builds(
    Evidence,
    source=plain.map(lambda word: "source-" + word),
    content_hash=references.map(lambda digest: "sha256:" + digest),
    text=st.none() | references,
    spans=st.dictionaries(plain, st.tuples(st.integers(0, 9), st.integers(10, 99)), max_size=2),
)
envelopes = st.builds(
    Envelope,
    id=plain,
    time=moments,
    actor=plain,
    role=plain,
    cause=st.sampled_from(Cause),
    origin=st.sampled_from(Origin),
    correlation=plain,
    language=st.sampled_from([None, "en", "fr", "kab"]),
    source=st.none() | plain,
    reason=st.none() | references,
    effective_on=st.sampled_from([None, "2018", "2018-S2", "2018-Q3", "2019-03", "2019-03-15", "2019/.."]),
    changed_between=st.none() | st.builds(Interval, before=moments, after=st.none() | moments),
    evidence=st.lists(evidence, max_size=2).map(tuple),
    causation=st.none() | plain,
    idempotency=st.none() | st.builds(Idempotency, plain, references),
)


@st.composite
def events_of(draw: st.DrawFn, aggregate_type: AggregateType, event_type: EventType) -> Event:
    """Generate events of a type, with all fields of the envelope."""
    stated = facts_of(aggregate_type, event_type)
    event = Event(f"{aggregate_type.name}-1", draw(st.integers(1, 9)), event_type.name, draw(envelopes))
    if not event_type.amends:
        return structs.replace(event, facts=draw(stated))
    older = st.integers(1, 9)
    withdraws, amends = draw(st.sets(older, max_size=3)), draw(st.dictionaries(older, stated, max_size=2))
    return structs.replace(event, withdraws=tuple(sorted(withdraws)), amends=amends)


events = st.sampled_from(ALL_EVENT_TYPES).flatmap(lambda both: events_of(*both))
