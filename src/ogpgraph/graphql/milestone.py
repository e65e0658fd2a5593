"""Milestones: the steps of a commitment, and the progress reports on them."""

from __future__ import annotations

from datetime import datetime

import strawberry

from ogpgraph.domain.text import Wording
from ogpgraph.domain.vocabulary import MilestoneStatus
from ogpgraph.graphql.scalars import Moment, PartialDate, date_of, word_of
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import Language, wording


@strawberry.type(description="A step of a commitment that can be seen to be done.")
class Milestone:
    """A milestone."""

    number: str = strawberry.field(description="Its number as published, such as 14.1.")
    owner: strawberry.Private[Subject]

    @strawberry.field(description="What it delivers.")
    def title(self, language: Language = None) -> str | None:
        """Return the title."""
        return wording(self.owner.snapshot, self.owner.state, self._path("title"), language)

    @strawberry.field(description="How far it has come, where anybody reported.")
    def status(self) -> MilestoneStatus | None:
        """Return the status."""
        return word_of(MilestoneStatus, self.owner.state.text(self._path("status")))

    @strawberry.field(description="When work on it begins.")
    def starts_on(self) -> PartialDate | None:
        """Return the beginning."""
        return date_of(self.owner.state.text(self._path("startsOn")))

    @strawberry.field(description="When it is due.")
    def ends_on(self) -> PartialDate | None:
        """Return the end."""
        return date_of(self.owner.state.text(self._path("endsOn")))

    @strawberry.field(description="The progress reports on it, oldest first.")
    def updates(self) -> list[MilestoneUpdate]:
        """Return the progress reports."""
        state, snapshot = self.owner.state, self.owner.snapshot
        return [
            MilestoneUpdate(
                reported_at=Moment(datetime.fromisoformat(path.split("/")[3])),
                language=path.split("/")[4],
                text=snapshot.wording(state, path, claim.value.text),
            )
            for path, claim in state.under(self._path("updates/"))
            if isinstance(claim.value, Wording)
        ]

    def _path(self, path: str) -> str:
        return f"milestones/{self.number}/{path}"


@strawberry.type(description="A progress report on a milestone.")
class MilestoneUpdate:
    """What was reported, and when."""

    reported_at: Moment = strawberry.field(description="When it was reported.")
    language: str = strawberry.field(description="The language of the report.")
    text: str | None = strawberry.field(description="The report; null where it was removed.")
