"""What one can follow live: the entries of the log, from any position on."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, cast

import strawberry

from ogpgraph.graphql.entry import Entry
from ogpgraph.graphql.inputs import EntryFilter
from ogpgraph.graphql.scalars import Position


@dataclass(frozen=True)
class Followed:
    """What a subscription asks to follow: from where on, and which entries."""

    after: int | None
    where: EntryFilter | None


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """The subscriptions of the schema."""

    @strawberry.subscription(
        description="Every entry of the log that comes after a position: first those that are there, then each new one "
        "as it is recorded, in order, without gap and without double. Its subject is the thing as it stood at that "
        "entry. To go on after an interruption, give the position of the last entry received as `after`."
    )
    async def entries(
        self,
        after: Annotated[
            Position | None,
            strawberry.argument(description="The position to begin after; left out, the head: new entries only."),
        ] = None,
        where: Annotated[
            EntryFilter | None, strawberry.argument(description="Only entries of which this holds.")
        ] = None,
    ) -> AsyncGenerator[Entry, None]:
        """Yield, once, what is to be followed.

        The transports follow it themselves: one execution of a selection for each entry serves everybody who asks the
        same, which a generator of each subscriber's own could not.
        """
        yield cast(Entry, Followed(after, where))
