"""Commitments: what a government promised, its milestones, what the IRM found, and how a statement becomes events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta, Struct

from ogpgraph.domain.action_plan import Cycle, Reference
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import AggregateType, EventType, Path
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Cause, Facts
from ogpgraph.domain.values import CommitmentCode, PartialDate, Rating, TextListValue, TextValue, TranslationKind, Value
from ogpgraph.domain.vocabulary import VALUES_OF, CommitmentStatus, Indicator, MilestoneStatus, RatingState

Key = Annotated[str, Meta(pattern=r"^[A-Z]{2,6}-[0-9X]{2}-[0-9A-F]{8}$", description="A key of the record's own.")]
PlanNumber = Annotated[int, Meta(ge=1, le=99, description="1 for a member's first action plan, and so on.")]
Column = Annotated[str, Meta(min_length=1, max_length=300, description="A cell as published.")]
Number = Annotated[str, Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.\-]{0,15}$", description="A number as published.")]


def _validate_rating_at(path: str, rating: Rating) -> None:
    validate_rating(Indicator(path.split("/")[1]), rating)


COMMITMENT = AggregateType(
    name="commitment",
    description="A commitment of a member's action plan, with its milestones, ratings and narratives.",
    paths=(
        Path("code", CommitmentCode, "The commitment's present code."),
        Path("formerCodes", tuple[CommitmentCode, ...], "Codes it had before, which keep resolving."),
        Path("member", Reference, "The member that made it."),
        Path("actionPlan", Reference, "The action plan it belongs to."),
        Path("cycle", Cycle, "The year its plan was submitted."),
        Path("number", Number, "Its number in the plan, as published."),
        Path("status", CommitmentStatus, "Whether it is being worked on."),
        Path("title/{language}", TextValue, "Its title."),
        Path("description/{language}", TextValue, "The government's own text."),
        Path("commitmentText/{language}", TextValue, "The plan's text as the IRM quotes it."),
        Path("leadInstitutions/{language}", TextListValue, "Who leads it; empty where the page says there is nobody."),
        Path(
            "supportingInstitutions/{language}",
            TextListValue,
            "Who supports it; empty where the page says there is nobody.",
        ),
        Path("policyAreas", tuple[str, ...], "OGP's policy areas, in the vocabulary's words."),
        Path(
            "policyAreasUnrecognised/{language}", TextListValue, "Policy areas as published that no vocabulary knows."
        ),
        Path("irmReports/{language}", TextListValue, "The IRM reports named for it."),
        Path("startsOn", PartialDate, "When work on it begins."),
        Path("endsOn", PartialDate, "When it is due."),
        Path("milestones/{number}/title/{language}", TextValue, "What the milestone delivers."),
        Path("milestones/{number}/startsOn", PartialDate, "When work on the milestone begins."),
        Path("milestones/{number}/endsOn", PartialDate, "When the milestone is due."),
        Path("milestones/{number}/status", MilestoneStatus, "How far the milestone has come."),
        Path("milestones/{number}/updates/{time}/{language}", TextValue, "A progress report on the milestone."),
        Path(
            "ratings/{indicator}/{stage}",
            Rating,
            "What the IRM says on one indicator at one stage.",
            _validate_rating_at,
        ),
        Path("ratings/{indicator}/{stage}/{ogpValue}", Rating, "The same, about one OGP value.", _validate_rating_at),
        Path("narratives/{stage}/{section}/{language}", TextValue, "A section of the IRM's own text."),
        Path(
            "key",
            Key,
            "The record's own key of a commitment that a file names without a code: member, plan number, title.",
        ),
        Path("planNumber", PlanNumber, "Which of the member's action plans it belongs to, counted from the first."),
        Path("theme/{language}", TextValue, "The heading of the plan under which it stands."),
        Path("shortTitle/{language}", TextValue, "Its title as OGP's database shortens it."),
        Path("cluster", Column, "With which commitments of its plan the IRM grouped it, as published."),
        Path(
            "clusterCommitments",
            tuple[CommitmentCode, ...],
            "The codes of the commitments that the IRM reviewed together with it, its own among them.",
        ),
        Path("reportYears/{stage}", Cycle | RatingState, "The year the IRM's report of a stage came out, or why none."),
        Path("findings/{finding}", Rating, "What OGP's database states of it besides the IRM's indicators."),
        Path(
            "policyAreasWithout/{state}",
            tuple[str, ...],
            "Policy areas for which the database has no yes or no: not coded, not reviewed, not applicable.",
        ),
        Path("database/{column}", Column, "A column of OGP's database that has no word of its own in the record."),
        Path("predecessors", tuple[Reference, ...], "Commitments that it carries forward."),
        Path("successors", tuple[Reference, ...], "Commitments that carry it forward."),
        Path("mergedInto", Reference, "The commitment that it turned out to be."),
        Path("splitFrom", Reference, "The commitment that it was a part of."),
        Path("splitInto", tuple[Reference, ...], "The commitments that it was split into."),
    ),
    event_types=(
        EventType("CommitmentRegistered", "A commitment came into the record."),
        EventType("CommitmentRevised", "Something said of the commitment changed, or became known."),
        EventType("CommitmentTranslated", "Wordings of the commitment became known in another language."),
        EventType(
            "CommitmentRecoded",
            "The commitment has another code; the former one keeps resolving.",
            ("code", "formerCodes"),
        ),
        EventType(
            "CommitmentLinked",
            "The commitment was linked to those it carries forward or that carry it on.",
            ("predecessors", "successors"),
        ),
        EventType(
            "CommitmentMerged",
            "Two commitments turned out to be one; both codes lead to the one that remains.",
            ("formerCodes", "mergedInto"),
        ),
        EventType("CommitmentSplit", "The commitment turned out to be several.", ("splitInto",)),
        EventType("CommitmentWithdrawn", "The government withdrew the commitment.", ("status",)),
        EventType("CommitmentSeenEarlier", "An older observation told what was said of the commitment then."),
        EventType("CommitmentCorrected", "Something recorded of the commitment was wrong and was put right."),
        EventType("MilestoneAdded", "A milestone came into the record.", ("milestones/",)),
        EventType("MilestoneRevised", "Something said of a milestone changed.", ("milestones/",)),
        EventType("MilestoneReported", "Progress on a milestone was reported.", ("milestones/",)),
        EventType("MilestoneCompleted", "A milestone was completed.", ("milestones/",)),
        EventType("MilestoneWithdrawn", "The government withdrew a milestone.", ("milestones/",)),
        EventType("RatingRecorded", "A rating, or that it is pending, was recorded.", ("ratings/",)),
        EventType("RatingWithdrawn", "A rating is no longer given.", ("ratings/",)),
        EventType("NarrativeRecorded", "The IRM's text on the commitment was recorded or changed.", ("narratives/",)),
        EventType("NarrativeWithdrawn", "The IRM took back a section of its text.", ("narratives/",)),
    ),
)


class NewEvent(Struct, frozen=True):
    """What a decision wants recorded: an event's name, its facts, and the cause where the decision knows it better."""

    name: str
    facts: Facts
    cause: Cause | None = None


def decide_events(commitment: Aggregate, facts: Facts) -> list[NewEvent]:
    """Return the events that tell these facts of a commitment, each in the words of what happened."""
    if not commitment.revision:
        first = {path: value for path, value in facts.items() if _event_name_of(path) == "CommitmentRevised"}
        rest = {path: value for path, value in facts.items() if path not in first}
        return [NewEvent("CommitmentRegistered", first), *_group_facts(commitment, rest)]
    return _group_facts(commitment, facts)


def _group_facts(commitment: Aggregate, facts: Facts) -> list[NewEvent]:
    groups: dict[tuple[str, str], Facts] = defaultdict(dict)
    known = languages_of(commitment)
    for path, value in facts.items():
        translates = known and is_translated(value) and language_of(path) not in known
        name = "CommitmentTranslated" if translates else _event_name_of(path)
        groups[name, _group_key(name, path)][path] = value
    return [_name_event(commitment, name, stem, said) for (name, stem), said in groups.items()]


def _name_event(commitment: Aggregate, name: str, stem: str, facts: Facts) -> NewEvent:
    if name == "CommitmentTranslated":
        return NewEvent(name, facts, Cause.TRANSLATION)
    if name == "RatingRecorded" and not any(facts.values()):
        return NewEvent("RatingWithdrawn", facts)
    if name == "MilestoneAdded" and any(commitment.claims_under(stem + "/")):
        return NewEvent("MilestoneRevised", facts)
    return NewEvent(name, facts)


def _event_name_of(path: str) -> str:
    first = path.partition("/")[0]
    return {"milestones": "MilestoneAdded", "ratings": "RatingRecorded", "narratives": "NarrativeRecorded"}.get(
        first, "CommitmentRevised"
    )


def _group_key(name: str, path: str) -> str:
    depth = {"MilestoneAdded": 2, "RatingRecorded": 4, "NarrativeRecorded": 2}.get(name, 0)
    return "/".join(path.split("/")[:depth])


def is_translated(value: Value | None) -> bool:
    """Tell whether a value is words that somebody or something translated."""
    return isinstance(value, (TextValue, TextListValue)) and value.translation_kind in (
        TranslationKind.MACHINE,
        TranslationKind.HUMAN,
    )


def language_of(path: str) -> str | None:
    """Return the language of the wording at a path of a commitment, or None where the path holds no wording."""
    declared = COMMITMENT.find_path(path)
    return path.rpartition("/")[2] if declared.pattern.endswith("{language}") else None


def languages_of(commitment: Aggregate) -> frozenset[str]:
    """Return the languages that the commitment's title or description is known in."""
    return frozenset(
        path.partition("/")[2] for path in commitment.current_claims if path.startswith(("title/", "description/"))
    )


def is_listed_only(commitment: Aggregate) -> bool:
    """Tell whether nothing is known of it but what other pages of its member list."""
    return all(claim.origin == "SIBLING_LIST" for claim in commitment.current_claims.values())


def milestone_numbers(commitment: Aggregate) -> list[str]:
    """Return the numbers of its milestones, in the order people count (14.2 before 14.10)."""
    if "milestones" not in commitment.cache:
        numbers = {path.split("/")[1] for path, _ in commitment.claims_under("milestones/")}
        commitment.cache["milestones"] = sorted(numbers, key=natural_sort_key)
    return list(commitment.cache["milestones"])


def natural_sort_key(number: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts published numbers as people count."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in number.replace("-", ".").split("."))


def decide_milestone_report(commitment: Aggregate, number: str, facts: Facts) -> NewEvent:
    """Return the event of a progress report; raises NotFound when there is no such milestone."""
    return NewEvent("MilestoneReported", milestone_facts(commitment, number, facts))


def decide_milestone_completion(commitment: Aggregate, number: str) -> NewEvent | None:
    """Return the event of completing a milestone, None when it already is; raises NotFound when there is none."""
    facts = milestone_facts(commitment, number, {"status": MilestoneStatus.COMPLETE.value})
    (path,) = facts
    return None if commitment.value(path) == facts[path] else NewEvent("MilestoneCompleted", facts)


def milestone_facts(commitment: Aggregate, number: str, facts: Facts) -> Facts:
    """Return facts of a milestone with their paths in the commitment; raises NotFound when there is no milestone."""
    if number not in milestone_numbers(commitment):
        raise NotFound(f"{commitment.string('code')} has no milestone {number}", "number")
    return {f"milestones/{number}/{path}": value for path, value in facts.items()}


def validate_rating(indicator: Indicator, rating: Rating) -> Rating:
    """Return the rating; raises Invalid unless its value is on the indicator's scale, and only a rated one has one."""
    if (rating.state is RatingState.RATED) != (rating.value is not None):
        raise Invalid(f"{indicator}: a rating has a value exactly when it is RATED", "value")
    if rating.value is not None and rating.value not in VALUES_OF[indicator]:
        scale = ", ".join(VALUES_OF[indicator])
        raise Invalid(f"{indicator} cannot be {rating.value}: its scale is {scale}", "value")
    return rating


def decide_correction(commitment: Aggregate, facts: Facts) -> NewEvent:
    """Return the event that puts facts right; raises Conflict where the record already says so."""
    wrong: Iterable[str] = [path for path, value in facts.items() if commitment.value(path) == value]
    for path in wrong:
        raise Conflict(f"{path} already is as the correction would have it", path)
    return NewEvent("CommitmentCorrected", facts)


def former_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return the codes that a commitment had before."""
    codes = commitment.value("formerCodes")
    return codes if isinstance(codes, tuple) else ()


def all_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return a commitment's code and those that it had before."""
    return tuple(filter(None, (commitment.string("code"), *former_codes(commitment))))


def reserved_codes(commitment: Aggregate) -> tuple[str, ...]:
    """Return everything that was reserved for a commitment: its codes, and the key it was known by without one."""
    return tuple(filter(None, (*all_codes(commitment), commitment.string("key"))))
