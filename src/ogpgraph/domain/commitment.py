"""Commitments: their paths and events, and the rules by which new facts become events.

Milestones, ratings and narratives are facts of their commitment: they have no identity without it, and a page of OGP
states them together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.action_plan import Cycle, Reference, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.event import Cause, Facts, NewEvent, Origin
from ogpgraph.domain.review import validate_rating_at
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import (
    CommitmentCode,
    PartialDate,
    Rating,
    TextListValue,
    TextValue,
    is_translated,
)
from ogpgraph.domain.vocabulary import (
    CommitmentStatus,
    MilestoneStatus,
    PolicyArea,
    RatingState,
)

Key = Annotated[
    str, Meta(pattern=r"^[A-Z]{2,6}-[0-9X]{2}-[0-9A-F]{8}$", description="A key in place of a code that is unknown.")
]
PlanNumber = Annotated[int, Meta(ge=1, le=99, description="1 for a member's first action plan, and so on.")]
Column = Annotated[str, Meta(min_length=1, max_length=300, description="A cell as published.")]
Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.\-]{0,15}$", description="A number as published.")]


COMMITMENT = AggregateType(
    name="commitment",
    description="A commitment of a member's action plan, with its milestones, ratings and narratives.",
    paths=(
        Path("code", CommitmentCode, "The commitment's code."),
        Path("formerCodes", tuple[CommitmentCode, ...], "Codes that it had before, which still mean it."),
        Path("member", Reference, "The member whose commitment it is."),
        Path("actionPlan", Reference, "The action plan it belongs to."),
        Path("cycle", Cycle, "The year in which its plan was submitted."),
        Path("number", Number, "Its number in the plan, as published."),
        Path("status", CommitmentStatus, "Whether the commitment is being carried out."),
        Path("title/{language}", TextValue, "The title."),
        Path("description/{language}", TextValue, "The description, written by the government."),
        Path("commitmentText/{language}", TextValue, "The text of the plan as the IRM quotes it."),
        Path(
            "leadInstitutions/{language}", TextListValue, "The lead institutions; empty if stated that there are none."
        ),
        Path(
            "supportingInstitutions/{language}",
            TextListValue,
            "The supporting institutions; empty if stated that there are none.",
        ),
        Path("policyAreas", tuple[PolicyArea, ...], "The policy areas, by their names in OGP's vocabulary."),
        Path(
            "policyAreasUnrecognised/{language}",
            TextListValue,
            "Policy areas that are not in the vocabulary, as published.",
        ),
        Path("irmReports/{language}", TextListValue, "The IRM reports that the page names."),
        Path("startsOn", PartialDate, "When the work begins."),
        Path("endsOn", PartialDate, "When the commitment is due."),
        Path("milestones/{number}/title/{language}", TextValue, "The milestone's title."),
        Path("milestones/{number}/startsOn", PartialDate, "When the work on the milestone begins."),
        Path("milestones/{number}/endsOn", PartialDate, "When the milestone is due."),
        Path("milestones/{number}/status", MilestoneStatus, "The progress of the milestone."),
        Path("milestones/{number}/updates/{time}/{language}", TextValue, "A progress report on the milestone."),
        Path(
            "ratings/{indicator}/{stage}",
            Rating,
            "The IRM's rating of one indicator at one stage.",
            validate_rating_at,
        ),
        Path("ratings/{indicator}/{stage}/{ogpValue}", Rating, "The same for one OGP value.", validate_rating_at),
        Path("narratives/{stage}/{section}/{language}", TextValue, "A section of the IRM's text."),
        Path(
            "key",
            Key,
            "The key of a commitment that a file names without a code, made up from member, plan number and title.",
        ),
        Path("planNumber", PlanNumber, "The number of its action plan among the member's plans."),
        Path("theme/{language}", TextValue, "The heading in the plan that the commitment is under."),
        Path("shortTitle/{language}", TextValue, "The title as abbreviated in OGP's database."),
        Path("cluster", Column, "The cluster of commitments in which the IRM reviewed it, as published."),
        Path(
            "clusterCommitments",
            tuple[CommitmentCode, ...],
            "The codes of the commitments in that cluster, including its own.",
        ),
        Path(
            "reportYears/{stage}", Cycle | RatingState, "The year of the IRM's report on a stage, or why there is none."
        ),
        Path("findings/{finding}", Rating, "A finding in OGP's database that is not one of the IRM's indicators."),
        Path(
            "policyAreasWithout/{state}",
            tuple[str, ...],
            "Policy areas for which OGP's database has neither yes nor no, by the reason.",
        ),
        Path("database/{column}", Column, "A column of OGP's database that has no path of its own."),
        Path("predecessors", tuple[Reference, ...], "The commitments that it carries forward."),
        Path("successors", tuple[Reference, ...], "The commitments that carry it forward."),
        Path("mergedInto", Reference, "The commitment into which it was merged."),
        Path("splitFrom", Reference, "The commitment of which it was a part."),
        Path("splitInto", tuple[Reference, ...], "The commitments into which it was split."),
    ),
    event_types=(
        EventType("CommitmentRegistered", "A commitment was registered."),
        EventType("CommitmentRevised", "Facts of the commitment changed or became known."),
        EventType("CommitmentTranslated", "Texts of the commitment became known in another language."),
        EventType(
            "CommitmentRecoded",
            "The commitment got another code; the former one still means it.",
            ("code", "formerCodes"),
        ),
        EventType(
            "CommitmentLinked",
            "The commitment was linked to those that it carries forward or that carry it forward.",
            ("predecessors", "successors"),
        ),
        EventType(
            "CommitmentMerged",
            "Commitments turned out to be one; all their codes mean the one that remains.",
            ("formerCodes", "mergedInto"),
        ),
        EventType("CommitmentSplit", "The commitment was split into several.", ("splitInto",)),
        EventType("CommitmentWithdrawn", "The government withdrew the commitment.", ("status",)),
        EventType("CommitmentSeenEarlier", "Facts from an older observation of a source were added to the history."),
        EventType("CommitmentCorrected", "Facts that had been recorded wrongly were corrected."),
        EventType("MilestoneAdded", "A milestone was added.", ("milestones/",)),
        EventType("MilestoneRevised", "Facts of a milestone changed.", ("milestones/",)),
        EventType("MilestoneReported", "Progress on a milestone was reported.", ("milestones/",)),
        EventType("MilestoneCompleted", "A milestone was completed.", ("milestones/",)),
        EventType("MilestoneWithdrawn", "The government withdrew a milestone.", ("milestones/",)),
        EventType("RatingRecorded", "A rating, or the reason why there is none, was recorded.", ("ratings/",)),
        EventType("RatingWithdrawn", "A rating was withdrawn.", ("ratings/",)),
        EventType("NarrativeRecorded", "Sections of the IRM's text were recorded or changed.", ("narratives/",)),
        EventType("NarrativeWithdrawn", "A section of the IRM's text was withdrawn.", ("narratives/",)),
    ),
)


def decide_events(commitment: Aggregate, facts: Facts) -> list[NewEvent]:
    """Return the events that state these facts of a commitment: one for each milestone, rating and section of text."""
    if commitment.revision:
        return _group_facts(commitment, facts)
    own = {path: value for path, value in facts.items() if _event_name_of(path) == "CommitmentRevised"}
    others = {path: value for path, value in facts.items() if path not in own}
    return [NewEvent("CommitmentRegistered", own), *_group_facts(commitment, others)]


def _group_facts(commitment: Aggregate, facts: Facts) -> list[NewEvent]:
    groups: dict[tuple[str, str], Facts] = defaultdict(dict)
    known = languages_of(commitment)
    for path, value in facts.items():
        translates = known and is_translated(value) and language_of(path) not in known
        name = "CommitmentTranslated" if translates else _event_name_of(path)
        groups[name, _group_key(name, path)][path] = value
    return [_build_event(commitment, name, key, grouped) for (name, key), grouped in groups.items()]


def _build_event(commitment: Aggregate, name: str, key: str, facts: Facts) -> NewEvent:
    if name == "CommitmentTranslated":
        return NewEvent(name, facts, Cause.TRANSLATION)
    if name == "RatingRecorded" and not any(facts.values()):
        return NewEvent("RatingWithdrawn", facts)
    if name == "MilestoneAdded" and any(commitment.claims_under(key + "/")):
        return NewEvent("MilestoneRevised", facts)
    return NewEvent(name, facts)


def _event_name_of(path: str) -> str:
    first = path.partition("/")[0]
    return {"milestones": "MilestoneAdded", "ratings": "RatingRecorded", "narratives": "NarrativeRecorded"}.get(
        first, "CommitmentRevised"
    )


def _group_key(name: str, path: str) -> str:
    """Return the part of a path that all facts of one event share, such as `milestones/14.1`."""
    depth = {"MilestoneAdded": 2, "RatingRecorded": 4, "NarrativeRecorded": 2}.get(name, 0)
    return "/".join(path.split("/")[:depth])


# Languages


def language_of(path: str) -> str | None:
    """Return the language of the text at a path of a commitment, None for a path without texts."""
    declared = COMMITMENT.find_path(path)
    return path.rpartition("/")[2] if declared.pattern.endswith("{language}") else None


def is_listed_only(commitment: Aggregate) -> bool:
    """Return whether a commitment is known only from lists on other pages of its member."""
    return all(claim.origin is Origin.SIBLING_LIST for claim in commitment.current_claims.values())


# Commands that the mutations and the importer share


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


def withdraw_commitment(uow: UnitOfWork, commitment: Aggregate, provenance: Provenance = REPORTED_BY_PERSON) -> None:
    """Record that the government withdrew a commitment; a repetition records nothing."""
    facts: Facts = {"status": CommitmentStatus.WITHDRAWN.value}
    uow.append(commitment.id, "CommitmentWithdrawn", changed_facts(commitment, facts), provenance)
