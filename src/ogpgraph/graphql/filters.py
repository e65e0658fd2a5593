"""Filters: which members, plans and commitments, by anything said of them or of what belongs to them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

import strawberry

from ogpgraph.domain.values import period
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
from ogpgraph.graphql.inputs import DateFilter, NumberFilter, TextFilter, WordFilter, flag, within, word
from ogpgraph.graphql.scalars import PartialDate, Position
from ogpgraph.readmodel.conditions import All, AnyOf, ChangedSince, Condition, Has, Holding, Matching, Not, Whose
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
    status: WordFilter[MemberStatus] | None = strawberry.field(default=None, description="Its standing.")
    commitments: CommitmentFilter | None = strawberry.field(
        default=None, description="It has a commitment of which this holds."
    )
    changed_since: Position | None = strawberry.field(default=None, description=CHANGED)
    and_: list[MemberFilter] | None = strawberry.field(default=None, name="and", description=AND)
    or_: list[MemberFilter] | None = strawberry.field(default=None, name="or", description=OR)
    not_: list[MemberFilter] | None = strawberry.field(default=None, name="not", description=NOT)

    def condition(self, snapshot: Snapshot) -> Condition:
        """Return the condition on members."""
        return _all(
            _code(self.code),
            _on("region", self.region),
            _on("type", self.type),
            _on("status", self.status),
            _holding("commitment", "member", self.commitments, snapshot),
            _changed(self.changed_since),
            *_joined(self.and_, self.or_, self.not_, snapshot),
        )


@strawberry.input(description="Which action plans; every condition given must hold.")
class ActionPlanFilter:
    """Conditions on action plans."""

    cycle: NumberFilter | None = strawberry.field(default=None, description="The year of submission.")
    status: WordFilter[PlanStatus] | None = strawberry.field(default=None, description="Whether it is running.")
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
        return _all(
            _on("cycle", self.cycle),
            _on("status", self.status),
            _whose("member", "member", self.member, snapshot),
            _holding("commitment", "actionPlan", self.commitments, snapshot),
            _changed(self.changed_since),
            *_joined(self.and_, self.or_, self.not_, snapshot),
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
        dimension = ":".join(("rating", *(word(part) for part in (self.indicator, self.stage, self.ogp_value) if part)))
        values = None if self.value is None else Has(dimension, tuple(map(word, self.value)))
        states = None if self.state is None else _in_states(dimension, [word(state) for state in self.state])
        return _all(values, states, Matching(dimension) if values is states is None else None)


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
        among = None if self.status is None else frozenset(map(word, self.status))
        without = frozenset(map(word, self.not_status or ()))
        before, from_ = self.due_before, self.due_from
        return Matching("milestone", lambda value: _milestone(value, among, without, before, from_), repr(self))


@strawberry.input(description="Which commitments; every condition given must hold.")
class CommitmentFilter:
    """Conditions on commitments."""

    code: TextFilter | None = strawberry.field(default=None, description="Present and former codes, in any case.")
    cycle: NumberFilter | None = strawberry.field(default=None, description="The year its plan was submitted.")
    status: WordFilter[CommitmentStatus] | None = strawberry.field(default=None, description="Whether it is worked on.")
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
        return _all(
            _code(self.code),
            _on("cycle", self.cycle),
            _on("status", self.status),
            _on("policyArea", self.policy_area),
            _on("language", self.language),
            None if self.title is None else Has("title", titles_with(snapshot, self.title)),
            _on("startsOn", self.starts_on),
            _on("endsOn", self.ends_on),
            flag("starred", self.starred),
            flag("listedOnly", self.listed_only),
            self.rating.condition() if self.rating else None,
            self.milestone.condition() if self.milestone else None,
            _whose("member", "member", self.member, snapshot),
            _whose("actionPlan", "plan", self.action_plan, snapshot),
            _changed(self.changed_since),
            *_joined(self.and_, self.or_, self.not_, snapshot),
        )


Filter = MemberFilter | ActionPlanFilter | CommitmentFilter


def titles_with(snapshot: Snapshot, words: str) -> tuple[str, ...]:
    """Return the references of the titles in which some words stand, case and accents aside."""
    titles = snapshot.index("commitment").postings.get("title", {})
    needle = folded(words)
    said = snapshot.reading.wordings(titles)
    return tuple(reference for reference, text in said.items() if needle in folded(text))


def folded(text: str) -> str:
    """Return a text without case, accents and runs of blanks."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().split())


def _all(*conditions: Condition | None) -> Condition:
    return All(tuple(condition for condition in conditions if condition and condition != All()))


def _code(asked: TextFilter | None) -> Condition | None:
    return asked.condition("code", upper=True) if asked else None


def _on(dimension: str, asked: TextFilter | NumberFilter | DateFilter | WordFilter[Any] | None) -> Condition | None:
    return asked.condition(dimension) if asked else None


def _whose(dimension: str, kind: str, asked: Filter | None, snapshot: Snapshot) -> Condition | None:
    return Whose(dimension, kind, asked.condition(snapshot)) if asked else None


def _holding(kind: str, dimension: str, asked: Filter | None, snapshot: Snapshot) -> Condition | None:
    return Holding(kind, dimension, asked.condition(snapshot)) if asked else None


def _joined(
    and_: Iterable[Filter] | None, or_: Iterable[Filter] | None, not_: Iterable[Filter] | None, snapshot: Snapshot
) -> Iterable[Condition]:
    if and_ is not None:
        yield All(tuple(each.condition(snapshot) for each in and_))
    if or_ is not None:
        yield AnyOf(tuple(each.condition(snapshot) for each in or_))
    if not_ is not None:
        yield Not(AnyOf(tuple(each.condition(snapshot) for each in not_)))


def _changed(since: Position | None) -> Condition | None:
    return None if since is None else ChangedSince(since)


def _in_states(dimension: str, states: list[str]) -> Condition:
    """A rated indicator is filed under its value, an unrated one under its state."""
    unrated = frozenset(word(state) for state in RatingState) - {"RATED"}
    asked = frozenset(states)
    return Matching(dimension, lambda value: (value if value in unrated else "RATED") in asked, ",".join(sorted(asked)))


def _milestone(
    value: str, among: frozenset[str] | None, without: frozenset[str], before: str | None, from_: str | None
) -> bool:
    status, due = value.split("|")
    if (among is not None and status not in among) or status in without:
        return False
    if before is None and from_ is None:
        return True
    return bool(due) and within(due, from_, None) and (before is None or period(due)[1] < period(before)[0])
