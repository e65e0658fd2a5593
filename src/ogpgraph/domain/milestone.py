"""Milestones: the government's steps towards keeping a commitment, and progress on them.

A milestone has no identity without its commitment: its facts are facts of the commitment, under `milestones/{number}/`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.clearing import append_changes
from ogpgraph.domain.command import (
    UNKNOWN_COMMITMENT,
    Command,
    CommandType,
    CommitmentReference,
    Language,
    Refusals,
    stated_facts,
)
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Facts, NewEvent
from ogpgraph.domain.field import DerivedDimension, Field, Filter, FilterKind, Tag, fields_by_name
from ogpgraph.domain.milestone_number import (
    RENUMBERED_TO,
    MilestoneNumber,
    NewMilestoneNumber,
    find_milestone_numbers,
    find_new_number,
    milestone_numbers,
)
from ogpgraph.domain.roles import GOVERNMENT
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import PartialDate, TextValue
from ogpgraph.domain.vocabulary import MilestoneStatus

MILESTONE_FIELDS = (
    Field(
        "milestones/{number}/title/{language}",
        TextValue,
        "Title",
        "Its title: what it delivers.",
        written_by=GOVERNMENT,
        search_weight=3,
    ),
    Field(
        "milestones/{number}/startsOn",
        PartialDate,
        "Start date",
        "When work on it begins.",
        written_by=GOVERNMENT,
        is_clearable=True,
    ),
    Field(
        "milestones/{number}/endsOn",
        PartialDate,
        "Due date",
        "When it is due.",
        written_by=GOVERNMENT,
        is_clearable=True,
    ),
    Field(
        "milestones/{number}/status",
        MilestoneStatus,
        "Status",
        "Its progress; null if nothing was reported.",
        written_by=GOVERNMENT,
    ),
    Field(
        "milestones/{number}/updates/{time}/{language}",
        TextValue,
        "Progress reports",
        "A progress report on the milestone.",
        written_by=GOVERNMENT,
        search_weight=2,
    ),
)
"""The fields of a commitment that describe one of its milestones."""
_FIELDS = fields_by_name(MILESTONE_FIELDS)

MILESTONE_EVENTS = (
    EventType("MilestoneAdded", "A milestone was added.", ("milestones/",)),
    EventType("MilestoneRevised", "Facts of a milestone changed.", ("milestones/",)),
    EventType("MilestoneReported", "Progress on a milestone was reported.", ("milestones/",)),
    EventType("MilestoneCompleted", "A milestone was completed.", ("milestones/",)),
    EventType("MilestoneWithdrawn", "The government withdrew a milestone.", ("milestones/",)),
)
"""The events of a commitment that state facts of one of its milestones."""


def milestone_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield the status and the due date of each milestone in one value: a filter asks for both of the same one."""
    current = commitment.current_claims
    for number in find_milestone_numbers(path for path in current if path.startswith("milestones/")):
        stated = (current.get(f"milestones/{number}/{name}") for name in ("status", "endsOn"))
        yield "milestone", "|".join(str(claim.value) if claim else "" for claim in stated)


MILESTONE_DIMENSIONS = (
    DerivedDimension(
        "milestone",
        ("milestones/{number}",),
        milestone_tags,
        "Milestone",
        "The status and the due date of each of its milestones.",
        filter=Filter("milestone", FilterKind.OBJECT),
        reads_texts=False,
        names_groups=False,
    ),
)


def milestone_facts(commitment: Aggregate, number: str, facts: Facts) -> Facts:
    """Return facts of a milestone under their paths in the commitment; raises NotFound if there is no milestone."""
    if number not in milestone_numbers(commitment):
        now = find_new_number(commitment, number)
        hint = f": it is {now} now" if now else ""
        raise NotFound(f"{commitment.string('code')} has no milestone {number}{hint}", "number")
    return {f"milestones/{number}/{path}": value for path, value in facts.items()}


def decide_milestone_report(commitment: Aggregate, number: str, facts: Facts) -> NewEvent:
    """Return the event of a progress report; raises NotFound if there is no such milestone."""
    return NewEvent("MilestoneReported", milestone_facts(commitment, number, facts))


def add_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record a new milestone; raises Conflict if its number is taken.

    The number of a milestone that was withdrawn can be used again: it is that milestone again, without a status. So can
    one that a milestone had before it was renumbered.
    """
    path = f"milestones/{number}"
    is_withdrawn = commitment.value(f"{path}/status") == MilestoneStatus.WITHDRAWN
    if number in milestone_numbers(commitment) and not is_withdrawn:
        raise Conflict(f"{commitment.string('code')} already has a milestone {number}", "number")
    added: Facts = {f"{path}/status": None, f"{path}/{RENUMBERED_TO}": None}
    added |= {f"{path}/{each}": value for each, value in facts.items()}
    append_changes(uow, commitment, "MilestoneAdded", added, provenance)


def revise_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a milestone; raises NotFound, and Conflict as `append_changes` does."""
    append_changes(uow, commitment, "MilestoneRevised", milestone_facts(commitment, number, facts), provenance)


def complete_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a milestone is complete; a repetition records nothing. Raises NotFound."""
    absolute = milestone_facts(commitment, number, {"status": MilestoneStatus.COMPLETE.value})
    uow.append(commitment.id, "MilestoneCompleted", changed_facts(commitment, absolute, provenance), provenance)


def report_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record progress on a milestone: its `status`, and reports at `updates/…`. Raises NotFound."""
    uow.append_all(commitment.id, [decide_milestone_report(commitment, number, facts)], provenance)


def withdraw_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a milestone was withdrawn; a repetition records nothing. Raises NotFound."""
    absolute = milestone_facts(commitment, number, {"status": MilestoneStatus.WITHDRAWN.value})
    uow.append(commitment.id, "MilestoneWithdrawn", changed_facts(commitment, absolute, provenance), provenance)


# Commands

UNKNOWN_MILESTONE = "if the commitment or the milestone is unknown"

ProgressReport = Annotated[
    TextValue | None,
    Meta(description="The progress report; its evidence belongs in `source`. Omitted: no report."),
]
NewTitle = Annotated[TextValue, _FIELDS["title"], Meta(description="What the milestone delivers.")]
StartsOn = Annotated[PartialDate | UnsetType | None, _FIELDS["startsOn"], Meta(description="When work on it begins.")]
EndsOn = Annotated[PartialDate | UnsetType | None, _FIELDS["endsOn"], Meta(description="When it is due.")]


class AddMilestone(Command, frozen=True):
    """A new milestone of a commitment."""

    commitment: CommitmentReference
    number: NewMilestoneNumber
    title: NewTitle
    language: Language = "en"
    starts_on: StartsOn = UNSET
    ends_on: EndsOn = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the milestone; raises Conflict if its number is taken by one that was not withdrawn."""
        add_milestone(uow, self.commitment, self.number, _own_facts(self), provenance)


ADD_MILESTONE = CommandType(
    command=AddMilestone,
    description="Records a new milestone of a commitment. With the number of a withdrawn milestone, it is that "
    "milestone again, without a status.",
    permitted=GOVERNMENT,
    events=("MilestoneAdded",),
    returns="milestone",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the number or the title cannot be recorded",
        conflict="if the commitment has a milestone with this number that was not withdrawn",
    ),
)


class ReviseMilestone(Command, frozen=True):
    """Changes to the plan of a milestone; at least one field is needed."""

    commitment: CommitmentReference
    number: NewMilestoneNumber
    title: NewTitle | UnsetType = UNSET
    language: Language = "en"
    starts_on: StartsOn = UNSET
    ends_on: EndsOn = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record what has changed; raises Invalid without any field, and NotFound."""
        facts = _own_facts(self)
        if not facts:
            raise Invalid("the input changes nothing: send a title, startsOn or endsOn")
        revise_milestone(uow, self.commitment, self.number, facts, provenance)


REVISE_MILESTONE = CommandType(
    command=ReviseMilestone,
    description="Records changes to what a milestone delivers and when. Earlier values stay in the history.",
    permitted=GOVERNMENT,
    events=("MilestoneRevised",),
    returns="milestone",
    refusals=Refusals(not_found=UNKNOWN_MILESTONE, invalid="if no field is set"),
)


class ReportMilestone(Command, frozen=True):
    """Progress on a milestone; a status or a report is needed."""

    commitment: CommitmentReference
    number: MilestoneNumber
    status: Annotated[
        MilestoneStatus | UnsetType, _FIELDS["status"], Meta(description="The status of the milestone.")
    ] = UNSET
    report: ProgressReport = None
    language: Language = "en"

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the status and the report; raises Invalid without both, and NotFound."""
        facts = _own_facts(self) | _report_facts(uow, self.report, self.language)
        if not facts:
            raise Invalid("the input reports nothing: send a status, a report, or both", "report")
        report_milestone(uow, self.commitment, self.number, facts, provenance)


REPORT_MILESTONE = CommandType(
    command=ReportMilestone,
    description="Records progress on a milestone: its status, a report, or both. Reports accumulate; each is shown "
    "with the time at which it was recorded.",
    permitted=GOVERNMENT,
    events=("MilestoneReported",),
    returns="milestone",
    refusals=Refusals(not_found=UNKNOWN_MILESTONE, invalid="if there is neither a status nor a report"),
)


class CompleteMilestone(Command, frozen=True):
    """A milestone that has been completed."""

    commitment: CommitmentReference
    number: MilestoneNumber
    report: ProgressReport = None
    language: Language = "en"

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the completion, unless the milestone is complete, and the report, if there is one; raises NotFound."""
        complete_milestone(uow, self.commitment, self.number, provenance)
        report = _report_facts(uow, self.report, self.language)
        report_milestone(uow, self.commitment, self.number, report, provenance)


COMPLETE_MILESTONE = CommandType(
    command=CompleteMilestone,
    description="Records that a milestone is complete, and a progress report if there is one. Completing a milestone "
    "that is complete changes nothing.",
    permitted=GOVERNMENT,
    events=("MilestoneCompleted", "MilestoneReported"),
    returns="milestone",
    refusals=Refusals(not_found=UNKNOWN_MILESTONE),
)


class WithdrawMilestone(Command, frozen=True):
    """A milestone that the government withdraws."""

    commitment: CommitmentReference
    number: MilestoneNumber

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the withdrawal, unless it is recorded; raises NotFound."""
        withdraw_milestone(uow, self.commitment, self.number, provenance)


WITHDRAW_MILESTONE = CommandType(
    command=WithdrawMilestone,
    description="Records that the government withdrew a milestone. It stays readable, with the status `WITHDRAWN`.",
    permitted=GOVERNMENT,
    events=("MilestoneWithdrawn",),
    returns="milestone",
    refusals=Refusals(not_found=UNKNOWN_MILESTONE),
)


def _own_facts(command: Command) -> Facts:
    """Return the facts that a command states, by their paths within the milestone."""
    return {path.split("/", 2)[2]: value for path, value in command.stated_facts().items()}


def _report_facts(uow: UnitOfWork, report: TextValue | None, language: str) -> Facts:
    """Return the path of a progress report, which has the time at which it is recorded, and the report."""
    return stated_facts({f"updates/{format_timestamp(uow.context.time)}/{language}": report})


MILESTONE_COMMANDS = (ADD_MILESTONE, REVISE_MILESTONE, REPORT_MILESTONE, COMPLETE_MILESTONE, WITHDRAW_MILESTONE)
