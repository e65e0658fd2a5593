"""Filters: which members, plans and commitments, by anything said of them or of what belongs to them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, Generic, TypeVar

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
from ogpgraph.graphql.filter_inputs import (
    NO_MATCH,
    DateFilter,
    EnumFilter,
    NumberFilter,
    TextFilter,
    boolean_condition,
    enum_text,
    overlaps,
)
from ogpgraph.graphql.scalars import EntryKind, PartialDate, Position
from ogpgraph.readmodel.filters import (
    AllOf,
    AnyOf,
    ChangedSince,
    Condition,
    HasRelated,
    HasValue,
    Not,
    RelatedTo,
    ValueMatches,
)
from ogpgraph.readmodel.index import BY_CODE, Order
from ogpgraph.readmodel.queries import EntryQuery
from ogpgraph.readmodel.snapshot import Snapshot

AND = "All of these hold."
OR = "At least one of these holds."
NOT = "None of these holds."
CHANGED = "Something of it changed after this position."


@strawberry.input(description="Which members; every condition given must hold.")
class MemberFilter:
    """Conditions on members."""

    code: TextFilter | None = strawberry.field(default=None, description="OGP's code, or its commitments' prefix.")
    region: TextFilter | None = strawberry.field(default=None, description="OGP's region.")
    type: TextFilter | None = strawberry.field(default=None, description="NATIONAL or LOCAL.")
    status: EnumFilter[MemberStatus] | None = strawberry.field(default=None, description="Its standing.")
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, description="It has a commitment of which this holds."
    )
    changed_since: Position | None = strawberry.field(default=None, description=CHANGED)
    and_: list[MemberFilter] | None = strawberry.field(default=None, name="and", description=AND)
    or_: list[MemberFilter] | None = strawberry.field(default=None, name="or", description=OR)
    not_: list[MemberFilter] | None = strawberry.field(default=None, name="not", description=NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on members."""
        return _conjunction(
            _code_condition(self.code),
            _dimension_condition("region", self.region),
            _dimension_condition("type", self.type),
            _dimension_condition("status", self.status),
            _has_related("commitment", "member", self.commitments, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self.and_, self.or_, self.not_, snapshot),
        )


@strawberry.input(description="Which action plans; every condition given must hold.")
class ActionPlanFilter:
    """Conditions on action plans."""

    cycle: NumberFilter | None = strawberry.field(default=None, description="The year of submission.")
    status: EnumFilter[PlanStatus] | None = strawberry.field(default=None, description="Whether it is running.")
    member: MemberFilter | None = strawberry.field(default=None, description="Its member is one of which this holds.")
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, description="It has a commitment of which this holds."
    )
    changed_since: Position | None = strawberry.field(default=None, description=CHANGED)
    and_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="and", description=AND)
    or_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="or", description=OR)
    not_: list[ActionPlanFilter] | None = strawberry.field(default=None, name="not", description=NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on action plans."""
        return _conjunction(
            _dimension_condition("cycle", self.cycle),
            _dimension_condition("status", self.status),
            _related_to("member", "member", self.member, snapshot),
            _has_related("commitment", "actionPlan", self.commitments, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self.and_, self.or_, self.not_, snapshot),
        )


@strawberry.input(description="A rating; every condition given must hold of the same rating.")
class RatingFilter:
    """Conditions on a rating."""

    indicator: Indicator = strawberry.field(description="What is rated.")
    stage: Stage | None = strawberry.field(default=None, description="At which stage; left out, at the latest.")
    ogp_value: OgpValue | None = strawberry.field(default=None, description="About which OGP value; needs a stage.")
    value: list[RatingValue] | None = strawberry.field(default=None, description="Rated one of these.")
    state: list[RatingState] | None = strawberry.field(
        default=None, description="In one of these states; RATED is any value at all."
    )

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        dimension = ":".join(
            ("rating", *(enum_text(part) for part in (self.indicator, self.stage, self.ogp_value) if part))
        )
        values = None if self.value is None else HasValue(dimension, tuple(map(enum_text, self.value)))
        states = None if self.state is None else _rating_states(dimension, [enum_text(state) for state in self.state])
        return _conjunction(values, states, ValueMatches(dimension) if values is states is None else None)


@strawberry.input(description="A milestone; every condition given must hold of the same milestone.")
class MilestoneFilter:
    """Conditions on a milestone."""

    status: list[MilestoneStatus] | None = strawberry.field(default=None, description="In one of these states.")
    not_status: list[MilestoneStatus] | None = strawberry.field(
        default=None, description="In none of these states: with `dueBefore`, the overdue ones."
    )
    due_before: PartialDate | None = strawberry.field(default=None, description="Due before this day.")
    due_from: PartialDate | None = strawberry.field(default=None, description="Due on this day or later.")

    def condition(self) -> Condition:
        """Return the condition on commitments."""
        among = None if self.status is None else frozenset(map(enum_text, self.status))
        without = frozenset(map(enum_text, self.not_status or ()))
        before, from_ = self.due_before, self.due_from
        return ValueMatches(
            "milestone", lambda value: _matches_milestone(value, among, without, before, from_), repr(self)
        )


@strawberry.input(description="Which commitments; every condition given must hold.")
class CommitmentFilter:
    """Conditions on commitments."""

    code: TextFilter | None = strawberry.field(default=None, description="Present and former codes, in any case.")
    cycle: NumberFilter | None = strawberry.field(default=None, description="The year its plan was submitted.")
    status: EnumFilter[CommitmentStatus] | None = strawberry.field(default=None, description="Whether it is worked on.")
    policy_area: TextFilter | None = strawberry.field(
        default=None, description="A policy area, in the vocabulary's words."
    )
    language: TextFilter | None = strawberry.field(
        default=None, description="A language its title or text is known in."
    )
    title: str | None = strawberry.field(
        default=None, description="Its title has these words somewhere, in any language, case and accents aside."
    )
    starts_on: DateFilter | None = strawberry.field(default=None, description="When work on it begins.")
    ends_on: DateFilter | None = strawberry.field(default=None, description="When it is due.")
    starred: bool | None = strawberry.field(default=None, description="Whether it has the IRM's star.")
    listed_only: bool | None = strawberry.field(default=None, description="Whether only lists of siblings tell of it.")
    rating: RatingFilter | None = strawberry.field(default=None, description="It has such a rating.")
    milestone: MilestoneFilter | None = strawberry.field(default=None, description="It has such a milestone.")
    member: MemberFilter | None = strawberry.field(default=None, description="Its member is one of which this holds.")
    action_plan: ActionPlanFilter | None = strawberry.field(
        default=None, description="Its plan is one of which this holds."
    )
    changed_since: Position | None = strawberry.field(default=None, description=CHANGED)
    and_: list[CommitmentFilter] | None = strawberry.field(default=None, name="and", description=AND)
    or_: list[CommitmentFilter] | None = strawberry.field(default=None, name="or", description=OR)
    not_: list[CommitmentFilter] | None = strawberry.field(default=None, name="not", description=NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on commitments."""
        return _conjunction(
            _code_condition(self.code),
            _dimension_condition("cycle", self.cycle),
            _dimension_condition("status", self.status),
            _dimension_condition("policyArea", self.policy_area),
            _dimension_condition("language", self.language),
            None if self.title is None else HasValue("title", find_titles(snapshot, self.title)),
            _dimension_condition("startsOn", self.starts_on),
            _dimension_condition("endsOn", self.ends_on),
            boolean_condition("starred", self.starred),
            boolean_condition("listedOnly", self.listed_only),
            self.rating.condition() if self.rating else None,
            self.milestone.condition() if self.milestone else None,
            _related_to("member", "member", self.member, snapshot),
            _related_to("actionPlan", "plan", self.action_plan, snapshot),
            _changed_since(self.changed_since),
            *_boolean_operators(self.and_, self.or_, self.not_, snapshot),
        )


AggregateFilter = MemberFilter | ActionPlanFilter | CommitmentFilter


def find_titles(snapshot: Snapshot, words: str) -> tuple[str, ...]:
    """Return the references of the titles in which some words stand, case and accents aside."""
    titles = snapshot.index("commitment").postings.get("title", {})
    needle = fold_text(words)
    texts = snapshot.session.read_texts(titles)
    return tuple(reference for reference, text in texts.items() if needle in fold_text(text))


def fold_text(text: str) -> str:
    """Return a text without case, accents and runs of blanks."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().split())


def _conjunction(*conditions: Condition | None) -> Condition:
    return AllOf(tuple(condition for condition in conditions if condition and condition != AllOf()))


def _code_condition(asked: TextFilter | None) -> Condition | None:
    return asked.condition("code", upper=True) if asked else None


def _dimension_condition(
    dimension: str, asked: TextFilter | NumberFilter | DateFilter | EnumFilter[Any] | None
) -> Condition | None:
    return asked.condition(dimension) if asked else None


def _related_to(dimension: str, kind: str, asked: AggregateFilter | None, snapshot: Snapshot) -> Condition | None:
    return RelatedTo(dimension, kind, asked.condition(snapshot)) if asked else None


def _has_related(kind: str, dimension: str, asked: AggregateFilter | None, snapshot: Snapshot) -> Condition | None:
    return HasRelated(kind, dimension, asked.condition(snapshot)) if asked else None


def _boolean_operators(
    and_: Iterable[AggregateFilter] | None,
    or_: Iterable[AggregateFilter] | None,
    not_: Iterable[AggregateFilter] | None,
    snapshot: Snapshot,
) -> Iterable[Condition]:
    if and_ is not None:
        yield AllOf(tuple(each.condition(snapshot) for each in and_))
    if or_ is not None:
        yield AnyOf(tuple(each.condition(snapshot) for each in or_))
    if not_ is not None:
        yield Not(AnyOf(tuple(each.condition(snapshot) for each in not_)))


def _changed_since(since: Position | None) -> Condition | None:
    return None if since is None else ChangedSince(since)


def _rating_states(dimension: str, states: list[str]) -> Condition:
    """A rated indicator is filed under its value, an unrated one under its state."""
    unrated = frozenset(enum_text(state) for state in RatingState) - {"RATED"}
    accepted = frozenset(states)
    return ValueMatches(
        dimension, lambda value: (value if value in unrated else "RATED") in accepted, ",".join(sorted(accepted))
    )


def _matches_milestone(
    value: str, among: frozenset[str] | None, without: frozenset[str], before: str | None, from_: str | None
) -> bool:
    status, due = value.split("|")
    if (among is not None and status not in among) or status in without:
        return False
    if before is None and from_ is None:
        return True
    return (
        bool(due)
        and overlaps(due, from_, None)
        and (before is None or period_bounds(due)[1] < period_bounds(before)[0])
    )


@strawberry.input(description="Which entries; every condition given must hold.")
class EntryFilter:
    """Conditions on entries."""

    kind: list[EntryKind] | None = strawberry.field(default=None, description="One of these kinds.")
    cause: list[Cause] | None = strawberry.field(default=None, description="One of these causes.")
    actor: TextFilter | None = strawberry.field(default=None, description="Who recorded it.")
    subject: list[strawberry.ID] | None = strawberry.field(default=None, description="About one of these, by id.")
    source: list[strawberry.ID] | None = strawberry.field(default=None, description="Read from one of these, by id.")
    correlation_id: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Of one of these imports or requests."
    )

    member: list[str] | None = strawberry.field(
        default=None, description="About commitments and plans of one of these members, by code or prefix."
    )
    action_plan: list[strawberry.ID] | None = strawberry.field(
        default=None, description="About commitments of one of these plans, by id."
    )
    commitment: list[str] | None = strawberry.field(
        default=None, description="About one of these commitments, by code."
    )
    policy_area: list[str] | None = strawberry.field(
        default=None, description="About commitments that had one of these policy areas then."
    )

    def to_query(self, snapshot: Snapshot) -> EntryQuery:
        """Return the list of the entries that fulfil it."""
        asked = (
            ("name", self.kind),
            ("cause", self.cause),
            ("actor", self.actor.values() if self.actor else None),
            ("stream", self.subject),
            ("stream", _by_code(snapshot, "commitment", self.commitment)),
            ("source", self.source),
            ("correlation", self.correlation_id),
        )
        tagged = (
            ("member", _by_code(snapshot, "member", self.member)),
            ("actionPlan", self.action_plan),
            ("policyArea", self.policy_area),
        )
        return EntryQuery(columns=_as_texts(asked), tags=_as_texts(tagged))


_Conditions = Iterable[tuple[str, Iterable[object] | None]]


def _as_texts(asked: _Conditions) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((name, tuple(map(enum_text, values)) or NO_MATCH) for name, values in asked if values is not None)


def _by_code(snapshot: Snapshot, kind: str, codes: list[str] | None) -> list[str] | None:
    if codes is None:
        return None
    found = (snapshot.find_by_code(kind, code) for code in codes)
    return [subject.id for subject in found if subject]


FieldT = TypeVar("FieldT", bound=StrEnum)


@strawberry.enum(description="Up or down.")
class OrderDirection(StrEnum):
    """Up or down."""

    ASC = "ASC"
    DESC = "DESC"


@strawberry.enum(description="What commitments can be sorted by. CHANGED is the position of the last change.")
class CommitmentOrderField(StrEnum):
    """What commitments can be sorted by; the value is the dimension."""

    CODE = "code"
    CYCLE = "cycle"
    STATUS = "status"
    STARTS_ON = "startsOn"
    ENDS_ON = "endsOn"
    CHANGED = "changed"


@strawberry.enum(description="What action plans can be sorted by. CHANGED is the position of the last change.")
class ActionPlanOrderField(StrEnum):
    """What action plans can be sorted by."""

    CODE = "code"
    CYCLE = "cycle"
    CHANGED = "changed"


@strawberry.enum(description="What members can be sorted by. CHANGED is the position of the last change.")
class MemberOrderField(StrEnum):
    """What members can be sorted by."""

    CODE = "code"
    REGION = "region"
    CHANGED = "changed"


@strawberry.input(description="A field to sort by, and which way.")
class OrderBy(Generic[FieldT]):
    """One step of an order."""

    field: FieldT = strawberry.field(description="By what.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Up or down.")


@strawberry.input(description="A field to sort commitments by, and which way.")
class CommitmentOrder(OrderBy[CommitmentOrderField]):
    """One step of an order of commitments."""


@strawberry.input(description="A field to sort action plans by, and which way.")
class ActionPlanOrder(OrderBy[ActionPlanOrderField]):
    """One step of an order of action plans."""


@strawberry.input(description="A field to sort members by, and which way.")
class MemberOrder(OrderBy[MemberOrderField]):
    """One step of an order of members."""


def build_order(steps: Sequence[OrderBy[FieldT]] | None) -> Order:
    """Return the order that some steps make; by code where there are none."""
    if not steps:
        return BY_CODE
    return tuple((step.field.value, step.direction is OrderDirection.DESC) for step in steps)
