"""Aggregates: what every source claims at each path, and the one rule that decides which claim is current.

An aggregate is never changed: `evolve` returns its state after one more event. The write side (to decide) and the
projector (to write rows) use the same function, so they cannot disagree about what an event means.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from ogpgraph.domain.event import Event, Facts, Origin
from ogpgraph.domain.values import Value

FOLD_VERSION = 1
"""The version of `evolve` and of the form of `Aggregate`: cached aggregates of another version are not used."""
ORIGINAL_LANGUAGE = "en"
_LOW_PRIORITIES = {Origin.SIBLING_LIST: 1, Origin.REFERENCE: 0}
_HIGH_PRIORITY = 2
_TIE_BREAKERS = {origin: number for number, origin in enumerate(Origin)}


# A commitment has hundreds of claims and many are in memory at once. They are stored as arrays, because the names of
# their fields would take more room than the values, and not tracked by the garbage collector: none can be in a cycle.
class Claim(Struct, frozen=True, array_like=True, gc=False):
    """What one source states at one path; `value` is None once the source no longer states anything there.

    The value became so after `after` (None: no earlier observation is known) and not later than `before`. `revision` is
    that of the event that set the value.
    """

    value: Value | None
    origin: Origin
    source: str | None
    language: str | None
    after: datetime | None
    before: datetime
    revision: int

    @property
    def key(self) -> tuple[str, str]:
        """Return the origin and the source, which together have at most one claim at a path."""
        return self.origin, self.source or ""

    @property
    def is_translation(self) -> bool:
        """Return whether the value was read from a page in another language than the one OGP publishes in."""
        return self.source is not None and self.language not in (None, ORIGINAL_LANGUAGE)


def can_be_current(path: str, claim: Claim) -> bool:
    """Return whether a claim can be the current one: a rating in a narrative is evidence, not the rating itself."""
    return claim.value is not None and not (claim.origin is Origin.NARRATIVE and path.startswith("ratings/"))


def rank(claim: Claim) -> tuple[int, bool, datetime, int, str]:
    """Return the sort key of a claim among those at one path; the greatest is current.

    1. The aggregate's own pages, the database and people take precedence over lists on other pages, and these over the
       tables of this program.
    2. OGP's own language takes precedence over translations of the same page.
    3. A value that was first stated later takes precedence over earlier ones.
    4. Ties: the declared order of origins, then the language.
    """
    return (
        _LOW_PRIORITIES.get(claim.origin, _HIGH_PRIORITY),
        not claim.is_translation,
        claim.before,
        -_TIE_BREAKERS[claim.origin],
        claim.language or "",
    )


def select_current(path: str, claims: tuple[Claim, ...]) -> Claim | None:
    """Return the current one of the claims at a path, None if none of them can be current."""
    if len(claims) == 1:  # nearly always
        return claims[0] if can_be_current(path, claims[0]) else None
    return max((claim for claim in claims if can_be_current(path, claim)), key=rank, default=None)


class Aggregate(Struct, frozen=True, dict=True):
    """The state of a member, action plan, commitment, source, code or account after `revision` events of its stream."""

    id: str
    revision: int = 0
    claims: dict[str, tuple[Claim, ...]] = {}

    @property
    def type(self) -> str:
        """Return the name of the aggregate's type."""
        return aggregate_type_of(self.id)

    @cached_property
    def current_claims(self) -> dict[str, Claim]:
        """Return path → the current claim, sorted by path."""
        return {
            path: claim
            for path in sorted(self.claims)
            if (claim := select_current(path, self.claims[path])) is not None
        }

    @cached_property
    def _paths(self) -> list[str]:
        return list(self.current_claims)

    @cached_property
    def cache(self) -> dict[object, Any]:
        """Return a cache for values derived from this state, which cannot become stale since it never changes."""
        return {}

    def current_claim(self, path: str) -> Claim | None:
        """Return the current claim at a path, None if there is none."""
        return self.current_claims.get(path)

    def value(self, path: str) -> Value | None:
        """Return the current value at a path, None if there is none."""
        claim = self.current_claims.get(path)
        return claim.value if claim else None

    def string(self, path: str) -> str | None:
        """Return the current value at a path if it is a string, otherwise None."""
        claim = self.current_claims.get(path)
        return claim.value if claim and isinstance(claim.value, str) else None

    def claims_under(self, prefix: str) -> Iterator[tuple[str, Claim]]:
        """Yield the paths that begin with a prefix and their current claims, sorted by path."""
        paths = self._paths
        for index in range(bisect_left(paths, prefix), len(paths)):
            if not paths[index].startswith(prefix):
                return
            yield paths[index], self.current_claims[paths[index]]

    def value_from(self, path: str, origin: Origin, source: str | None) -> Value | None:
        """Return the value that one source states at a path, None if it states none."""
        return _value_of(self.claims.get(path, ()), (origin, source or ""))

    def claims_from(self, origin: Origin, source: str | None) -> dict[str, Claim]:
        """Return path → the claim of one source, including those it no longer makes (their value is None)."""
        key = (origin, source or "")
        return {path: claim for path, claims in self.claims.items() for claim in claims if claim.key == key}


def aggregate_type_of(stream: str) -> str:
    """Return the aggregate type of a stream: the part of its id before the first dash."""
    return stream.partition("-")[0]


def evolve(aggregate: Aggregate, event: Event) -> Aggregate:
    """Return an aggregate after one more event of its stream."""
    claims = dict(aggregate.claims)
    for path in event.facts:
        claims[path] = _replace_claim(claims.get(path, ()), _claim_of(event, path))
    after = Aggregate(aggregate.id, event.revision, claims)
    if "current_claims" in aggregate.__dict__:
        # Computing it again would sort all paths, of which one event changes only a few.
        after.__dict__["current_claims"] = _update_current_claims(aggregate.current_claims, claims, event)
    return after


def replay(stream: str, events: Iterable[Event]) -> Aggregate:
    """Return the aggregate of a stream after these events."""
    aggregate = Aggregate(stream)
    for event in events:
        aggregate = evolve(aggregate, event)
    return aggregate


def effective_facts(aggregate: Aggregate, event: Event) -> Facts:
    """Return the facts of an event that would change the current value at their path, or the value of their source."""
    return {
        path: value
        for path, value in event.facts.items()
        if _is_effective(path, aggregate.claims.get(path, ()), _claim_of(event, path))
    }


def _is_effective(path: str, claims: tuple[Claim, ...], new: Claim) -> bool:
    after = _replace_claim(claims, new)
    if _value_of(after, new.key) != _value_of(claims, new.key):
        return True
    current, current_after = select_current(path, claims), select_current(path, after)
    return (current and current.value) != (current_after and current_after.value)


def _value_of(claims: tuple[Claim, ...], key: tuple[str, str]) -> Value | None:
    return next((claim.value for claim in claims if claim.key == key), None)


def _update_current_claims(
    current: dict[str, Claim], claims: dict[str, tuple[Claim, ...]], event: Event
) -> dict[str, Claim]:
    updated = dict(current)
    for path in event.facts:
        if (claim := select_current(path, claims[path])) is not None:
            updated[path] = claim
        else:
            updated.pop(path, None)
    return updated if updated.keys() == current.keys() else dict(sorted(updated.items()))


def _claim_of(event: Event, path: str) -> Claim:
    envelope = event.envelope
    between = envelope.changed_between
    return Claim(
        value=event.facts[path],
        origin=envelope.origin,
        source=envelope.source,
        language=envelope.language,
        after=between.after if between else None,
        before=between.before if between else envelope.time,
        revision=0 if envelope.late else event.revision,
    )


def _replace_claim(claims: tuple[Claim, ...], new: Claim) -> tuple[Claim, ...]:
    """Return the claims at a path after a new one; a late one (revision 0) only narrows its source's interval."""
    if not claims and new.revision:  # most paths have one claim only
        return (new,)
    old = next((claim for claim in claims if claim.key == new.key), None)
    replacement = new if new.revision else narrow_interval(old, new)
    if replacement is None:
        return claims
    others = (claim for claim in claims if claim.key != new.key)
    return tuple(sorted((*others, replacement), key=lambda claim: claim.key))


def narrow_interval(claim: Claim | None, late: Claim) -> Claim | None:
    """Return a claim with its interval narrowed by an older observation of its source; the value never changes."""
    if claim is None or late.before >= claim.before or (claim.after is not None and late.before <= claim.after):
        return claim
    if late.value == claim.value:
        return structs.replace(claim, before=late.before)
    return structs.replace(claim, after=late.before)


def own_sources(aggregate: Aggregate) -> list[str]:
    """Return the ids of an aggregate's own sources; of lists of siblings on other pages if it has no others."""
    claims = [claim for at_path in aggregate.claims.values() for claim in at_path if claim.source]
    own = [claim for claim in claims if claim.origin is not Origin.SIBLING_LIST]
    return list(dict.fromkeys(claim.source for claim in own or claims if claim.source))


def all_sources(aggregate: Aggregate) -> list[str]:
    """Return the ids of all sources that make a claim about an aggregate."""
    return list(dict.fromkeys(c.source for at_path in aggregate.claims.values() for c in at_path if c.source))
