"""Commitments: their fields, events and commands, and the rules by which new facts become events.

Milestones, ratings and narratives are facts of their commitment: they have no identity without it, and a page of OGP
states them together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ogpgraph.domain.action_plan import UNKNOWN_PLAN, ActionPlanReference, Cycle, Reference, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.clearing import changes_by_source
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
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Cause, Facts, NewEvent, Origin
from ogpgraph.domain.field import (
    ANY_PATH,
    DerivedDimension,
    Field,
    Filter,
    FilterKind,
    FindAggregate,
    Tag,
    fields_by_name,
    validate_item,
)
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, IRM, NOBODY
from ogpgraph.domain.source import OBSERVED_BY, observer_tags
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import (
    COMMITMENT_CODE,
    CommitmentCode,
    PartialDate,
    TextListValue,
    TextValue,
    TranslationKind,
    is_translated,
)
from ogpgraph.domain.vocabulary import CommitmentStatus, PolicyArea

_NUMBER = r"[0-9A-Za-z][0-9A-Za-z.,()/\-]{0,15}"
Number = Annotated[str, Meta(pattern=f"^{_NUMBER}$", description="A number as published.")]


def is_listed_only(commitment: Aggregate) -> bool:
    """Return whether a commitment is known only from lists on other pages of its member."""
    current = (commitment.current_claim(path) for path in commitment.claims)
    return all(claim.origin is Origin.SIBLING_LIST for claim in current if claim)


def language_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield the languages of a commitment."""
    return (("language", language) for language in languages_of(commitment))


def listed_only_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield whether a commitment is known from lists only."""
    yield "listedOnly", "true" if is_listed_only(commitment) else "false"


def disappeared_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield whether OGP's database lists a commitment no longer."""
    yield "disappeared", "true" if commitment.value("listed") is False else "false"


def validate_plan(find: FindAggregate, commitment: Aggregate, path: str, plan: str) -> None:
    """Raise Invalid unless a plan is of the member that made a commitment."""
    member = commitment.string("member")
    if member is not None and find(plan).string("member") != member:
        code, of = find(plan).string("code"), find(member).string("code")
        raise Invalid(f"{code} is not an action plan of {of}, which made the commitment", path)


def validate_status(_find: FindAggregate, commitment: Aggregate, path: str, status: str) -> None:
    """Raise Invalid for the status SPLIT of a commitment that was not split."""
    if status == CommitmentStatus.SPLIT and not any(commitment.claims_under("splitInto/")):
        raise Invalid("only splitCommitment records the status SPLIT", path)


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


COMMITMENT_FIELDS = (
    Field(
        "code",
        CommitmentCode,
        "Code",
        "The current code of the commitment, such as `FR0043`.",
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
        filter=Filter(
            "code",
            FilterKind.CODE,
            "Its current code, a former code or its `key`, in any case. A code such as `FR0043` that no commitment has "
            "matches none.",
            COMMITMENT_CODE,
        ),
        is_sortable=True,
    ),
    Field(
        "codes/{code}",
        bool,
        "Codes",
        "All codes that mean it: true for its current code and for those that it had before.",
        validate_item,
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
        dimension="code",
    ),
    Field(
        "member",
        Reference,
        "Member",
        "The member that made it.",
        refers_to="member",
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
        facet="MEMBER",
    ),
    Field(
        "actionPlan",
        Reference,
        "Action plan",
        "The action plan that it belongs to.",
        refers_to="plan",
        validate_in=validate_plan,
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=ADMINISTRATORS,
        dimension="actionPlan",
    ),
    Field(
        "cycle",
        Cycle,
        "Year of submission",
        "The year in which its action plan was submitted.",
        is_required=True,
        written_by=GOVERNMENT,
        corrected_by=ADMINISTRATORS,
        filter=Filter("cycle"),
        is_sortable=True,
        facet="CYCLE",
    ),
    Field(
        "number",
        Number,
        "Number",
        "Its number in the action plan, as published, such as `3` or `14.1`; null if it is known only from lists "
        "on other commitments' pages.",
        written_by=GOVERNMENT,
        is_clearable=True,
    ),
    Field(
        "status",
        CommitmentStatus,
        "Status",
        "Whether it is being implemented; `SPLIT` for a commitment in whose place its parts are listed.",
        validate_in=validate_status,
        is_required=True,
        written_by=GOVERNMENT,
        filter=Filter("status"),
        is_sortable=True,
        facet="STATUS",
    ),
    Field(
        "title/{language}",
        TextValue,
        "Title",
        "Its title.",
        is_required=True,
        written_by=GOVERNMENT,
        filter=Filter(
            "title",
            description="Its title in some language contains each of these words, in any order; a word is also "
            "found inside of a longer one. Case and accents are ignored.",
        ),
        search_weight=10,
    ),
    Field(
        "description/{language}",
        TextValue,
        "Description",
        "The government's description, as published on the commitment's page.",
        written_by=GOVERNMENT,
        is_clearable=True,
        search_weight=4,
    ),
    Field(
        "commitmentText/{language}",
        TextValue,
        "Text of the plan",
        "The text of the commitment in the action plan, as the IRM quotes it.",
        corrected_by=IRM,
        search_weight=3,
    ),
    Field(
        "leadInstitutions/{language}",
        TextListValue,
        "Lead institutions",
        "The institutions that lead it, as published; an empty list if the source states that there are none.",
        written_by=GOVERNMENT,
        is_clearable=True,
        search_weight=5,
    ),
    Field(
        "supportingInstitutions/{language}",
        TextListValue,
        "Supporting institutions",
        "The institutions that support it, as published; an empty list if the source states that there are none.",
        written_by=GOVERNMENT,
        is_clearable=True,
        search_weight=3,
    ),
    Field(
        "policyAreas",
        tuple[PolicyArea, ...],
        "Policy areas",
        "Its policy areas, spelled as in OGP's taxonomy.",
        written_by=GOVERNMENT,
        is_clearable=True,
        filter=Filter(
            "policyArea", description="One of its policy areas, spelled as in OGP's taxonomy, such as `Open Data`."
        ),
        facet="POLICY_AREA",
        dimension="policyArea",
    ),
    Field(
        "policyAreasUnrecognised/{language}",
        TextListValue,
        "Other policy areas",
        "Policy areas that OGP's taxonomy does not contain, as published.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "irmReports/{language}",
        TextListValue,
        "IRM reports",
        "The titles of the IRM reports about it, as published.",
        corrected_by=IRM,
    ),
    Field(
        "listed",
        bool,
        "Listed",
        "False if the newest whole file of OGP's database that was imported lists it no longer, although an earlier "
        "one did; null otherwise.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "startsOn",
        PartialDate,
        "Start date",
        "When work on it begins.",
        written_by=GOVERNMENT,
        is_clearable=True,
        filter=Filter("startsOn"),
        is_sortable=True,
    ),
    Field(
        "endsOn",
        PartialDate,
        "Due date",
        "When it is due.",
        written_by=GOVERNMENT,
        is_clearable=True,
        filter=Filter("endsOn"),
        is_sortable=True,
    ),
)
"""The fields of a commitment besides those of its milestones, its reviews, its lineage and OGP's database."""
_FIELDS = fields_by_name(COMMITMENT_FIELDS)

COMMITMENT_DIMENSIONS = (
    DerivedDimension(
        "language",
        ("title/{language}", "description/{language}"),
        language_tags,
        "Language",
        "Each language of its title or description.",
        filter=Filter("language", FilterKind.TEXT, "A language of its title or description, as a lower-case code."),
        facet="LANGUAGE",
    ),
    DerivedDimension(
        "disappeared",
        ("listed",),
        disappeared_tags,
        "Disappeared",
        "Whether the newest whole file of OGP's database lists it no longer, although an earlier one did.",
        filter=Filter("disappeared", FilterKind.BOOLEAN),
        facet="DISAPPEARED",
    ),
    DerivedDimension(
        OBSERVED_BY,
        (ANY_PATH,),
        observer_tags,
        "Observed by",
        "The pages and files that are about it, and until when those were that are no longer.",
        filter=Filter("lastObserved", FilterKind.OBJECT),
    ),
    DerivedDimension(
        "listedOnly",
        (ANY_PATH,),
        listed_only_tags,
        "Known from lists only",
        "Whether it is known only from lists on other commitments' pages.",
        filter=Filter("listedOnly", FilterKind.BOOLEAN),
        facet="LISTED_ONLY",
    ),
)

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
    translating = provenance.with_cause(Cause.TRANSLATION)
    for changes, stated_by in changes_by_source(commitment, facts, translating):
        uow.append(commitment.id, "CommitmentTranslated", changes, stated_by)


def withdraw_commitment(uow: UnitOfWork, commitment: Aggregate, provenance: Provenance = REPORTED_BY_PERSON) -> None:
    """Record that the government withdrew a commitment; a repetition records nothing.

    Raises Conflict for a commitment that was split: its parts are withdrawn.
    """
    _require_not_split(commitment)
    facts: Facts = {"status": CommitmentStatus.WITHDRAWN.value}
    uow.append(commitment.id, "CommitmentWithdrawn", changed_facts(commitment, facts), provenance)


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
    Format(_NUMBER, "a number as published, such as 14.1"),
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
        Language, Meta(description="The language of the translation: two or three lower-case letters, such as `fr`.")
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
