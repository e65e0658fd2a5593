"""The parts of action plans and commitments: milestones, ratings, narratives, and what OGP's database states."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.event import Origin
from ogpgraph.domain.review import RatingAt, later_without_data, ratings_of
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.domain.vocabulary import CoCreation, CoCreationValue, Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.part import Owner, Part
from ogpgraph.graphql.subject import Entry, Subject, entry_of_claim


@strawberry.type(description="An aspect of how the public took part in an action plan, with its value.")
class CoCreationFact(Part):
    kind: CoCreation = strawberry.field(description="The aspect.")
    value: CoCreationValue = strawberry.field(description="The value, or why there is none.")

    def locate(self) -> str:
        """Return the path of the aspect."""
        return f"coCreation/{CoCreation(self.kind)}"


# What the IRM found about a commitment


@strawberry.type(description="The IRM's rating of one indicator at one stage: a value, or why there is none.")
class Rating(Part):
    indicator: Indicator = strawberry.field(description="The indicator that is rated.")
    stage: Stage = strawberry.field(description="The stage at which it is rated.")
    ogp_value: OgpValue | None = strawberry.field(
        description="The OGP value to which the rating refers; null for a rating of the whole commitment."
    )
    state: RatingState = strawberry.field(description="Whether there is a value and, if not, why.")
    value: RatingValue | None = strawberry.field(description="The value; null unless the state is RATED.")
    stated_in: Origin = strawberry.field(description="Where the rating was stated.")
    claim: strawberry.Private[StoredClaim]
    rating: strawberry.Private[RatingAt]

    @classmethod
    def of(cls, owner: Subject, rating: RatingAt) -> Rating:
        """Return the object of a rating of a commitment; raises LookupError if the commitment does not have it."""
        claim = owner.state.current_claim(rating.path)
        if claim is None:
            raise LookupError(f"{owner.state.id} has no {rating.path}")
        return cls(
            indicator=rating.indicator,
            stage=rating.stage,
            ogp_value=rating.ogp_value,
            state=rating.rating.state,
            value=rating.rating.value,
            stated_in=claim.origin,
            claim=claim,
            rating=rating,
            owner=owner,
        )

    def locate(self) -> str:
        """Return the path of the rating."""
        return self.rating.path

    @strawberry.field(
        metadata=OWN,
        description="Why the stages after this one have no value of the same indicator, in the order of the stages: "
        "`[PENDING]`, for example, if the value was found at midterm, and a review of the end of term is awaited. "
        "Empty if nothing was published about later stages, or they have values.",
    )
    def later_without_data(self) -> list[RatingState]:
        return list(later_without_data(self.rating, ratings_of(self.owner.state, self.rating.indicator)))

    @strawberry.field(
        metadata=OWN, description="The rating as published, such as `Substantial`; null if a person stated it without."
    )
    def stated_as(self) -> str | None:
        return _referenced_text(self.owner, self.rating.path, self.rating.rating.stated_as)

    @strawberry.field(
        metadata=OWN, description="The title of the IRM report that states the rating; null if it is not certain."
    )
    def irm_report(self) -> str | None:
        return _referenced_text(self.owner, self.rating.path, self.rating.rating.irm_report)

    @strawberry.field(metadata=OWN, description="The entry that stated the rating.")
    def entry(self) -> Entry:
        return entry_of_claim(self.owner, self.claim)


@strawberry.type(
    description="A statement of OGP's commitment database about a commitment, besides the IRM's indicators: a value, "
    "or why there is none."
)
class Finding(Part):
    kind: FindingKind = strawberry.field(description="What is stated.")
    state: RatingState = strawberry.field(description="Whether there is a value and, if not, why.")
    value: RatingValue | None = strawberry.field(description="The value; null unless the state is RATED.")
    stated_in: Origin = strawberry.field(description="Where the finding was stated.")
    path: strawberry.Private[str]
    claim: strawberry.Private[StoredClaim]
    stored: strawberry.Private[StoredRating]

    @classmethod
    def of(cls, owner: Subject, kind: FindingKind) -> Finding | None:
        """Return the finding of a kind about a commitment, or None if there is none."""
        path = f"findings/{kind.value}"
        claim = owner.state.current_claim(path)
        if claim is None or not isinstance(stored := claim.value, StoredRating):
            return None
        return cls(
            kind=kind,
            state=stored.state,
            value=stored.value,
            stated_in=claim.origin,
            path=path,
            claim=claim,
            stored=stored,
            owner=owner,
        )

    def locate(self) -> str:
        """Return the path of the finding."""
        return self.path

    @strawberry.field(metadata=OWN, description="The cell of the database as published; null if it is not recorded.")
    def stated_as(self) -> str | None:
        return _referenced_text(self.owner, self.path, self.stored.stated_as)

    @strawberry.field(metadata=OWN, description="The entry that stated the finding.")
    def entry(self) -> Entry:
        return entry_of_claim(self.owner, self.claim)


def _referenced_text(owner: Owner, path: str, reference: str | None) -> str | None:
    return owner.snapshot.text(owner.state, path, reference) if reference else None


@strawberry.type(description="The year in which the IRM published its report of a stage, or why there is none.")
class ReportYear(Part):
    stage: Stage = strawberry.field(description="The stage that the report is about.")
    year: int | None = strawberry.field(description="The year of publication; null unless the state is RATED.")
    state: RatingState = strawberry.field(description="RATED if there is a year; otherwise why there is none.")

    @classmethod
    def of(cls, owner: Subject, stage: Stage, stored: object) -> ReportYear:
        """Return the report year of a stored value: a number, or the name of a state."""
        if isinstance(stored, int):
            return cls(stage=stage, year=stored, state=RatingState.RATED, owner=owner)
        return cls(stage=stage, year=None, state=RatingState(str(stored)), owner=owner)

    def locate(self) -> str:
        """Return the path of the report."""
        return f"reportYears/{Stage(self.stage)}"


@strawberry.type(description="Policy areas for which OGP's database has neither yes nor no.")
class UndeterminedPolicyAreas(Part):
    state: RatingState = strawberry.field(
        description="Why: NO_DATA, for example, if plans of that time were not classified by these areas."
    )
    areas: list[str] = strawberry.field(description="The policy areas, spelled as in OGP's taxonomy.")

    def locate(self) -> str:
        """Return the path of the policy areas of this state."""
        return f"policyAreasUndetermined/{RatingState(self.state)}"


@strawberry.type(description="A column of OGP's database that has no field of its own here, with its cell.")
class DatabaseColumn(Part):
    name: str = strawberry.field(description="The name of the column, such as BINDING_CONSTRAINT or START_DATE.")
    value: str = strawberry.field(description="The cell as published.")

    def locate(self) -> str:
        """Return the path of the cell."""
        return f"database/{self.name}"
