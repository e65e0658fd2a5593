"""Lists of commitments, which can be counted: by dimensions, and over time."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ogpgraph.domain.subject import Subject as State
from ogpgraph.graphql.commitment import Commitment
from ogpgraph.graphql.connection import Connection
from ogpgraph.graphql.facets import Dimension, Every, Facet, Period, TimelinePoint, facets_of, timeline_of
from ogpgraph.graphql.lists import subjects_connected
from ogpgraph.graphql.scalars import Moment
from ogpgraph.readmodel.lists import Listing
from ogpgraph.readmodel.paging import Slice
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type(description="A page of a list of commitments, and its counts.")
class CommitmentConnection(Connection[Commitment]):
    """A list of commitments that can be counted by dimensions, now and over time."""

    snapshot: strawberry.Private[Snapshot]
    listing: strawberry.Private[Listing]
    parent: strawberry.Private[State | None]

    @strawberry.field(description="How many commitments of the whole list have each value of some dimensions.")
    def facets(
        self,
        dimensions: Annotated[list[Dimension], strawberry.argument(description="What to count by.")],
        across: Annotated[
            Dimension | None, strawberry.argument(description="Split each count by this dimension too.")
        ] = None,
        except_own: Annotated[
            bool, strawberry.argument(description="Count each dimension as if the list were not filtered by it.")
        ] = False,
    ) -> list[Facet]:
        """Return the counts of the list."""
        owned = self.snapshot.selection(Listing("commitment", parent=self.listing.parent), self.parent)
        return facets_of(self.snapshot, self.listing, owned, dimensions, across, except_own=except_own)

    @strawberry.field(
        description="The list as it was at the ends of past periods and is at the end, counted by a dimension. The "
        "filter is asked anew at each moment, but titles are looked up at the position that is read."
    )
    def timeline(
        self,
        dimension: Annotated[Dimension, strawberry.argument(description="What to count by.")],
        every: Annotated[Every, strawberry.argument(description="How far the moments lie apart.")] = Every.YEAR,
        from_: Annotated[
            Moment | None,
            strawberry.argument(name="from", description="The first period; left out, that of the first entry."),
        ] = None,
        until: Annotated[
            Moment | None,
            strawberry.argument(description="The last moment; left out, that of the position that is read."),
        ] = None,
    ) -> list[TimelinePoint]:
        """Return the counts at past moments."""
        return timeline_of(self.snapshot, self.listing, self.parent, dimension, Period(from_, until, every))


def commitments_of(snapshot: Snapshot, listing: Listing, parent: State | None, wanted: Slice) -> CommitmentConnection:
    """Return the connection over a list of commitments, which can be counted too."""
    connected = subjects_connected(Commitment, snapshot, listing, parent, wanted)
    return CommitmentConnection(**connected, snapshot=snapshot, listing=listing, parent=parent)
