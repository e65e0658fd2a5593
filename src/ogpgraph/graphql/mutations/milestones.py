"""Mutations on milestones."""

from __future__ import annotations

from collections.abc import Callable

import strawberry

from ogpgraph.clock import timestamp
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.vocabulary import MilestoneStatus
from ogpgraph.graphql.context import Info
from ogpgraph.graphql.desk import Desk, carry_out, coded
from ogpgraph.graphql.mutations.commitments import COMMITMENT
from ogpgraph.graphql.mutations.describing import described
from ogpgraph.graphql.mutations.members import LANGUAGE
from ogpgraph.graphql.payloads import MilestonePayload
from ogpgraph.graphql.scalars import PartialDate
from ogpgraph.graphql.write_inputs import WriteInput, code_of, formed, given, language_of

_UNKNOWN = "a commitment or a milestone that is not known"
_REPORT = "The progress report, in words; what it rests on goes into `source`."


@strawberry.input(description="A milestone of a commitment.")
class MilestoneInput(WriteInput):
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
        description=described(
            "addMilestone",
            "Records a new milestone of a commitment.",
            "a commitment that is not known, and a number that another milestone has",
        )
    )
    def add_milestone(self, info: Info, input: AddMilestoneInput) -> MilestonePayload:
        """Add a milestone."""

        def commands(desk: Desk, code: str, number: str) -> None:
            facts = desk.facts(input, "title", "startsOn", "endsOn", language=language_of(input.language))
            desk.session.add_milestone(code, number, facts, desk.basis)

        return _carried_out(info, input, commands)

    @strawberry.mutation(
        description=described(
            "reviseMilestone",
            "Records what is newly said of a milestone: what it delivers, and when.",
            f"{_UNKNOWN}, and an input that says nothing",
        )
    )
    def revise_milestone(self, info: Info, input: ReviseMilestoneInput) -> MilestonePayload:
        """Revise a milestone."""

        def commands(desk: Desk, code: str, number: str) -> None:
            facts = desk.facts(input, "title", "startsOn", "endsOn", language=language_of(input.language))
            if not facts:
                raise Invalid("the input says nothing of the milestone")
            desk.session.revise_milestone(code, number, facts, desk.basis)

        return _carried_out(info, input, commands)

    @strawberry.mutation(
        description=described(
            "reportMilestone",
            "Records progress on a milestone: how far it has come, in the words of a report, with the evidence in "
            "`source`.",
            f"{_UNKNOWN}, and an input with neither a status nor a report",
        )
    )
    def report_milestone(self, info: Info, input: ReportMilestoneInput) -> MilestonePayload:
        """Report progress on a milestone."""

        def commands(desk: Desk, code: str, number: str) -> None:
            facts = desk.facts(input, "status") | _report(desk, input)
            if not facts:
                raise Invalid("a report says how far the milestone has come, or tells of it in words", "report")
            desk.session.report_milestone(code, number, facts, desk.basis)

        return _carried_out(info, input, commands)

    @strawberry.mutation(
        description=described(
            "completeMilestone",
            "Records that a milestone is complete, with the words of a report where one is sent. A milestone that is "
            "complete already stays as it is.",
            _UNKNOWN,
        )
    )
    def complete_milestone(self, info: Info, input: CompleteMilestoneInput) -> MilestonePayload:
        """Complete a milestone."""

        def commands(desk: Desk, code: str, number: str) -> None:
            desk.session.complete_milestone(code, number, desk.basis)
            if report := _report(desk, input):
                desk.session.report_milestone(code, number, report, desk.basis)

        return _carried_out(info, input, commands)

    @strawberry.mutation(
        description=described(
            "withdrawMilestone", "Records that the government withdrew a milestone; it stays readable.", _UNKNOWN
        )
    )
    def withdraw_milestone(self, info: Info, input: WithdrawMilestoneInput) -> MilestonePayload:
        """Withdraw a milestone."""

        def commands(desk: Desk, code: str, number: str) -> None:
            desk.session.withdraw_milestone(code, number, desk.basis)

        return _carried_out(info, input, commands)


def _carried_out(info: Info, sent: MilestoneInput, commands: Callable[[Desk, str, str], None]) -> MilestonePayload:
    """Carry out commands on a milestone, by its commitment's code and its number, once it may be written to."""

    def opened(desk: Desk) -> None:
        code = code_of(sent.commitment)
        desk.open(code)
        commands(desk, code, formed(sent.number, "number"))

    return MilestonePayload.of(carry_out(info, sent, coded("commitment", sent.commitment), opened), sent.number)


def _report(desk: Desk, sent: ReportMilestoneInput | CompleteMilestoneInput) -> Facts:
    if not given(sent.report):
        return {}
    path = f"updates/{timestamp(desk.session.act.time)}/{language_of(sent.language)}"
    return {path: desk.wording(str(sent.report), "report")}
