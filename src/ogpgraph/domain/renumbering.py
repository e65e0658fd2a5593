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
from ogpgraph.domain.event import Facts
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
from ogpgraph.domain.restatement import group_claims, read_statements
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
        is_exported=False,
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
    moved = list(_moved_claims(uow, commitment, former, new))
    append_changes(uow, commitment, "MilestoneRenumbered", links, provenance)
    for claims, stated_by in group_claims(moved, provenance):
        facts: Facts = {path: claim.value for path, claim in claims.items()}
        uow.append(commitment.id, "MilestoneRenumbered", facts, stated_by)


def _moved_claims(uow: UnitOfWork, commitment: Aggregate, former: str, new: str) -> Iterator[tuple[str, Claim]]:
    """Yield what is stated of a milestone, by its paths under the new number, and that it is not under the former one.

    What was stated earlier is so at its date, so it moves, too. Another milestone may have had the new number until its
    source took that back, which would otherwise be the later statement: then only the last one moves, to that time.
    """
    live = read_statements(uow, commitment)
    stated = [
        (path, claim) for path, claims in commitment.claims.items() if path.startswith(former) for claim in claims
    ]
    for path, claim in stated:
        if is_renumbering(path):
            continue
        moved_to = new + path.removeprefix(former)
        taken_until = next((each.before for each in commitment.claims.get(moved_to, ()) if each.key == claim.key), None)
        statements = live.list_statements(path, claim.key)
        for statement in statements:
            if statement.value is not None:
                yield path, structs.replace(statement, value=None)
            if taken_until is None or statement.before > taken_until:
                yield moved_to, statement
        if taken_until is not None and statements[-1].before <= taken_until:
            yield moved_to, structs.replace(statements[-1], before=taken_until)


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
