"""The parts of a commitment: milestones, ratings and narratives."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import TypeVar

import strawberry

from ogpgraph.domain import vocabulary
from ogpgraph.domain.event import Origin
from ogpgraph.domain.subject import Claim
from ogpgraph.domain.text import Wording
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.graphql.record import Entry, Language, Subject, entry_node
from ogpgraph.graphql.scalars import Moment, PartialDate
from ogpgraph.graphql.wordings import chosen, wording

E = TypeVar("E", bound=Enum)
_INDICATORS = {word: place for place, word in enumerate(vocabulary.Indicator)}
_STAGES = {word: place for place, word in enumerate(vocabulary.Stage)}
_OGP_VALUES = {word: place for place, word in enumerate(vocabulary.OgpValue)}


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
    def status(self) -> vocabulary.MilestoneStatus | None:
        """Return the status."""
        return word_of(vocabulary.MilestoneStatus, self.owner.state.text(self._path("status")))

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


@strawberry.type(description="What the IRM says of one indicator at one stage.")
class Rating:
    """A rating, or why there is none."""

    indicator: vocabulary.Indicator = strawberry.field(description="What is rated.")
    stage: vocabulary.Stage = strawberry.field(description="At which point of the plan's life.")
    ogp_value: vocabulary.OgpValue | None = strawberry.field(
        description="Which OGP value it is about, where it is about one."
    )
    state: vocabulary.RatingState = strawberry.field(
        description="Whether there is a value, and why not where there is none."
    )
    value: vocabulary.RatingValue | None = strawberry.field(description="The value, where it is rated.")
    stated_in: Origin = strawberry.field(description="Where it was stated.")
    path: strawberry.Private[str]
    claim: strawberry.Private[Claim]
    owner: strawberry.Private[Subject]

    @strawberry.field(description="The words as published.")
    def stated_as(self) -> str | None:
        """Return the published words."""
        return self._words(self._stored.stated_as)

    @strawberry.field(description="The IRM report that it rests on, where that is certain.")
    def irm_report(self) -> str | None:
        """Return the report's name."""
        return self._words(self._stored.irm_report)

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry | None:
        """Return the entry."""
        snapshot = self.owner.snapshot
        entry = snapshot.entry_setting(self.owner.state, self.claim.revision)
        return entry_node(entry, snapshot) if entry else None

    @property
    def _stored(self) -> StoredRating:
        return self.claim.value  # type: ignore[return-value]  # `_rating` made sure

    def _words(self, reference: str | None) -> str | None:
        return self.owner.snapshot.wording(self.owner.state, self.path, reference) if reference else None


@strawberry.type(description="A section of the IRM's text on a commitment.")
class Narrative:
    """A section."""

    stage: vocabulary.Stage = strawberry.field(description="The stage that the text is about.")
    section: str = strawberry.field(
        description="Which section: CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others, by their headings."
    )
    language: str = strawberry.field(description="The language.")
    text: str | None = strawberry.field(description="The text; null where it was removed.")


def rating_node(owner: Subject, path: str, claim: Claim) -> Rating:
    """Return the rating at a path; raises TypeError where there is none."""
    stored = claim.value
    if not isinstance(stored, StoredRating):
        raise TypeError(f"{path} holds no rating")
    indicator, stage, about = _rated(path)
    return Rating(
        indicator=indicator,
        stage=stage,
        ogp_value=about,
        state=stored.state,
        value=stored.value,
        stated_in=claim.origin,
        path=path,
        claim=claim,
        owner=owner,
    )


@lru_cache(maxsize=1_000)  # more than there are indicators, stages and OGP values
def _rated(path: str) -> tuple[vocabulary.Indicator, vocabulary.Stage, vocabulary.OgpValue | None]:
    _, indicator, stage, *about = path.split("/")
    ogp_value = vocabulary.OgpValue(about[0]) if about else None
    return vocabulary.Indicator(indicator), vocabulary.Stage(stage), ogp_value


def rating_order(rating: Rating) -> tuple[int, int, int]:
    """Return the place of a rating: by indicator, stage and OGP value, each in its declared order."""
    about = _OGP_VALUES[rating.ogp_value] if rating.ogp_value else -1
    return _INDICATORS[rating.indicator], _STAGES[rating.stage], about


def narrative_node(owner: Subject, section: str, language: str | None) -> Narrative | None:
    """Return a section of the IRM's text in a language, or None where there is none in it."""
    found = chosen(owner.state, section, language)
    if found is None or not isinstance(found[1].value, Wording):
        return None
    path, _ = found
    _, stage, name = section.split("/")
    text = owner.snapshot.wording(owner.state, path, found[1].value.text)
    return Narrative(stage=vocabulary.Stage(stage), section=name, language=path.rpartition("/")[2], text=text)


def word_of(words: type[E], word: str | None) -> E | None:
    """Return a word of a vocabulary, or None where nothing is said."""
    return words(word) if word else None


def date_of(date: str | None) -> PartialDate | None:
    """Return a day as the schema has it, or None where none is said."""
    return PartialDate(date) if date else None
