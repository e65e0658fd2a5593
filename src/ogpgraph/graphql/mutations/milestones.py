"""Mutations of milestones: the government's steps towards keeping a commitment, and progress on them."""

from __future__ import annotations

from dataclasses import replace

import strawberry

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.milestone import (
    COMPLETE_MILESTONE,
    add_milestone,
    report_milestone,
    revise_milestone,
    withdraw_milestone,
)
from ogpgraph.domain.vocabulary import MilestoneStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.context import (
    MutationContext,
    Payload,
    by_code,
    execute_command,
    mutation,
    run_mutation,
)
from ogpgraph.graphql.mutations.derivation import build_input_type, build_mutation
from ogpgraph.graphql.mutations.inputs import (
    COMMITMENT,
    LANGUAGE,
    NOT_RECORDED,
    UNCHANGED,
    MutationInput,
    is_set,
    normalize_language,
    optional,
    validate_format,
)
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.types import Commitment, Milestone

_TITLE = "What the milestone delivers."
_UNKNOWN_MILESTONE = "if the commitment or the milestone is unknown"
_PARENT = "milestones/{number}/"


@strawberry.type(description="A commitment with a changed milestone.")
class MilestonePayload(Payload):
    @strawberry.field(description="The commitment after the mutation; null if it was refused.")
    def commitment(self) -> Commitment | None:
        return self.outcome.subject(Commitment)

    @strawberry.field(description="The milestone after the mutation; null if it was refused.")
    def milestone(self) -> Milestone | None:
        commitment = self.outcome.subject(Commitment)
        return Milestone(number=self.outcome.sent["number"], owner=commitment) if commitment else None


@strawberry.input
class MilestoneInput(MutationInput):
    """The fields that identify a milestone."""

    commitment: str = strawberry.field(description=COMMITMENT)
    number: str = strawberry.field(
        description="The number of the milestone as published, such as `14.1`: up to 16 letters, digits, dots and "
        "hyphens."
    )


@strawberry.input(description="A new milestone of a commitment.")
class AddMilestoneInput(MilestoneInput):
    title: str = strawberry.field(description=_TITLE)
    language: str | None = optional(LANGUAGE)
    starts_on: PartialDate | None = optional(f"When work on it begins. {NOT_RECORDED}")
    ends_on: PartialDate | None = optional(f"When it is due. {NOT_RECORDED}")


@strawberry.input(description="Changes to the plan of a milestone; at least one field is needed.")
class ReviseMilestoneInput(MilestoneInput):
    title: str | None = optional(f"{_TITLE} {UNCHANGED}")
    language: str | None = optional(LANGUAGE)
    starts_on: PartialDate | None = optional(f"When work on it begins. {UNCHANGED}")
    ends_on: PartialDate | None = optional(f"When it is due. {UNCHANGED}")


@strawberry.input(description="Progress on a milestone; a status or a report is needed.")
class ReportMilestoneInput(MilestoneInput):
    status: MilestoneStatus | None = optional(f"The status of the milestone. {UNCHANGED}")
    report: str | None = optional("The progress report; its evidence belongs in `source`. Omitted or null: no report.")
    language: str | None = optional(LANGUAGE)


CompleteMilestoneInput = build_input_type(COMPLETE_MILESTONE)


@strawberry.input(description="A milestone that the government withdraws.")
class WithdrawMilestoneInput(MilestoneInput):
    pass


@strawberry.type
class MilestoneMutations:
    @mutation(
        "Records a new milestone of a commitment.",
        not_found="if the commitment is unknown",
        invalid="if the number or the title cannot be recorded",
        conflict="if the commitment has a milestone with this number",
    )
    def add_milestone(self, info: Info, input: AddMilestoneInput) -> MilestonePayload:
        outcome = run_mutation(info, input, by_code("commitment", input.commitment), _add_milestone)
        return MilestonePayload(outcome=replace(outcome, sent={"number": input.number}))

    @mutation(
        "Records changes to what a milestone delivers and when. Earlier values stay in the history.",
        not_found=_UNKNOWN_MILESTONE,
        invalid="if no field is set",
    )
    def revise_milestone(self, info: Info, input: ReviseMilestoneInput) -> MilestonePayload:
        outcome = run_mutation(info, input, by_code("commitment", input.commitment), _revise_milestone)
        return MilestonePayload(outcome=replace(outcome, sent={"number": input.number}))

    @mutation(
        "Records progress on a milestone: its status, a report, or both. Reports accumulate; each is shown with the "
        "time at which it was recorded.",
        not_found=_UNKNOWN_MILESTONE,
        invalid="if there is neither a status nor a report",
    )
    def report_milestone(self, info: Info, input: ReportMilestoneInput) -> MilestonePayload:
        outcome = run_mutation(info, input, by_code("commitment", input.commitment), _report_milestone)
        return MilestonePayload(outcome=replace(outcome, sent={"number": input.number}))

    complete_milestone = build_mutation(COMPLETE_MILESTONE, CompleteMilestoneInput, MilestonePayload, execute_command)

    @mutation(
        "Records that the government withdrew a milestone. It stays readable, with the status `WITHDRAWN`.",
        not_found=_UNKNOWN_MILESTONE,
    )
    def withdraw_milestone(self, info: Info, input: WithdrawMilestoneInput) -> MilestonePayload:
        outcome = run_mutation(info, input, by_code("commitment", input.commitment), _withdraw_milestone)
        return MilestonePayload(outcome=replace(outcome, sent={"number": input.number}))


def _add_milestone(context: MutationContext, input: AddMilestoneInput) -> None:
    commitment, number = _open_milestone(context, input)
    add_milestone(context.uow, commitment, number, _plan_facts(context, input), context.provenance)


def _revise_milestone(context: MutationContext, input: ReviseMilestoneInput) -> None:
    commitment, number = _open_milestone(context, input)
    facts = _plan_facts(context, input)
    if not facts:
        raise Invalid("the input changes nothing: send a title, startsOn or endsOn")
    revise_milestone(context.uow, commitment, number, facts, context.provenance)


def _report_milestone(context: MutationContext, input: ReportMilestoneInput) -> None:
    commitment, number = _open_milestone(context, input)
    facts = context.facts("commitment", input, "status", parent=_PARENT) | _report_facts(context, input)
    if not facts:
        raise Invalid("the input reports nothing: send a status, a report, or both", "report")
    report_milestone(context.uow, commitment, number, facts, context.provenance)


def _withdraw_milestone(context: MutationContext, input: WithdrawMilestoneInput) -> None:
    commitment, number = _open_milestone(context, input)
    withdraw_milestone(context.uow, commitment, number, context.provenance)


def _open_milestone(context: MutationContext, input: MilestoneInput) -> tuple[Aggregate, str]:
    """Return the commitment and the milestone's number, which need not exist yet."""
    return context.open_commitment(input.commitment), validate_format(input.number, "number")


def _plan_facts(context: MutationContext, input: AddMilestoneInput | ReviseMilestoneInput) -> Facts:
    fields = ("title", "starts_on", "ends_on")
    return context.facts("commitment", input, *fields, language=input.language, parent=_PARENT)


def _report_facts(context: MutationContext, input: ReportMilestoneInput) -> Facts:
    if not is_set(input.report):
        return {}
    path = f"updates/{format_timestamp(context.uow.context.time)}/{normalize_language(input.language)}"
    return {path: context.text_value(input.report, "report")}
