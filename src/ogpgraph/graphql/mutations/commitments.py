"""Mutations on what a government says of its commitments."""

from __future__ import annotations

import strawberry

from ogpgraph.application.commands import commitments, members
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TranslationKind
from ogpgraph.domain.vocabulary import CommitmentStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, by_code, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import MutationInput, is_set, match_format, normalize_code, normalize_language
from ogpgraph.graphql.mutations.members import LANGUAGE, PLAN
from ogpgraph.graphql.mutations.payloads import CommitmentPayload
from ogpgraph.graphql.scalars import PartialDate

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
class CommitmentTextInput(MutationInput):
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
class TranslateCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    language: str = strawberry.field(description="The language translated into, as a lower-case code.")
    translation_kind: TranslationKind = strawberry.field(
        default=TranslationKind.HUMAN, description="How the translation was made."
    )
    title: str | None = strawberry.field(default=strawberry.UNSET, description="Its title.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="The government's text.")
    lead_institutions: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Who leads it.")
    supporting_institutions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Who supports it."
    )


@strawberry.input(description="A commitment that the government withdraws.")
class WithdrawCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)


@strawberry.type
class CommitmentMutations:
    """What is written of commitments."""

    @strawberry.mutation(
        description=describe_mutation(
            "registerCommitment",
            "Records a new commitment of an action plan.",
            "a code that is taken or is not the member's, and a plan that is not known",
        )
    )
    def register_commitment(self, info: Info, input: RegisterCommitmentInput) -> CommitmentPayload:
        """Register a commitment."""

        def commands(context: MutationContext) -> None:
            plan = members.find_action_plan(context.uow, input.action_plan)
            context.authorize([context.member_code(plan)])
            context.check_is_new()
            code = normalize_code(input.code, "code")
            facts = (
                _text_facts(context, input)
                | _plan_facts(context, plan, code)
                | {"status": CommitmentStatus.ACTIVE.value}
            )
            commitments.register_commitment(context.uow, code, facts, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.code), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "reviseCommitment",
            "Records what is newly said of a commitment; what it said before stays in its history.",
            f"{UNKNOWN}, a policy area that OGP does not have, and an input that says nothing",
        )
    )
    def revise_commitment(self, info: Info, input: ReviseCommitmentInput) -> CommitmentPayload:
        """Revise a commitment."""

        def commands(context: MutationContext) -> None:
            commitment = context.open_commitment(normalize_code(input.commitment))
            facts = _text_facts(context, input) | context.facts_from(input, "status")
            _require_facts(facts)
            commitments.revise_commitment(context.uow, commitment, facts, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "translateCommitment",
            "Records a commitment's wordings in another language, and how the translation was made.",
            f"{UNKNOWN}, and an input without wordings",
        )
    )
    def translate_commitment(self, info: Info, input: TranslateCommitmentInput) -> CommitmentPayload:
        """Translate a commitment."""

        def commands(context: MutationContext) -> None:
            commitment = context.open_commitment(normalize_code(input.commitment))
            fields = ("title", "description", "leadInstitutions", "supportingInstitutions")
            facts = context.facts_from(
                input, *fields, language=normalize_language(input.language), translation_kind=input.translation_kind
            )
            _require_facts(facts)
            commitments.translate_commitment(context.uow, commitment, facts, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=describe_mutation(
            "withdrawCommitment", "Records that the government withdrew a commitment; it stays readable.", UNKNOWN
        )
    )
    def withdraw_commitment(self, info: Info, input: WithdrawCommitmentInput) -> CommitmentPayload:
        """Withdraw a commitment."""

        def commands(context: MutationContext) -> None:
            commitment = context.open_commitment(normalize_code(input.commitment))
            commitments.withdraw_commitment(context.uow, commitment, context.provenance)

        return CommitmentPayload.of(run_mutation(info, input, by_code("commitment", input.commitment), commands))


def _text_facts(context: MutationContext, sent: CommitmentTextInput) -> Facts:
    if is_set(sent.number):
        match_format(str(sent.number), "number")
    return context.facts_from(sent, *_GOVERNMENT, language=normalize_language(sent.language))


def _plan_facts(context: MutationContext, plan: Aggregate, code: str) -> Facts:
    member = context.uow.aggregate(plan.string("member") or "")
    letters = {member.string("prefix"), member.string("code")} - {None}
    if letters and code.rstrip("0123456789") not in letters:
        raise Invalid(f"{code} does not begin with {' or '.join(sorted(filter(None, letters)))}", "code")
    facts: Facts = {"member": member.id, "actionPlan": plan.id}
    cycle = plan.value("cycle")
    return facts | ({"cycle": cycle} if cycle is not None else {})


def _require_facts(facts: Facts) -> None:
    if not facts:
        raise Invalid("the input says nothing of the commitment")
