"""Mutations on commitments as a whole."""

from __future__ import annotations

from typing import TypeVar

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
from ogpgraph.graphql.write_inputs import MOST_ITEMS, WriteInput, code_of, formed, given, language_of

T = TypeVar("T")
COMMITMENT = "The commitment, by its present or a former code, in any case."
_UNKNOWN = "a commitment that is not known"
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


@strawberry.input(description="Another code for a commitment.")
class RecodeCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    code: str = strawberry.field(description="The new code.")


@strawberry.input(description="Commitments that turned out to be one.")
class MergeCommitmentsInput(WriteInput):
    commitments: list[str] = strawberry.field(description="The codes of those that are merged into the other.")
    into: str = strawberry.field(description="The code of the one that remains.")


@strawberry.input(description="A part of a commitment that turned out to be several.")
class CommitmentPartInput:
    code: str = strawberry.field(description="The part's code.")
    title: str = strawberry.field(description="Its title.")
    number: str | None = strawberry.field(default=strawberry.UNSET, description="Its number, as published.")


@strawberry.input(description="A commitment that turned out to be several.")
class SplitCommitmentInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    into: list[CommitmentPartInput] = strawberry.field(description="The parts: each becomes a commitment.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="What a commitment carries forward, and what carries it forward.")
class LinkCommitmentsInput(WriteInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    predecessors: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Codes of commitments that it carries forward."
    )
    successors: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="Codes of commitments that carry it forward."
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
            f"{_UNKNOWN}, a policy area that OGP does not have, and an input that says nothing",
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
            f"{_UNKNOWN}, and an input without wordings",
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
            "recodeCommitment",
            "Gives a commitment another code; the former one keeps finding it.",
            f"{_UNKNOWN}, and a code that another has or had",
        )
    )
    def recode_commitment(self, info: Info, input: RecodeCommitmentInput) -> CommitmentPayload:
        """Recode a commitment."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            desk.session.recode_commitment(code_of(input.commitment), code_of(input.code, "code"), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "mergeCommitments",
            "Records that commitments are one: all their codes lead to the one that remains, each keeps its history.",
            "commitments that are not known, and such as are one already",
        )
    )
    def merge_commitments(self, info: Info, input: MergeCommitmentsInput) -> CommitmentPayload:
        """Merge commitments."""

        def commands(desk: Desk) -> None:
            codes = [code_of(code, "commitments") for code in _bounded(input.commitments, "commitments")]
            desk.open(code_of(input.into, "into"), *codes)
            desk.session.merge_commitments(codes, code_of(input.into, "into"), desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.into), commands))

    @strawberry.mutation(
        description=described(
            "splitCommitment",
            "Records that a commitment is several: each part becomes a commitment of the same plan, and tells where it "
            "is from.",
            f"{_UNKNOWN}, fewer than two parts, and codes that are taken",
        )
    )
    def split_commitment(self, info: Info, input: SplitCommitmentInput) -> CommitmentPayload:
        """Split a commitment."""

        def commands(desk: Desk) -> None:
            desk.open(code_of(input.commitment))
            language = language_of(input.language)
            parts = {
                code_of(part.code, "into"): desk.facts(part, "title", "number", language=language)
                for part in _bounded(input.into, "into")
            }
            if len(parts) < 2:
                raise Invalid("a commitment is split into two parts or more, each with a code of its own", "into")
            desk.session.split_commitment(code_of(input.commitment), parts, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "linkCommitments",
            "Links a commitment to those it carries forward and those that carry it forward, on both sides.",
            "commitments that are not known, a commitment linked to itself, and an input without links",
        )
    )
    def link_commitments(self, info: Info, input: LinkCommitmentsInput) -> CommitmentPayload:
        """Link commitments."""

        def commands(desk: Desk) -> None:
            before = _codes(input.predecessors, "predecessors")
            after = _codes(input.successors, "successors")
            desk.open(code_of(input.commitment), *before, *after)
            if not before and not after:
                raise Invalid("name at least one predecessor or successor", "predecessors")
            desk.session.link_commitments(code_of(input.commitment), before, after, desk.basis)

        return CommitmentPayload.of(carry_out(info, input, coded("commitment", input.commitment), commands))

    @strawberry.mutation(
        description=described(
            "withdrawCommitment", "Records that the government withdrew a commitment; it stays readable.", _UNKNOWN
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


def _codes(codes: list[str] | None, field: str) -> list[str]:
    return [code_of(code, field) for code in _bounded(codes, field)] if codes and given(codes) else []


def _bounded(many: list[T], field: str) -> list[T]:
    if len(many) > MOST_ITEMS:
        raise Invalid(f"{field} has {len(many)} items; {MOST_ITEMS} are the most", field)
    return many
