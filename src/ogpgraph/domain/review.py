"""The IRM's reviews of commitments: ratings by indicator and stage."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import EventType
from ogpgraph.domain.command import UNKNOWN_COMMITMENT, Command, CommandType, CommitmentReference, Refusals
from ogpgraph.domain.correction import ONLY_REPLACED, withdraw
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.event import Facts
from ogpgraph.domain.field import DerivedDimension, Field, Filter, FilterKind, ScaleOrder, Tag
from ogpgraph.domain.roles import IRM
from ogpgraph.domain.unit_of_work import REPORTED_BY_PERSON, Provenance, UnitOfWork, changed_facts
from ogpgraph.domain.values import Rating, TextValue
from ogpgraph.domain.vocabulary import VALUES_OF, Indicator, OgpValue, RatingState, RatingValue, Stage

_INDICATOR_ORDER: Final = {indicator: place for place, indicator in enumerate(Indicator)}
_STAGE_ORDER: Final = {stage: place for place, stage in enumerate(Stage)}
_OGP_VALUE_ORDER: Final = {ogp_value: place for place, ogp_value in enumerate((None, *OgpValue))}


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


REVIEW_FIELDS = (
    Field(
        "ratings/{indicator}/{stage}",
        Rating,
        "Ratings",
        "The IRM's rating of one indicator at one stage.",
        validate_rating_at,
        written_by=IRM,
    ),
    Field(
        "ratings/{indicator}/{stage}/{ogpValue}",
        Rating,
        "Ratings by OGP value",
        "The IRM's rating of one indicator at one stage with regard to one OGP value.",
        validate_rating_at,
        written_by=IRM,
    ),
)
"""The fields of a commitment in which the IRM rates it."""

REVIEW_EVENTS = (
    EventType("RatingRecorded", "A rating, or the reason why there is none, was recorded.", ("ratings/",)),
    EventType("RatingWithdrawn", "A rating was withdrawn.", ("ratings/",)),
)
"""The events of a commitment that state how the IRM rates it."""


def is_starred(commitment: Aggregate) -> bool:
    """Return whether the commitment has the IRM's star at any stage."""
    ratings = (claim.value for _, claim in commitment.claims_under("ratings/STARRED/"))
    return any(isinstance(rating, Rating) and rating.value == "YES" for rating in ratings)


def starred_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield whether the commitment is starred."""
    yield "starred", "true" if is_starred(commitment) else "false"


class RatingAt(NamedTuple):
    """A rating with its place: the indicator and stage, and the OGP value, None for the whole commitment."""

    indicator: Indicator
    stage: Stage
    ogp_value: OgpValue | None
    path: str
    rating: Rating

    @property
    def finding(self) -> str:
        """Return what the IRM found, or else the state: why there is no value."""
        return self.rating.value or self.rating.state


def ratings_of(commitment: Aggregate, indicator: Indicator | None = None) -> list[RatingAt]:
    """Return the ratings of a commitment, of all indicators or of one, by indicator, stage and OGP value."""
    if "ratings" not in commitment.cache:
        claims = commitment.current_claims
        paths = sorted(commitment.paths_under("ratings/"), key=_place_of_path)
        stated = [(path, claims[path].value) for path in paths]
        commitment.cache["ratings"] = [
            RatingAt(*_parse_rating_path(path), path, rating) for path, rating in stated if isinstance(rating, Rating)
        ]
    ratings: list[RatingAt] = commitment.cache["ratings"]
    return [each for each in ratings if each.indicator == indicator] if indicator else list(ratings)


def choose_rating(ratings: Iterable[RatingAt]) -> RatingAt | None:
    """Return the rating of an indicator without a stage, from all its ratings; None if there are none.

    It is that of the latest stage that has a value: a stage at which a review is pending, or has no data, says nothing
    about what was found before. If no stage has a value, it is that of the latest one. Ratings that refer to an OGP
    value count only if none refers to the whole commitment.
    """
    ordered = sorted(ratings, key=_place)
    overall = [each for each in ordered if each.ogp_value is None]
    return max(
        overall or ordered, key=lambda each: (each.rating.value is not None, _STAGE_ORDER[each.stage]), default=None
    )


def later_without_data(chosen: RatingAt, ratings: Iterable[RatingAt]) -> tuple[RatingState, ...]:
    """Return what the later stages say that have no value, by stage: of the same indicator and OGP value."""
    same = (each for each in ratings if (each.indicator, each.ogp_value) == (chosen.indicator, chosen.ogp_value))
    later = (each for each in sorted(same, key=_place) if _place(each) > _place(chosen))
    return tuple(each.rating.state for each in later if each.rating.value is None)


@lru_cache(maxsize=1_000)  # there are fewer combinations of indicators, stages and OGP values
def _parse_rating_path(path: str) -> tuple[Indicator, Stage, OgpValue | None]:
    _, indicator, stage, *ogp_value = path.split("/")
    return Indicator(indicator), Stage(stage), OgpValue(ogp_value[0]) if ogp_value else None


@lru_cache(maxsize=1_000)
def _place_of_path(path: str) -> tuple[int, int, int]:
    """Return the place of the rating at a path, as `_place` does."""
    indicator, stage, ogp_value = _parse_rating_path(path)
    return _INDICATOR_ORDER[indicator], _STAGE_ORDER[stage], _OGP_VALUE_ORDER[ogp_value]


def _place(rating: RatingAt) -> tuple[int, int, int]:
    """Return what ratings are sorted by: indicator, stage and OGP value, the whole commitment before these."""
    return _INDICATOR_ORDER[rating.indicator], _STAGE_ORDER[rating.stage], _OGP_VALUE_ORDER[rating.ogp_value]


def rating_dimension(indicator: Indicator, stage: Stage | None = None, ogp_value: OgpValue | None = None) -> str:
    """Return the dimension of the index that has the findings of a rating; without a stage, of `choose_rating`."""
    return ":".join(("rating", *filter(None, (indicator, stage, ogp_value))))


def rating_tags(commitment: Aggregate) -> Iterable[Tag]:
    """Yield the finding of each rating, and of each indicator without a stage that of the chosen one."""
    by_indicator: dict[Indicator, list[RatingAt]] = {}
    for path, claim in commitment.current_claims.items():
        if not path.startswith("ratings/") or not isinstance(claim.value, Rating):
            continue
        each = RatingAt(*_parse_rating_path(path), path, claim.value)
        yield rating_dimension(each.indicator, each.stage, each.ogp_value), each.finding
        by_indicator.setdefault(each.indicator, []).append(each)
    for indicator, ratings in by_indicator.items():
        if chosen := choose_rating(ratings):
            yield rating_dimension(indicator), chosen.finding


REVIEW_DIMENSIONS = (
    DerivedDimension(
        "starred",
        ("ratings/STARRED",),
        starred_tags,
        "Starred",
        "Whether the IRM awarded it a star.",
        filter=Filter("starred", FilterKind.BOOLEAN),
        facet="STARRED",
    ),
    DerivedDimension(
        "rating",
        ("ratings/{indicator}",),
        rating_tags,
        "Rating",
        "The IRM's ratings: `rating:INDICATOR:STAGE`, with an OGP value where the rating refers to one, and "
        "`rating:INDICATOR` for the latest stage that has a value or, without one, the latest.",
        filter=Filter("rating", FilterKind.OBJECT),
        orders=tuple(
            ScaleOrder(
                indicator.name,
                rating_dimension(indicator),
                VALUES_OF[indicator],
                f"By the value of `rating(indicator: {indicator})`, in the order of the indicator's scale.",
            )
            for indicator in Indicator
        ),
    ),
)


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
    uow.append(commitment.id, "RatingRecorded", changed_facts(commitment, facts, provenance), provenance)


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


# Commands

RatedIndicator = Annotated[Indicator, Meta(description="The indicator that is rated.")]
RatedStage = Annotated[Stage, Meta(description="The stage of the action plan at which it is rated.")]
RatedOgpValue = Annotated[
    OgpValue | None, Meta(description="The OGP value that the rating is about. Omitted: the overall rating.")
]


class RecordRating(Command, frozen=True, kw_only=True):
    """The IRM's rating of a commitment by one indicator at one stage."""

    commitment: CommitmentReference
    indicator: RatedIndicator
    stage: RatedStage
    ogp_value: RatedOgpValue = None
    state: Annotated[
        RatingState, Meta(description="Whether there is a value; if there is none, why. Default: `RATED`.")
    ] = RatingState.RATED
    value: Annotated[
        RatingValue | None,
        Meta(
            description="The value, on the indicator's scale. Needed with the state `RATED`; omitted with any "
            "other state."
        ),
    ] = None
    stated_as: Annotated[TextValue | None, Meta(description="The rating as published.")] = None
    irm_report: Annotated[
        TextValue | None, Meta(description="The IRM report that states it, by its title or address.")
    ] = None

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the rating; raises Invalid for a value off the indicator's scale."""
        stated_as = self.stated_as.text if self.stated_as else None
        irm_report = self.irm_report.text if self.irm_report else None
        rating = Rating(self.state, self.value, stated_as, irm_report)
        record_rating(uow, self.commitment, self.indicator, self.stage, rating, self.ogp_value, provenance)


RECORD_RATING = CommandType(
    command=RecordRating,
    description="Records the IRM's rating of a commitment by one indicator at one stage. It replaces an earlier "
    "rating, which stays in the history.",
    permitted=IRM,
    events=("RatingRecorded",),
    returns="commitment",
    refusals=Refusals(
        not_found=UNKNOWN_COMMITMENT,
        invalid="if the value is not on the indicator's scale, is missing with the state `RATED`, or is present with "
        "another state",
    ),
)


class WithdrawRating(Command, frozen=True):
    """A rating that is withdrawn."""

    commitment: CommitmentReference
    indicator: RatedIndicator
    stage: RatedStage
    ogp_value: RatedOgpValue = None

    def decide(self, uow: UnitOfWork, provenance: Provenance) -> None:
        """Record the withdrawal; raises NotFound, and Conflict if a published page states the rating."""
        withdraw_rating(uow, self.commitment, self.indicator, self.stage, self.ogp_value, provenance)


WITHDRAW_RATING = CommandType(
    command=WithdrawRating,
    description="Withdraws a rating that reviewers recorded. It stays in the history.",
    permitted=IRM,
    events=("RatingWithdrawn",),
    returns="commitment",
    refusals=Refusals(not_found="if the commitment is unknown or has no such rating", conflict=ONLY_REPLACED),
)


REVIEW_COMMANDS = (RECORD_RATING, WITHDRAW_RATING)
