"""What differs between two positions: the commitments that changed in between, as they were and as they became."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.graphql.connections import Connection, build_connection
from ogpgraph.graphql.filters import CommitmentFilter
from ogpgraph.graphql.localized_text import field_as_json
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.types import Change, Commitment
from ogpgraph.readmodel.entry import FieldChange, diff_values
from ogpgraph.readmodel.filters import AllOf, AnyOf, ChangedSince, Condition, IdIn
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageRequest
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
            Change(
                path=c.path,
                before=self._resolve_side(self.before, c, c.before),
                after=self._resolve_side(self.after, c, c.after),
            )
            for c in _field_differences(self.before.state if self.before else None, self.after.state)
        ]

    def _resolve_side(self, commitment: Commitment | None, change: FieldChange, side: object) -> FieldValue | None:
        if commitment is None or side is None:
            return None
        return FieldValue(field_as_json(commitment.snapshot, commitment.state, change.path, side))


def compare_snapshots(
    before: Snapshot, after: Snapshot, where: CommitmentFilter | None, wanted: PageRequest
) -> Connection[Comparison]:
    """Return the commitments that changed between two snapshots and fulfil a filter in either."""
    changed = ChangedSince(before.position)
    query = AggregateQuery("commitment", AllOf((changed, _holds_in_either(before, after, where))) if where else changed)

    def node(state: Aggregate) -> Comparison:
        then = before.find(state.id)
        return Comparison(before=Commitment.of(then, before) if then else None, after=Commitment.of(state, after))

    def page() -> Page[Aggregate]:
        found = after.page(query, wanted)
        before.find_many(state.id for _, state in found.items)
        return found

    return build_connection(page, node, lambda: after.count(query))


def _holds_in_either(before: Snapshot, after: Snapshot, where: CommitmentFilter) -> Condition:
    then, now = where.condition(before), where.condition(after)
    index = before.index("commitment")
    return AnyOf((now, IdIn(frozenset(index.iter_ids(then.evaluate(index, before.index))))))


def _field_differences(before: Aggregate | None, after: Aggregate) -> Iterator[FieldChange]:
    paths = sorted(after.current_claims.keys() | (before.current_claims.keys() if before else set()))
    for path in paths:
        old, new = before.value(path) if before else None, after.value(path)
        if old != new:
            yield from diff_values(path, old, new)
