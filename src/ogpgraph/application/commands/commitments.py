"""Commands on commitments and their milestones, ratings and narratives."""

from __future__ import annotations

from ogpgraph.application.commands.corrections import withdraw
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import (
    all_codes,
    decide_events,
    decide_milestone_completion,
    decide_milestone_report,
    former_codes,
    milestone_facts,
    milestone_numbers,
    rating_path,
    reserved_codes,
    validate_rating,
)
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Cause, Facts
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import Rating, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus, Indicator, MilestoneStatus, OgpValue, Stage

_SHARED_BY_PARTS = ("member", "actionPlan", "cycle")


def register_commitment(
    uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> Aggregate:
    """Record a new commitment; raises Conflict if its code is taken."""
    stream = uow.new_stream("commitment")
    uow.reserve_code("commitment", code, stream)
    uow.append_all(stream, decide_events(Aggregate(stream), {"code": code, **facts}), provenance)
    return uow.aggregate(stream)


def revise_commitment(
    uow: UnitOfWork, commitment: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a commitment, including its milestones, ratings, narratives and translations."""
    uow.append_all(commitment.id, decide_events(commitment, changed_facts(commitment, facts)), provenance)


def translate_commitment(
    uow: UnitOfWork, commitment: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record texts in another language."""
    translating = provenance.with_cause(Cause.TRANSLATION)
    uow.append(commitment.id, "CommitmentTranslated", changed_facts(commitment, facts), translating)


def recode_commitment(
    uow: UnitOfWork, commitment: Aggregate, code: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a commitment got another code; the former one still means it.

    Raises Conflict if the code means another commitment.
    """
    former = commitment.string("code") or commitment.string("key")
    if code == former:
        return
    if uow.resolve_code("commitment", code) != commitment.id:
        uow.reserve_code("commitment", code, commitment.id)
    all_former = tuple(each for each in (*former_codes(commitment), former) if each and each != code)
    uow.append(commitment.id, "CommitmentRecoded", {"code": code, "formerCodes": all_former}, provenance)


def merge_commitments(
    uow: UnitOfWork, commitments: list[Aggregate], remaining: Aggregate, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that commitments are one and the same: all their codes mean the one that remains.

    Raises Invalid if none of them differs from the one that remains.
    """
    merged = {each.id: each for each in commitments if each.id != remaining.id}
    if not merged:
        raise Invalid(f"{remaining.string('code')} and the commitments to merge into it are one already", "commitments")
    for each in merged.values():
        uow.append(each.id, "CommitmentMerged", {"mergedInto": remaining.id}, provenance)
        for code in reserved_codes(each):
            uow.assign_code("commitment", code, remaining.id)
    added = [code for each in merged.values() for code in all_codes(each)]
    former = tuple(dict.fromkeys((*former_codes(remaining), *added)))
    uow.append(remaining.id, "CommitmentMerged", {"formerCodes": former}, provenance)


def split_commitment(
    uow: UnitOfWork, whole: Aggregate, parts: dict[str, Facts], provenance: Provenance = REPORTED_BY_PERSON
) -> list[Aggregate]:
    """Record that a commitment is several: each part is a new commitment. Raises Conflict if a code is taken."""
    shared: Facts = {"splitFrom": whole.id}
    shared |= {path: value for path in _SHARED_BY_PARTS if (value := whole.value(path)) is not None}
    registered = [register_commitment(uow, each, shared | facts, provenance) for each, facts in parts.items()]
    into = (*_references_at(whole, "splitInto"), *(part.id for part in registered))
    uow.append(whole.id, "CommitmentSplit", {"splitInto": into}, provenance)
    return registered


def link_commitments(
    uow: UnitOfWork,
    commitment: Aggregate,
    predecessors: list[Aggregate],
    successors: list[Aggregate],
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Link a commitment to those that it carries forward and those that carry it forward, on both sides.

    Raises Invalid for a link to itself.
    """
    for path, inverse, others in (
        ("predecessors", "successors", predecessors),
        ("successors", "predecessors", successors),
    ):
        if any(other.id == commitment.id for other in others):
            raise Invalid(f"{commitment.string('code')} cannot be linked to itself", path)
        _link(uow, commitment.id, path, [other.id for other in others], provenance)
        for other in others:
            _link(uow, other.id, inverse, [commitment.id], provenance)


def _link(uow: UnitOfWork, stream: str, path: str, others: list[str], provenance: Provenance) -> None:
    commitment = uow.aggregate(stream)
    linked = tuple(dict.fromkeys((*_references_at(commitment, path), *others)))
    uow.append(stream, "CommitmentLinked", changed_facts(commitment, {path: linked}) if others else {}, provenance)


def withdraw_commitment(uow: UnitOfWork, commitment: Aggregate, provenance: Provenance = REPORTED_BY_PERSON) -> None:
    """Record that the government withdrew a commitment; a repetition records nothing."""
    facts: Facts = {"status": CommitmentStatus.WITHDRAWN.value}
    uow.append(commitment.id, "CommitmentWithdrawn", changed_facts(commitment, facts), provenance)


def _references_at(commitment: Aggregate, path: str) -> tuple[str, ...]:
    value = commitment.value(path)
    return value if isinstance(value, tuple) else ()


# Milestones: paths of facts are relative to the milestone (`status`, `title/en`).


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


# Assessments by the IRM


def record_rating(
    uow: UnitOfWork,
    commitment: Aggregate,
    indicator: Indicator,
    stage: Stage,
    rating: Rating,
    ogp_value: OgpValue | None = None,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record a rating of a commitment; raises Invalid for a value off the indicator's scale."""
    validate_rating(indicator, rating)
    facts: Facts = {rating_path(indicator, stage, ogp_value): rating}
    uow.append_all(commitment.id, decide_events(commitment, changed_facts(commitment, facts)), provenance)


def withdraw_rating(
    uow: UnitOfWork,
    commitment: Aggregate,
    indicator: Indicator,
    stage: Stage,
    ogp_value: OgpValue | None = None,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Withdraw a rating that people recorded; raises NotFound, and Conflict if a published page states it."""
    withdraw(uow, commitment, "RatingWithdrawn", [rating_path(indicator, stage, ogp_value)], provenance)


def record_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    text: TextValue,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record a section of the IRM's text in one language."""
    facts: Facts = {f"narratives/{stage}/{section}/{language}": text}
    uow.append(commitment.id, "NarrativeRecorded", changed_facts(commitment, facts), provenance)


def withdraw_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Withdraw a section that people recorded; raises NotFound, and Conflict if a published page states it."""
    withdraw(uow, commitment, "NarrativeWithdrawn", [f"narratives/{stage}/{section}/{language}"], provenance)
