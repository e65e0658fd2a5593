"""The IRM's reviews of commitments: ratings by indicator and stage, and narratives about a stage."""

from __future__ import annotations

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.correction import withdraw
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import (
    Rating,
    TextValue,
)
from ogpgraph.domain.vocabulary import (
    VALUES_OF,
    Indicator,
    OgpValue,
    RatingState,
    Stage,
)


def validate_rating_at(path: str, rating: Rating) -> None:
    """Raise Invalid unless a rating is possible for the indicator in its path."""
    validate_rating(Indicator(path.split("/")[1]), rating)


def rating_path(indicator: Indicator, stage: Stage, ogp_value: OgpValue | None = None) -> str:
    """Return the path of a rating."""
    return "/".join(filter(None, ("ratings", indicator.value, stage.value, ogp_value and ogp_value.value)))


def validate_rating(indicator: Indicator, rating: Rating) -> Rating:
    """Return a rating; raises Invalid unless it has a value exactly when it is RATED, on the indicator's scale."""
    if (rating.state is RatingState.RATED) != (rating.value is not None):
        raise Invalid(f"{indicator}: a rating has a value exactly when it is RATED", "value")
    if rating.value is not None and rating.value not in VALUES_OF[indicator]:
        scale = ", ".join(VALUES_OF[indicator])
        raise Invalid(f"{indicator} cannot be {rating.value}: its scale is {scale}", "value")
    return rating


def record_rating(
    uow: UnitOfWork,
    commitment: Aggregate,
    indicator: Indicator,
    stage: Stage,
    rating: Rating,
    ogp_value: OgpValue | None = None,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record a rating of a commitment; raises Invalid for a value off the indicator's scale."""
    validate_rating(indicator, rating)
    facts: Facts = {rating_path(indicator, stage, ogp_value): rating}
    uow.append(commitment.id, "RatingRecorded", changed_facts(commitment, facts), provenance)


def withdraw_rating(
    uow: UnitOfWork,
    commitment: Aggregate,
    indicator: Indicator,
    stage: Stage,
    ogp_value: OgpValue | None = None,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Withdraw a rating that people recorded; raises NotFound, and Conflict if a published page states it."""
    withdraw(uow, commitment, "RatingWithdrawn", [rating_path(indicator, stage, ogp_value)], provenance)


def record_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    text: TextValue,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Record a section of the IRM's text in one language."""
    facts: Facts = {f"narratives/{stage}/{section}/{language}": text}
    uow.append(commitment.id, "NarrativeRecorded", changed_facts(commitment, facts), provenance)


def withdraw_narrative(
    uow: UnitOfWork,
    commitment: Aggregate,
    stage: Stage,
    section: str,
    language: str,
    provenance: Provenance = REPORTED_BY_PERSON,
) -> None:
    """Withdraw a section that people recorded; raises NotFound, and Conflict if a published page states it."""
    withdraw(uow, commitment, "NarrativeWithdrawn", [f"narratives/{stage}/{section}/{language}"], provenance)
