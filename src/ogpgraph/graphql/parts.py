"""The parts of action plans and commitments: milestones, ratings, narratives, and what OGP's database states."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import strawberry

from ogpgraph.domain.aggregate import Claim as StoredClaim
from ogpgraph.domain.event import Origin
from ogpgraph.domain.milestone import MILESTONE_FIELDS
from ogpgraph.domain.overdue import OverdueBasis
from ogpgraph.domain.review import RatingAt, later_without_data, ratings_of
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import CoCreation, CoCreationValue, Indicator, OgpValue, RatingState, RatingValue, Stage
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.errors import keep_damage
from ogpgraph.graphql.output_fields import choose_text, derive_output_fields
from ogpgraph.graphql.scalars import DateTime, PartialDate
from ogpgraph.graphql.subject import Entry, Part, Subject, entry_of_claim

if TYPE_CHECKING:
    from ogpgraph.graphql.types import Commitment


CommitmentOfPart = Annotated["Commitment", strawberry.lazy("ogpgraph.graphql.types")]


@strawberry.type(description="An aspect of how the public took part in an action plan, with its value.")
class CoCreationFact(Part):
    kind: CoCreation = strawberry.field(description="The aspect.")
    value: CoCreationValue = strawberry.field(description="The value, or why there is none.")

    def locate(self) -> str:
        """Return the path of the aspect."""
        return f"coCreation/{CoCreation(self.kind)}"


@strawberry.type(description="A verifiable step of a commitment.")
@derive_output_fields(MILESTONE_FIELDS, "milestones/{number}/")
class Milestone(Part):
    number: str = strawberry.field(description="Its number, as published, such as `14.1`.")

    @strawberry.field(description="The commitment that it is a step of; null only if one of its fields failed.")
    def commitment(self) -> CommitmentOfPart | None:
        return self.owner  # type: ignore[return-value]  # of no other thing

    def locate(self) -> str:
        """Return the path of the milestone."""
        return f"milestones/{self.number}"

    @strawberry.field(metadata=OWN, description="The progress reports on it, oldest first.")
    def updates(self) -> list[MilestoneUpdate]:
        state, snapshot = self.owner.state, self.owner.snapshot
        return [
            MilestoneUpdate(
                reported_at=DateTime(datetime.fromisoformat(path.split("/")[3])),
                language=path.split("/")[4],
                text=keep_damage(partial(snapshot.text, state, path, claim.value.text)),
                path=path,
                owner=self.owner,
            )
            for path, claim in state.claims_under(f"milestones/{self.number}/updates/")
            if isinstance(claim.value, TextValue)
        ]


@strawberry.type(
    description="Why a commitment is overdue: something is not done although its due date has passed. What was "
    "withdrawn is not overdue."
)
class Overdue:
    basis: OverdueBasis = strawberry.field(description="What it is judged by.")
    due_on: PartialDate = strawberry.field(description="The earliest due date that has passed.")
    milestones: list[Milestone] = strawberry.field(
        description="The milestones that are overdue; empty if it is judged by its own due date."
    )


@strawberry.type(description="A progress report on a milestone.")
class MilestoneUpdate(Part):
    reported_at: DateTime = strawberry.field(description="When it was reported.")
    language: str = strawberry.field(description="The language of the report, as a lower-case code.")
    text: str | None = strawberry.field(description="The report; null if it was removed from the record.")
    path: strawberry.Private[str]

    def locate(self) -> str:
        """Return the path of the report."""
        return self.path


@strawberry.type(description="A section of the IRM's text about a commitment, in one language.")
class Narrative(Part):
    stage: Stage = strawberry.field(description="The stage of the assessment that the text is about.")
    section: str = strawberry.field(
        description="The section, by its heading: TITLE, CONTEXT_AND_OBJECTIVES, NEXT_STEPS, FOOTNOTES and others."
    )
    language: str = strawberry.field(description="The language of the text, as a lower-case code.")
    text: str | None = strawberry.field(description="The text; null if it was removed from the record.")

    @strawberry.field(description="The commitment that it is about; null only if one of its fields failed.")
    def commitment(self) -> CommitmentOfPart | None:
        return self.owner  # type: ignore[return-value]  # of no other thing

    @classmethod
    def of(cls, owner: Subject, prefix: str, language: str | None) -> Narrative | None:
        """Return the section at a path in a language, or None if there is no text in it."""
        chosen = choose_text(owner.state, prefix, language)
        if chosen is None or not isinstance(value := chosen[1].value, TextValue):
            return None
        _, stage, section = prefix.split("/")
        text = keep_damage(partial(owner.snapshot.text, owner.state, chosen[0], value.text))
        language = chosen[0].rpartition("/")[2]
        return cls(stage=Stage(stage), section=section, language=language, text=text, owner=owner)

    def locate(self) -> str:
        """Return the path of the text."""
        return f"narratives/{Stage(self.stage)}/{self.section}/{self.language}"


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


def _referenced_text(owner: Subject, path: str, reference: str | None) -> str | None:
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
