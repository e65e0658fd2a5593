"""The object types of members, action plans and commitments, which lead to one another, and the lists of them.

Each object holds the snapshot that it was read from, so everything reached from it is read at the same position. An
object type only names and formats what the snapshot has; rules (which claim is current, what is starred) are the
domain's. Fields with a single value are derived from their declarations in the domain (see `output_fields`); those that
combine, compute or relate values are written here. Resolvers have no docstrings: the `description` of a field is its
documentation, for clients and for us.

What all things share is in `subject`; parts that lead to nothing are in `parts`, codes and accounts in `accounts`.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, partial
from typing import ClassVar, Final

import strawberry

from ogpgraph.domain import code as codes
from ogpgraph.domain.action_plan import PLAN, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.commitment_fields import is_listed_only
from ogpgraph.domain.field import items_of
from ogpgraph.domain.member import MEMBER
from ogpgraph.domain.milestone import MILESTONE_FIELDS
from ogpgraph.domain.milestone_number import milestone_numbers
from ogpgraph.domain.overdue import OverdueBasis, find_overdue
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import CoCreation, CoCreationValue, Stage
from ogpgraph.graphql.assessment import AssessmentFields
from ogpgraph.graphql.changes import Interval
from ogpgraph.graphql.connections import After, Before, Connection, First, Last
from ogpgraph.graphql.counted_connection import CountedConnection
from ogpgraph.graphql.dependence import OWN, links, lists
from ogpgraph.graphql.errors import keep_damage
from ogpgraph.graphql.filters import ActionPlanFilter, CommitmentFilter
from ogpgraph.graphql.lists import aggregate_connection, find_versions, page_aggregates, select_part
from ogpgraph.graphql.orders import ActionPlanOrder, CommitmentOrder, OrderSteps
from ogpgraph.graphql.output_fields import Language, choose_text, derive_output_fields, describe_output, resolve_text
from ogpgraph.graphql.part import Part
from ogpgraph.graphql.parts import CoCreationFact
from ogpgraph.graphql.scalars import DateTime, PartialDate
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.weights import LIST, computed
from ogpgraph.readmodel.queries import AggregateQuery, PageRequest
from ogpgraph.readmodel.snapshot import Snapshot

SPLIT_LEFT_OUT: Final = (
    "Commitments that were split are left out of the list, its counts and facets, unless `where`, or a filter in its "
    "`and` or `or`, names their status: `status: {in: [SPLIT]}`."
)

# Members and action plans


@strawberry.type(
    description="A national or local government that participates in the Open Government Partnership (OGP)."
)
@derive_output_fields(MEMBER.fields)
class Member(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "member"

    @strawberry.field(
        metadata=OWN,
        description="The member's `name`; null if there is none in this language, or it was removed from the record.",
    )
    def title(self, language: Language = None) -> str | None:
        return resolve_text(self.snapshot, self.state, "name", language)

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "plan", "member")), description="The member's action plans."
    )
    def action_plans(
        self,
        where: ActionPlanFilter | None = None,
        order_by: OrderSteps[ActionPlanOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[ActionPlan] | None:
        query, page_request = select_part("plan", "member", self.snapshot, where, order_by, first, after, last, before)
        return aggregate_connection(ActionPlan, self.snapshot, query, self.state, page_request)

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "commitment", "member")),
        description=f"The commitments of all of the member's action plans. {SPLIT_LEFT_OUT}",
    )
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: OrderSteps[CommitmentOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query, page_request = select_part(
            "commitment", "member", self.snapshot, where, order_by, first, after, last, before
        )
        return commitment_connection(self.snapshot, query, self.state, page_request)


@strawberry.type(description="A plan of commitments that a member submits for a period, usually of two or four years.")
@derive_output_fields(PLAN.fields)
class ActionPlan(Subject):
    AGGREGATE_TYPE: ClassVar[str] = "plan"

    @strawberry.field(metadata=OWN, description=describe_output(PLAN.find_field("number")))
    def number(self) -> str | None:
        return self._number()

    @strawberry.field(
        metadata=OWN,
        description="How the public took part in developing and implementing the plan, as the IRM assessed it. An "
        "aspect that was never published is absent.",
    )
    def co_creation(self) -> list[CoCreationFact]:
        published = ((kind, self._string(f"coCreation/{kind}")) for kind in CoCreation)
        return [
            CoCreationFact(kind=kind, value=CoCreationValue(value), owner=self) for kind, value in published if value
        ]

    @strawberry.field(
        metadata=links("member"), description="The member that submitted the plan; null if it is not known."
    )
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(
        metadata=LIST | lists(partial(select_part, "commitment", "actionPlan")),
        description=f"The plan's commitments. {SPLIT_LEFT_OUT}",
    )
    def commitments(
        self,
        where: CommitmentFilter | None = None,
        order_by: OrderSteps[CommitmentOrder] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> CommitmentConnection | None:
        query, page_request = select_part(
            "commitment", "actionPlan", self.snapshot, where, order_by, first, after, last, before
        )
        return commitment_connection(self.snapshot, query, self.state, page_request)


# Commitments


@strawberry.type(
    description="A commitment of an action plan: what a government promised, how far it was implemented, and how the "
    "Independent Reporting Mechanism (IRM) assessed it."
)
@derive_output_fields(COMMITMENT.fields, omit=("policyAreasUnrecognised", "listed"))  # see `policyAreas`, `absentSince`
class Commitment(AssessmentFields):
    AGGREGATE_TYPE: ClassVar[str] = "commitment"

    @strawberry.field(
        metadata=OWN,
        description="The current code of the commitment, such as `FR0043`. A commitment that is known only from files "
        "without codes has its `key` here. Null if it is known by neither.",
    )
    def code(self) -> str | None:
        return self._code() or None

    @strawberry.field(
        metadata=OWN,
        description="The codes that it had before, and those of the commitments that were merged into it, sorted. "
        "`commitment(code:)` finds it by any of them.",
    )
    def former_codes(self) -> list[str]:
        return list(codes.former_codes(self.state))

    @strawberry.field(metadata=OWN, description="The languages of its title and description, as lower-case codes.")
    def languages(self) -> list[str]:
        return sorted(languages_of(self.state))

    @strawberry.field(
        metadata=OWN,
        description="Whether it is known only from the lists of commitments on other commitments' pages. Then little "
        "more than its title, cycle and first policy area is known.",
    )
    def listed_only(self) -> bool:
        # What the record has of it as a whole, at any date: the filter of this name goes by the same.
        return is_listed_only(self.snapshot.undated.get_loaded(self.state.id) or self.state)

    @strawberry.field(
        metadata=OWN,
        description="Since when OGP's database lists it no longer: after the last whole file that has it and no later "
        "than the first that has not. It keeps the values that it had. Null while it is listed, and if it never was.",
    )
    def absent_since(self) -> Interval | None:
        claim = self.state.current_claims.get("listed")
        return Interval.of(claim.after, claim.before) if claim and claim.value is False else None

    @strawberry.field(
        metadata=links("actionPlan"), description="The action plan that it belongs to; null if it is not known."
    )
    def action_plan(self) -> ActionPlan | None:
        return self._related(ActionPlan, "actionPlan")

    @strawberry.field(
        metadata=links("member"), description="The member whose commitment it is; null if it is not known."
    )
    def member(self) -> Member | None:
        return self._related(Member, "member")

    @strawberry.field(
        metadata=OWN,
        description="Its policy areas: first those of OGP's taxonomy, spelled as there, then areas that the taxonomy "
        "does not contain, as published.",
    )
    def policy_areas(self) -> list[str]:
        return [*self._strings("policyAreas"), *self._texts("policyAreasUnrecognised", None)]

    @strawberry.field(
        description="Why it is overdue; null if it is not. Due dates are compared with the date of `asOf`, otherwise "
        "with the day on which the entry at the position that is read was recorded: never with the clock, so that the "
        "answer at a position does not change."
    )
    def overdue(self) -> Overdue | None:
        today = self.snapshot.today
        found = find_overdue(self.state, today) if today else None
        if found is None:
            return None
        milestones = [Milestone(number=number, owner=self) for number in found.milestones]
        return Overdue(basis=found.basis, due_on=PartialDate(found.due), milestones=milestones)

    @strawberry.field(metadata=computed(length=6) | OWN, description="Its milestones, in the order of their numbers.")
    def milestones(self) -> list[Milestone]:
        return [Milestone(number=number, owner=self) for number in milestone_numbers(self.state)]

    @strawberry.field(
        metadata=OWN,
        description="The sections of the IRM's text about it, each in one language. A section that has no text in the "
        "given `language` is absent.",
    )
    def narratives(self, language: Language = None) -> list[Narrative]:
        sections = dict.fromkeys(path.rpartition("/")[0] for path, _ in self.state.claims_under("narratives/"))
        return [narrative for section in sections if (narrative := Narrative.of(self, section, language))]

    @strawberry.field(description="The commitments of earlier action plans that it carries forward, by code.")
    def predecessors(self) -> list[Commitment]:
        return self._linked("predecessors")

    @strawberry.field(description="The commitments of later action plans that carry it forward, by code.")
    def successors(self) -> list[Commitment]:
        return self._linked("successors")

    @strawberry.field(
        metadata=links("mergedInto"),
        description="The commitment that it turned out to be identical with and was merged into; null if there is "
        "none.",
    )
    def merged_into(self) -> Commitment | None:
        return self._related(Commitment, "mergedInto")

    @strawberry.field(
        description="The commitments that turned out to be identical with it and were merged into it, by code. Lists "
        "do not have them; their `history` is their own."
    )
    def merged_from(self) -> list[Commitment]:
        return self._linked("mergedFrom")

    @strawberry.field(
        metadata=links("splitFrom"),
        description="The commitment that it was split from, which keeps the ratings, milestones and narratives of the "
        "time before; null if there is none.",
    )
    def split_from(self) -> Commitment | None:
        return self._related(Commitment, "splitFrom")

    @strawberry.field(description="The commitments that it was split into, by code.")
    def split_into(self) -> list[Commitment]:
        return self._linked("splitInto")

    def _linked(self, name: str) -> list[Commitment]:
        found = self.snapshot.find_all_related(self.state, lambda state: items_of(state, name))
        return sorted((Commitment.of(each, self.snapshot) for each in found), key=Commitment._code)

    def _code(self) -> str:
        return self.known_code or self._string("code") or self._string("key") or ""


# Parts of commitments that lead to them


@strawberry.type(description="A verifiable step of a commitment.")
@derive_output_fields(MILESTONE_FIELDS, "milestones/{number}/")
class Milestone(Part):
    number: str = strawberry.field(description="Its number, as published, such as `14.1`.")

    @strawberry.field(description="The commitment that it is a step of; null only if one of its fields failed.")
    def commitment(self) -> Commitment | None:
        return self.owner  # type: ignore[return-value]  # of no other thing

    def locate(self) -> str:
        """Return the path of the milestone."""
        return f"milestones/{self.number}"

    @strawberry.field(metadata=OWN, description="The progress reports on it, oldest first.")
    def updates(self) -> list[MilestoneUpdate]:
        state, snapshot = self.owner.state, self.owner.snapshot
        return [
            MilestoneUpdate(
                reported_at=DateTime(datetime.fromisoformat(path.split("/")[3])),
                language=path.split("/")[4],
                text=keep_damage(partial(snapshot.text, state, path, claim.value.text)),
                path=path,
                owner=self.owner,
            )
            for path, claim in state.claims_under(f"milestones/{self.number}/updates/")
            if isinstance(claim.value, TextValue)
        ]


@strawberry.type(
    description="Why a commitment is overdue: something is not done although its due date has passed. What was "
    "withdrawn is not overdue."
)
class Overdue:
    basis: OverdueBasis = strawberry.field(description="What it is judged by.")
    due_on: PartialDate = strawberry.field(description="The earliest due date that has passed.")
    milestones: list[Milestone] = strawberry.field(
        description="The milestones that are overdue; empty if it is judged by its own due date."
    )


@strawberry.type(description="A progress report on a milestone.")
class MilestoneUpdate(Part):
    reported_at: DateTime = strawberry.field(description="When it was reported.")
    language: str = strawberry.field(description="The language of the report, as a lower-case code.")
    text: str | None = strawberry.field(description="The report; null if it was removed from the record.")
    path: strawberry.Private[str]

    def locate(self) -> str:
        """Return the path of the report."""
        return self.path


@strawberry.type(description="A section of the IRM's text about a commitment, in one language.")
class Narrative(Part):
    stage: Stage = strawberry.field(description="The stage of the assessment that the text is about.")
    section: str = strawberry.field(
        description="The section, by its heading: TITLE, CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others."
    )
    language: str = strawberry.field(description="The language of the text, as a lower-case code.")
    text: str | None = strawberry.field(description="The text; null if it was removed from the record.")

    @strawberry.field(description="The commitment that it is about; null only if one of its fields failed.")
    def commitment(self) -> Commitment | None:
        return self.owner  # type: ignore[return-value]  # of no other thing

    @classmethod
    def of(cls, owner: Subject, prefix: str, language: str | None) -> Narrative | None:
        """Return the section at a path in a language, or None if there is no text in it."""
        chosen = choose_text(owner.state, prefix, language)
        if chosen is None or not isinstance(value := chosen[1].value, TextValue):
            return None
        _, stage, section = prefix.split("/")
        text = keep_damage(partial(owner.snapshot.text, owner.state, chosen[0], value.text))
        language = chosen[0].rpartition("/")[2]
        return cls(stage=Stage(stage), section=section, language=language, text=text, owner=owner)

    def locate(self) -> str:
        """Return the path of the text."""
        return f"narratives/{Stage(self.stage)}/{self.section}/{self.language}"


# Lists


@strawberry.type(description="A page of a list of commitments, the length of the whole list, and counts of it.")
class CommitmentConnection(CountedConnection[Commitment]):
    """The commitments of a list."""


def commitment_connection(
    snapshot: Snapshot, query: AggregateQuery, parent: Aggregate | None, page_request: PageRequest
) -> CommitmentConnection:
    """Return the connection over a list of commitments, or over the part of it that belongs to a parent."""
    return CommitmentConnection(
        fetch_page=cache(lambda: page_aggregates(snapshot, query, parent, page_request)),
        build_node=lambda state: Commitment.of(state, snapshot),
        count=lambda: snapshot.count(query, parent),
        find_versions=lambda: find_versions(snapshot, query, parent, page_request),
        find_dimensions=lambda: query.dimensions,
        snapshot=snapshot,
        query=query,
        parent=parent,
    )
