"""The counts of a list: by the values of dimensions, and at past moments."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Annotated

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.graphql.connections import Connection, NodeT
from ogpgraph.graphql.dependence import keyed
from ogpgraph.graphql.facets import (
    ACROSS_COST,
    FACET_COST,
    CountedDimensions,
    Dimension,
    Facet,
    TimelineClock,
    TimelineGranularity,
    TimelinePoint,
    TimelineRange,
    count_dimensions,
    count_facets,
    count_moments,
    count_timeline,
    find_counted_dimensions,
    find_version,
    select_lists,
)
from ogpgraph.graphql.scalars import DateTime
from ogpgraph.graphql.weights import STATE_COST, computed, weighs
from ogpgraph.readmodel.queries import AggregateQuery


@strawberry.type  # not in the schema: only a part of CommitmentConnection
class CountedConnection(Connection[NodeT]):
    """A connection over a list that is also counted by the values of dimensions, and at past moments."""

    query: strawberry.Private[AggregateQuery]
    parent: strawberry.Private[Aggregate | None]

    @strawberry.field(
        metadata=computed(FACET_COST, length=count_dimensions)
        | keyed(lambda self, **of: self.find_facet_key(**of), lambda _, **of: find_counted_dimensions(**of)),
        description="The whole list, counted by the values of one or more dimensions.",
    )
    def facets(
        self,
        dimensions: CountedDimensions,
        across: Annotated[
            Dimension | None,
            strawberry.argument(
                metadata=weighs(ACROSS_COST),
                description="Another dimension, by which the commitments of each value are counted.",
            ),
        ] = None,
        ignore_own_filter: Annotated[
            bool,
            strawberry.argument(
                description="Count by each dimension as if `where` had no condition on it, so that its other "
                "values are counted too. Conditions inside `or` and `not` remain."
            ),
        ] = False,
    ) -> list[Facet] | None:
        masks = self._select_lists(dimensions, ignore_own_filter=ignore_own_filter)
        return count_facets(self.snapshot, masks, dimensions, across)

    def find_facet_key(
        self, dimensions: list[Dimension], across: Dimension | None = None, ignore_own_filter: bool = False
    ) -> Hashable:
        """Return what the facets depend on, besides their arguments; None for no key."""
        if self.snapshot.date is not None:
            return None
        masks = self._select_lists(dimensions, ignore_own_filter=ignore_own_filter)
        return *masks, *(find_version(self.snapshot, each) for each in (*dimensions, across) if each)

    def _select_lists(self, dimensions: list[Dimension], *, ignore_own_filter: bool) -> list[int]:
        """Return the bitsets of the list as each of some dimensions counts it."""
        owned = self.snapshot.select(AggregateQuery("commitment", parent=self.query.parent), self.parent)
        return list(select_lists(self.snapshot, self.query, owned, dimensions, ignore_own_filter=ignore_own_filter))

    @strawberry.field(
        metadata=computed(item=STATE_COST, length=count_moments),
        description="The whole list at past moments, counted by the values of one dimension: at the end of each "
        "period and at the end of the range. The filter is evaluated at each of these moments, except that a `title` "
        "is looked up among the titles at the position, and on the date, that is read.",
    )
    def timeline(
        self,
        dimension: Annotated[Dimension, strawberry.argument(description="The dimension to count by.")],
        every: Annotated[
            TimelineGranularity, strawberry.argument(description="The length of the periods.")
        ] = TimelineGranularity.YEAR,
        clock: Annotated[
            TimelineClock, strawberry.argument(description="Which of the two times the moments refer to.")
        ] = TimelineClock.RECORDED,
        from_: Annotated[
            DateTime | None,
            strawberry.argument(
                name="from",
                description="A moment in the first period. Omitted or null: when the first entry was recorded; by the "
                "clock EFFECTIVE, when the first action plan began.",
            ),
        ] = None,
        until: Annotated[
            DateTime | None,
            strawberry.argument(
                description="The last moment. Omitted or null: when the entry at the position that is read was "
                "recorded."
            ),
        ] = None,
    ) -> list[TimelinePoint] | None:
        period = TimelineRange(from_, until, every, clock)
        return count_timeline(self.snapshot, self.query, self.parent, dimension, period)
