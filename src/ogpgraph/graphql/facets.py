"""Facets: how many commitments of a list have each value of a dimension, now, across another, and over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import strawberry

from ogpgraph.domain.subject import Subject as State
from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.graphql.errors import refused
from ogpgraph.graphql.scalars import Moment, Position
from ogpgraph.readmodel.conditions import All, Condition
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.lists import Listing
from ogpgraph.readmodel.snapshot import Snapshot

MOST_MOMENTS = 120
_PLAIN = {
    "STATUS": "status",
    "CYCLE": "cycle",
    "POLICY_AREA": "policyArea",
    "STARRED": "starred",
    "LANGUAGE": "language",
    "LISTED_ONLY": "listedOnly",
    "MEMBER": "member",
    "REGION": "region",
}
_RATED = {indicator.value: f"rating:{indicator.value}" for indicator in Indicator if indicator is not Indicator.STARRED}


@strawberry.enum(description="How far the moments of a timeline lie apart.")
class Every(StrEnum):
    """How far moments of a timeline lie apart."""

    YEAR = "YEAR"
    QUARTER = "QUARTER"
    MONTH = "MONTH"


_MONTHS = {Every.YEAR: 12, Every.QUARTER: 3, Every.MONTH: 1}


Dimension = StrEnum("Dimension", [(name, dimension) for name, dimension in (_PLAIN | _RATED).items()])  # type: ignore[misc]  # the indicators are the vocabulary's
strawberry.enum(
    Dimension,
    name="CommitmentDimension",
    description="What commitments can be counted by. An indicator counts its rating at the latest stage, or the state "
    "where it has no value.",
)


@dataclass(frozen=True)
class Period:
    """From when until when a timeline goes, and in which steps; what is left out is the log's own."""

    start: datetime | None
    end: datetime | None
    every: Every


@strawberry.type(description="How many have a value.")
class FacetValue:
    """A value of a dimension and its count."""

    value: str = strawberry.field(description="The value.")
    count: int = strawberry.field(description="How many commitments of the list have it.")
    across: list[FacetCount] = strawberry.field(
        description="Of these, how many have each value of the other dimension asked for."
    )


@strawberry.type(description="How many of those with one value have a value of another dimension.")
class FacetCount:
    """A cell of two dimensions."""

    value: str = strawberry.field(description="The value of the other dimension.")
    count: int = strawberry.field(description="How many commitments have both.")


@strawberry.type(description="The values of a dimension that commitments of a list have, the most frequent first.")
class Facet:
    """A dimension with its counts."""

    dimension: Dimension = strawberry.field(description="The dimension.")
    values: list[FacetValue] = strawberry.field(description="Its values; a commitment can have several, or none.")


@strawberry.type(description="A list as it was at a moment, counted by a dimension.")
class TimelinePoint:
    """Counts at a past moment."""

    time: Moment = strawberry.field(description="The moment.")
    position: Position = strawberry.field(description="The position of the last entry not later.")
    total_count: int = strawberry.field(description="How many commitments the list had then.")
    values: list[FacetCount] = strawberry.field(description="How many had each value.")


def facets_of(
    snapshot: Snapshot,
    listing: Listing,
    owned: int,
    dimensions: list[Dimension],
    across: Dimension | None,
    *,
    except_own: bool,
) -> list[Facet]:
    """Return the counts of a list by some dimensions; each without its own condition if asked."""
    facets = []
    for dimension in dimensions:
        reduced = Listing(listing.kind, without(listing.condition, dimension.value)) if except_own else listing
        mask = snapshot.selection(Listing(reduced.kind, reduced.condition)) & owned
        facets.append(Facet(dimension=dimension, values=_values(snapshot, dimension, mask, across)))
    return facets


def timeline_of(
    snapshot: Snapshot, listing: Listing, parent: State | None, dimension: Dimension, period: Period
) -> list[TimelinePoint]:
    """Return the counts of a list at past moments, oldest first; moments before the first entry are left out."""
    moments = dict.fromkeys(_moments(snapshot, period))
    thens = ((moment, snapshot.reading.last_before(moment, snapshot.position)) for moment in moments)
    return [_point(moment, then, then.selection(listing, parent), dimension) for moment, then in thens if then]


def _point(moment: datetime, then: Snapshot, mask: int, dimension: Dimension) -> TimelinePoint:
    counts = [FacetCount(value=value, count=number) for value, number in _counted(then, dimension, mask)]
    position = Position(then.position)
    return TimelinePoint(time=Moment(moment), position=position, total_count=mask.bit_count(), values=counts)


def _moments(snapshot: Snapshot, period: Period) -> Iterator[datetime]:
    first, last = snapshot.reading.at(min(1, snapshot.position)), snapshot
    if first.recorded_at is None or last.recorded_at is None:
        return iter(())
    start = period.start or datetime.fromisoformat(first.recorded_at)
    return moments_between(start, period.end or datetime.fromisoformat(last.recorded_at), period.every)


def moments_between(start: datetime, end: datetime, every: Every) -> Iterator[datetime]:
    """Yield the ends of periods from a moment on, and the end itself; raises a refusal where there are too many."""
    months = (end.year - start.year) * 12 + end.month - start.month
    step = _MONTHS[every]
    if months // step > MOST_MOMENTS:
        raise refused(
            f"that would be more than {MOST_MOMENTS} moments: take longer periods or a shorter time", "BAD_TIME"
        )
    first = (start.year * 12 + start.month - 1) // step * step + step
    for month in range(first, end.year * 12 + end.month, step):
        yield datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
    yield end


def without(condition: Condition, dimension: str) -> Condition:
    """Return a condition less what it asks, outermost, of one dimension."""
    if isinstance(condition, All):
        kept = (without(each, dimension) for each in condition.conditions)
        return All(tuple(each for each in kept if each != All()))
    return All() if getattr(condition, "dimension", None) == dimension else condition


def _values(snapshot: Snapshot, dimension: Dimension, mask: int, across: Dimension | None) -> list[FacetValue]:
    values = []
    for value, bits in _masks(snapshot, dimension, mask):
        other = _counted(snapshot, across, bits) if across else []
        cells = [FacetCount(value=each, count=number) for each, number in other]
        values.append(FacetValue(value=value, count=bits.bit_count(), across=cells))
    return sorted(values, key=lambda each: (-each.count, each.value))


def _counted(snapshot: Snapshot, dimension: Dimension, mask: int) -> list[tuple[str, int]]:
    index = snapshot.index("commitment")
    if dimension.value not in ("member", "region"):
        return sorted(index.counts(dimension.value, mask).items())
    return sorted((value, bits.bit_count()) for value, bits in _masks(snapshot, dimension, mask))


def _masks(snapshot: Snapshot, dimension: Dimension, mask: int) -> Iterator[tuple[str, int]]:
    index = snapshot.index("commitment")
    for value, owners in _groups(snapshot, index, dimension.value):
        if bits := owners & mask:
            yield value, bits


def _groups(snapshot: Snapshot, index: Index, dimension: str) -> Iterator[tuple[str, int]]:
    if dimension == "region":
        members = snapshot.index("member")
        for region, posting in members.postings.get("region", {}).items():
            yield region, index.having("member", members.members_of(posting.mask()))
    elif dimension == "member":
        members = snapshot.index("member")
        for member, posting in index.postings.get("member", {}).items():
            yield members.codes[members.slots[member]], posting.mask()
    else:
        for value, posting in index.postings.get(dimension, {}).items():
            yield value, posting.mask()
