"""The state of an aggregate as of a date: the same fold with the statements cut there.

There are two axes of time. The position says what had been recorded, the date when it was so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from ogpgraph.domain.aggregate import Aggregate, Claim, select_current
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.claim_options import Unknown, find_unknown, options_at
from ogpgraph.domain.field import Field
from ogpgraph.domain.timeline import DATED_TYPES, Timeline, is_dated


class AggregateAsOf(NamedTuple):
    """The state of an aggregate as of an instant, and path → what is unknown there.

    At a path that is unknown the state has no value, except for a required field: that has the value decided last. If
    it has none, in no language, it has the next. `is_observed` is whether a source had stated anything by then.
    """

    aggregate: Aggregate
    unknown: Mapping[str, Unknown] = MappingProxyType({})
    is_observed: bool = True


def cut(timeline: Timeline, instant: datetime) -> AggregateAsOf:
    """Return the state of an aggregate as of an instant; the same object where nothing happened later."""
    aggregate = timeline.aggregate
    if aggregate.type not in DATED_TYPES:
        return AggregateAsOf(aggregate)
    later = {path for path, claims in aggregate.claims.items() if any(claim.before > instant for claim in claims)}
    dated = [path for path in later if is_dated(path)]
    if not dated:
        return AggregateAsOf(aggregate, {}, len(later) < len(aggregate.claims))
    claims, current, unknown = dict(aggregate.claims), dict(aggregate.current_claims), dict[str, Unknown]()
    for path in dated:
        options = options_at(claims.pop(path), timeline.earlier.get(path, ()), instant)
        current.pop(path, None)
        if decided := tuple(each.decided for each in options if each.decided):
            claims[path] = decided
        found = find_unknown(path, options)
        if found is not None:
            unknown[path] = found
        claim = select_current(path, decided)
        if claim is not None and (found is None or _field_of(aggregate, path).is_required):
            current[path] = claim
    current |= _next_of_required(aggregate, current, unknown)
    is_observed = any(claim.before <= instant for at_path in claims.values() for claim in at_path)
    return AggregateAsOf(_build_state(aggregate, claims, current), dict(sorted(unknown.items())), is_observed)


def possible_states(as_of: AggregateAsOf) -> list[Aggregate]:
    """Return states that an aggregate may have had.

    Of the unknown fields all have their first candidate, all their last, or one of them has another than the others. So
    what depends on one field, or on which of several fields has a value, differs between them wherever it may differ.
    """
    firsts = {path: each.claims[0] for path, each in as_of.unknown.items()}
    lasts = {path: each.claims[-1] for path, each in as_of.unknown.items()}
    alone = [firsts | {path: claim} for path, each in as_of.unknown.items() for claim in each.claims[1:]]
    return [_choose(as_of.aggregate, chosen) for chosen in (firsts, *alone, *([lasts] if len(lasts) > 1 else []))]


def last_decided(state: Aggregate) -> Aggregate:
    """Return a state as of an instant in which unknown fields have the value decided last, for what is never null."""
    return Aggregate(state.id, state.revision, state.claims)


def _choose(aggregate: Aggregate, chosen: Mapping[str, Claim | None]) -> Aggregate:
    """Return a state in which some paths have these claims, or none."""
    current = {path: claim for path, claim in aggregate.current_claims.items() if path not in chosen}
    current |= {path: claim for path, claim in chosen.items() if claim is not None}
    return _build_state(aggregate, aggregate.claims, current)


def _build_state(aggregate: Aggregate, claims: dict[str, tuple[Claim, ...]], current: Mapping[str, Claim]) -> Aggregate:
    """Return a state with these claims, of which other ones are current than `select_current` would choose."""
    state = Aggregate(aggregate.id, aggregate.revision, claims)
    state.__dict__["current_claims"] = dict(sorted(current.items()))
    return state


def _field_of(aggregate: Aggregate, path: str) -> Field:
    return AGGREGATE_TYPES[aggregate.type].find_field(path)


def _next_of_required(
    aggregate: Aggregate, current: Mapping[str, Claim], unknown: Mapping[str, Unknown]
) -> dict[str, Claim]:
    """Return path → the next claim of each required field without a value; of a localized one in the first language."""
    found: dict[str, tuple[datetime, str, Claim]] = {}
    for path, each in unknown.items():
        field = _field_of(aggregate, path)
        if field.is_required and not _has_value(current, path, field):
            claim = next(filter(None, each.claims))
            following = claim.before, path, claim
            found[field.pattern] = min(found.get(field.pattern, following), following)
    return {path: claim for _, path, claim in found.values()}


def _has_value(current: Mapping[str, Claim], path: str, field: Field) -> bool:
    return path in current or (field.is_localized and any(other.startswith(field.prefix) for other in current))
