"""Sources: the published pages, lists and files that facts are read from, with every sight of them."""

from __future__ import annotations

from typing import ClassVar

import strawberry

from ogpgraph.domain.source import last_observed_at, observations
from ogpgraph.graphql.scalars import Moment
from ogpgraph.graphql.subject import Subject


@strawberry.type(description="A sight of a source.")
class Observation:
    """When it was seen, which bytes, by which reader."""

    observed_at: Moment = strawberry.field(description="When the source was observed.")
    content_hash: str = strawberry.field(description="The SHA-256 of the bytes observed.")
    reader: str = strawberry.field(description="The version of the program that read them.")


@strawberry.type(description="A published page, list or file that facts are read from.")
class Source(Subject):
    """A source with everything observed of it."""

    KIND: ClassVar[str] = "source"

    @strawberry.field(description="What sort of source it is: PAGE, COMMITMENT_LIST, DATABASE_FILE or DOCUMENT.")
    def type(self) -> str | None:
        """Return the source's sort."""
        return self._text("type")

    @strawberry.field(description="The code of the commitment or member it is about, or the name of the file.")
    def code(self) -> str | None:
        """Return the code."""
        return self._text("code")

    @strawberry.field(description="The language it is published in.")
    def language(self) -> str | None:
        """Return the language."""
        return self._text("language")

    @strawberry.field(description="Where it is published, where that is known.")
    def url(self) -> str | None:
        """Return the address."""
        return self._text("url")

    @strawberry.field(
        description="Every observation, oldest first; sightings of unchanged bytes move only `lastObservedAt`."
    )
    def observations(self) -> list[Observation]:
        """Return the observations."""
        return [
            Observation(observed_at=Moment(time), content_hash=seen.content_hash, reader=seen.reader)
            for time, seen in observations(self.state)
        ]

    @strawberry.field(description="When it was last seen, changed or not.")
    def last_observed_at(self) -> Moment | None:
        """Return the time of the latest sight."""
        moment = last_observed_at(self.state)
        return Moment(moment) if moment else None
