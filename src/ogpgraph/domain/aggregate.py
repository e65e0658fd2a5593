"""Aggregates: what every source claims at each path, and the one rule that decides which claim is current.

An aggregate is never changed: `domain.fold` computes what one more event changes in it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from msgspec import Struct

from ogpgraph.domain.event import Origin
from ogpgraph.domain.values import Rating, Value
from ogpgraph.domain.vocabulary import CommitmentStatus, RatingState
from ogpgraph.lazy import cached_property

FOLD_VERSION = 6
"""The version of `evolve` and of the form of `Aggregate`: cached aggregates of another version are not used."""
ORIGINAL_LANGUAGE = "en"
_LOW_PRIORITIES = {Origin.SIBLING_LIST: 1, Origin.REFERENCE: 0}
_HIGH_PRIORITY = 2
_TIE_BREAKERS = {origin: number for number, origin in enumerate(Origin)}
_NO_FINDING = frozenset({RatingState.PENDING, RatingState.NO_DATA, RatingState.NOT_REVIEWED, RatingState.UNRECOGNISED})


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
    def key(self) -> SourceKey:
        """Return the origin and the source, which together have at most one claim at a path."""
        return self.origin, self.source or ""

    @property
    def is_translation(self) -> bool:
        """Return whether the value was read from a page in another language than the one OGP publishes in."""
        return self.source is not None and self.language not in (None, ORIGINAL_LANGUAGE)


def can_be_current(path: str, claim: Claim) -> bool:
    """Return whether a claim can be the current one: a rating in a narrative is evidence, not the rating itself."""
    return claim.value is not None and not (claim.origin is Origin.NARRATIVE and path.startswith("ratings/"))


Rank = tuple[int, bool, bool, datetime, int, str]


def rank(claim: Claim) -> Rank:
    """Return the sort key of a claim among those at one path; the greatest is current.

    1. The aggregate's own pages, the database and people take precedence over lists on other pages, and these over the
       tables of this program.
    2. A finding takes precedence over a source's word that there is none yet: that a review is pending in one language
       never stands over what another page says the review found.
    3. OGP's own language takes precedence over translations of the same page.
    4. A value that was first stated later takes precedence over earlier ones.
    5. Ties: the declared order of origins, then the language.
    """
    return (
        _LOW_PRIORITIES.get(claim.origin, _HIGH_PRIORITY),
        not _lacks_finding(claim),
        not claim.is_translation,
        claim.before,
        -_TIE_BREAKERS[claim.origin],
        claim.language or "",
    )


def _lacks_finding(claim: Claim) -> bool:
    """Return whether a source, and not a person, says of a rating that there is none yet, or none that is known."""
    return claim.source is not None and isinstance(claim.value, Rating) and claim.value.state in _NO_FINDING


def rank_at(path: str, claim: Claim) -> tuple[bool, Rank]:
    """Return the sort key of a claim at a path.

    That a commitment was split takes precedence over any other status: sources that report the whole do not know it.
    """
    return path == "status" and claim.value == CommitmentStatus.SPLIT, rank(claim)


def select_current(path: str, claims: tuple[Claim, ...]) -> Claim | None:
    """Return the current one of the claims at a path, None if none of them can be current."""
    if not claims:
        return None
    if len(claims) == 1:  # nearly always
        return claims[0] if can_be_current(path, claims[0]) else None
    eligible = (claim for claim in claims if can_be_current(path, claim))
    return max(eligible, key=partial(rank_at, path), default=None)


class StatementRef(NamedTuple):
    """Refers to what one event of a stream states at a path: when it became so, and the revision of the event.

    `time` counts microseconds since 1970. Streams of codes and accounts go by revision alone: it is 0 there. The
    revision 0 at the beginning of a sequence stands for older statements, none of them later than its time.
    """

    time: int
    revision: int


SourceKey = tuple[str, str]
"""The origin and the source of a statement, which have at most one claim at a path."""
Sequences = dict[str, dict[str, tuple[StatementRef, ...]]]
"""Path → source key as a string → the source's live statements there, by time."""


class Aggregate(Struct, frozen=True, dict=True, omit_defaults=True):
    """The state of a member, action plan, commitment, source, code or account after `revision` events of its stream.

    Besides the claims it has what amendments of older events need: `sequences` where a source has several live
    statements at a path, `withdrawn` (revision → those of the live events that withdraw it) and `amended` (revision →
    path → the revisions of the live events that amend it, in their order). Values of superseded statements are read
    from the stream when an amendment needs them, and a sequence has the latest of its statements only, so that the
    state does not grow with the length of the stream.
    """

    id: str
    revision: int = 0
    claims: dict[str, tuple[Claim, ...]] = {}
    sequences: Sequences = {}
    withdrawn: dict[int, tuple[int, ...]] = {}
    amended: dict[int, dict[str, tuple[int, ...]]] = {}

    @property
    def type(self) -> str:
        """Return the name of the aggregate's type."""
        return aggregate_type_of(self.id)

    @cached_property
    def current_claims(self) -> dict[str, Claim]:
        """Return path → the current claim, sorted by path."""
        current: dict[str, Claim] = {}
        for path in sorted(self.claims):
            claims = self.claims[path]
            if len(claims) == 1 and (claim := claims[0]).value is not None and claim.origin is not Origin.NARRATIVE:
                current[path] = claim  # nearly always: there are hundreds, so they are not selected one by one
            elif (selected := select_current(path, claims)) is not None:
                current[path] = selected
        return current

    @cached_property
    def _paths(self) -> list[str]:
        return list(self.current_claims)

    @cached_property
    def cache(self) -> dict[object, Any]:
        """Return a cache for values derived from this state, which cannot become stale since it never changes."""
        return {}

    def current_claim(self, path: str) -> Claim | None:
        """Return the current claim at a path, None if there is none."""
        try:
            known: dict[str, Claim] = self.__dict__["current_claims"]
        except KeyError:  # of all paths, which is not needed for one
            return select_current(path, self.claims.get(path, ()))
        return known.get(path)

    def value(self, path: str) -> Value | None:
        """Return the current value at a path, None if there is none."""
        try:
            claim = self.__dict__["current_claims"].get(path)
        except KeyError:
            claim = self.current_claim(path)
        return claim.value if claim else None

    def string(self, path: str) -> str | None:
        """Return the current value at a path if it is a string, otherwise None."""
        value = self.value(path)
        return value if isinstance(value, str) else None

    def claims_under(self, prefix: str) -> Iterator[tuple[str, Claim]]:
        """Yield the paths that begin with a prefix and their current claims, sorted by path."""
        claims = self.current_claims
        for path in self.paths_under(prefix):
            yield path, claims[path]

    def paths_under(self, prefix: str) -> list[str]:
        """Return the paths with a current claim that begin with a prefix, which is not empty, sorted."""
        paths = self._paths
        first, after = bisect_left(paths, prefix), prefix[:-1] + chr(ord(prefix[-1]) + 1)
        return paths[first : bisect_left(paths, after, first)]

    def value_from(self, path: str, origin: Origin, source: str | None) -> Value | None:
        """Return the value that one source states at a path, None if it states none."""
        claims, key = self.claims.get(path, ()), (origin, source or "")
        return next((claim.value for claim in claims if claim.key == key), None)


def aggregate_type_of(stream: str) -> str:
    """Return the aggregate type of a stream: the part of its id before the first dash."""
    return stream.partition("-")[0]


def own_sources(aggregate: Aggregate) -> list[str]:
    """Return the ids of an aggregate's own sources; of lists of siblings on other pages if it has no others."""
    own: dict[str, None] = {}
    for at_path in aggregate.claims.values():
        for claim in at_path:
            if claim.source and claim.origin is not Origin.SIBLING_LIST:
                own[claim.source] = None
    return list(own) or all_sources(aggregate)


def all_sources(aggregate: Aggregate) -> list[str]:
    """Return the ids of all sources that make a claim about an aggregate."""
    return list(dict.fromkeys(c.source for at_path in aggregate.claims.values() for c in at_path if c.source))
