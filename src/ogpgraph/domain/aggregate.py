"""A subject of the record: what each source claims of it, and the one rule that says which claim is current.

State is never edited: `evolve` returns the state after an event. The same function serves the
write side (to decide) and the follower (to project), so both always agree.
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

ORIGINAL_LANGUAGE = "en"
_PRIORITY_OF_SECONDARY = {Origin.SIBLING_LIST: 1, Origin.REFERENCE: 0}
_ORDER = {origin: place for place, origin in enumerate(Origin)}


class Claim(Struct, frozen=True, array_like=True, gc=False):
    """What one source says at one path; `value` is None once it no longer says anything.

    The change to this value lies after `after` (None: nobody looked before) and not later than `before`.
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
        """Return who speaks: a source says one thing at a path at a time."""
        return self.origin, self.source or ""

    @property
    def is_translation(self) -> bool:
        """Tell whether it was read from a page in another language than the one OGP publishes in."""
        return self.source is not None and self.language not in (None, ORIGINAL_LANGUAGE)


def can_be_current(path: str, claim: Claim) -> bool:
    """Tell whether a claim may stand as the present value: prose is evidence of a rating, never the rating."""
    return claim.value is not None and not (claim.origin is Origin.NARRATIVE and path.startswith("ratings/"))


def rank(claim: Claim) -> tuple[int, bool, datetime, int, str]:
    """Return how strongly a claim stands; the greatest is current.

    1. A thing's own pages, the database and people stand over what other pages list, and that over our tables.
    2. OGP's own language stands over translations of the same page.
    3. What was first said later stands over what was said before.
    4. Ties: by the declared order of origins, then by language.
    """
    return (
        _PRIORITY_OF_SECONDARY.get(claim.origin, 2),
        not claim.is_translation,
        claim.before,
        -_ORDER[claim.origin],
        claim.language or "",
    )


def select_current(path: str, claims: tuple[Claim, ...]) -> Claim | None:
    """Return which of the claims at a path is current, None where none may be."""
    if len(claims) == 1:
        return claims[0] if can_be_current(path, claims[0]) else None
    return max((claim for claim in claims if can_be_current(path, claim)), key=rank, default=None)


class Aggregate(Struct, frozen=True, dict=True):
    """A member, action plan, commitment, source or code as it stands after `revision` events of its stream."""

    id: str
    revision: int = 0
    claims: dict[str, tuple[Claim, ...]] = {}

    @property
    def type(self) -> str:
        """Return the noun: the part of the stream's name before the first dash."""
        return aggregate_type_of(self.id)

    @cached_property
    def current_claims(self) -> dict[str, Claim]:
        """Return path → the current claim, in the order of the paths."""
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
        """Return what readers have worked out of it, by keys of theirs: as it never changes, neither does that."""
        return {}

    def current_claim(self, path: str) -> Claim | None:
        """Return the current claim at a path, or None where nothing is said."""
        return self.current_claims.get(path)

    def value(self, path: str) -> Value | None:
        """Return the current value at a path, or None where nothing is said."""
        claim = self.current_claims.get(path)
        return claim.value if claim else None

    def string(self, path: str) -> str | None:
        """Return the current plain word at a path, or None."""
        claim = self.current_claims.get(path)
        return claim.value if claim and isinstance(claim.value, str) else None

    def claims_under(self, prefix: str) -> Iterator[tuple[str, Claim]]:
        """Yield the current claims whose path begins with a prefix, in the order of the paths."""
        paths = self._paths
        for place in range(bisect_left(paths, prefix), len(paths)):
            if not paths[place].startswith(prefix):
                return
            yield paths[place], self.current_claims[paths[place]]

    def value_from(self, path: str, origin: Origin, source: str | None) -> Value | None:
        """Return what one source says at a path, or None where it says nothing."""
        key = (origin, source or "")
        return next((claim.value for claim in self.claims.get(path, ()) if claim.key == key), None)

    def claims_from(self, origin: Origin, source: str | None) -> dict[str, Claim]:
        """Return path → what one source claims, things it no longer says included (value None)."""
        key = (origin, source or "")
        return {path: claim for path, claims in self.claims.items() for claim in claims if claim.key == key}


def aggregate_type_of(stream: str) -> str:
    """Return the noun a stream is of."""
    return stream.partition("-")[0]


def evolve(subject: Aggregate, event: Event) -> Aggregate:
    """Return the subject after one more event of its stream."""
    claims = dict(subject.claims)
    for path in event.facts:
        claims[path] = _replace_claim(claims.get(path, ()), _claim_of(event, path))
    after = Aggregate(subject.id, event.revision, claims)
    if "current_claims" in subject.__dict__:
        after.__dict__["current_claims"] = _update_current_claims(subject.current_claims, claims, event)
    return after


def _update_current_claims(
    before: dict[str, Claim], claims: dict[str, tuple[Claim, ...]], event: Event
) -> dict[str, Claim]:
    """Return what `present` comes to after an event, from what it was: few of many paths change."""
    present = dict(before)
    for path in event.facts:
        if (claim := select_current(path, claims[path])) is not None:
            present[path] = claim
        else:
            present.pop(path, None)
    return present if present.keys() == before.keys() else dict(sorted(present.items()))


def effective_facts(subject: Aggregate, event: Event) -> Facts:
    """Return the facts of an event that change what is so, or what their source says: saying a thing again does not."""
    after, who = evolve(subject, event), (event.envelope.origin, event.envelope.source)
    return {
        path: value
        for path, value in event.facts.items()
        if after.value(path) != subject.value(path) or after.value_from(path, *who) != subject.value_from(path, *who)
    }


def replay(stream: str, events: Iterable[Event]) -> Aggregate:
    """Return the subject that some events of its stream tell of, in their order."""
    subject = Aggregate(stream)
    for event in events:
        subject = evolve(subject, event)
    return subject


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
    if not claims and new.revision:
        return (new,)
    old = next((claim for claim in claims if claim.key == new.key), None)
    others = tuple(claim for claim in claims if claim.key != new.key)
    settled = new if new.revision else narrow_interval(old, new)
    return tuple(sorted((*others, settled), key=lambda claim: claim.key)) if settled else claims


def narrow_interval(claim: Claim | None, sight: Claim) -> Claim | None:
    """Return a claim with the interval that an earlier sight leaves open; it never grows, the value never changes."""
    if claim is None or sight.before >= claim.before or (claim.after is not None and sight.before <= claim.after):
        return claim
    if sight.value == claim.value:
        return structs.replace(claim, before=sight.before)
    return structs.replace(claim, after=sight.before)


def own_sources(subject: Aggregate) -> list[str]:
    """Return the ids of the sources that speak of a subject itself; lists of siblings where there are no others."""
    claims = [claim for at_path in subject.claims.values() for claim in at_path if claim.source]
    own = [claim for claim in claims if claim.origin != "SIBLING_LIST"]
    return list(dict.fromkeys(claim.source for claim in own or claims if claim.source))


def all_sources(subject: Aggregate) -> list[str]:
    """Return the ids of all sources that speak of a subject."""
    return list(dict.fromkeys(c.source for at_path in subject.claims.values() for c in at_path if c.source))
