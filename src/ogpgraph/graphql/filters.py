"""The filter inputs of lists, and the conditions of the read model that they stand for.

Every field of a filter that is given has to hold. Null counts as not given; an empty input (`{}`) has no condition, so
everything fulfils it, and for a related object that there is one; of an empty list nothing can be one, all hold, none
does. Conditions are evaluated on the index of the snapshot that is read, so a filter holds at that position. The
conditions on declared fields are derived from the declarations; those on related objects, and on several values of the
same rating or milestone, are written here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import strawberry

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.action_plan import PLAN
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.overdue import DONE_MILESTONES, has_passed
from ogpgraph.domain.review import rating_dimension
from ogpgraph.domain.source import LAST_OBSERVED, OBSERVED_BY
from ogpgraph.domain.values import period_bounds
from ogpgraph.domain.vocabulary import (
    UNLISTED_STATUSES,
    VALUES_OF,
    CommitmentStatus,
    Indicator,
    MilestoneStatus,
    OgpValue,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.graphql.errors import FieldErrorCode, client_error
from ogpgraph.graphql.facets import Dimension
from ogpgraph.graphql.scalars import DateTime, PartialDate, Position, require_day
from ogpgraph.graphql.value_filters import (
    UNKNOWN,
    EnumFilter,
    add_filter_fields,
    derive_filter_fields,
    enum_text,
    field_conditions,
    overlaps,
    unknown_condition,
)
from ogpgraph.graphql.weights import SEARCH, weighs
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    ChangedSince,
    Condition,
    HasAnyValue,
    HasRelated,
    HasValue,
    IsUnknown,
    Not,
    OnTheDay,
    Possible,
    RelatedTo,
    ValueBetween,
    ValueMatches,
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
        return _conjunction(
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
        return _conjunction(
            *field_conditions(_PLAN_FILTERS, self, snapshot),
            _related_to("member", "member", self.member, snapshot),
            _has_commitment("actionPlan", self.commitments, snapshot),
            _text_matches(self.text, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


@strawberry.input(description="Conditions on a rating. All given conditions have to hold for the same rating.")
class RatingFilter:
    indicator: Indicator = strawberry.field(description="The indicator that is rated.")
    stage: Stage | None = strawberry.field(
        default=None,
        description="The stage of the rating. Omitted or null: the latest stage that has a value or, if none has one, "
        "the latest, as in `Commitment.rating`.",
    )
    ogp_value: OgpValue | None = strawberry.field(
        default=None,
        description="The OGP value to which the rating refers. It needs a `stage`. Omitted or null: ratings of the "
        "whole commitment.",
    )
    value: list[RatingValue] | None = strawberry.field(
        default=None, description="The value is one of these, which have to be on the indicator's scale."
    )
    state: list[RatingState] | None = strawberry.field(
        default=None, description="The state is one of these. RATED matches any value."
    )
    unknown: bool | None = strawberry.field(default=None, description=UNKNOWN)

    def condition(self) -> Condition:
        """Return the condition on commitments; raises GraphQLError for one that no rating can fulfil."""
        self._require_possible()
        dimension = rating_dimension(self.indicator, self.stage, self.ogp_value)
        values = None if self.value is None else HasValue(dimension, tuple(map(enum_text, self.value)))
        states = None if self.state is None else _rating_states(dimension, [enum_text(state) for state in self.state])
        unknown = unknown_condition(dimension, self.unknown)
        is_empty = values is states is unknown is None
        return _conjunction(values, states, unknown, ValueMatches(dimension) if is_empty else None)

    def _require_possible(self) -> None:
        if self.ogp_value is not None and self.stage is None:
            raise client_error("`ogpValue` needs a `stage`", RefusalCode.INVALID)
        scale = VALUES_OF[self.indicator]
        if foreign := [str(each) for each in self.value or () if each not in scale]:
            message = f"`value`: {self.indicator} cannot be {' or '.join(foreign)}: its scale is {', '.join(scale)}"
            raise client_error(message, FieldErrorCode.UNKNOWN_VALUE)


@strawberry.input(description="Conditions on a milestone. All given conditions have to hold for the same milestone.")
class MilestoneFilter:
    status: list[MilestoneStatus] | None = strawberry.field(default=None, description="The status is one of these.")
    not_status: list[MilestoneStatus] | None = strawberry.field(
        default=None,
        description="The status is none of these. A milestone without a status matches. Together with `dueBefore` it "
        "finds overdue milestones.",
    )
    due_before: PartialDate | None = strawberry.field(
        default=None, description="The due date, with all its days, is before this period."
    )
    due_from: PartialDate | None = strawberry.field(
        default=None, description="The due date is in this period or later."
    )

    unknown: bool | None = strawberry.field(
        default=None,
        description="true: inside `asOf`, it is unknown what milestones it had, or their status or due date, because "
        "that changed somewhere in an interval around the date. false: it is known.",
    )

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        require_day(self.due_before, "dueBefore")
        require_day(self.due_from, "dueFrom")
        conditions = (self.status, self.not_status, self.due_before, self.due_from)
        has_conditions = self.unknown is None or any(each is not None for each in conditions)
        matches = ValueMatches("milestone", self._build_predicate(), repr(self)) if has_conditions else None
        return _conjunction(matches, unknown_condition("milestone", self.unknown))

    def _build_predicate(self) -> Callable[[str], bool]:
        """Return the function that says of a tag whether the milestone it is of matches."""
        accepted = None if self.status is None else frozenset(map(enum_text, self.status))
        excluded = frozenset(map(enum_text, self.not_status or ()))

        def matches(tag: str) -> bool:
            status, _, due = tag.partition("|")
            if status in excluded or (accepted is not None and status not in accepted):
                return False
            return self._matches_due_date(due)

        return matches

    def _matches_due_date(self, due: str) -> bool:
        if self.due_before is None and self.due_from is None:
            return True
        if not due or not overlaps(due, self.due_from, None):
            return False
        return self.due_before is None or period_bounds(due)[1] < period_bounds(self.due_before)[0]


@strawberry.input(
    description="A range of times at which a thing was last observed. Both conditions have to hold, if both are given."
)
class LastObservedRange:
    from_: DateTime | None = strawberry.field(
        default=None, name="from", description="It was observed at this moment or later."
    )
    until: DateTime | None = strawberry.field(
        default=None, description="It was last observed before this moment, and never again."
    )

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        return _conjunction(
            AnyOf((HasAnyValue(OBSERVED_BY), HasAnyValue(LAST_OBSERVED))),
            _observed_since(self.from_) if self.from_ else None,
            Not(_observed_since(self.until)) if self.until else None,
        )


def _observed_since(moment: DateTime) -> Condition:
    """Return the condition that a source of a commitment was observed at a moment or later."""
    since = ValueBetween(LAST_OBSERVED, minimum=format_timestamp(moment))
    return AnyOf((RelatedTo(OBSERVED_BY, "source", since), since))


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
        return _conjunction(
            *field_conditions(_COMMITMENT_FILTERS, self, snapshot),
            self.rating.condition() if self.rating else None,
            self.milestone.condition() if self.milestone else None,
            None if self.overdue is None else _overdue(snapshot, is_overdue=self.overdue),
            self.last_observed.condition() if self.last_observed else None,
            _related_to("member", "member", self.member, snapshot),
            _related_to("actionPlan", "plan", self.action_plan, snapshot),
            None if self.unknown is None else AnyOf(tuple(map(_is_unknown, self.unknown))),
            _text_matches(self.text, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


def _overdue(snapshot: Snapshot, *, is_overdue: bool) -> Condition:
    """Return the condition that a commitment is overdue, or that it is not, as `domain.overdue` decides it."""
    if snapshot.today is None:
        return AnyOf(())
    day = snapshot.today.toordinal()
    own = AllOf(
        (
            Not(HasAnyValue("milestone")),
            ValueMatches("endsOn", partial(has_passed, day=day), f"before {day}"),
            Not(HasValue(rating_dimension(Indicator.COMPLETION), (RatingValue.COMPLETE,))),
        )
    )
    milestones = ValueMatches("milestone", partial(_is_late, day=day), f"late on {day}")
    overdue = OnTheDay(AllOf((AnyOf((milestones, own)), Not(HasValue("status", (CommitmentStatus.WITHDRAWN,))))))
    return overdue if is_overdue else Not(overdue)


def _is_late(tag: str, day: int) -> bool:
    status, _, due = tag.partition("|")
    return bool(due) and status not in DONE_MILESTONES and has_passed(due, day)


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
    return condition if _names_unlisted_status(where) else _conjunction(condition, _LISTED)


_LISTED: Final = Possible(Not(HasValue("status", tuple(sorted(UNLISTED_STATUSES)))))


def _names_unlisted_status(where: CommitmentFilter) -> bool:
    status: EnumFilter[CommitmentStatus] | None = getattr(where, "status")  # noqa: B009 - a derived field
    if status and not UNLISTED_STATUSES.isdisjoint(map(enum_text, status.in_ or ())):
        return True
    return any(map(_names_unlisted_status, (*(where.and_ or ()), *(where.or_ or ()))))


def _conjunction(*conditions: Condition | None) -> Condition:
    return AllOf(tuple(condition for condition in conditions if condition and condition != AllOf()))


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


def _rating_states(dimension: str, states: list[str]) -> Condition:
    # The tag of a rating is its value or, if it has none, its state: every other tag means RATED.
    unrated = frozenset(enum_text(state) for state in RatingState) - {"RATED"}
    accepted = frozenset(states)
    return ValueMatches(
        dimension, lambda tag: (tag if tag in unrated else "RATED") in accepted, f"states {sorted(accepted)}"
    )
