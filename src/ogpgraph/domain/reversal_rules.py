"""What a reversal must not lead to: it is refused by name, before anything is stored.

A reversal gives aggregates the state that they would have if something had never been said. Other commands have relied
on it in the meantime, and what they require to hold still holds afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.field import items_of
from ogpgraph.domain.link import require_no_cycle
from ogpgraph.domain.milestone_number import is_renumbering, milestone_numbers, renumberings
from ogpgraph.domain.unit_of_work import UnitOfWork


def require_consistent(uow: UnitOfWork, before: Mapping[str, Aggregate]) -> None:
    """Raise Conflict unless all that commands require holds in some commitments, whose former states are given."""
    for stream, former in before.items():
        commitment = uow.aggregate(stream)
        _require_no_merger_cycle(uow, commitment)
        if not set(items_of(commitment, "successors")) <= set(items_of(former, "successors")):
            require_no_cycle(uow, {stream}, {})
        _require_whole_milestones(uow, former, commitment)
        _require_no_parts(uow, former, commitment)


def _require_no_merger_cycle(uow: UnitOfWork, commitment: Aggregate) -> None:
    visited, into = {commitment.id}, commitment.string("mergedInto")
    while into:
        if into in visited:
            raise Conflict("that would merge commitments into each other: revert the later merge first")
        visited.add(into)
        into = uow.aggregate(into).string("mergedInto")


def _require_no_parts(uow: UnitOfWork, before: Aggregate, after: Aggregate) -> None:
    """Raise Conflict if a commitment that was split would be listed beside its parts."""
    for part in sorted(set(items_of(before, "splitInto")) - set(items_of(after, "splitInto"))):
        code = uow.aggregate(part).string("code")
        if code is not None:
            raise Conflict(f"something was recorded of {code} since it was split off: revert that first")


def _require_whole_milestones(uow: UnitOfWork, before: Aggregate, after: Aggregate) -> None:
    """Raise Conflict if a milestone that gets another number would join another one, leave statements behind or vanish.

    Another milestone that had the number in the meantime has left it by later statements, which still apply.
    """
    for number, moved_to in _moved_milestones(uow, before, after):
        is_taken, is_left = moved_to in milestone_numbers(before), number in milestone_numbers(after)
        if is_taken or is_left or (number in milestone_numbers(before) and _is_emptied(after, moved_to)):
            raise Conflict(
                f"milestone {number} cannot be {moved_to} as if nothing had been recorded of either since: use "
                "renumberMilestone instead"
            )


def _is_emptied(commitment: Aggregate, number: str) -> bool:
    """Return whether nothing is stated of a milestone any more, by something that is stated later."""
    paths = [path for path in commitment.claims if path.startswith(f"milestones/{number}/")]
    is_stated = number in milestone_numbers(commitment)
    return not is_stated and not all(map(is_renumbering, paths))


def _moved_milestones(uow: UnitOfWork, before: Aggregate, after: Aggregate) -> Iterator[tuple[str, str]]:
    """Yield the numbers that milestones have before a reversal, each with the number that it has afterwards."""
    if not any(map(is_renumbering, (*before.claims, *after.claims))):
        return
    changed = before.withdrawn.keys() ^ after.withdrawn.keys()
    for revision, event in sorted(uow.read_events(after.id, changed).items()):
        for number, renumbered_to in renumberings(event):
            yield (renumbered_to, number) if revision in after.withdrawn else (number, renumbered_to)
