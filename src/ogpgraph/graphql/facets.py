"""Counts of a list of commitments by the values of a dimension: at the position that is read, and over time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Final

import strawberry

from ogpgraph.clock import MICROSECOND
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.review import rating_dimension
from ogpgraph.domain.timeline import last_instant
from ogpgraph.domain.values import day_of, first_day
from ogpgraph.domain.vocabulary import Indicator
from ogpgraph.graphql.enums import INDICATOR_DESCRIPTIONS
from ogpgraph.graphql.errors import FieldErrorCode, client_error, require_distinct
from ogpgraph.graphql.scalars import DateTime, Position
from ogpgraph.graphql.weights import Arguments, computed, count_items, weighs
from ogpgraph.readmodel.filters import AllOf, Condition
from ogpgraph.readmodel.index import LISTING, Dimensions, Index
from ogpgraph.readmodel.queries import AggregateQuery
from ogpgraph.readmodel.snapshot import Snapshot

MAX_TIMELINE_POINTS: Final = 120
FACET_COST: Final = 20
DIMENSION_COST: Final = 30
ACROSS_COST: Final = 200
"""The cost of counting by a second dimension, for all dimensions together."""
_VALUES_OF_DIMENSION: Final = 40
_FIRST_YEAR: Final = 2011
"""OGP began in this year."""

_DECLARED_DIMENSIONS: Final = {
    each.facet: (each.index_dimension, each.description) for each in COMMITMENT.declarations if each.facet
}
# The index of commitments has the id of the member; its code and its region are in the index of members.
_MEMBER_DIMENSIONS: Final = {
    "MEMBER": ("member", "The member that made it, by code."),
    "REGION": ("region", "OGP's region of its member."),
}
_RATING_DIMENSIONS: Final = {
    indicator.name: (rating_dimension(indicator), INDICATOR_DESCRIPTIONS[indicator.name])
    for indicator in Indicator
    if indicator is not Indicator.STARRED
}
# The value of a member is a dimension of the index.
Dimension = Enum(  # type: ignore[misc]  # its members are not literal
    "Dimension",
    [
        (name, strawberry.enum_value(dimension, description=description))
        for name, (dimension, description) in (_DECLARED_DIMENSIONS | _MEMBER_DIMENSIONS | _RATING_DIMENSIONS).items()
    ],
)
strawberry.enum(
    Dimension,
    name="CommitmentDimension",
    description="Something that commitments can be counted by. An indicator counts the value of `rating` "
    "without a stage, which is that of the latest stage that has one; if none has, the state, such as `PENDING`.",
)

CountedDimensions = Annotated[
    list[Dimension],
    strawberry.argument(metadata=weighs(item=DIMENSION_COST), description="The dimensions to count by, each once."),
]
"""The argument that says what a list is counted by."""


@strawberry.enum(description="The length of the periods of a timeline.")
class TimelineGranularity(Enum):
    YEAR = strawberry.enum_value("YEAR", description="Calendar years.")
    QUARTER = strawberry.enum_value("QUARTER", description="Quarters of a year.")
    MONTH = strawberry.enum_value("MONTH", description="Months.")


@strawberry.enum(description="Which of the two times a moment refers to.")
class TimelineClock(Enum):
    RECORDED = strawberry.enum_value(
        "RECORDED",
        description="When something was recorded: the list as it was known at each moment, as `at` reads it.",
    )
    EFFECTIVE = strawberry.enum_value(
        "EFFECTIVE",
        description="When something was so: the list as it was at each moment, by what is known at the position that "
        "is read, as `asOf` reads it.",
    )


UNKNOWN_VALUE: Final = "UNKNOWN"
_MONTHS: Final = {TimelineGranularity.YEAR: 12, TimelineGranularity.QUARTER: 3, TimelineGranularity.MONTH: 1}


@dataclass(frozen=True)
class TimelineRange:
    """The range and the periods of a timeline; None stands for the first moment there is, and for the position read."""

    start: datetime | None
    end: datetime | None
    every: TimelineGranularity
    clock: TimelineClock = TimelineClock.RECORDED


@strawberry.type(description="A value of a dimension, with the number of commitments that have it.")
class FacetValue:
    value: str = strawberry.field(
        description="The value, as filters take it: a name of an enum, a text or a number. Inside `asOf`, `UNKNOWN` "
        "counts those of which it is unknown whether they have other values than those counted; the filter finds them "
        "by `unknown: [STATUS]`, with the name of the dimension."
    )
    count: int = strawberry.field(description="The number of commitments of the list that have the value.")
    across: list[FacetCount] = strawberry.field(
        metadata=computed(length=_VALUES_OF_DIMENSION),
        description="The same commitments, counted by the dimension of the argument `across`; empty without it.",
    )


@strawberry.type(description="A value of a dimension, with the number of commitments that have it.")
class FacetCount:
    value: str = strawberry.field(description="The value; `UNKNOWN` as in `FacetValue`.")
    count: int = strawberry.field(description="The number of commitments that have the value.")


@strawberry.type(description="A list of commitments, counted by one dimension.")
class Facet:
    dimension: Dimension = strawberry.field(description="The dimension.")
    values: list[FacetValue] = strawberry.field(
        metadata=computed(length=_VALUES_OF_DIMENSION),
        description="The values that occur, most frequent first. A commitment can have several values of a dimension, "
        "or none, so the counts need not add up to the length of the list.",
    )


@strawberry.type(description="A list of commitments at a past moment, counted by a dimension.")
class TimelinePoint:
    time: DateTime = strawberry.field(description="The moment.")
    position: Position = strawberry.field(description="The position that was read: that of the last entry until then.")
    total_count: int = strawberry.field(description="The length of the list at that moment.")
    values: list[FacetCount] = strawberry.field(
        metadata=computed(length=_VALUES_OF_DIMENSION), description="The values that occur, in alphabetical order."
    )


def select_lists(
    snapshot: Snapshot, query: AggregateQuery, owned: int, dimensions: list[Dimension], *, ignore_own_filter: bool
) -> Iterator[int]:
    """Yield the bitsets of a list as each of some dimensions counts it.

    `owned` is the bitset of the commitments that the list is taken from. With `ignore_own_filter` each dimension is
    counted as if the list were not filtered by it, so that the values that the filter excludes are counted too.
    """
    for dimension in dimensions:
        counted = query
        if ignore_own_filter:
            counted = AggregateQuery(query.aggregate_type, drop_dimension(query.condition, dimension.value))
        yield snapshot.select(counted) & owned


def count_facets(
    snapshot: Snapshot, masks: Iterable[int], dimensions: list[Dimension], across: Dimension | None
) -> list[Facet]:
    """Return the counts of a list by each of some dimensions, each of which has its bitset.

    Raises:
        GraphQLError: INVALID, if a dimension is given twice.
    """
    require_distinct("dimensions", [dimension.name for dimension in dimensions])
    return [
        Facet(dimension=dimension, values=_facet_values(snapshot, dimension, mask, across))
        for dimension, mask in zip(dimensions, masks, strict=True)
    ]


def find_version(snapshot: Snapshot, dimension: Dimension) -> int:
    """Return a position since which the values of a dimension are as they are in a snapshot, the last if unknown."""
    if dimension.value in ("member", "region"):
        return snapshot.position  # the codes and the regions of members are not followed here
    return snapshot.index("commitment").version(dimension.value)


def find_counted_dimensions(
    dimensions: list[Dimension], across: Dimension | None = None, **_others: object
) -> Dimensions:
    """Return the dimensions on which counts depend by the arguments of `facets`, besides those of the list."""
    names = {each.value for each in (*dimensions, across) if each}
    of_members = {("member", LISTING), ("member", "region")} if names & {"member", "region"} else set()
    return frozenset({("commitment", "member" if name == "region" else name) for name in names} | of_members)


def count_dimensions(arguments: Arguments) -> int:
    """Return how many facets the arguments of `facets` ask for."""
    return count_items(arguments.get("dimensions"))


def count_moments(arguments: Arguments) -> int:
    """Return how many points the arguments of `timeline` ask for at most, before they are coerced."""
    every = TimelineGranularity.__members__.get(str(arguments.get("every")), TimelineGranularity.YEAR)
    months = _MONTHS[every]
    first, last = (_year_of(arguments.get(name)) for name in ("from", "until"))
    years = (last or datetime.now(UTC).year) - (first or _FIRST_YEAR) + 1
    return min(max(years, 1) * 12 // months, MAX_TIMELINE_POINTS) + 1


def _year_of(moment: object) -> int | None:
    year = str(moment)[:4]
    return int(year) if year.isdecimal() else None


def count_timeline(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, dimension: Dimension, period: TimelineRange
) -> list[TimelinePoint]:
    """Return the counts of a list at past moments, oldest first, without moments before the first entry."""
    moments = dict.fromkeys(_timeline_moments(snapshot, period))
    points = []
    for moment in moments:
        snapshot.session.checkpoint()
        if past := _find_past(snapshot, moment, period.clock):
            points.append(_timeline_point(moment, past, past.select(query, parent), dimension))
    return points


def _find_past(snapshot: Snapshot, moment: datetime, clock: TimelineClock) -> Snapshot | None:
    """Return the snapshot at a moment of a clock, None before the first entry."""
    if clock is TimelineClock.EFFECTIVE:
        # The end of a period is the first instant of the next; the last instant before it is that of a day.
        return snapshot.as_of(day_of(moment - MICROSECOND))
    # Never past the position that is read: entries recorded later must not change the answer at it.
    past = snapshot.session.find_last_before(moment, snapshot.position)
    return past.as_of(snapshot.day) if past else None


def period_ends(start: datetime, end: datetime, every: TimelineGranularity) -> Iterator[datetime]:
    """Yield the ends of the periods between two moments, and the later moment.

    Raises:
        GraphQLError: BAD_TIME if there are more than MAX_TIMELINE_POINTS of them.
    """
    if start > end:
        raise client_error("the timeline would end before it begins", FieldErrorCode.BAD_TIME)
    months = (end.year - start.year) * 12 + end.month - start.month
    step = _MONTHS[every]
    if months // step > MAX_TIMELINE_POINTS:
        raise client_error(
            f"the timeline would have more than {MAX_TIMELINE_POINTS} points: choose longer periods or a shorter range",
            FieldErrorCode.BAD_TIME,
        )
    first = (start.year * 12 + start.month - 1) // step * step + step
    for month in range(first, end.year * 12 + end.month, step):
        yield datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
    yield end


def drop_dimension(condition: Condition, dimension: str) -> Condition:
    """Return a condition without its outermost conditions on a dimension; those inside `or` and `not` remain."""
    if isinstance(condition, AllOf):
        remaining = (drop_dimension(each, dimension) for each in condition.conditions)
        return AllOf(tuple(each for each in remaining if each != AllOf()))
    return AllOf() if getattr(condition, "dimension", None) == dimension else condition


def _timeline_moments(snapshot: Snapshot, period: TimelineRange) -> Iterator[datetime]:
    first, last = snapshot.session.at(min(1, snapshot.position)), snapshot
    if first.recorded_at is None or last.recorded_at is None:
        return iter(())
    default_start = datetime.fromisoformat(first.recorded_at)
    if period.clock is TimelineClock.EFFECTIVE:
        begins = snapshot.undated.index("plan").values("startsOn")
        days = [first_day(each) for each in begins]
        default_start = last_instant(min(days)) if days else default_start
    end = period.end or datetime.fromisoformat(last.recorded_at)
    return period_ends(period.start or min(default_start, end), end, period.every)


def _timeline_point(moment: datetime, past: Snapshot, mask: int, dimension: Dimension) -> TimelinePoint:
    return TimelinePoint(
        time=DateTime(moment),
        position=Position(past.position),
        total_count=mask.bit_count(),
        values=_facet_counts(past, dimension, mask),
    )


def _facet_values(snapshot: Snapshot, dimension: Dimension, mask: int, across: Dimension | None) -> list[FacetValue]:
    if across:
        found = _masks_by_value(snapshot, dimension, mask)
        values = [
            FacetValue(value=value, count=bits.bit_count(), across=_facet_counts(snapshot, across, bits))
            for value, bits in found
        ]
    else:
        counts = _count_values(snapshot, dimension, mask)
        values = [FacetValue(value=value, count=number, across=[]) for value, number in counts.items()]
    return sorted(values, key=lambda each: (-each.count, each.value))


def _facet_counts(snapshot: Snapshot, dimension: Dimension, mask: int) -> list[FacetCount]:
    counts = _count_values(snapshot, dimension, mask)
    return [FacetCount(value=value, count=number) for value, number in sorted(counts.items())]


def _count_values(snapshot: Snapshot, dimension: Dimension, mask: int) -> dict[str, int]:
    """Return value of a dimension → how many of some commitments have it, without values that none has."""
    if dimension.value == "region":
        return {value: bits.bit_count() for value, bits in _masks_by_value(snapshot, dimension, mask)}
    index = snapshot.index("commitment")
    counts = index.count_by_value(dimension.value, mask)
    if dimension.value == "member":
        members = snapshot.index("member")
        counts = {members.code(member): number for member, number in counts.items()}
    if number := (index.unknown(dimension.value) & mask).bit_count():
        counts[UNKNOWN_VALUE] = number
    return counts


def _masks_by_value(snapshot: Snapshot, dimension: Dimension, mask: int) -> Iterator[tuple[str, int]]:
    """Yield each value of a dimension with the commitments among some that have it, if there are any."""
    for value, bits in _owners_by_value(snapshot, snapshot.index("commitment"), dimension.value):
        snapshot.session.checkpoint()
        if owners := bits & mask:
            yield value, owners


def _owners_by_value(snapshot: Snapshot, index: Index, dimension: str) -> Iterator[tuple[str, int]]:
    if dimension == "region":
        members = snapshot.index("member")
        for region, posting in members.values("region").items():
            yield region, index.select("member", members.iter_ids(posting.mask()))
        yield UNKNOWN_VALUE, index.select("member", members.iter_ids(members.unknown("region")))
    elif dimension == "member":
        members = snapshot.index("member")
        for member, posting in index.values("member").items():
            yield members.code(member), posting.mask()
    else:
        for value, posting in index.values(dimension).items():
            yield value, posting.mask()
        yield UNKNOWN_VALUE, index.unknown(dimension)
