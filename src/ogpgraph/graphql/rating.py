"""Ratings: what the IRM says of each indicator, at each stage of a plan's life."""

from __future__ import annotations

from functools import lru_cache

import strawberry

from ogpgraph.domain import vocabulary
from ogpgraph.domain.event import Origin
from ogpgraph.domain.subject import Claim
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.graphql.entry import Entry, entry_node
from ogpgraph.graphql.subject import Subject

_INDICATORS = {word: place for place, word in enumerate(vocabulary.Indicator)}
_STAGES = {word: place for place, word in enumerate(vocabulary.Stage)}
_OGP_VALUES = {word: place for place, word in enumerate(vocabulary.OgpValue)}


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
