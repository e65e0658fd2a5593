"""The naive oracle of statements and amendments: the present of a stream, computed from all of its events at once.

It looks at every event for every question, keeps no state and has no shortcut: it can be read as the definition.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from ogpgraph.domain.aggregate import Claim, select_current
from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.fold import statement_interval
from ogpgraph.domain.values import Value


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


def statements_of(events: Sequence[Event]) -> dict[tuple[str, str, str], list[tuple[datetime, int, Value | None]]]:
    """Path, origin and source → the live statements there, by the time they became so, then by revision."""
    found = defaultdict(list)
    for event in events:
        if is_live(event, events):
            for path, value in amended_facts(event, events).items():
                key = path, event.envelope.origin, event.envelope.source or ""
                found[key].append((statement_interval(event).before, event.revision, value))
    return {key: sorted(statements, key=lambda each: each[:2]) for key, statements in found.items()}


def present(events: Sequence[Event]) -> dict[str, Value | None]:
    """Path → the current value by the rule; what an observed source goes on stating, it states since it began to."""
    claims: dict[str, tuple[Claim, ...]] = {}
    for (path, origin, _), statements in statements_of(events).items():
        before, revision, value = statements[-1]
        # Of several readings of one observation the last one counts.
        readings = list({time: (time, number, read) for time, number, read in statements}.values())
        for earlier in reversed(readings[:-1] if origin != Origin.PERSON else []):
            if earlier[2] != value:
                break
            before, revision, _ = earlier
        envelope = events[revision - 1].envelope
        claim = Claim(value, envelope.origin, envelope.source, envelope.language, None, before, revision)
        claims[path] = (*claims.get(path, ()), claim)
    current = {path: select_current(path, at_path) for path, at_path in claims.items()}
    return {path: claim.value for path, claim in current.items() if claim}
