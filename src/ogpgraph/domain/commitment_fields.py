"""The fields of commitments, and the values that they are found, counted and sorted by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.action_plan import Cycle, languages_of
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Origin
from ogpgraph.domain.field import (
    ANY_PATH,
    DerivedDimension,
    Field,
    Filter,
    FilterKind,
    FindAggregate,
    Tag,
    validate_item,
)
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, IRM, NOBODY
from ogpgraph.domain.source import OBSERVED_BY, observer_tags
from ogpgraph.domain.values import COMMITMENT_CODE, AggregateId, CommitmentCode, PartialDate, TextListValue, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus, PolicyArea

NUMBER = r"[0-9A-Za-z][0-9A-Za-z.,()/\-]{0,15}"
Number = Annotated[str, Meta(pattern=f"^{NUMBER}$", description="A number as published.")]


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
        AggregateId,
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
        AggregateId,
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

COMMITMENT_DIMENSIONS = (
    DerivedDimension(
        "language",
        ("title/{language}", "description/{language}"),
        language_tags,
        "Language",
        "Each language of its title or description.",
        filter=Filter("language", FilterKind.TEXT, "A language of its title or description, as a lower-case code."),
        facet="LANGUAGE",
        reads_texts=False,
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
        reads_values=("listed",),
    ),
    DerivedDimension(
        "listedOnly",
        (ANY_PATH,),
        listed_only_tags,
        "Known from lists only",
        "Whether it is known only from lists on other commitments' pages.",
        filter=Filter("listedOnly", FilterKind.BOOLEAN),
        facet="LISTED_ONLY",
        reads_values=(),
    ),
)
