"""Mutations of the government's part of a commitment, other than its milestones."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.action_plan import find_action_plan
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import register_commitment, revise_commitment, translate_commitment, withdraw_commitment
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.values import TranslationKind
from ogpgraph.domain.vocabulary import CommitmentStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import MutationContext, Payload, by_code, mutation, run_mutation
from ogpgraph.graphql.mutations.inputs import (
    ACTION_PLAN,
    COMMITMENT,
    LANGUAGE,
    NOT_RECORDED,
    MutationInput,
    is_set,
    normalize_commitment_code,
    optional,
    validate_format,
)
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.types import Commitment

UNKNOWN_COMMITMENT = "if the commitment is unknown"
_TEXT_FIELDS = ("title", "description", "lead_institutions", "supporting_institutions")
_PLAN_FIELDS = ("number", *_TEXT_FIELDS, "policy_areas", "starts_on", "ends_on")


@strawberry.type(description="A changed commitment.")
class CommitmentPayload(Payload):
    @strawberry.field(description="The commitment after the mutation; null if it was refused.")
    def commitment(self) -> Commitment | None:
        return self.outcome.subject(Commitment)


@strawberry.input
class CommitmentPlanInput(MutationInput):
    """The content of a commitment in its action plan."""

    number: str | None = optional(
        "The number in the action plan, as published: up to 16 letters, digits, dots and hyphens. " + NOT_RECORDED
    )
    title: str | None = optional(f"The title. {NOT_RECORDED}")
    description: str | None = optional(f"The government's own text, up to 100,000 characters. {NOT_RECORDED}")
    language: str | None = optional(LANGUAGE)
    lead_institutions: list[str] | None = optional(
        f"The institutions that lead it; an empty list records that there is none. {NOT_RECORDED}"
    )
    supporting_institutions: list[str] | None = optional(
        f"The institutions that support it; an empty list records that there is none. {NOT_RECORDED}"
    )
    policy_areas: list[str] | None = optional(
        f"OGP's policy areas, such as `Open Data`; case does not matter. They replace those recorded. {NOT_RECORDED}"
    )
    starts_on: PartialDate | None = optional(f"When work on it begins. {NOT_RECORDED}")
    ends_on: PartialDate | None = optional(f"When it is due. {NOT_RECORDED}")


@strawberry.input(description="A new commitment of an action plan; what is omitted can be added later.")
class RegisterCommitmentInput(CommitmentPlanInput):
    code: str = strawberry.field(
        description="The code: the prefix or code of the member and four digits, such as `FR0043`."
    )
    action_plan: str = strawberry.field(description=ACTION_PLAN)


@strawberry.input(description="Changes to a commitment; at least one field is needed.")
class ReviseCommitmentInput(CommitmentPlanInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    status: CommitmentStatus | None = optional(f"The status of the work on it. {NOT_RECORDED}")


@strawberry.input(description="The texts of a commitment in another language; at least one is needed.")
class TranslateCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    language: str = strawberry.field(
        description="The language of the translation: two or three lower-case letters, such as `fr`."
    )
    translation_kind: TranslationKind = strawberry.field(
        default=TranslationKind.HUMAN, description="How the translation was made. Default: `HUMAN`."
    )
    title: str | None = optional(f"The title. {NOT_RECORDED}")
    description: str | None = optional(f"The government's text. {NOT_RECORDED}")
    lead_institutions: list[str] | None = optional(f"The institutions that lead it. {NOT_RECORDED}")
    supporting_institutions: list[str] | None = optional(f"The institutions that support it. {NOT_RECORDED}")


@strawberry.input(description="A commitment that the government withdraws.")
class WithdrawCommitmentInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)


@strawberry.type
class CommitmentMutations:
    @mutation(
        "Records a new commitment of an action plan, with the status `ACTIVE`.",
        not_found="if the action plan is unknown",
        invalid="if the code does not begin with the member's prefix, or OGP does not have one of the policy areas",
        conflict="if the code is taken",
    )
    def register_commitment(self, info: Info, input: RegisterCommitmentInput) -> CommitmentPayload:
        return CommitmentPayload(
            outcome=run_mutation(info, input, by_code("commitment", input.code), _register_commitment)
        )

    @mutation(
        "Records changes to a commitment. Earlier values stay in the history.",
        not_found=UNKNOWN_COMMITMENT,
        invalid="if no field is set, or OGP does not have one of the policy areas",
    )
    def revise_commitment(self, info: Info, input: ReviseCommitmentInput) -> CommitmentPayload:
        return CommitmentPayload(
            outcome=run_mutation(info, input, by_code("commitment", input.commitment), _revise_commitment)
        )

    @mutation(
        "Records the texts of a commitment in another language, and how the translation was made.",
        not_found=UNKNOWN_COMMITMENT,
        invalid="if there is no text",
    )
    def translate_commitment(self, info: Info, input: TranslateCommitmentInput) -> CommitmentPayload:
        return CommitmentPayload(
            outcome=run_mutation(info, input, by_code("commitment", input.commitment), _translate_commitment)
        )

    @mutation(
        "Records that the government withdrew a commitment. It stays readable, with the status `WITHDRAWN`.",
        not_found=UNKNOWN_COMMITMENT,
    )
    def withdraw_commitment(self, info: Info, input: WithdrawCommitmentInput) -> CommitmentPayload:
        return CommitmentPayload(
            outcome=run_mutation(info, input, by_code("commitment", input.commitment), _withdraw_commitment)
        )


def _register_commitment(context: MutationContext, input: RegisterCommitmentInput) -> None:
    plan = find_action_plan(context.uow, input.action_plan)
    context.authorize([context.member_code(plan)])
    context.check_is_new()
    code = normalize_commitment_code(input.code, "code")
    facts = _plan_facts(context, input) | _identity_facts(context, plan, code)
    facts |= {"status": CommitmentStatus.ACTIVE.value}
    register_commitment(context.uow, code, facts, context.provenance)


def _revise_commitment(context: MutationContext, input: ReviseCommitmentInput) -> None:
    commitment = context.open_commitment(input.commitment)
    facts = _plan_facts(context, input) | context.facts("commitment", input, "status")
    if not facts:
        raise Invalid("the input changes nothing: set at least one field of the commitment")
    revise_commitment(context.uow, commitment, facts, context.provenance)


def _translate_commitment(context: MutationContext, input: TranslateCommitmentInput) -> None:
    commitment = context.open_commitment(input.commitment)
    language, translation_kind = input.language, input.translation_kind
    facts = context.facts("commitment", input, *_TEXT_FIELDS, language=language, translation_kind=translation_kind)
    if not facts:
        raise Invalid("the input has no text to record")
    translate_commitment(context.uow, commitment, facts, context.provenance)


def _withdraw_commitment(context: MutationContext, input: WithdrawCommitmentInput) -> None:
    withdraw_commitment(context.uow, context.open_commitment(input.commitment), context.provenance)


def _plan_facts(context: MutationContext, input: CommitmentPlanInput) -> Facts:
    if is_set(input.number):
        validate_format(input.number, "number")
    return context.facts("commitment", input, *_PLAN_FIELDS, language=input.language)


def _identity_facts(context: MutationContext, plan: Aggregate, code: str) -> Facts:
    """Return member, plan and cycle of a new commitment; raises Invalid unless its code begins as the member's do."""
    member = context.uow.aggregate(plan.string("member") or "")
    prefixes = {prefix for path in ("prefix", "code") if (prefix := member.string(path))}
    if prefixes and code.rstrip("0123456789") not in prefixes:
        raise Invalid(f"{code} does not begin with {' or '.join(sorted(prefixes))}", "code")
    facts: Facts = {"member": member.id, "actionPlan": plan.id}
    cycle = plan.value("cycle")
    return facts | ({"cycle": cycle} if cycle is not None else {})
