"""Milestones: the government's steps towards keeping a commitment, and progress on them.

A milestone has no identity without its commitment: its facts are facts of the commitment, under `milestones/{number}/`.
"""

from __future__ import annotations

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict, NotFound
from ogpgraph.domain.event import Facts, NewEvent
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.vocabulary import (
    MilestoneStatus,
)


def milestone_numbers(commitment: Aggregate) -> list[str]:
    """Return the numbers of a commitment's milestones in natural order (14.2 before 14.10)."""
    if "milestones" not in commitment.cache:
        numbers = {path.split("/")[1] for path, _ in commitment.claims_under("milestones/")}
        commitment.cache["milestones"] = sorted(numbers, key=natural_sort_key)
    return list(commitment.cache["milestones"])


def natural_sort_key(number: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts published numbers by the value of their parts."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in number.replace("-", ".").split("."))


def milestone_facts(commitment: Aggregate, number: str, facts: Facts) -> Facts:
    """Return facts of a milestone under their paths in the commitment; raises NotFound if there is no milestone."""
    if number not in milestone_numbers(commitment):
        raise NotFound(f"{commitment.string('code')} has no milestone {number}", "number")
    return {f"milestones/{number}/{path}": value for path, value in facts.items()}


def decide_milestone_report(commitment: Aggregate, number: str, facts: Facts) -> NewEvent:
    """Return the event of a progress report; raises NotFound if there is no such milestone."""
    return NewEvent("MilestoneReported", milestone_facts(commitment, number, facts))


def decide_milestone_completion(commitment: Aggregate, number: str) -> NewEvent | None:
    """Return the event of completing a milestone, None if it is complete; raises NotFound if there is none."""
    facts = milestone_facts(commitment, number, {"status": MilestoneStatus.COMPLETE.value})
    (path,) = facts
    return None if commitment.value(path) == facts[path] else NewEvent("MilestoneCompleted", facts)


def add_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record a new milestone; raises Conflict if its number is taken."""
    if number in milestone_numbers(commitment):
        raise Conflict(f"{commitment.string('code')} already has a milestone {number}", "number")
    absolute = {f"milestones/{number}/{path}": value for path, value in facts.items()}
    uow.append(commitment.id, "MilestoneAdded", absolute, provenance)


def revise_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a milestone; raises NotFound."""
    absolute = milestone_facts(commitment, number, facts)
    uow.append(commitment.id, "MilestoneRevised", changed_facts(commitment, absolute), provenance)


def complete_milestone(
    uow: UnitOfWork, commitment: Aggregate, number: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a milestone is complete; a repetition records nothing. Raises NotFound."""
    completion = decide_milestone_completion(commitment, number)
    uow.append_all(commitment.id, [completion] if completion else [], provenance)


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
    uow.append(commitment.id, "MilestoneWithdrawn", changed_facts(commitment, absolute), provenance)
