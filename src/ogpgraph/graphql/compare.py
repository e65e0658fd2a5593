"""The comparison of two positions, or of two dates: the commitments that changed in between, before and after."""

from __future__ import annotations

from collections.abc import Iterator

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.graphql.changes import Change, field_as_json
from ogpgraph.graphql.connections import Connection, build_connection, find_none
from ogpgraph.graphql.filters import CommitmentFilter
from ogpgraph.graphql.scalars import FieldValue
from ogpgraph.graphql.types import Commitment
from ogpgraph.graphql.weights import computed
from ogpgraph.readmodel.entry import FieldChange, diff_values
from ogpgraph.readmodel.filters import AllOf, AnyOf, ChangedSince, Condition, IdIn, Not
from ogpgraph.readmodel.queries import AggregateQuery, Page, PageRequest
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type(description="A commitment that changed between two positions, or two dates.")
class Comparison:
    before: Commitment | None = strawberry.field(
        description="The commitment at the first position or date; null if it was not in the record yet, or had not "
        "begun."
    )
    after: Commitment = strawberry.field(description="The commitment at the second position or date.")

    @strawberry.field(
        metadata=computed(5),
        description="The fields that differ between the two positions or dates; empty if only claims changed that are "
        "not current. A value that is unknown on a date is null.",
    )
    def changes(self) -> list[Change]:
        before = (self.before.snapshot, self.before.state) if self.before else None
        return compare_states(before, (self.after.snapshot, self.after.state))


State = tuple[Snapshot, Aggregate]
"""An aggregate as a snapshot shows it."""


def compare_states(before: State | None, after: State) -> list[Change]:
    """Return the fields in which two states of an aggregate differ, by path."""
    return [
        Change(
            path=change.path,
            before=_side_as_json(before, change, change.before),
            after=_side_as_json(after, change, change.after),
        )
        for change in _iter_differences(before[1] if before else None, after[1])
    ]


def compare_snapshots(
    before: Snapshot, after: Snapshot, where: CommitmentFilter | None, page_request: PageRequest
) -> Connection[Comparison]:
    """Return the commitments that changed between two snapshots and match a filter at one of them."""
    changed = _changed_between(before, after)
    condition = AllOf((changed, _matches_either(before, after, where))) if where else AllOf((changed,))
    query = AggregateQuery("commitment", condition)

    def fetch_page() -> Page[Aggregate]:
        page = after.page(query, page_request)
        before.find_many(state.id for _, state in page.items)  # all at once, for build_comparison
        return page

    def build_comparison(state: Aggregate) -> Comparison:
        earlier = before.find(state.id)
        return Comparison(before=Commitment.of(earlier, before) if earlier else None, after=Commitment.of(state, after))

    return build_connection(after, fetch_page, build_comparison, lambda: after.count(query), find_none, find_none)


def _matches_either(before: Snapshot, after: Snapshot, where: CommitmentFilter) -> Condition:
    """Return the condition, at the later snapshot, that a commitment matches a filter at one of the two."""
    index = before.index("commitment")
    matches_before = where.condition(before).evaluate(index, before.index)
    return AnyOf((where.condition(after), IdIn(frozenset(index.iter_ids(matches_before.fulfilled)))))


def _changed_between(before: Snapshot, after: Snapshot) -> Condition:
    """Return the condition, at the later snapshot, that a commitment changed since the earlier one."""
    if before.day == after.day:
        return ChangedSince(before.position)
    existed = frozenset(before.index("commitment").iter_ids(before.index("commitment").universe))
    return AnyOf((IdIn(after.find_changed_ids("commitment", before.day)), Not(IdIn(existed))))


def _iter_differences(before: Aggregate | None, after: Aggregate) -> Iterator[FieldChange]:
    paths = sorted(after.current_claims.keys() | (before.current_claims.keys() if before else set()))
    for path in paths:
        old, new = before.value(path) if before else None, after.value(path)
        if old != new:
            yield from diff_values(path, old, new)


def _side_as_json(state: State | None, change: FieldChange, value: object) -> FieldValue | None:
    return None if state is None or value is None else FieldValue(field_as_json(*state, change.path, value))
