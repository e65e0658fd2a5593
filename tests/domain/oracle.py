"""The naive oracle of statements and amendments: the state of a stream, computed from all of its events at once.

It looks at every event for every question, keeps no state and has no shortcut: it can be read as the definition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import NamedTuple

from msgspec import structs

from ogpgraph.domain.aggregate import Claim, rank, select_current
from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.statement import statement_interval
from ogpgraph.domain.values import Rating, TextValue, Value
from ogpgraph.domain.vocabulary import CommitmentStatus

Option = Claim | None
"""What one source may state at an instant; None: nothing yet."""


def is_live(event: Event, events: Sequence[Event]) -> bool:
    """An event is live unless a live event withdraws it."""
    return not any(event.revision in other.withdraws and is_live(other, events) for other in events)


def amended_facts(event: Event, events: Sequence[Event]) -> Facts:
    """Of several live amendments of a path the last applies; null drops the statement."""
    facts: dict[str, tuple[bool, Value | None]] = {path: (True, value) for path, value in event.facts.items()}
    for other in events:
        for path, value in other.amends.get(event.revision, {}).items():
            if is_live(other, events) and path in facts:
                facts[path] = (value is not None, value)
    return {path: value for path, (stated, value) in facts.items() if stated}


def statements_of(events: Sequence[Event]) -> dict[str, dict[tuple[str, str], list[Claim]]]:
    """Path → origin and source → the live statements there, by the time they became so, then by revision."""
    found: dict[str, dict[tuple[str, str], list[Claim]]] = defaultdict(lambda: defaultdict(list))
    for event in events:
        if is_live(event, events):
            envelope, (before, after) = event.envelope, structs.astuple(statement_interval(event))
            for path, value in amended_facts(event, events).items():
                stated = Claim(
                    value, envelope.origin, envelope.source, envelope.language, after, before, event.revision
                )
                found[path][envelope.origin, envelope.source or ""].append(stated)
    for by_source in found.values():
        for statements in by_source.values():
            statements.sort(key=lambda each: (each.before, each.revision))
    return found


def runs_of(statements: Sequence[Claim]) -> list[Claim]:
    """Return what a source claims at a path, one claim after the other.

    Of several statements of one instant the last one counts. What an observed source goes on stating, it states since
    it began to, which was after it was last seen to state something else; what a person says, they say anew.
    """
    readings = list({each.before: each for each in statements}.values())
    if statements[0].origin == Origin.PERSON:
        return readings
    runs: list[Claim] = []
    for number, reading in enumerate(readings):
        if runs and runs[-1].value == reading.value:
            continue
        seen = readings[number - 1].before if number else None
        after = max((each for each in (reading.after, seen) if each is not None), default=None)
        runs.append(structs.replace(reading, after=after))
    return runs


def runs_by_path(events: Sequence[Event]) -> dict[str, list[list[Claim]]]:
    """Return path → for each source the claims that it makes there, one after the other."""
    return {
        path: [runs_of(statements) for statements in by_source.values()]
        for path, by_source in statements_of(events).items()
    }


def choose(path: str, options: Sequence[Option]) -> Option:
    """Return the claim that the rule chooses if sources state these."""
    return select_current(path, tuple(claim for claim in options if claim))


def present(events: Sequence[Event]) -> dict[str, Value | None]:
    """Path → the current value by the rule, from the last claim of every source."""
    current = {path: choose(path, [runs[-1] for runs in sources]) for path, sources in runs_by_path(events).items()}
    return {path: claim.value for path, claim in current.items() if claim}


# Two axes of time


class Unknown(NamedTuple):
    """A value that became another one somewhere in (after, before]: any of the candidates, null first, then by time."""

    after: datetime | None
    before: datetime
    candidates: tuple[Value | None, ...]


class Reading(NamedTuple):
    """What a path reads at an instant, and what it reads where a value is required."""

    value: Value | Unknown | None
    required: Value | None


def options_at(runs: Sequence[Claim], instant: datetime) -> tuple[Option, Option]:
    """Return what a source may state at an instant: its last claim until then; and its next, if that may be so."""
    decided = [None, *(claim for claim in runs if claim.before <= instant)][-1]
    following = next((claim for claim in runs if claim.before > instant), None)
    after = following and lower_bound(decided, following)
    return decided, None if after and after >= instant else following


def lower_bound(decided: Option, following: Claim) -> datetime | None:
    """Return since when a claim may be so that follows another: not while the source was seen to say otherwise."""
    if decided is None or (following.after and following.after > decided.before):
        return following.after
    return decided.before


def state_as_of(events: Sequence[Event], instant: datetime) -> dict[str, Reading]:
    """Path → what it reads at an instant, by enumerating whatever the sources may state then."""
    return {path: _read(path, sources, instant) for path, sources in runs_by_path(events).items()}


def _read(path: str, sources: Sequence[Sequence[Claim]], instant: datetime) -> Reading:
    options = [options_at(runs, instant) for runs in sources]
    outcomes = {choice: choose(path, choice) for choice in product(*map(_alternatives, options))}
    last = choose(path, [decided for decided, _ in options])
    if len({meaning(claim) for claim in outcomes.values()}) == 1:
        return Reading(value := last.value if last else None, value)
    undecided = [
        (following, lower_bound(decided, following))
        for number, (decided, following) in enumerate(options)
        if following and _matters(number, outcomes)
    ]
    strongest, after = max(undecided, key=lambda each: (_is_split(path, each[0]), rank(each[0])))
    by_time = sorted((claim for claim in outcomes.values() if claim), key=lambda claim: (claim.before, rank(claim)))
    first: dict[object, Value | None] = {}
    for claim in by_time:
        first.setdefault(meaning(claim), claim.value)
    possible = list(first.values())
    candidates = (*((None,) if None in outcomes.values() else ()), *possible)
    return Reading(Unknown(after, strongest.before, candidates), last.value if last else possible[0])


def meaning(claim: Option) -> object:
    """Return what a claim says, however it is cited and whoever translated it."""
    match claim and claim.value:
        case Rating(state, value):
            return state, value
        case TextValue(text):
            return text
        case value:
            return value


def _alternatives(options: tuple[Option, Option]) -> tuple[Option, ...]:
    decided, following = options
    return (decided, following) if following else (decided,)


def _is_split(path: str, claim: Claim) -> bool:
    return path == "status" and claim.value == CommitmentStatus.SPLIT


def _matters(number: int, outcomes: Mapping[tuple[Option, ...], Option]) -> bool:
    """Return whether what one source states may make a difference."""
    by_others: dict[tuple[Option, ...], set[object]] = defaultdict(set)
    for choice, claim in outcomes.items():
        by_others[choice[:number] + choice[number + 1 :]].add(meaning(claim))
    return any(len(values) > 1 for values in by_others.values())
