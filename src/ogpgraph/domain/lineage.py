"""The lineage of commitments: their codes, and the commitments that they were merged with, split into and linked to.

Recoding and splitting are here; mergers and links have modules of their own.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.code import all_codes, code_path, is_published
from ogpgraph.domain.command import (
    UNKNOWN_COMMITMENT,
    Command,
    CommandType,
    CommitmentReference,
    Language,
    NewCommitmentCode,
    Refusals,
    stated_facts,
)
from ogpgraph.domain.commitment import CommitmentNumber, register_commitment, require_code_of_member
from ogpgraph.domain.errors import Conflict, Invalid, Refusal
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import Field, items_of, validate_item
from ogpgraph.domain.link import as_recorded, require_no_date, take_away
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, NOBODY
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import AggregateId, TextValue
from ogpgraph.domain.vocabulary import CommitmentStatus

_SHARED_BY_PARTS = frozenset(
    {
        "member",
        "actionPlan",
        "cycle",
        "status",
        "startsOn",
        "endsOn",
        "policyAreas",
        "policyAreasUnrecognised",
        "leadInstitutions",
        "supportingInstitutions",
    }
)
"""The groups of fields with which the parts of a commitment begin as they are in the whole."""

LINEAGE_FIELDS = (
    # Links that are recorded on both sides have commands of their own.
    Field(
        "predecessors/{commitment}",
        bool,
        "Predecessors",
        "The commitments of earlier action plans that it carries forward, each by its id: true, or null once the link "
        "is taken away.",
        validate_item,
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
    ),
    Field(
        "successors/{commitment}",
        bool,
        "Successors",
        "The commitments of later action plans that carry it forward, each by its id: true, or null once the link is "
        "taken away.",
        validate_item,
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
    ),
    Field(
        "mergedInto",
        AggregateId,
        "Merged into",
        "The commitment that it turned out to be identical with and was merged into; null if there is none.",
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
    Field(
        "mergedFrom/{commitment}",
        bool,
        "Merged from",
        "The commitments that were merged into it, each by its id: true.",
        validate_item,
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
    Field(
        "splitFrom",
        AggregateId,
        "Split from",
        "The commitment that it was split from; null if there is none.",
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
    Field(
        "splitInto/{commitment}",
        bool,
        "Split into",
        "The commitments that it was split into, each by its id: true.",
        validate_item,
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
)
"""The fields of a commitment that link it to others."""

LINEAGE_EVENTS = (
    EventType(
        "CommitmentRecoded",
        "The commitment got another code. The former one still identifies it, unless it was taken back.",
        ("code", "codes/"),
    ),
    EventType(
        "CommitmentLinked",
        "The commitment was linked to those that it carries forward or that carry it forward.",
        ("predecessors/", "successors/"),
    ),
    EventType(
        "CommitmentUnlinked",
        "Links to commitments that it carries forward, or that carry it forward, were taken away.",
        ("predecessors/", "successors/"),
    ),
    EventType(
        "CommitmentMerged",
        "Commitments turned out to be one. The one that remains takes over what sources stated about the other.",
    ),
    EventType("CommitmentSplit", "The commitment was split into several.", ("splitInto/", "status")),
)


def recode_commitment(
    uow: UnitOfWork, commitment: Aggregate, code: str, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that a commitment got another code; the former one still means it.

    Recoding back to a former code takes the present one back: if only people stated it, it means nothing any more.
    Raises Invalid for a code of another member, and Conflict if the code means another commitment.
    """
    present = commitment.string("code")
    if code == present:
        return
    require_code_of_member(uow, commitment, code)
    if uow.resolve_code("commitment", code) != commitment.id:
        uow.reserve_code("commitment", code, commitment.id)
    uow.append(commitment.id, "CommitmentRecoded", {"code": code, code_path(code): True}, as_recorded(provenance))
    if present and _is_taken_back(uow, commitment, present, code):
        take_away(uow, commitment.id, "CommitmentRecoded", [code_path(present)], provenance)
        uow.release_code("commitment", present)


def _is_taken_back(uow: UnitOfWork, commitment: Aggregate, present: str, code: str) -> bool:
    """Return whether the present code was given after another, to which it is recoded back, and only by people."""
    since, former_since = _known_since(commitment, present), _known_since(commitment, code)
    if since is None or former_since is None or since < former_since or is_published(commitment, present):
        return False
    merged = (uow.aggregate(each) for each in items_of(commitment, "mergedFrom"))
    return not any(present in all_codes(each) for each in merged)


def _known_since(commitment: Aggregate, code: str) -> int | None:
    """Return the revision in which a code was first stated to mean a commitment, None if it does not mean it."""
    claims = commitment.claims.get(code_path(code), ())
    return min((claim.revision for claim in claims if claim.value is not None), default=None)


def split_commitment(
    uow: UnitOfWork, whole: Aggregate, parts: dict[str, Facts], provenance: Provenance = REPORTED_BY_PERSON
) -> list[Aggregate]:
    """Record that a commitment is several: each part is a new commitment and begins with the state of the whole.

    Ratings, milestones and narratives remain with the whole, to which each part refers. Raises Conflict if it is split
    already or a code is taken, and Invalid for a code of another member and for a date before that of its status.
    """
    if items_of(whole, "splitInto"):
        raise Conflict(f"{whole.string('code')} was split already: split one of its parts", "commitment")
    shared: Facts = {"splitFrom": whole.id}
    shared |= {
        path: claim.value for path, claim in whole.current_claims.items() if path.partition("/")[0] in _SHARED_BY_PARTS
    }
    registered = [_register_part(uow, whole, code, shared | facts, provenance) for code, facts in parts.items()]
    into: Facts = {f"splitInto/{part.id}": True for part in registered}
    uow.append(whole.id, "CommitmentSplit", into | {"status": CommitmentStatus.SPLIT.value}, provenance)
    if uow.aggregate(whole.id).value("status") != CommitmentStatus.SPLIT:
        # It would be counted besides its parts.
        raise Invalid("the commitment got its status after this date: it cannot be split before", "effectiveOn")
    return registered


def _register_part(uow: UnitOfWork, whole: Aggregate, code: str, facts: Facts, provenance: Provenance) -> Aggregate:
    try:
        require_code_of_member(uow, whole, code)
        return register_commitment(uow, code, facts, provenance)
    except Refusal as refusal:
        refusal.path = "into"
        raise


# Commands


class RecodeCommitment(Command, frozen=True):
    """Another code for a commitment."""

    commitment: CommitmentReference
    code: Annotated[
        NewCommitmentCode,
        Meta(
            description="The new code: the prefix or code of the member and four digits, such as `FR0043`. A former "
            "code of the same commitment can be its code again."
        ),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the code, unless it is the present one; raises Invalid, and Conflict if it means another."""
        require_no_date(provenance)
        recode_commitment(uow, self.commitment, self.code, provenance)


RECODE_COMMITMENT = CommandType(
    command=RecodeCommitment,
    description="Records another code for a commitment. It can still be found by the former one. Recoding it back to a "
    "former code takes the present one back: if no published page or file has it, it means nothing any more and can "
    "be registered.",
    permitted=ADMINISTRATORS,
    events=("CodeAssigned", "CommitmentRecoded"),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the code does not begin with the member's prefix, or there is an `effectiveOn`",
        conflict="if the code is or was that of another commitment",
    ),
)


class CommitmentPart(Struct, frozen=True):
    """One of the commitments that a commitment is split into."""

    code: Annotated[NewCommitmentCode, Meta(description="The code of the part, such as `FR0044`.")]
    title: Annotated[TextValue, Meta(description="The title.")]
    number: CommitmentNumber = UNSET


class SplitCommitment(Command, frozen=True):
    """A commitment that turned out to be several."""

    commitment: CommitmentReference
    into: Annotated[
        tuple[CommitmentPart, ...],
        Meta(description="The parts, 2 to 200; each becomes a commitment of the same action plan."),
    ]
    language: Language = "en"

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Register the parts and record the split; raises Invalid for fewer than two, Conflict if a code is taken."""
        parts = {
            part.code: stated_facts({f"title/{self.language}": part.title, "number": part.number}) for part in self.into
        }
        if len(parts) < 2 or len(parts) < len(self.into):
            raise Invalid("a commitment is split into two parts or more, each with its own code", "into")
        split_commitment(uow, self.commitment, parts, provenance)


SPLIT_COMMITMENT = CommandType(
    command=SplitCommitment,
    description="Records that a commitment is several. Each part becomes a new commitment with the status, dates, "
    "policy areas and institutions of the whole, to which it refers by `splitFrom`. The whole gets the status `SPLIT` "
    "and keeps its ratings, milestones and narratives; lists leave it out unless their filter names this status.",
    permitted=ADMINISTRATORS,
    events=("CodeAssigned", "CommitmentRegistered", "CommitmentSplit"),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if there are fewer than two parts, two have the same code, a code does not begin with the member's "
        "prefix, or `effectiveOn` is before its status",
        conflict="if one of the codes is taken, or the commitment was split already",
    ),
)

LINEAGE_COMMANDS = (RECODE_COMMITMENT, SPLIT_COMMITMENT)
