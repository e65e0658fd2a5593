"""Mergers: commitments that turn out to be one, which then knows what each of them knew.

The commitment that is merged keeps its history, is in no list and is written to no longer: its codes mean the one that
remains. This one states in its own stream what the sources of the merged one said, as if they had said it of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

from msgspec import Meta, structs

from ogpgraph.domain.aggregate import Aggregate, Claim
from ogpgraph.domain.code import reserved_codes
from ogpgraph.domain.command import Command, CommandType, CommitmentByCode, Refusals
from ogpgraph.domain.errors import Conflict, Invalid
from ogpgraph.domain.event import Evidence, Facts
from ogpgraph.domain.field import items_of
from ogpgraph.domain.link import INVERSE, add_links, remove_links, require_no_cycle
from ogpgraph.domain.milestone_number import find_new_number, milestone_numbers
from ogpgraph.domain.restatement import group_claims, read_statements
from ogpgraph.domain.roles import ADMINISTRATORS
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import TextValue

_ALWAYS_TAKEN_OVER = ("codes", "ratings", "milestones", "narratives", "findings", "database")
"""The groups of fields of which the commitment that remains takes over everything; of others, what it lacks."""
_NEVER_TAKEN_OVER = frozenset(
    {"code", "member", "mergedInto", "mergedFrom", "splitFrom", "splitInto", "predecessors", "successors"}
)
"""The groups of fields that say which commitment it is. Its links are moved."""


def merge_commitments(
    uow: UnitOfWork, commitments: list[Aggregate], remaining: Aggregate, provenance: Provenance = REPORTED_BY_PERSON
) -> None:
    """Record that commitments are one and the same: the one that remains has their codes, and knows what they knew.

    Raises Invalid if none of them differs from the one that remains, or one belongs to another member. Raises Conflict
    if one is merged or split already, if one carries another forward, and if two milestones have the same number.
    """
    merged = list(dict.fromkeys(each.id for each in commitments if each.id != remaining.id))
    if not merged:
        raise Invalid(f"{remaining.string('code')} and the commitments to merge into it are one already", "commitments")
    for each in merged:
        _merge(uow, uow.aggregate(each), uow.aggregate(remaining.id), provenance)


def _merge(uow: UnitOfWork, merged: Aggregate, remaining: Aggregate, provenance: Provenance) -> None:
    _require_mergeable(uow, merged, remaining)
    uow.append(merged.id, "CommitmentMerged", {"mergedInto": remaining.id}, provenance)
    uow.append(remaining.id, "CommitmentMerged", {f"mergedFrom/{merged.id}": True}, provenance)
    for code in reserved_codes(merged):
        uow.assign_code("commitment", code, remaining.id)
    for claims, stated_by in group_claims(_claims_taken_over(uow, merged, remaining), provenance):
        facts: Facts = {path: claim.value for path, claim in claims.items()}
        evidence = tuple(_evidence_of(uow, merged, claims))
        uow.append(remaining.id, "CommitmentMerged", facts, structs.replace(stated_by, evidence=evidence))
    for path in INVERSE:
        others = items_of(merged, path)
        remove_links(uow, merged.id, path, others, "CommitmentMerged", provenance)
        add_links(uow, remaining.id, path, others, "CommitmentMerged", provenance)


def _require_mergeable(uow: UnitOfWork, merged: Aggregate, remaining: Aggregate) -> None:
    for each in (merged, remaining):
        if each.string("mergedInto"):
            raise Conflict(f"{each.string('code')} was merged into another commitment already", "commitments")
        if items_of(each, "splitInto"):
            raise Conflict(f"{each.string('code')} was split: merge its parts", "commitments")
    members = {each.string("member") for each in (merged, remaining)} - {None}
    if len(members) > 1:
        codes = f"{merged.string('code')} and {remaining.string('code')}"
        raise Invalid(f"{codes} are commitments of different members", "commitments")
    require_no_cycle(uow, (merged.id, remaining.id), {})
    if numbers := _conflicting_milestones(merged, remaining):
        raise Conflict(
            f"milestone {', '.join(numbers)} of {merged.string('code')} and of {remaining.string('code')} have "
            "different titles: if they are different milestones, give one another number first (renumberMilestone)",
            "commitments",
        )


def _conflicting_milestones(merged: Aggregate, remaining: Aggregate) -> list[str]:
    """Return the numbers under which both have a milestone, or had one, with different titles in the same language."""
    return [
        number
        for number in milestone_numbers(merged)
        if _titles_differ(merged, remaining, number) or find_new_number(remaining, number)
    ]


def _titles_differ(merged: Aggregate, remaining: Aggregate, number: str) -> bool:
    # Equal texts have equal references.
    titles, others = (
        {path: claim.value.text for path, claim in each.claims_under(prefix) if isinstance(claim.value, TextValue)}
        for prefix in (f"milestones/{number}/title/",)
        for each in (merged, remaining)
    )
    return any(others.get(path, text) != text for path, text in titles.items())


def _claims_taken_over(uow: UnitOfWork, merged: Aggregate, remaining: Aggregate) -> Iterator[tuple[str, Claim]]:
    """Yield what is stated of the merged commitment and the one that remains takes over, by path.

    With what a source states now it takes over what it stated earlier, which is so at its date.
    """
    live = read_statements(uow, merged)
    for path in sorted(merged.claims):
        if _is_taken_over(path, remaining):
            for claim in merged.claims[path]:
                if claim.value is not None and not _is_superseded(claim, remaining.claims.get(path, ())):
                    yield from ((path, each) for each in live.list_statements(path, claim.key))


def _is_taken_over(path: str, remaining: Aggregate) -> bool:
    group = path.partition("/")[0]
    return group in _ALWAYS_TAKEN_OVER or (group not in _NEVER_TAKEN_OVER and remaining.value(path) is None)


def _is_superseded(claim: Claim, claims: Iterable[Claim]) -> bool:
    """Return whether the same source says something of the commitment that remains, and did not say it earlier."""
    return any(each.key == claim.key and each.value is not None and each.before >= claim.before for each in claims)


def _evidence_of(uow: UnitOfWork, merged: Aggregate, claims: Mapping[str, Claim]) -> Iterator[Evidence]:
    """Yield the evidence of the events of the merged commitment that stated some claims, for the paths of these."""
    paths: dict[int, set[str]] = defaultdict(set)
    for path, claim in claims.items():
        paths[claim.revision].add(path)
    events = uow.read_events(merged.id, paths.keys())
    for revision, stated in sorted(paths.items()):
        for item in events[revision].envelope.evidence:
            spans = {path: span for path, span in item.spans.items() if path in stated}
            columns = {path: column for path, column in item.columns.items() if path in stated}
            if spans or columns:
                yield structs.replace(item, spans=spans, columns=columns)


# Command


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
        """Record the merger; raises Invalid and Conflict where the commitments cannot be one."""
        merge_commitments(uow, list(self.commitments), self.into, provenance)


MERGE_COMMITMENTS = CommandType(
    command=MergeCommitments,
    description="Records that some commitments are the same as another one, which remains. It takes over their codes, "
    "links, ratings, milestones, narratives, findings and columns of the database with their sources, and of their "
    "other fields those that it lacks. Lists have the one that remains only; it refers to the others by `mergedFrom`, "
    "and these keep their own history.",
    permitted=ADMINISTRATORS,
    events=("CommitmentMerged", "CodeAssigned"),
    returns="commitment",
    refusals=Refusals(
        not_found="if one of the commitments is unknown",
        invalid="if the commitments are the same already, or belong to different members",
        conflict="if one of them was split, if one carries another forward, or if two have a milestone of the same "
        "number with different titles in the same language: `renumberMilestone` gives one another number",
    ),
)

MERGER_COMMANDS = (MERGE_COMMITMENTS,)
