"""The filter inputs of ratings, milestones and observations of commitments, and when a commitment is overdue.

Several conditions of such a filter hold for the same rating or milestone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import strawberry

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.overdue import DONE_MILESTONES, has_passed
from ogpgraph.domain.review import rating_dimension
from ogpgraph.domain.source import LAST_OBSERVED, OBSERVED_BY
from ogpgraph.domain.values import period_bounds
from ogpgraph.domain.vocabulary import (
    VALUES_OF,
    CommitmentStatus,
    Indicator,
    MilestoneStatus,
    OgpValue,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.graphql.errors import FieldErrorCode, client_error, require_forward
from ogpgraph.graphql.scalars import DateTime, PartialDate, require_day
from ogpgraph.graphql.value_filters import UNKNOWN, enum_text, overlaps, unknown_condition
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    Condition,
    HasAnyValue,
    HasValue,
    Not,
    OnTheDay,
    RelatedTo,
    ValueBetween,
    ValueMatches,
)
from ogpgraph.readmodel.snapshot import Snapshot


def conjunction(*conditions: Condition | None) -> Condition:
    """Return the condition that all of these hold, of which None and an empty one have none."""
    return AllOf(tuple(condition for condition in conditions if condition and condition != AllOf()))


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
        return conjunction(values, states, unknown, ValueMatches(dimension) if is_empty else None)

    def _require_possible(self) -> None:
        if self.ogp_value is not None and self.stage is None:
            raise client_error("`ogpValue` needs a `stage`", RefusalCode.INVALID)
        scale = VALUES_OF[self.indicator]
        if foreign := [str(each) for each in self.value or () if each not in scale]:
            message = f"`value`: {self.indicator} cannot be {' or '.join(foreign)}: its scale is {', '.join(scale)}"
            raise client_error(message, FieldErrorCode.UNKNOWN_VALUE)


def _rating_states(dimension: str, states: list[str]) -> Condition:
    # The tag of a rating is its value or, if it has none, its state: every other tag means RATED.
    unrated = frozenset(enum_text(state) for state in RatingState) - {"RATED"}
    accepted = frozenset(states)
    return ValueMatches(
        dimension, lambda tag: (tag if tag in unrated else "RATED") in accepted, f"states {sorted(accepted)}"
    )


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
        if self.due_from is not None and self.due_before is not None:
            first, end = period_bounds(self.due_from)[0], period_bounds(self.due_before)[0]
            require_forward(first, end, FieldErrorCode.BAD_TIME, "`dueFrom` and `dueBefore`")
        conditions = (self.status, self.not_status, self.due_before, self.due_from)
        has_conditions = self.unknown is None or any(each is not None for each in conditions)
        matches = ValueMatches("milestone", self._build_predicate(), repr(self)) if has_conditions else None
        return conjunction(matches, unknown_condition("milestone", self.unknown))

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
        require_forward(self.from_, self.until, FieldErrorCode.BAD_TIME)
        return conjunction(
            AnyOf((HasAnyValue(OBSERVED_BY), HasAnyValue(LAST_OBSERVED))),
            _observed_since(self.from_) if self.from_ else None,
            Not(_observed_since(self.until)) if self.until else None,
        )


def _observed_since(moment: DateTime) -> Condition:
    """Return the condition that a source of a commitment was observed at a moment or later."""
    since = ValueBetween(LAST_OBSERVED, minimum=format_timestamp(moment))
    return AnyOf((RelatedTo(OBSERVED_BY, "source", since), since))


def overdue_condition(snapshot: Snapshot, *, is_overdue: bool) -> Condition:
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
