"""Mutations on what a government says of its commitments."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.subject import Subject
from ogpgraph.domain.text import Made
from ogpgraph.domain.vocabulary import CommitmentStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, coded
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.mutations.members import LANGUAGE, PLAN
from ogpgraph.graphql.payloads import CommitmentPayload
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.write_inputs import WriteInput, code_of, formed, given, language_of

COMMITMENT = "The commitment, by its present or a former code, in any case."
UNKNOWN = "a commitment that is not known"
_GOVERNMENT = (
    "number",
    "title",
    "description",
    "leadInstitutions",
    "supportingInstitutions",
    "policyAreas",
    "startsOn",
    "endsOn",
)


@strawberry.input(description="What a government says of its commitment.")
class CommitmentTextInput(WriteInput):
    number: str | None = strawberry.field(default=strawberry.UNSET, description="Its number in the plan, as published.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="Its title.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="The government's own text.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    lead_institutions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Who leads it; an empty list says that nobody does."
    )
    supporting_institutions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Who supports it; an empty list says that nobody does."
    )
    policy_areas: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="OGP's policy areas, in the vocabulary's words."
    )
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When work on it begins.")
    ends_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When it is due.")


@strawberry.input(description="A new commitment of an action plan.")
class RegisterCommitmentInput(CommitmentTextInput):
    code: str = strawberry.field(description="Its code, such as FR0043.")
    action_plan: str = strawberry.field(description=PLAN)


@strawberry.input(description="What is newly said of a commitment; what is left out stays as it is.")
class ReviseCommitmentInput(CommitmentTextInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    status: CommitmentStatus | None = strawberry.field(
        default=strawberry.UNSET, description="Whether it is being worked on."
    )


@strawberry.input(description="A commitment's wordings in another language.")
class TranslateCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    language: str = strawberry.field(description="The language translated into, as a lower-case code.")
    made: Made = strawberry.field(default=Made.HUMAN, description="How the translation was made.")
    title: str | None = strawberry.field(default=strawberry.UNSET, description="Its title.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="The government's text.")
    lead_institutions: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Who leads it.")
    supporting_institutions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Who supports it."
    )


@strawberry.input(description="A commitment that the government withdraws.")
class WithdrawCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)


@strawberry.type
class CommitmentMutations:
    """What is written of commitments."""

    @strawberry.mutation(
        description=described(
            "registerCommitment",
            "Records a new commitment of an action plan.",
            "a code that is taken or is not the member's, and a plan that is not known",
        )
    )
    def register_commitment(self, info: Info, input: RegisterCommitmentInput) -> CommitmentPayload:
        """Register a commitment."""

        def commands(desk: Desk) -> None:
            plan = desk.session.find_action_plan(input.action_plan)
            desk.permit([desk.member_of(plan)])
            desk.expect_nothing()
            code = code_of(input.code, "code")
            facts = _said(desk, input) | _of_plan(desk, plan, code) | {"status": CommitmentStatus.ACTIVE.value}
            desk.session.register_commitment(code, facts, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.code), commands))

    @strawberry.mutation(
        description=described(
            "reviseCommitment",
            "Records what is newly said of a commitment; what it said before stays in its history.",
            f"{UNKNOWN}, a policy area that OGP does not have, and an input that says nothing",
        )
    )
    def revise_commitment(self, info: Info, input: ReviseCommitmentInput) -> CommitmentPayload:
        """Revise a commitment."""

        def commands(desk: Desk) -> None:
            commitment = desk.open(code_of(input.commitment))
            facts = _said(desk, input) | desk.facts(input, "status")
            _require_something(facts)
            desk.session.revise_commitment(commitment.id, facts, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "translateCommitment",
            "Records a commitment's wordings in another language, and how the translation was made.",
            f"{UNKNOWN}, and an input without wordings",
        )
    )
    def translate_commitment(self, info: Info, input: TranslateCommitmentInput) -> CommitmentPayload:
        """Translate a commitment."""

        def commands(desk: Desk) -> None:
            commitment = desk.open(code_of(input.commitment))
            fields = ("title", "description", "leadInstitutions", "supportingInstitutions")
            facts = desk.facts(input, *fields, language=language_of(input.language), made=input.made)
            _require_something(facts)
            desk.session.translate_commitment(commitment.id, facts, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "withdrawCommitment", "Records that the government withdrew a commitment; it stays readable.", UNKNOWN
        )
    )
    def withdraw_commitment(self, info: Info, input: WithdrawCommitmentInput) -> CommitmentPayload:
        """Withdraw a commitment."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            desk.session.withdraw_commitment(code_of(input.commitment), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))


def _said(desk: Desk, sent: CommitmentTextInput) -> Facts:
    if given(sent.number):
        formed(str(sent.number), "number")
    return desk.facts(sent, *_GOVERNMENT, language=language_of(sent.language))


def _of_plan(desk: Desk, plan: Subject, code: str) -> Facts:
    member = desk.session.subject(plan.text("member") or "")
    letters = {member.text("prefix"), member.text("code")} - {None}
    if letters and code.rstrip("0123456789") not in letters:
        raise Invalid(f"{code} does not begin with {' or '.join(sorted(filter(None, letters)))}", "code")
    facts: Facts = {"member": member.id, "actionPlan": plan.id}
    cycle = plan.value("cycle")
    return facts | ({"cycle": cycle} if cycle is not None else {})


def _require_something(facts: Facts) -> None:
    if not facts:
        raise Invalid("the input says nothing of the commitment")
