"""Commitments: their events and commands, and the rules by which new facts become events.

Milestones, ratings and narratives are facts of their commitment: they have no identity without it, and a page of OGP
states them together. Their fields are in `commitment_fields`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ogpgraph.domain.action_plan import UNKNOWN_PLAN, ActionPlanReference, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.clearing import append_changes, changes_by_source
from ogpgraph.domain.code import code_path
from ogpgraph.domain.command import (
    UNKNOWN_COMMITMENT,
    Command,
    CommandType,
    CommitmentReference,
    Format,
    Language,
    NewCommitmentCode,
    Refusals,
)
from ogpgraph.domain.commitment_fields import COMMITMENT_FIELDS, NUMBER
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Cause, Facts, NewEvent
from ogpgraph.domain.field import fields_by_name
from ogpgraph.domain.roles import GOVERNMENT
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import PartialDate, TextListValue, TextValue, TranslationKind, is_translated
from ogpgraph.domain.vocabulary import CommitmentStatus, PolicyArea

_FIELDS = fields_by_name(COMMITMENT_FIELDS)


def complete_plan_correction(uow: UnitOfWork, commitment: Aggregate, facts: Facts) -> Facts:
    """Return the corrected facts of a commitment, with the cycle of a corrected action plan.

    Raises Invalid for a cycle that is not the plan's.
    """
    plan = uow.aggregate(str(facts.get("actionPlan") or commitment.string("actionPlan") or ""))
    cycle = plan.value("cycle")
    if cycle is None or facts.keys().isdisjoint(("actionPlan", "cycle")):
        return facts
    if facts.get("cycle", cycle) not in (None, cycle):
        raise Invalid(f"its action plan {plan.string('code')} was submitted in {cycle}", "cycle")
    is_consistent = facts.get("cycle") == cycle or commitment.value("cycle") == cycle
    return facts if is_consistent or facts.get("actionPlan") is None else facts | {"cycle": cycle}


STATEMENT_EVENTS = (
    EventType("CommitmentRegistered", "A commitment was registered."),
    EventType("CommitmentRevised", "Facts of the commitment changed or became known."),
    EventType("CommitmentTranslated", "Texts of the commitment became known in another language."),
)
"""The events that state facts of a commitment."""

AMENDMENT_EVENTS = (
    EventType("CommitmentWithdrawn", "The government withdrew the commitment.", ("status",)),
    EventType("CommitmentSeenEarlier", "Facts from an older observation of a source were added to the history."),
    EventType("CommitmentCorrected", "Facts that had been recorded wrongly were corrected.", amends=True),
    EventType("CommitmentReverted", "What an import or request had recorded was withdrawn.", amends=True),
)
"""The events that change what was stated."""


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
        # The path of a text ends with its language.
        translates = known and is_translated(value) and path.rpartition("/")[2] not in known
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


# Commands that the mutations and the importer share


def register_commitment(
    uow: UnitOfWork, code: str, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> Aggregate:
    """Record a new commitment; raises Conflict if its code is taken."""
    stream = uow.new_stream("commitment")
    uow.reserve_code("commitment", code, stream)
    uow.append_all(stream, decide_events(Aggregate(stream), {"code": code, code_path(code): True, **facts}), provenance)
    return uow.aggregate(stream)


def require_code_of_member(uow: UnitOfWork, owned: Aggregate, code: str) -> None:
    """Raise Invalid unless the code of a commitment begins as those of a plan's or a commitment's member do.

    Any code is possible for a member that is not known, or of which no prefix is.
    """
    member = owned.string("member")
    known = uow.aggregate(member) if member else Aggregate("")
    prefixes = {prefix for path in ("prefix", "code") if (prefix := known.string(path))}
    if prefixes and code.rstrip("0123456789") not in prefixes:
        raise Invalid(f"{code} does not begin with {' or '.join(sorted(prefixes))}", "code")


def revise_commitment(
    uow: UnitOfWork, commitment: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record changed facts of a commitment, including its milestones, ratings, narratives and translations.

    Raises Conflict for a status of a commitment that was split.
    """
    if "status" in facts:
        _require_not_split(commitment)
    for changes, stated_by in changes_by_source(commitment, facts, provenance):
        uow.append_all(commitment.id, decide_events(commitment, changes), stated_by)


def translate_commitment(
    uow: UnitOfWork, commitment: Aggregate, facts: Facts, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record texts in another language."""
    append_changes(uow, commitment, "CommitmentTranslated", facts, provenance.with_cause(Cause.TRANSLATION))


def withdraw_commitment(uow: UnitOfWork, commitment: Aggregate, provenance: Provenance = REPORTED_BY_PERSON) -> None:
    """Record that the government withdrew a commitment; a repetition records nothing.

    Raises Conflict for a commitment that was split: its parts are withdrawn.
    """
    _require_not_split(commitment)
    facts: Facts = {"status": CommitmentStatus.WITHDRAWN.value}
    uow.append(commitment.id, "CommitmentWithdrawn", changed_facts(commitment, facts, provenance), provenance)


def _require_not_split(commitment: Aggregate) -> None:
    if commitment.value("status") == CommitmentStatus.SPLIT:
        raise Conflict(f"{commitment.string('code')} was split: its parts have a status of their own", "commitment")


# Commands

CommitmentNumber = Annotated[
    str | UnsetType | None,
    _FIELDS["number"],
    Meta(
        description="The number in the action plan, as published: up to 16 letters, digits and characters of `.,()/-`."
    ),
    Format(rf"(?!.*[.,/\-]{{2}}){NUMBER}", "a number as published, such as 14.1"),
]
Title = Annotated[TextValue | UnsetType, _FIELDS["title"], Meta(description="The title.")]
Description = Annotated[
    TextValue | UnsetType | None,
    _FIELDS["description"],
    Meta(description="The government's own text, up to 100,000 characters."),
]
LeadInstitutions = Annotated[
    TextListValue | UnsetType | None,
    _FIELDS["leadInstitutions"],
    Meta(description="The institutions that lead it; an empty list records that there is none."),
]
SupportingInstitutions = Annotated[
    TextListValue | UnsetType | None,
    _FIELDS["supportingInstitutions"],
    Meta(description="The institutions that support it; an empty list records that there is none."),
]
PolicyAreas = Annotated[
    tuple[PolicyArea, ...] | UnsetType | None,
    _FIELDS["policyAreas"],
    Meta(description="OGP's policy areas, such as `Open Data`; case does not matter. They replace those recorded."),
]
StartsOn = Annotated[PartialDate | UnsetType | None, _FIELDS["startsOn"], Meta(description="When work on it begins.")]
EndsOn = Annotated[PartialDate | UnsetType | None, _FIELDS["endsOn"], Meta(description="When it is due.")]


class CommitmentPlan(Command, frozen=True, kw_only=True):
    """The inputs that commands have in common which record what an action plan contains about a commitment."""

    number: CommitmentNumber = UNSET
    title: Title = UNSET
    description: Description = UNSET
    language: Language = "en"
    lead_institutions: LeadInstitutions = UNSET
    supporting_institutions: SupportingInstitutions = UNSET
    policy_areas: PolicyAreas = UNSET
    starts_on: StartsOn = UNSET
    ends_on: EndsOn = UNSET


class RegisterCommitment(CommitmentPlan, frozen=True, kw_only=True):
    """A new commitment of an action plan; what is omitted can be added later."""

    code: Annotated[
        NewCommitmentCode,
        Meta(description="The code: the prefix or code of the member and four digits, such as `FR0043`."),
    ]
    action_plan: ActionPlanReference

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the commitment.

        Raises Invalid unless its code begins as those of the member do, and Conflict if the code is taken.
        """
        facts = self.stated_facts() | _identity_facts(uow, self.action_plan, self.code)
        facts |= {"status": CommitmentStatus.ACTIVE.value}
        register_commitment(uow, self.code, facts, provenance)


def _identity_facts(uow: UnitOfWork, plan: Aggregate, code: str) -> Facts:
    """Return member, plan and cycle of a new commitment; raises Invalid unless its code begins as the member's do."""
    require_code_of_member(uow, plan, code)
    facts: Facts = {"member": plan.string("member"), "actionPlan": plan.id, "cycle": plan.value("cycle")}
    return {path: value for path, value in facts.items() if value is not None}


REGISTER_COMMITMENT = CommandType(
    command=RegisterCommitment,
    description="Records a new commitment of an action plan, with the status `ACTIVE`.",
    permitted=GOVERNMENT,
    events=("CodeAssigned", "CommitmentRegistered"),
    returns="commitment",
    registers="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_PLAN,
        invalid="if the code does not begin with the member's prefix, or OGP does not have one of the policy areas",
        conflict="if the code is taken",
    ),
)


class ReviseCommitment(CommitmentPlan, frozen=True, kw_only=True):
    """Changes to a commitment; at least one field is needed."""

    commitment: CommitmentReference
    status: Annotated[
        CommitmentStatus | UnsetType, _FIELDS["status"], Meta(description="The status of the work on it.")
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record what has changed; raises Invalid without any field, and the refusals of a status."""
        facts = self.stated_facts()
        if not facts:
            raise Invalid("the input changes nothing: set at least one field of the commitment")
        revise_commitment(uow, self.commitment, facts, provenance)


REVISE_COMMITMENT = CommandType(
    command=ReviseCommitment,
    description="Records changes to a commitment. Earlier values stay in the history.",
    permitted=GOVERNMENT,
    events=("CommitmentRevised",),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if no field is set, OGP does not have one of the policy areas, or the status is `SPLIT`",
        conflict="if a status is set and the commitment was split",
    ),
)


class TranslateCommitment(Command, frozen=True):
    """The texts of a commitment in another language; at least one is needed."""

    commitment: CommitmentReference
    language: Annotated[
        Language, Meta(description="The language of the translation: its code in ISO 639, such as `fr`.")
    ]
    translation_kind: Annotated[
        TranslationKind, Meta(description="How the translation was made. Default: `HUMAN`.")
    ] = TranslationKind.HUMAN
    title: Title = UNSET
    description: Annotated[Description, Meta(description="The government's text.")] = UNSET
    lead_institutions: Annotated[LeadInstitutions, Meta(description="The institutions that lead it.")] = UNSET
    supporting_institutions: Annotated[
        SupportingInstitutions, Meta(description="The institutions that support it.")
    ] = UNSET

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the texts that are new; raises Invalid without any."""
        facts = self.stated_facts()
        if not facts:
            raise Invalid("the input has no text to record")
        translate_commitment(uow, self.commitment, facts, provenance)


TRANSLATE_COMMITMENT = CommandType(
    command=TranslateCommitment,
    description="Records the texts of a commitment in another language, and how the translation was made.",
    permitted=GOVERNMENT,
    events=("CommitmentTranslated",),
    returns="commitment",
    refusals=Refusals(not_found=UNKNOWN_COMMITMENT, invalid="if there is no text"),
)


class WithdrawCommitment(Command, frozen=True):
    """A commitment that the government withdraws."""

    commitment: CommitmentReference

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the withdrawal, unless it is recorded."""
        withdraw_commitment(uow, self.commitment, provenance)


WITHDRAW_COMMITMENT = CommandType(
    command=WithdrawCommitment,
    description="Records that the government withdrew a commitment. It stays readable, with the status `WITHDRAWN`.",
    permitted=GOVERNMENT,
    events=("CommitmentWithdrawn",),
    returns="commitment",
    refusals=Refusals(not_found=UNKNOWN_COMMITMENT, conflict="if the commitment was split"),
)

COMMITMENT_COMMANDS = (REGISTER_COMMITMENT, REVISE_COMMITMENT, TRANSLATE_COMMITMENT, WITHDRAW_COMMITMENT)
