"""Renumbering: a milestone gets another number, and what is published under the former one still reaches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, TypeVar

from msgspec import Meta, structs

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.clearing import append_changes
from ogpgraph.domain.command import Command, CommandType, CommitmentReference, Refusals
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Event, Facts
from ogpgraph.domain.field import PATH_SEGMENTS, Field
from ogpgraph.domain.milestone import UNKNOWN_MILESTONE, milestone_facts
from ogpgraph.domain.milestone_number import (
    RENUMBERED_TO,
    MilestoneNumber,
    NewMilestoneNumber,
    find_new_number,
    is_renumbering,
    milestone_numbers,
)
from ogpgraph.domain.restatement import restated_claims
from ogpgraph.domain.roles import GOVERNMENT
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork

T = TypeVar("T")

RENUMBERING_FIELDS = (
    Field(
        f"milestones/{{number}}/{RENUMBERED_TO}",
        Annotated[str, Meta(pattern=f"^{PATH_SEGMENTS['{number}']}$")],
        "Renumbered to",
        "The number that the milestone with this number got. What a page still states under the former number is "
        "recorded under this one.",
        written_by=GOVERNMENT,
    ),
)
"""The field of a commitment that leads from the former number of a milestone to its number."""

RENUMBERING_EVENTS = (EventType("MilestoneRenumbered", "A milestone got another number.", ("milestones/",)),)


def renumber_milestone(
    uow: UnitOfWork,
    commitment: Aggregate,
    number: str,
    new_number: str,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record that a milestone got another number: what every source states of it is stated under the new one.

    Raises NotFound if there is no such milestone, and Conflict if the new number is taken.
    """
    milestone_facts(commitment, number, {})
    if new_number in milestone_numbers(commitment):
        raise Conflict(f"{commitment.string('code')} already has a milestone {new_number}", "newNumber")
    former, new = f"milestones/{number}/", f"milestones/{new_number}/"
    links: Facts = {former + RENUMBERED_TO: new_number, new + RENUMBERED_TO: None}
    append_changes(uow, commitment, "MilestoneRenumbered", links, provenance)
    moved = [
        (path, _restated_at(commitment, new + path.removeprefix(former), claim))
        for path, claims in commitment.claims.items()
        if path.startswith(former)
        for claim in claims
    ]
    for facts, stated_by in restated_claims(moved, provenance):
        emptied = dict.fromkeys(facts)
        restated = {new + path.removeprefix(former): value for path, value in facts.items()}
        uow.append(commitment.id, "MilestoneRenumbered", emptied | restated, stated_by)


def renumberings(event: Event) -> Iterator[tuple[str, str]]:
    """Yield the numbers of the milestones that an event renumbered, each with its new number."""
    if event.name == "MilestoneRenumbered":
        for path, value in event.facts.items():
            if is_renumbering(path) and isinstance(value, str):
                yield path.split("/")[1], value


def _restated_at(commitment: Aggregate, path: str, claim: Claim) -> Claim:
    """Return a claim as its source is to state it at another path: not before what it has stated there until now.

    Another milestone may have had the number until its source took that back, which would otherwise be the later
    statement.
    """
    until_now = next((each for each in commitment.claims.get(path, ()) if each.key == claim.key), None)
    return structs.replace(claim, before=max(claim.before, until_now.before)) if until_now else claim


def follow_renumbering(commitment: Aggregate, values: Mapping[str, T]) -> dict[str, T]:
    """Return values by path, those of renumbered milestones under the numbers that these have now.

    Where a page prints both numbers, what it states under the present one counts.
    """
    followed = {_followed_path(commitment, path): value for path, value in values.items()}
    return followed | {path: value for path, value in values.items() if path in followed}


def _followed_path(commitment: Aggregate, path: str) -> str:
    if not path.startswith("milestones/"):
        return path
    first, number, rest = path.split("/", 2)
    existing, visited = milestone_numbers(commitment), {number}
    while number not in existing:
        now = find_new_number(commitment, number)
        if now is None or now in visited:
            break
        number = now
        visited.add(now)
    return f"{first}/{number}/{rest}"


class RenumberMilestone(Command, frozen=True):
    """A milestone, and the number that it has now."""

    commitment: CommitmentReference
    number: Annotated[MilestoneNumber, Meta(description="The number that the milestone had, such as `14.1`.")]
    new_number: Annotated[NewMilestoneNumber, Meta(description="The number that it has now, such as `14.2`.")]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the new number; raises NotFound, and Conflict if the new number is taken."""
        renumber_milestone(uow, self.commitment, self.number, self.new_number, provenance)


RENUMBER_MILESTONE = CommandType(
    command=RenumberMilestone,
    description="Records that a milestone has another number. Everything that is recorded of it, whatever states it, "
    "is recorded under the new number, and so is what a page states under the former number later. The former number "
    "can be used again by `addMilestone`.",
    permitted=GOVERNMENT,
    events=("MilestoneRenumbered",),
    returns="milestone",
    refusals=Refusals(not_found=UNKNOWN_MILESTONE, conflict="if the commitment has a milestone with the new number"),
)

RENUMBERING_COMMANDS = (RENUMBER_MILESTONE,)
