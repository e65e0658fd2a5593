"""What differs between two positions: the commitments that changed in between, as they were and as they became."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry

from ogpgraph.domain.subject import Subject as State
from ogpgraph.graphql.commitment import Commitment
from ogpgraph.graphql.connection import Connection, connect
from ogpgraph.graphql.entry import Change
from ogpgraph.graphql.filters import CommitmentFilter
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.wordings import spoken
from ogpgraph.readmodel.conditions import All, Among, AnyOf, ChangedSince, Condition
from ogpgraph.readmodel.lists import Listing
from ogpgraph.readmodel.paging import Page, Slice
from ogpgraph.readmodel.projection import FieldChange, field_changes
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type(description="A commitment that differs between two positions.")
class Comparison:
    """A commitment then and later."""

    before: Commitment | None = strawberry.field(description="As it was at the first position; null where unknown.")
    after: Commitment = strawberry.field(description="As it was at the second position.")

    @strawberry.field(description="The fields that differ, whatever happened in between.")
    def changes(self) -> list[Change]:
        """Return the differences, in words."""
        return [
            Change(path=c.path, before=self._said(self.before, c, c.before), after=self._said(self.after, c, c.after))
            for c in _differences(self.before.state if self.before else None, self.after.state)
        ]

    def _said(self, commitment: Commitment | None, change: FieldChange, side: object) -> FieldValue | None:
        if commitment is None or side is None:
            return None
        return FieldValue(spoken(commitment.snapshot, commitment.state, change.path, side))


def compared(
    before: Snapshot, after: Snapshot, where: CommitmentFilter | None, wanted: Slice
) -> Connection[Comparison]:
    """Return the commitments that changed between two snapshots and fulfil a filter in either."""
    changed = ChangedSince(before.position)
    listing = Listing("commitment", All((changed, _in_either(before, after, where))) if where else changed)

    def node(state: State) -> Comparison:
        then = before.subject(state.id)
        return Comparison(before=Commitment.of(then, before) if then else None, after=Commitment.of(state, after))

    def page() -> Page[State]:
        found = after.page(listing, wanted)
        before.subjects(state.id for _, state in found.items)
        return found

    return connect(page, node, lambda: after.number(listing))


def _in_either(before: Snapshot, after: Snapshot, where: CommitmentFilter) -> Condition:
    then, now = where.condition(before), where.condition(after)
    index = before.index("commitment")
    return AnyOf((now, Among(frozenset(index.members_of(then.mask(index, before.index))))))


def _differences(before: State | None, after: State) -> Iterator[FieldChange]:
    paths = sorted(after.present.keys() | (before.present.keys() if before else set()))
    for path in paths:
        old, new = before.value(path) if before else None, after.value(path)
        if old != new:
            yield from field_changes(path, old, new)
