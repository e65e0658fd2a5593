"""Facets: how many commitments of a list have each value of a dimension, now, across another, and over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.graphql.errors import client_error
from ogpgraph.graphql.scalars import DateTime, Position
from ogpgraph.readmodel.filters import AllOf, Condition
from ogpgraph.readmodel.index import Index
from ogpgraph.readmodel.queries import AggregateQuery
from ogpgraph.readmodel.snapshot import Snapshot

MAX_TIMELINE_POINTS = 120
_DIMENSIONS = {
    "STATUS": "status",
    "CYCLE": "cycle",
    "POLICY_AREA": "policyArea",
    "STARRED": "starred",
    "LANGUAGE": "language",
    "LISTED_ONLY": "listedOnly",
    "MEMBER": "member",
    "REGION": "region",
}
_RATING_DIMENSIONS = {
    indicator.value: f"rating:{indicator.value}" for indicator in Indicator if indicator is not Indicator.STARRED
}


@strawberry.enum(description="How far the moments of a timeline lie apart.")
class TimelineGranularity(StrEnum):
    """How far moments of a timeline lie apart."""

    YEAR = "YEAR"
    QUARTER = "QUARTER"
    MONTH = "MONTH"


_MONTHS = {TimelineGranularity.YEAR: 12, TimelineGranularity.QUARTER: 3, TimelineGranularity.MONTH: 1}


Dimension = StrEnum("Dimension", [(name, dimension) for name, dimension in (_DIMENSIONS | _RATING_DIMENSIONS).items()])  # type: ignore[misc]  # the indicators are the vocabulary's
strawberry.enum(
    Dimension,
    name="CommitmentDimension",
    description="What commitments can be counted by. An indicator counts its rating at the latest stage, or the state "
    "where it has no value.",
)


@dataclass(frozen=True)
class TimelineRange:
    """From when until when a timeline goes, and in which steps; what is left out is the log's own."""

    start: datetime | None
    end: datetime | None
    every: TimelineGranularity


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

    time: DateTime = strawberry.field(description="The moment.")
    position: Position = strawberry.field(description="The position of the last entry not later.")
    total_count: int = strawberry.field(description="How many commitments the list had then.")
    values: list[FacetCount] = strawberry.field(description="How many had each value.")


def count_facets(
    snapshot: Snapshot,
    query: AggregateQuery,
    owned: int,
    dimensions: list[Dimension],
    across: Dimension | None,
    *,
    except_own: bool,
) -> list[Facet]:
    """Return the counts of a list by some dimensions; each without its own condition if asked."""
    facets = []
    for dimension in dimensions:
        reduced = (
            AggregateQuery(query.aggregate_type, drop_dimension(query.condition, dimension.value))
            if except_own
            else query
        )
        mask = snapshot.select(AggregateQuery(reduced.aggregate_type, reduced.condition)) & owned
        facets.append(Facet(dimension=dimension, values=_facet_values(snapshot, dimension, mask, across)))
    return facets


def count_timeline(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, dimension: Dimension, period: TimelineRange
) -> list[TimelinePoint]:
    """Return the counts of a list at past moments, oldest first; moments before the first entry are left out."""
    moments = dict.fromkeys(_timeline_moments(snapshot, period))
    snapshots = ((moment, snapshot.session.find_last_before(moment, snapshot.position)) for moment in moments)
    return [_timeline_point(moment, past, past.select(query, parent), dimension) for moment, past in snapshots if past]


def _timeline_point(moment: datetime, past: Snapshot, mask: int, dimension: Dimension) -> TimelinePoint:
    counts = [FacetCount(value=value, count=number) for value, number in _count_values(past, dimension, mask)]
    position = Position(past.position)
    return TimelinePoint(time=DateTime(moment), position=position, total_count=mask.bit_count(), values=counts)


def _timeline_moments(snapshot: Snapshot, period: TimelineRange) -> Iterator[datetime]:
    first, last = snapshot.session.at(min(1, snapshot.position)), snapshot
    if first.recorded_at is None or last.recorded_at is None:
        return iter(())
    start = period.start or datetime.fromisoformat(first.recorded_at)
    return period_ends(start, period.end or datetime.fromisoformat(last.recorded_at), period.every)


def period_ends(start: datetime, end: datetime, every: TimelineGranularity) -> Iterator[datetime]:
    """Yield the ends of periods from a moment on, and the end itself; raises a refusal where there are too many."""
    months = (end.year - start.year) * 12 + end.month - start.month
    step = _MONTHS[every]
    if months // step > MAX_TIMELINE_POINTS:
        raise client_error(
            f"that would be more than {MAX_TIMELINE_POINTS} moments: take longer periods or a shorter time", "BAD_TIME"
        )
    first = (start.year * 12 + start.month - 1) // step * step + step
    for month in range(first, end.year * 12 + end.month, step):
        yield datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
    yield end


def drop_dimension(condition: Condition, dimension: str) -> Condition:
    """Return a condition less what it asks, outermost, of one dimension."""
    if isinstance(condition, AllOf):
        kept = (drop_dimension(each, dimension) for each in condition.conditions)
        return AllOf(tuple(each for each in kept if each != AllOf()))
    return AllOf() if getattr(condition, "dimension", None) == dimension else condition


def _facet_values(snapshot: Snapshot, dimension: Dimension, mask: int, across: Dimension | None) -> list[FacetValue]:
    values = []
    for value, bits in _masks(snapshot, dimension, mask):
        other = _count_values(snapshot, across, bits) if across else []
        cells = [FacetCount(value=each, count=number) for each, number in other]
        values.append(FacetValue(value=value, count=bits.bit_count(), across=cells))
    return sorted(values, key=lambda each: (-each.count, each.value))


def _count_values(snapshot: Snapshot, dimension: Dimension, mask: int) -> list[tuple[str, int]]:
    index = snapshot.index("commitment")
    if dimension.value not in ("member", "region"):
        return sorted(index.count_by_value(dimension.value, mask).items())
    return sorted((value, bits.bit_count()) for value, bits in _masks(snapshot, dimension, mask))


def _masks(snapshot: Snapshot, dimension: Dimension, mask: int) -> Iterator[tuple[str, int]]:
    index = snapshot.index("commitment")
    for value, owners in _value_groups(snapshot, index, dimension.value):
        if bits := owners & mask:
            yield value, bits


def _value_groups(snapshot: Snapshot, index: Index, dimension: str) -> Iterator[tuple[str, int]]:
    if dimension == "region":
        members = snapshot.index("member")
        for region, posting in members.postings.get("region", {}).items():
            yield region, index.select("member", members.iter_ids(posting.mask()))
    elif dimension == "member":
        members = snapshot.index("member")
        for member, posting in index.postings.get("member", {}).items():
            yield members.codes[members.slots[member]], posting.mask()
    else:
        for value, posting in index.postings.get(dimension, {}).items():
            yield value, posting.mask()
