"""A record of two members and a few commitments, and short forms of the commands on their lineage."""

from __future__ import annotations

from typing import Any

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain import lineage as lineage_commands
from ogpgraph.domain import link as link_commands
from ogpgraph.domain import member as member_commands
from ogpgraph.domain import merger as merger_commands
from ogpgraph.domain import milestone as milestone_commands
from ogpgraph.domain import review as review_commands
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import Indicator, RatingState, RatingValue, Stage
from tests.application.in_memory_log import Command, InMemoryLog, on

MEMBERS = {"FRA": "FR", "ESP": "ES"}


def record_members(uow: UnitOfWork) -> None:
    for code, prefix in MEMBERS.items():
        member_commands.register_member(uow, code, {"prefix": prefix, "type": "NATIONAL"})


def register(code: str, provenance: Provenance = REPORTED_BY_PERSON, **facts: Any) -> Command:
    """Return the command that registers a commitment of the member whose prefix its code has."""
    member = next(each for each, prefix in MEMBERS.items() if code.startswith(prefix))
    return lambda uow: commitment_commands.register_commitment(
        uow, code, {"member": uow.resolve_code("member", member), **facts}, provenance
    )


def revise(code: str, facts: dict[str, Any], provenance: Provenance = REPORTED_BY_PERSON) -> Command:
    return on(commitment_commands.revise_commitment, code, facts, provenance)


def rate(code: str, value: RatingValue, stage: Stage = Stage.RESULTS) -> Command:
    rating = Rating(RatingState.RATED, value)
    return on(review_commands.record_rating, code, Indicator.COMPLETION, stage, rating)


def add_milestone(code: str, number: str, title: str, language: str = "en") -> Command:
    return lambda uow: milestone_commands.add_milestone(
        uow, uow.require_by_code("commitment", code), number, {f"title/{language}": uow.text_value(title)}
    )


def recode(code: str, to: str, provenance: Provenance = REPORTED_BY_PERSON) -> Command:
    return on(lineage_commands.recode_commitment, code, to, provenance)


def merge(*codes: str, into: str) -> Command:
    return lambda uow: merger_commands.merge_commitments(uow, _all(uow, codes), uow.require_by_code("commitment", into))


def split(code: str, *parts: str, **given: Any) -> Command:
    return on(lineage_commands.split_commitment, code, {part: {} for part in parts}, **given)


def link(code: str, *, predecessors: tuple[str, ...] = (), successors: tuple[str, ...] = ()) -> Command:
    return _on_links(link_commands.link_commitments, code, predecessors, successors)


def unlink(code: str, *, predecessors: tuple[str, ...] = (), successors: tuple[str, ...] = ()) -> Command:
    return _on_links(link_commands.unlink_commitments, code, predecessors, successors)


def _on_links(command: Any, code: str, predecessors: tuple[str, ...], successors: tuple[str, ...]) -> Command:
    return lambda uow: command(
        uow, uow.require_by_code("commitment", code), _all(uow, predecessors), _all(uow, successors)
    )


def _all(uow: UnitOfWork, codes: tuple[str, ...]) -> list[Aggregate]:
    return [uow.require_by_code("commitment", code) for code in codes]


def find(log: InMemoryLog, code: str) -> Aggregate:
    return log.find("commitment", code)


def is_free(log: InMemoryLog, code: str) -> bool:
    """Return whether a code means nothing."""
    found: list[str | None] = []
    log.when(lambda uow: found.append(uow.resolve_code("commitment", code)))
    return found == [None]
