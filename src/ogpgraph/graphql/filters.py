"""The filter inputs of lists, and the conditions of the read model that they stand for.

Every field of a filter that is given has to hold. Null counts as not given; an empty input (`{}`) has no condition, so
everything fulfils it, and for a related object that there is one; of an empty list nothing can be one, all hold, none
does. Conditions are evaluated on the index of the snapshot that is read, so a filter holds at that position. The
conditions on declared fields are derived from the declarations; those on related objects are written here, and those
on several values of the same rating or milestone in `part_filters`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import strawberry

from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.vocabulary import UNLISTED_STATUSES, CommitmentStatus
from ogpgraph.graphql.facets import Dimension
from ogpgraph.graphql.part_filters import (
    LastObservedRange,
    MilestoneFilter,
    RatingFilter,
    conjunction,
    overdue_condition,
)
from ogpgraph.graphql.scalars import Position
from ogpgraph.graphql.value_filters import (
    EnumFilter,
    add_filter_fields,
    derive_filter_fields,
    enum_text,
    field_conditions,
)
from ogpgraph.graphql.weights import SEARCH, weighs
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    ChangedSince,
    Condition,
    HasRelated,
    HasValue,
    IsUnknown,
    Not,
    Possible,
    RelatedTo,
)
from ogpgraph.readmodel.search import TextMatches
from ogpgraph.readmodel.snapshot import Snapshot

_MEMBER_FILTERS: Final = derive_filter_fields(MEMBER)
_PLAN_FILTERS: Final = derive_filter_fields(PLAN)
_COMMITMENT_FILTERS: Final = derive_filter_fields(COMMITMENT)

_CONDITIONS: Final = weighs(item=1, max_items=1_000)
"""The weight of a list of filters that are combined, besides that of each of them."""
TEXT_FILTER: Final = (
    "`search` finds it by this query. A query without a word to find is no condition. As of a date, the texts are "
    "searched that are shown there."
)
_AND: Final = "All of these hold."
_OR: Final = "At least one of these holds."
_NOT: Final = "None of these holds."
_CHANGED_SINCE: Final = (
    "Something about it changed after this position. To update a copy, give the position at which it was read."
)


@strawberry.input(description="Conditions on members. All given conditions have to hold.")
@add_filter_fields(_MEMBER_FILTERS)
class MemberFilter:
    text: str | None = strawberry.field(default=None, metadata=SEARCH, description=TEXT_FILTER)
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, metadata=weighs(20), description="At least one of its commitments matches."
    )
    changed_since: Position | None = strawberry.field(default=None, metadata=weighs(8), description=_CHANGED_SINCE)
    and_: list[MemberFilter] | None = strawberry.field(default=None, name="and", metadata=_CONDITIONS, description=_AND)
    or_: list[MemberFilter] | None = strawberry.field(default=None, name="or", metadata=_CONDITIONS, description=_OR)
    not_: list[MemberFilter] | None = strawberry.field(default=None, name="not", metadata=_CONDITIONS, description=_NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on members."""
        return conjunction(
            *field_conditions(_MEMBER_FILTERS, self, snapshot),
            _has_commitment("member", self.commitments, snapshot),
            _text_matches(self.text, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


@strawberry.input(description="Conditions on action plans. All given conditions have to hold.")
@add_filter_fields(_PLAN_FILTERS)
class ActionPlanFilter:
    text: str | None = strawberry.field(default=None, metadata=SEARCH, description=TEXT_FILTER)
    member: MemberFilter | None = strawberry.field(default=None, metadata=weighs(10), description="Its member matches.")
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, metadata=weighs(20), description="At least one of its commitments matches."
    )
    changed_since: Position | None = strawberry.field(default=None, metadata=weighs(8), description=_CHANGED_SINCE)
    and_: list[ActionPlanFilter] | None = strawberry.field(
        default=None, name="and", metadata=_CONDITIONS, description=_AND
    )
    or_: list[ActionPlanFilter] | None = strawberry.field(
        default=None, name="or", metadata=_CONDITIONS, description=_OR
    )
    not_: list[ActionPlanFilter] | None = strawberry.field(
        default=None, name="not", metadata=_CONDITIONS, description=_NOT
    )

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on action plans."""
        return conjunction(
            *field_conditions(_PLAN_FILTERS, self, snapshot),
            _related_to("member", "member", self.member, snapshot),
            _has_commitment("actionPlan", self.commitments, snapshot),
            _text_matches(self.text, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


@strawberry.input(description="Conditions on commitments. All given conditions have to hold.")
@add_filter_fields(_COMMITMENT_FILTERS)
class CommitmentFilter:
    text: str | None = strawberry.field(default=None, metadata=SEARCH, description=TEXT_FILTER)
    rating: RatingFilter | None = strawberry.field(
        default=None, metadata=weighs(5), description="It has a rating that matches."
    )
    milestone: MilestoneFilter | None = strawberry.field(
        default=None, metadata=weighs(50), description="It has a milestone that matches."
    )
    overdue: bool | None = strawberry.field(
        default=None,
        metadata=weighs(150),
        description="true: `Commitment.overdue` is not null. false: it is null, whether it is done, not due yet, or "
        "has no due date.",
    )
    last_observed: LastObservedRange | None = strawberry.field(
        default=None, metadata=weighs(200), description="`lastObservedAt` is in this range."
    )
    member: MemberFilter | None = strawberry.field(default=None, metadata=weighs(10), description="Its member matches.")
    action_plan: ActionPlanFilter | None = strawberry.field(
        default=None, metadata=weighs(20), description="Its action plan matches."
    )
    unknown: list[Dimension] | None = strawberry.field(
        default=None,
        metadata=weighs(item=2),
        description="Inside `asOf`, it is unknown what values of one of these dimensions it had: those that their "
        "facets count as `UNKNOWN`.",
    )
    changed_since: Position | None = strawberry.field(default=None, metadata=weighs(8), description=_CHANGED_SINCE)
    and_: list[CommitmentFilter] | None = strawberry.field(
        default=None, name="and", metadata=_CONDITIONS, description=_AND
    )
    or_: list[CommitmentFilter] | None = strawberry.field(
        default=None, name="or", metadata=_CONDITIONS, description=_OR
    )
    not_: list[CommitmentFilter] | None = strawberry.field(
        default=None, name="not", metadata=_CONDITIONS, description=_NOT
    )

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on commitments."""
        return conjunction(
            *field_conditions(_COMMITMENT_FILTERS, self, snapshot),
            self.rating.condition() if self.rating else None,
            self.milestone.condition() if self.milestone else None,
            None if self.overdue is None else overdue_condition(snapshot, is_overdue=self.overdue),
            self.last_observed.condition() if self.last_observed else None,
            _related_to("member", "member", self.member, snapshot),
            _related_to("actionPlan", "plan", self.action_plan, snapshot),
            None if self.unknown is None else AnyOf(tuple(map(_is_unknown, self.unknown))),
            _text_matches(self.text, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


def _text_matches(text: str | None, snapshot: Snapshot) -> Condition | None:
    return None if text is None else TextMatches(text, snapshot.session)


def _is_unknown(dimension: Dimension) -> Condition:
    """Return the condition that it is unknown what values of a dimension a commitment had; regions are its member's."""
    is_unknown = IsUnknown(dimension.value)
    return RelatedTo("member", "member", is_unknown) if dimension.value == "region" else is_unknown


AggregateFilter = MemberFilter | ActionPlanFilter | CommitmentFilter


def list_condition(where: CommitmentFilter | None, snapshot: Snapshot) -> Condition:
    """Return the condition of a list of commitments: it leaves out UNLISTED_STATUSES unless the filter names one."""
    if where is None:
        return _LISTED
    condition = where.condition(snapshot)
    return condition if _names_unlisted_status(where) else conjunction(condition, _LISTED)


_LISTED: Final = Possible(Not(HasValue("status", tuple(sorted(UNLISTED_STATUSES)))))


def _names_unlisted_status(where: CommitmentFilter) -> bool:
    status: EnumFilter[CommitmentStatus] | None = getattr(where, "status")  # noqa: B009 - a derived field
    if status and not UNLISTED_STATUSES.isdisjoint(map(enum_text, status.in_ or ())):
        return True
    return any(map(_names_unlisted_status, (*(where.and_ or ()), *(where.or_ or ()))))


def _related_to(
    dimension: str, aggregate_type: str, where: AggregateFilter | None, snapshot: Snapshot
) -> Condition | None:
    return RelatedTo(dimension, aggregate_type, where.condition(snapshot)) if where else None


def _has_commitment(dimension: str, where: CommitmentFilter | None, snapshot: Snapshot) -> Condition | None:
    return HasRelated("commitment", dimension, list_condition(where, snapshot)) if where else None


def _boolean_operators(where: AggregateFilter, snapshot: Snapshot) -> Iterable[Condition]:
    if where.and_ is not None:
        yield AllOf(_conditions(where.and_, snapshot))
    if where.or_ is not None:
        yield AnyOf(_conditions(where.or_, snapshot))
    if where.not_ is not None:
        yield Not(AnyOf(_conditions(where.not_, snapshot)))


def _conditions(filters: Iterable[AggregateFilter], snapshot: Snapshot) -> tuple[Condition, ...]:
    conditions = []
    for each in filters:
        conditions.append(each.condition(snapshot))
        snapshot.session.checkpoint()
    return tuple(conditions)


def _changed_since(position: Position | None) -> Condition | None:
    return None if position is None else ChangedSince(position)
