"""The filter and order inputs of lists, and their conversion to conditions and orders of the read model.

All fields of a filter have to hold; one that is null or left out is ignored. Conditions are evaluated on the index of a
snapshot, so they hold at its position.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import strawberry

from ogpgraph.domain.event import Cause
from ogpgraph.domain.values import period_bounds
from ogpgraph.domain.vocabulary import (
    CommitmentStatus,
    Indicator,
    MemberStatus,
    MilestoneStatus,
    OgpValue,
    PlanStatus,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.graphql.enums import EntryKind
from ogpgraph.graphql.scalars import PartialDate, Position
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    ChangedSince,
    Condition,
    HasAnyValue,
    HasRelated,
    HasValue,
    Not,
    RelatedTo,
    ValueBetween,
    ValueMatches,
)
from ogpgraph.readmodel.index import BY_CODE, Order
from ogpgraph.readmodel.queries import EntryQuery
from ogpgraph.readmodel.snapshot import Snapshot

ValueT = TypeVar("ValueT")
FieldT = TypeVar("FieldT", bound=Enum)

# Filters of single values

_NO_MATCH: Final = ("",)
"""The values of a condition that nothing fulfils: no column or tag holds an empty text."""
_IN: Final = "The value is one of these. An empty list matches nothing."
_NOT_IN: Final = "The value is none of these. Something without a value matches."
_IS_NULL: Final = "true: there is no value. false: there is a value."


@strawberry.input(description="Conditions on a text. All given conditions have to hold.")
class TextFilter:
    eq: str | None = strawberry.field(default=None, description="The text is equal to this one.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description=_IN)
    not_in: list[str] | None = strawberry.field(default=None, description=_NOT_IN)
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)

    def condition(self, dimension: str, *, upper: bool = False) -> Condition:
        """Return the condition on a dimension; `upper` if the dimension has texts in upper case."""
        convert: Callable[[object], str] = _upper_text if upper else str
        return _value_conditions(dimension, _as_list(self.eq), self.in_, self.not_in, self.is_null, convert)

    def accepted_values(self) -> tuple[str, ...]:
        """Return the accepted texts, for a query that can only test equality (`notIn` alone accepts none)."""
        among = self.in_ if self.in_ is not None else _as_list(self.eq)
        accepted = [each for each in among or () if self.eq is None or each == self.eq]
        return tuple(each for each in accepted if each not in (self.not_in or ())) or _NO_MATCH


@strawberry.input(description="Conditions on a whole number. All given conditions have to hold.")
class NumberFilter:
    eq: int | None = strawberry.field(default=None, description="The number is equal to this one.")
    in_: list[int] | None = strawberry.field(default=None, name="in", description=_IN)
    not_in: list[int] | None = strawberry.field(default=None, description=_NOT_IN)
    gte: int | None = strawberry.field(default=None, description="The number is this one or greater.")
    lte: int | None = strawberry.field(default=None, description="The number is this one or less.")
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        is_bounded = self.gte is not None or self.lte is not None
        between = (ValueBetween(dimension, self.gte, self.lte),) if is_bounded else ()
        return AllOf(
            (*between, _value_conditions(dimension, _as_list(self.eq), self.in_, self.not_in, self.is_null, str))
        )


@strawberry.input(
    description="Conditions on a partial date. A date that is less precise than a day, such as `2018-S2`, stands for "
    "all of its days and matches if one of them does."
)
class DateFilter:
    from_: PartialDate | None = strawberry.field(
        default=None, name="from", description="The date is in this period or later."
    )
    until: PartialDate | None = strawberry.field(default=None, description="The date is in this period or earlier.")
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        known = _value_conditions(dimension, None, None, None, self.is_null, str)
        if self.from_ is None and self.until is None:
            return known
        from_, until = self.from_, self.until
        return AllOf((ValueMatches(dimension, lambda date: _overlaps(date, from_, until), f"{from_}..{until}"), known))


@strawberry.input(name="Filter", description="Conditions on a value of an enum. All given conditions have to hold.")
class EnumFilter(Generic[ValueT]):
    in_: list[ValueT] | None = strawberry.field(default=None, name="in", description=_IN)
    not_in: list[ValueT] | None = strawberry.field(default=None, description=_NOT_IN)
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        return _value_conditions(dimension, None, self.in_, self.not_in, self.is_null, _enum_text)


def _value_conditions(
    dimension: str,
    equal: Iterable[object] | None,
    among: Iterable[object] | None,
    not_in: Iterable[object] | None,
    is_null: bool | None,
    convert: Callable[[object], str],
) -> Condition:
    conditions: list[Condition] = [
        HasValue(dimension, tuple(map(convert, values))) for values in (equal, among) if values is not None
    ]
    if not_in is not None:
        conditions.append(Not(HasValue(dimension, tuple(map(convert, not_in)))))
    if is_null is not None:
        conditions.append(Not(HasAnyValue(dimension)) if is_null else HasAnyValue(dimension))
    return AllOf(tuple(conditions))


def _overlaps(date: str, from_: str | None, until: str | None) -> bool:
    """Return whether a partial date has a day in a range of partial dates, both ends included."""
    first, last = period_bounds(date)
    return (from_ is None or last >= period_bounds(from_)[0]) and (until is None or first <= period_bounds(until)[1])


def _as_list(value: ValueT | None) -> list[ValueT] | None:
    return None if value is None else [value]


def _enum_text(value: object) -> str:
    return str(getattr(value, "value", value))


def _upper_text(value: object) -> str:
    return str(value).upper()


# Filters of members, action plans and commitments

_AND: Final = "All of these hold."
_OR: Final = "At least one of these holds."
_NOT: Final = "None of these holds."
_CHANGED_SINCE: Final = (
    "Something about it changed after this position. To update a copy, give the position at which it was read."
)


@strawberry.input(description="Conditions on members. All given conditions have to hold.")
class MemberFilter:
    code: TextFilter | None = strawberry.field(
        default=None,
        description="OGP's code of the member (`FRA`) or the prefix of its commitments' codes (`FR`), in any case.",
    )
    region: TextFilter | None = strawberry.field(default=None, description="OGP's region of the member.")
    type: TextFilter | None = strawberry.field(default=None, description="The type of government: NATIONAL or LOCAL.")
    status: EnumFilter[MemberStatus] | None = strawberry.field(
        default=None, description="The member's status in the partnership."
    )
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, description="At least one of its commitments matches."
    )
    changed_since: Position | None = strawberry.field(default=None, description=_CHANGED_SINCE)
    and_: list[MemberFilter] | None = strawberry.field(default=None, name="and", description=_AND)
    or_: list[MemberFilter] | None = strawberry.field(default=None, name="or", description=_OR)
    not_: list[MemberFilter] | None = strawberry.field(default=None, name="not", description=_NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on members."""
        return _conjunction(
            _code_condition(self.code),
            _dimension_condition("region", self.region),
            _dimension_condition("type", self.type),
            _dimension_condition("status", self.status),
            _has_related("commitment", "member", self.commitments, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


@strawberry.input(description="Conditions on action plans. All given conditions have to hold.")
class ActionPlanFilter:
    cycle: NumberFilter | None = strawberry.field(default=None, description="The year in which it was submitted.")
    status: EnumFilter[PlanStatus] | None = strawberry.field(
        default=None, description="Whether it is being implemented."
    )
    member: MemberFilter | None = strawberry.field(default=None, description="Its member matches.")
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, description="At least one of its commitments matches."
    )
    changed_since: Position | None = strawberry.field(default=None, description=_CHANGED_SINCE)
    and_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="and", description=_AND)
    or_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="or", description=_OR)
    not_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="not", description=_NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on action plans."""
        return _conjunction(
            _dimension_condition("cycle", self.cycle),
            _dimension_condition("status", self.status),
            _related_to("member", "member", self.member, snapshot),
            _has_related("commitment", "actionPlan", self.commitments, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


@strawberry.input(description="Conditions on a rating. All given conditions have to hold for the same rating.")
class RatingFilter:
    indicator: Indicator = strawberry.field(description="The indicator that is rated.")
    stage: Stage | None = strawberry.field(
        default=None,
        description="The stage of the rating. Omitted or null: the latest stage at which there is a rating.",
    )
    ogp_value: OgpValue | None = strawberry.field(
        default=None,
        description="The OGP value to which the rating refers. It needs a `stage`. Omitted or null: ratings of the "
        "whole commitment.",
    )
    value: list[RatingValue] | None = strawberry.field(default=None, description="The value is one of these.")
    state: list[RatingState] | None = strawberry.field(
        default=None, description="The state is one of these. RATED matches any value."
    )

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        parts = filter(None, (self.indicator, self.stage, self.ogp_value))
        dimension = ":".join(("rating", *map(_enum_text, parts)))
        values = None if self.value is None else HasValue(dimension, tuple(map(_enum_text, self.value)))
        states = None if self.state is None else _rating_states(dimension, [_enum_text(state) for state in self.state])
        return _conjunction(values, states, ValueMatches(dimension) if values is states is None else None)


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

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        return ValueMatches("milestone", self._matches_tag, repr(self))

    def _matches_tag(self, tag: str) -> bool:
        status, due = tag.split("|")
        return self._matches_status(status) and self._matches_due_date(due)

    def _matches_status(self, status: str) -> bool:
        if self.status is not None and status not in map(_enum_text, self.status):
            return False
        return status not in map(_enum_text, self.not_status or ())

    def _matches_due_date(self, due: str) -> bool:
        if self.due_before is None and self.due_from is None:
            return True
        if not due or not _overlaps(due, self.due_from, None):
            return False
        return self.due_before is None or period_bounds(due)[1] < period_bounds(self.due_before)[0]


@strawberry.input(description="Conditions on commitments. All given conditions have to hold.")
class CommitmentFilter:
    code: TextFilter | None = strawberry.field(
        default=None, description="Its current code, a former code or its `key`, in any case."
    )
    cycle: NumberFilter | None = strawberry.field(
        default=None, description="The year in which its action plan was submitted."
    )
    status: EnumFilter[CommitmentStatus] | None = strawberry.field(
        default=None, description="Whether it is being implemented."
    )
    policy_area: TextFilter | None = strawberry.field(
        default=None, description="One of its policy areas, spelled as in OGP's taxonomy, such as `Open Data`."
    )
    language: TextFilter | None = strawberry.field(
        default=None, description="A language of its title or description, as a lower-case code."
    )
    title: str | None = strawberry.field(
        default=None,
        description="Its title in some language contains this text. Case, accents and the number of spaces are "
        "ignored.",
    )
    starts_on: DateFilter | None = strawberry.field(default=None, description="When work on it begins.")
    ends_on: DateFilter | None = strawberry.field(default=None, description="When it is due.")
    starred: bool | None = strawberry.field(default=None, description="Whether the IRM awarded it a star.")
    listed_only: bool | None = strawberry.field(
        default=None, description="Whether it is known only from lists on other commitments' pages."
    )
    rating: RatingFilter | None = strawberry.field(default=None, description="It has a rating that matches.")
    milestone: MilestoneFilter | None = strawberry.field(default=None, description="It has a milestone that matches.")
    member: MemberFilter | None = strawberry.field(default=None, description="Its member matches.")
    action_plan: ActionPlanFilter | None = strawberry.field(default=None, description="Its action plan matches.")
    changed_since: Position | None = strawberry.field(default=None, description=_CHANGED_SINCE)
    and_: list[CommitmentFilter] | None = strawberry.field(default=None, name="and", description=_AND)
    or_: list[CommitmentFilter] | None = strawberry.field(default=None, name="or", description=_OR)
    not_: list[CommitmentFilter] | None = strawberry.field(default=None, name="not", description=_NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on commitments."""
        return _conjunction(
            _code_condition(self.code),
            _dimension_condition("cycle", self.cycle),
            _dimension_condition("status", self.status),
            _dimension_condition("policyArea", self.policy_area),
            _dimension_condition("language", self.language),
            None if self.title is None else HasValue("title", _find_titles(snapshot, self.title)),
            _dimension_condition("startsOn", self.starts_on),
            _dimension_condition("endsOn", self.ends_on),
            _boolean_condition("starred", self.starred),
            _boolean_condition("listedOnly", self.listed_only),
            self.rating.condition() if self.rating else None,
            self.milestone.condition() if self.milestone else None,
            _related_to("member", "member", self.member, snapshot),
            _related_to("actionPlan", "plan", self.action_plan, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self, snapshot),
        )


AggregateFilter = MemberFilter | ActionPlanFilter | CommitmentFilter


def _conjunction(*conditions: Condition | None) -> Condition:
    return AllOf(tuple(condition for condition in conditions if condition and condition != AllOf()))


def _code_condition(code: TextFilter | None) -> Condition | None:
    return code.condition("code", upper=True) if code else None


def _dimension_condition(
    dimension: str, where: TextFilter | NumberFilter | DateFilter | EnumFilter[Any] | None
) -> Condition | None:
    return where.condition(dimension) if where else None


def _related_to(
    dimension: str, aggregate_type: str, where: AggregateFilter | None, snapshot: Snapshot
) -> Condition | None:
    return RelatedTo(dimension, aggregate_type, where.condition(snapshot)) if where else None


def _has_related(
    aggregate_type: str, dimension: str, where: AggregateFilter | None, snapshot: Snapshot
) -> Condition | None:
    return HasRelated(aggregate_type, dimension, where.condition(snapshot)) if where else None


def _boolean_operators(where: AggregateFilter, snapshot: Snapshot) -> Iterable[Condition]:
    if where.and_ is not None:
        yield AllOf(_conditions(where.and_, snapshot))
    if where.or_ is not None:
        yield AnyOf(_conditions(where.or_, snapshot))
    if where.not_ is not None:
        yield Not(AnyOf(_conditions(where.not_, snapshot)))


def _conditions(filters: Iterable[AggregateFilter], snapshot: Snapshot) -> tuple[Condition, ...]:
    return tuple(each.condition(snapshot) for each in filters)


def _boolean_condition(dimension: str, value: bool | None) -> Condition | None:
    return None if value is None else HasValue(dimension, ("true" if value else "false",))


def _changed_since(position: Position | None) -> Condition | None:
    return None if position is None else ChangedSince(position)


def _rating_states(dimension: str, states: list[str]) -> Condition:
    # The tag of a rating is its value or, if it has none, its state: every other tag means RATED.
    unrated = frozenset(_enum_text(state) for state in RatingState) - {"RATED"}
    accepted = frozenset(states)
    return ValueMatches(
        dimension, lambda tag: (tag if tag in unrated else "RATED") in accepted, ",".join(sorted(accepted))
    )


def _find_titles(snapshot: Snapshot, text: str) -> tuple[str, ...]:
    """Return the references of the titles that contain a text, in any case and with or without accents."""
    titles = snapshot.index("commitment").postings.get("title", {})
    searched = _fold_text(text)
    texts = snapshot.session.read_texts(titles)
    return tuple(reference for reference, title in texts.items() if searched in _fold_text(title))


def _fold_text(text: str) -> str:
    """Return a text without case, accents and runs of blanks."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().split())


# Filter of entries


@strawberry.input(
    description="Conditions on entries. All given conditions have to hold. A list accepts any of its values; an empty "
    "list matches nothing."
)
class EntryFilter:
    kind: list[EntryKind] | None = strawberry.field(default=None, description="The kind of event.")
    cause: list[Cause] | None = strawberry.field(default=None, description="Why values changed.")
    actor: TextFilter | None = strawberry.field(
        default=None, description="Who recorded it. Use `eq` or `in`, which `notIn` can narrow; `isNull` is ignored."
    )
    subject: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The id of the thing that it is about."
    )
    source: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The id of the source that its facts were read from."
    )
    correlation_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The id of the import or request that recorded it."
    )
    member: list[str] | None = strawberry.field(
        default=None,
        description="The member, by OGP's code (`FRA`) or prefix (`FR`). Matches entries about its action plans and "
        "commitments.",
    )
    action_plan: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The id of an action plan. Matches entries about its commitments."
    )
    commitment: list[str] | None = strawberry.field(
        default=None, description="The commitment that it is about, by its current or a former code."
    )
    policy_area: list[str] | None = strawberry.field(
        default=None, description="A policy area that the commitment had at the time of the entry."
    )

    def to_query(self, snapshot: Snapshot) -> EntryQuery:
        """Return the query for the entries that match; codes are resolved at the snapshot."""
        columns = (
            ("name", self.kind),
            ("cause", self.cause),
            ("actor", self.actor.accepted_values() if self.actor else None),
            ("stream", self.subject),
            ("stream", _ids_by_code(snapshot, "commitment", self.commitment)),
            ("source", self.source),
            ("correlation", self.correlation_id),
        )
        tags = (
            ("member", _ids_by_code(snapshot, "member", self.member)),
            ("actionPlan", self.action_plan),
            ("policyArea", self.policy_area),
        )
        return EntryQuery(columns=_accepted_texts(columns), tags=_accepted_texts(tags))


def _accepted_texts(
    conditions: Iterable[tuple[str, Iterable[object] | None]],
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (name, tuple(map(_enum_text, values)) or _NO_MATCH) for name, values in conditions if values is not None
    )


def _ids_by_code(snapshot: Snapshot, aggregate_type: str, codes: list[str] | None) -> list[str] | None:
    if codes is None:
        return None
    found = (snapshot.find_by_code(aggregate_type, code) for code in codes)
    return [aggregate.id for aggregate in found if aggregate]


# Orders

_CHANGED: Final = "By the position of its last change."


@strawberry.enum(description="A direction of sorting. Nodes without a value come first in both.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Ascending.")
    DESC = strawberry.enum_value("DESC", description="Descending.")


@strawberry.enum(description="A field that commitments can be sorted by.")
class CommitmentOrderField(Enum):
    """The value of a member is a dimension of the index."""

    CODE = strawberry.enum_value("code", description="By code.")
    CYCLE = strawberry.enum_value("cycle", description="By the year in which its action plan was submitted.")
    STATUS = strawberry.enum_value("status", description="By the name of its status.")
    STARTS_ON = strawberry.enum_value("startsOn", description="By the beginning of work on it.")
    ENDS_ON = strawberry.enum_value("endsOn", description="By its due date.")
    CHANGED = strawberry.enum_value("changed", description=_CHANGED)


@strawberry.enum(description="A field that action plans can be sorted by.")
class ActionPlanOrderField(Enum):
    CODE = strawberry.enum_value("code", description="By code.")
    CYCLE = strawberry.enum_value("cycle", description="By the year in which it was submitted.")
    CHANGED = strawberry.enum_value("changed", description=_CHANGED)


@strawberry.enum(description="A field that members can be sorted by.")
class MemberOrderField(Enum):
    CODE = strawberry.enum_value("code", description="By code.")
    REGION = strawberry.enum_value("region", description="By OGP's region.")
    CHANGED = strawberry.enum_value("changed", description=_CHANGED)


@strawberry.input(description="A field to sort by, and the direction.")
class OrderBy(Generic[FieldT]):
    field: FieldT = strawberry.field(description="The field.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="The direction.")


@strawberry.input(description="A field to sort commitments by, and the direction.")
class CommitmentOrder(OrderBy[CommitmentOrderField]):
    pass


@strawberry.input(description="A field to sort action plans by, and the direction.")
class ActionPlanOrder(OrderBy[ActionPlanOrderField]):
    pass


@strawberry.input(description="A field to sort members by, and the direction.")
class MemberOrder(OrderBy[MemberOrderField]):
    pass


def build_order(steps: Sequence[OrderBy[Any]] | None) -> Order:
    """Return the order of some steps, the first of which sorts first; by code without any."""
    if not steps:
        return BY_CODE
    return tuple((step.field.value, step.direction is OrderDirection.DESC) for step in steps)
