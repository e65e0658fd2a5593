"""Mutations on milestones."""

from __future__ import annotations

from collections.abc import Callable

import strawberry

from ogpgraph.application.commands import commitments
from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.vocabulary import MilestoneStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.mutations.commitments import COMMITMENT
from ogpgraph.graphql.mutations.context import MutationContext, by_code, run_mutation
from ogpgraph.graphql.mutations.descriptions import describe_mutation
from ogpgraph.graphql.mutations.inputs import MutationInput, is_set, match_format, normalize_code, normalize_language
from ogpgraph.graphql.mutations.members import LANGUAGE
from ogpgraph.graphql.mutations.payloads import MilestonePayload
from ogpgraph.graphql.scalars import PartialDate

_UNKNOWN = "a commitment or a milestone that is not known"
_REPORT = "The progress report, in words; what it rests on goes into `source`."


@strawberry.input(description="A milestone of a commitment.")
class MilestoneInput(MutationInput):
    commitment: str = strawberry.field(description=COMMITMENT)
    number: str = strawberry.field(description="The milestone's number as published, such as 14.1.")


@strawberry.input(description="A new milestone.")
class AddMilestoneInput(MilestoneInput):
    title: str = strawberry.field(description="What it delivers.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When work on it begins.")
    ends_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When it is due.")


@strawberry.input(description="What is newly said of a milestone; what is left out stays as it is.")
class ReviseMilestoneInput(MilestoneInput):
    title: str | None = strawberry.field(default=strawberry.UNSET, description="What it delivers.")
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)
    starts_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When work on it begins.")
    ends_on: PartialDate | None = strawberry.field(default=strawberry.UNSET, description="When it is due.")


@strawberry.input(description="Progress on a milestone.")
class ReportMilestoneInput(MilestoneInput):
    status: MilestoneStatus | None = strawberry.field(default=strawberry.UNSET, description="How far it has come.")
    report: str | None = strawberry.field(default=strawberry.UNSET, description=_REPORT)
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="A milestone that is done.")
class CompleteMilestoneInput(MilestoneInput):
    report: str | None = strawberry.field(default=strawberry.UNSET, description=_REPORT)
    language: str | None = strawberry.field(default=strawberry.UNSET, description=LANGUAGE)


@strawberry.input(description="A milestone that the government withdraws.")
class WithdrawMilestoneInput(MilestoneInput):
    pass


@strawberry.type
class MilestoneMutations:
    """What is written of milestones."""

    @strawberry.mutation(
        description=describe_mutation(
            "addMilestone",
            "Records a new milestone of a commitment.",
            "a commitment that is not known, and a number that another milestone has",
        )
    )
    def add_milestone(self, info: Info, input: AddMilestoneInput) -> MilestonePayload:
        """Add a milestone."""

        def commands(context: MutationContext, commitment: Aggregate, number: str) -> None:
            facts = context.facts_from(
                input, "title", "startsOn", "endsOn", language=normalize_language(input.language)
            )
            commitments.add_milestone(context.uow, commitment, number, facts, context.provenance)

        return _run_milestone_mutation(info, input, commands)

    @strawberry.mutation(
        description=describe_mutation(
            "reviseMilestone",
            "Records what is newly said of a milestone: what it delivers, and when.",
            f"{_UNKNOWN}, and an input that says nothing",
        )
    )
    def revise_milestone(self, info: Info, input: ReviseMilestoneInput) -> MilestonePayload:
        """Revise a milestone."""

        def commands(context: MutationContext, commitment: Aggregate, number: str) -> None:
            facts = context.facts_from(
                input, "title", "startsOn", "endsOn", language=normalize_language(input.language)
            )
            if not facts:
                raise Invalid("the input says nothing of the milestone")
            commitments.revise_milestone(context.uow, commitment, number, facts, context.provenance)

        return _run_milestone_mutation(info, input, commands)

    @strawberry.mutation(
        description=describe_mutation(
            "reportMilestone",
            "Records progress on a milestone: how far it has come, in the words of a report, with the evidence in "
            "`source`.",
            f"{_UNKNOWN}, and an input with neither a status nor a report",
        )
    )
    def report_milestone(self, info: Info, input: ReportMilestoneInput) -> MilestonePayload:
        """Report progress on a milestone."""

        def commands(context: MutationContext, commitment: Aggregate, number: str) -> None:
            facts = context.facts_from(input, "status") | _report(context, input)
            if not facts:
                raise Invalid("a report says how far the milestone has come, or tells of it in words", "report")
            commitments.report_milestone(context.uow, commitment, number, facts, context.provenance)

        return _run_milestone_mutation(info, input, commands)

    @strawberry.mutation(
        description=describe_mutation(
            "completeMilestone",
            "Records that a milestone is complete, with the words of a report where one is sent. A milestone that is "
            "complete already stays as it is.",
            _UNKNOWN,
        )
    )
    def complete_milestone(self, info: Info, input: CompleteMilestoneInput) -> MilestonePayload:
        """Complete a milestone."""

        def commands(context: MutationContext, commitment: Aggregate, number: str) -> None:
            commitments.complete_milestone(context.uow, commitment, number, context.provenance)
            if report := _report(context, input):
                commitments.report_milestone(context.uow, commitment, number, report, context.provenance)

        return _run_milestone_mutation(info, input, commands)

    @strawberry.mutation(
        description=describe_mutation(
            "withdrawMilestone", "Records that the government withdrew a milestone; it stays readable.", _UNKNOWN
        )
    )
    def withdraw_milestone(self, info: Info, input: WithdrawMilestoneInput) -> MilestonePayload:
        """Withdraw a milestone."""

        def commands(context: MutationContext, commitment: Aggregate, number: str) -> None:
            commitments.withdraw_milestone(context.uow, commitment, number, context.provenance)

        return _run_milestone_mutation(info, input, commands)


def _run_milestone_mutation(
    info: Info, sent: MilestoneInput, commands: Callable[[MutationContext, Aggregate, str], None]
) -> MilestonePayload:
    """Carry out commands on a milestone, by its commitment and its number, once it may be written to."""

    def execute(context: MutationContext) -> None:
        commitment = context.open_commitment(normalize_code(sent.commitment))
        commands(context, commitment, match_format(sent.number, "number"))

    return MilestonePayload.of(run_mutation(info, sent, by_code("commitment", sent.commitment), execute), sent.number)


def _report(context: MutationContext, sent: ReportMilestoneInput | CompleteMilestoneInput) -> Facts:
    if not is_set(sent.report):
        return {}
    path = f"updates/{format_timestamp(context.uow.context.time)}/{normalize_language(sent.language)}"
    return {path: context.text_value(str(sent.report), "report")}
