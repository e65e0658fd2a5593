"""Links: which commitments carry which ones of earlier action plans forward. Both ends of a link state it.

Links have a direction and never form a cycle, so that every commitment can be followed from plan to plan.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated

from msgspec import Meta, structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.command import Command, CommandType, CommitmentByCode, CommitmentReference, Refusals
from ogpgraph.domain.errors import Conflict, Invalid, NotFound
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.field import items_of
from ogpgraph.domain.roles import GOVERNMENT
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts

INVERSE = {"predecessors": "successors", "successors": "predecessors"}
"""The set in which a commitment has a link → the set in which the other end of the link has it."""


def link_commitments(
    uow: UnitOfWork,
    commitment: Aggregate,
    predecessors: list[Aggregate],
    successors: list[Aggregate],
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Link a commitment to those that it carries forward and those that carry it forward, on both sides.

    Raises Invalid for a link to itself, and Conflict if a commitment would carry itself forward.
    """
    linked = {"predecessors": _ids(predecessors), "successors": _ids(successors)}
    for path, others in linked.items():
        if commitment.id in others:
            raise Invalid(f"{commitment.string('code')} cannot be linked to itself", path)
    added = {other: [commitment.id] for other in linked["predecessors"]}
    require_no_cycle(uow, {commitment.id}, added | {commitment.id: linked["successors"]})
    for path, others in linked.items():
        add_links(uow, commitment.id, path, others, "CommitmentLinked", provenance)


def add_links(
    uow: UnitOfWork, stream: str, path: str, others: Iterable[str], name: str, provenance: Provenance
) -> None:
    """Record the links of a commitment to others, on both sides, by events of the given name."""
    ends = [(stream, path, others), *((other, INVERSE[path], (stream,)) for other in others)]
    for end, end_path, linked in ends:
        facts: Facts = {f"{end_path}/{each}": True for each in linked}
        recorded = as_recorded(provenance)
        uow.append(end, name, changed_facts(uow.aggregate(end), facts, recorded), recorded)


def unlink_commitments(
    uow: UnitOfWork,
    commitment: Aggregate,
    predecessors: list[Aggregate],
    successors: list[Aggregate],
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Take links of a commitment away, on both sides; raises NotFound for a link that it does not have."""
    for path, others in (("predecessors", predecessors), ("successors", successors)):
        known = items_of(commitment, path)
        for other in others:
            if other.id not in known:
                noun = path.removesuffix("s")
                raise NotFound(f"{commitment.string('code')} has no {noun} {other.string('code')}", path)
        remove_links(uow, commitment.id, path, _ids(others), "CommitmentUnlinked", provenance)


def remove_links(
    uow: UnitOfWork, stream: str, path: str, others: Iterable[str], name: str, provenance: Provenance
) -> None:
    """Take links of a commitment to others away, on both sides, by events of the given name."""
    take_away(uow, stream, name, [f"{path}/{other}" for other in others], provenance)
    for other in others:
        take_away(uow, other, name, [f"{INVERSE[path]}/{stream}"], provenance)


def take_away(uow: UnitOfWork, stream: str, name: str, paths: Iterable[str], provenance: Provenance) -> None:
    """Record that items are in a set of an aggregate no longer, whoever stated them, by events of the given name."""
    taken: dict[tuple[Origin, str | None], Facts] = defaultdict(dict)
    for path in paths:
        for claim in uow.aggregate(stream).claims.get(path, ()):
            if claim.value is not None:
                taken[claim.origin, claim.source][path] = None
    for (origin, source), facts in taken.items():
        uow.append(stream, name, facts, structs.replace(as_recorded(provenance), origin=origin, source=source))


def as_recorded(provenance: Provenance) -> Provenance:
    """Return a provenance whose statements take effect when they are recorded.

    Codes and links depend on the position alone. At an earlier date a statement would not replace those before it.
    """
    return structs.replace(provenance, effective_on=None)


def require_no_date(provenance: Provenance) -> None:
    """Raise Invalid for a date from which a code or a link would be so."""
    if provenance.effective_on is not None:
        raise Invalid("codes and links take effect when they are recorded: leave effectiveOn out", "effectiveOn")


def require_no_cycle(uow: UnitOfWork, commitments: Collection[str], added: Mapping[str, Iterable[str]]) -> None:
    """Raise Conflict if a chain of links leads from one of some commitments to one of them.

    `added` are successors besides those recorded, by the id of the predecessor. What the chains depend on is asserted
    unchanged.
    """
    chains, visited = deque([each] for each in commitments), set[str]()
    while chains:
        chain = chains.popleft()
        recorded = items_of(uow.aggregate(chain[-1]), "successors")
        for successor in (*recorded, *added.get(chain[-1], ())):
            if successor in commitments:
                codes = " → ".join(_name_of(uow.aggregate(each)) for each in (*chain, successor))
                raise Conflict(f"a commitment would carry itself forward: {codes}")
            if successor not in visited:
                visited.add(successor)
                chains.append([*chain, successor])


def _ids(commitments: Iterable[Aggregate]) -> list[str]:
    return list(dict.fromkeys(each.id for each in commitments))


def _name_of(commitment: Aggregate) -> str:
    return commitment.string("code") or commitment.string("key") or commitment.id


# Commands

_UNKNOWN_COMMITMENTS = "if one of the commitments is unknown"


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
        """Record the links on both sides.

        Raises Invalid without any and for one from the commitment to itself, Conflict for a cycle.
        """
        require_no_date(provenance)
        _require_links(self.predecessors, self.successors)
        link_commitments(uow, self.commitment, list(self.predecessors), list(self.successors), provenance)


LINK_COMMITMENTS = CommandType(
    command=LinkCommitments,
    description="Records which commitments a commitment carries forward, and which ones carry it forward. Both ends of "
    "each link show it. `unlinkCommitments` takes links away.",
    permitted=GOVERNMENT,
    events=("CommitmentLinked",),
    returns="commitment",
    refusals=Refusals(
        not_found=_UNKNOWN_COMMITMENTS,
        invalid="if there is no link, one from the commitment to itself, or an `effectiveOn`",
        conflict="if a commitment would carry itself forward, directly or by way of others",
    ),
)


class UnlinkCommitments(Command, frozen=True):
    """The links of a commitment that are taken away; at least one."""

    commitment: CommitmentReference
    predecessors: Annotated[
        tuple[CommitmentByCode, ...],
        Meta(description="The commitments that it does not carry forward, by their codes. Omitted: none."),
    ] = ()
    successors: Annotated[
        tuple[CommitmentByCode, ...],
        Meta(description="The commitments that do not carry it forward, by their codes. Omitted: none."),
    ] = ()

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Take the links away on both sides; raises Invalid without any, NotFound for one that is not recorded."""
        require_no_date(provenance)
        _require_links(self.predecessors, self.successors)
        unlink_commitments(uow, self.commitment, list(self.predecessors), list(self.successors), provenance)


UNLINK_COMMITMENTS = CommandType(
    command=UnlinkCommitments,
    description="Takes away links that `linkCommitments` recorded, at both ends. They stay in the history.",
    permitted=GOVERNMENT,
    events=("CommitmentUnlinked",),
    returns="commitment",
    refusals=Refusals(
        not_found="if one of the commitments is unknown, or one of the links is not recorded",
        invalid="if there is no link, or an `effectiveOn`",
    ),
)


def _require_links(predecessors: tuple[Aggregate, ...], successors: tuple[Aggregate, ...]) -> None:
    if not predecessors and not successors:
        raise Invalid("the input has no link: name a predecessor or a successor", "predecessors")


LINK_COMMANDS = (LINK_COMMITMENTS, UNLINK_COMMITMENTS)
