"""How commitments relate to each other: codes, mergers, splits, and what one plan carries forward from another."""

from __future__ import annotations

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.code import all_codes, former_codes, reserved_codes
from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts

_SHARED_BY_PARTS = ("member", "actionPlan", "cycle")


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
