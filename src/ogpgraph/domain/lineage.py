"""How commitments relate to each other: codes, mergers, splits, and what one plan carries forward from another."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from ogpgraph.domain.action_plan import Reference
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.code import all_codes, former_codes, reserved_codes
from ogpgraph.domain.command import (
    UNKNOWN_COMMITMENT,
    Command,
    CommandType,
    CommitmentByCode,
    CommitmentReference,
    Language,
    NewCommitmentCode,
    Refusals,
    stated_facts,
)
from ogpgraph.domain.commitment import CommitmentNumber, register_commitment
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import Field
from ogpgraph.domain.roles import ADMINISTRATORS, GOVERNMENT, NOBODY
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import TextValue

_SHARED_BY_PARTS = ("member", "actionPlan", "cycle")

LINEAGE_FIELDS = (
    # Links that are recorded on both sides have commands of their own.
    Field(
        "predecessors",
        tuple[Reference, ...],
        "Predecessors",
        "The commitments of earlier action plans that it carries forward.",
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
    ),
    Field(
        "successors",
        tuple[Reference, ...],
        "Successors",
        "The commitments of later action plans that carry it forward.",
        written_by=GOVERNMENT,
        corrected_by=NOBODY,
    ),
    Field(
        "mergedInto",
        Reference,
        "Merged into",
        "The commitment that it turned out to be identical with and was merged into; null if there is none.",
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
    Field(
        "splitFrom",
        Reference,
        "Split from",
        "The commitment that it was split from; null if there is none.",
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
    Field(
        "splitInto",
        tuple[Reference, ...],
        "Split into",
        "The commitments that it was split into.",
        written_by=ADMINISTRATORS,
        corrected_by=NOBODY,
    ),
)
"""The fields of a commitment that link it to others."""

LINEAGE_EVENTS = (
    EventType(
        "CommitmentRecoded", "The commitment got another code; the former one still means it.", ("code", "formerCodes")
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
)


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


def _references_at(commitment: Aggregate, path: str) -> tuple[str, ...]:
    value = commitment.value(path)
    return value if isinstance(value, tuple) else ()


# Commands

_UNKNOWN_COMMITMENTS = "if one of the commitments is unknown"


class RecodeCommitment(Command, frozen=True):
    """Another code for a commitment."""

    commitment: CommitmentReference
    code: Annotated[
        NewCommitmentCode,
        Meta(
            description="The new code: two to four letters and four digits, such as `FR0043`. A former code of the "
            "same commitment can be its code again."
        ),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the code, unless it is the present one; raises Conflict if it means another commitment."""
        recode_commitment(uow, self.commitment, self.code, provenance)


RECODE_COMMITMENT = CommandType(
    command=RecodeCommitment,
    description="Records another code for a commitment. It can still be found by the former one.",
    permitted=ADMINISTRATORS,
    events=("CodeAssigned", "CommitmentRecoded"),
    returns="commitment",
    refusals=Refusals(not_found=UNKNOWN_COMMITMENT, conflict="if the code is or was that of another commitment"),
)


class MergeCommitments(Command, frozen=True):
    """Commitments that turned out to be one."""

    into: Annotated[
        CommitmentByCode,
        Meta(description="The commitment that remains, by its code. `expectedRevision` is that of this one."),
    ]
    commitments: Annotated[
        tuple[CommitmentByCode, ...],
        Meta(description="The commitments that are merged into the other, by their codes; at most 200."),
    ]

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the merger; raises Invalid if the commitments are one already."""
        merge_commitments(uow, list(self.commitments), self.into, provenance)


MERGE_COMMITMENTS = CommandType(
    command=MergeCommitments,
    description="Records that some commitments are the same as another one. Their codes then lead to the one that "
    "remains; each keeps its own history.",
    permitted=ADMINISTRATORS,
    events=("CommitmentMerged", "CodeAssigned"),
    returns="commitment",
    refusals=Refusals(not_found=_UNKNOWN_COMMITMENTS, invalid="if the commitments are the same already"),
)


class CommitmentPart(Struct, frozen=True):
    """One of the commitments that a commitment is split into."""

    code: Annotated[NewCommitmentCode, Meta(description="The code of the part, such as `FR0044`.")]
    title: Annotated[TextValue, Meta(description="The title.")]
    number: CommitmentNumber = None


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
        if len(parts) < 2:
            raise Invalid("a commitment is split into two parts or more, each with its own code", "into")
        split_commitment(uow, self.commitment, parts, provenance)


SPLIT_COMMITMENT = CommandType(
    command=SplitCommitment,
    description="Records that a commitment is several. Each part becomes a new commitment of the same action plan, and "
    "refers to the commitment that it was part of.",
    permitted=ADMINISTRATORS,
    events=("CodeAssigned", "CommitmentRegistered", "CommitmentSplit"),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if there are fewer than two parts with different codes",
        conflict="if one of the codes is taken",
    ),
)


class LinkCommitments(Command, frozen=True):
    """The commitments of other action plans that a commitment continues or is continued by; at least one."""

    commitment: CommitmentReference
    predecessors: Annotated[
        tuple[CommitmentByCode, ...],
        Meta(
            description="The commitments that it carries forward, by their codes; they are added to those recorded. "
            "Omitted: none."
        ),
    ] = ()
    successors: Annotated[
        tuple[CommitmentByCode, ...],
        Meta(
            description="The commitments that carry it forward, by their codes; they are added to those recorded. "
            "Omitted: none."
        ),
    ] = ()

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the links on both sides; raises Invalid without any, and for a link from the commitment to itself."""
        if not self.predecessors and not self.successors:
            raise Invalid("the input links nothing: name a predecessor or a successor", "predecessors")
        link_commitments(uow, self.commitment, list(self.predecessors), list(self.successors), provenance)


LINK_COMMITMENTS = CommandType(
    command=LinkCommitments,
    description="Records which commitments a commitment carries forward, and which ones carry it forward. Both ends of "
    "each link show it.",
    permitted=GOVERNMENT,
    events=("CommitmentLinked",),
    returns="commitment",
    refusals=Refusals(
        not_found=_UNKNOWN_COMMITMENTS, invalid="if there is no link, or one from the commitment to itself"
    ),
)

LINEAGE_COMMANDS = (RECODE_COMMITMENT, MERGE_COMMITMENTS, SPLIT_COMMITMENT, LINK_COMMITMENTS)
