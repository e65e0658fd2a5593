"""What the IRM found about a commitment, and what only OGP's commitment database has about it."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_types import COMMITMENT
from ogpgraph.domain.review import RatingAt, choose_rating, is_starred, ratings_of
from ogpgraph.domain.values import TextValue
from ogpgraph.domain.vocabulary import Finding as FindingKind
from ogpgraph.domain.vocabulary import Indicator, RatingState, Stage
from ogpgraph.graphql.dependence import OWN
from ogpgraph.graphql.output_fields import describe_output
from ogpgraph.graphql.parts import (
    DatabaseColumn,
    Finding,
    Rating,
    ReportYear,
    UndeterminedPolicyAreas,
)
from ogpgraph.graphql.subject import Subject


@strawberry.type  # not in the schema: only a part of Commitment
class AssessmentFields(Subject):
    """The fields of a commitment that the IRM or OGP's commitment database states."""

    @strawberry.field(
        metadata=OWN,
        description="The IRM's ratings, ordered by indicator, stage and OGP value. An indicator about which nothing "
        "was published is absent.",
    )
    def ratings(
        self,
        indicator: Annotated[
            list[Indicator] | None,
            strawberry.argument(description="Only these indicators; none if it is empty. Omitted or null: all."),
        ] = None,
        stage: Annotated[
            list[Stage] | None,
            strawberry.argument(description="Only these stages; none if it is empty. Omitted or null: all."),
        ] = None,
    ) -> list[Rating]:
        return [
            Rating.of(self, each)
            for each in ratings_of(self.state)
            if (indicator is None or each.indicator in indicator) and (stage is None or each.stage in stage)
        ]

    @strawberry.field(
        metadata=OWN,
        description="The IRM's rating of one indicator. Without a `stage`: of the latest stage that has a value; if "
        "none has one, of the latest. `laterWithoutData` tells what the stages after it say. It is the rating of the "
        "whole commitment, or one that refers to a single OGP value if there are only such. Null if nothing was "
        "published, and inside `asOf` if what a stage says is `unknown` and makes a difference.",
    )
    def rating(
        self,
        indicator: Annotated[Indicator, strawberry.argument(description="The indicator.")],
        stage: Annotated[
            Stage | None,
            strawberry.argument(description="The stage. Omitted or null: the latest stage that has a value."),
        ] = None,
    ) -> Rating | None:
        chosen = self._choose_rating(self.state, indicator, stage)
        possible = (self._choose_rating(state, indicator, stage) for state in self.snapshot.possible_states(self.state))
        if chosen is None or any(each is None or each.finding != chosen.finding for each in possible):
            return None
        return Rating.of(self, chosen)

    def _choose_rating(self, state: Aggregate, indicator: Indicator, stage: Stage | None) -> RatingAt | None:
        ratings = ratings_of(state, Indicator(indicator))
        return choose_rating(each for each in ratings if stage is None or each.stage == stage)

    @strawberry.field(
        metadata=OWN,
        description="Whether the IRM awarded it a star at any stage. It is false also while that is pending; "
        "`rating(indicator: STARRED)` distinguishes the two. Inside `asOf`, where that is unknown, it is as it was "
        "known last.",
    )
    def starred(self) -> bool:
        return is_starred(self.snapshot.last_decided(self.state))

    @strawberry.field(metadata=OWN, description="The years in which the IRM published its reports about it, by stage.")
    def report_years(self) -> list[ReportYear]:
        published = {stage: self.state.value(f"reportYears/{stage}") for stage in Stage}
        return [ReportYear.of(self, stage, value) for stage, value in published.items() if value is not None]

    @strawberry.field(
        metadata=OWN,
        description="What OGP's database states about it besides the IRM's indicators, ordered by kind. A finding that "
        "was never published is absent.",
    )
    def findings(
        self,
        kind: Annotated[
            list[FindingKind] | None,
            strawberry.argument(description="Only findings of these kinds; none if it is empty. Omitted or null: all."),
        ] = None,
    ) -> list[Finding]:
        found = (Finding.of(self, each) for each in FindingKind if kind is None or each in kind)
        return [each for each in found if each is not None]

    @strawberry.field(
        metadata=OWN,
        description="Whether the member's next action plan carries the commitment forward, as the IRM assessed it at "
        "the end of term; null if nothing was published. The commitment that continues it is in `successors`, if it is "
        "known.",
    )
    def carried_forward(self) -> Finding | None:
        return Finding.of(self, FindingKind.CARRIED_FORWARD)

    @strawberry.field(
        metadata=OWN,
        description="Policy areas for which OGP's database has neither yes nor no, by the reason. For an area that is "
        "neither here nor in `policyAreas`, the database has no, or it has no such area.",
    )
    def undetermined_policy_areas(self) -> list[UndeterminedPolicyAreas]:
        areas_by_state = {state: self.state.value(f"policyAreasUndetermined/{state}") for state in RatingState}
        return [
            UndeterminedPolicyAreas(state=state, areas=list(areas), owner=self)
            for state, areas in areas_by_state.items()
            if isinstance(areas, tuple)
        ]

    @strawberry.field(
        metadata=OWN,
        description="The columns of OGP's database that have no field of their own here, as published. START_DATE and "
        "END_DATE are among them if the cell is not a date or can be read in two ways.",
    )
    def database_columns(self) -> list[DatabaseColumn]:
        cells = ((path, self._cell(path)) for path, _ in self.state.claims_under("database/"))
        columns = ((path.partition("/")[2], cell) for path, cell in cells)
        return [DatabaseColumn(name=name, value=cell, owner=self) for name, cell in columns if cell is not None]

    @strawberry.field(metadata=OWN, description=describe_output(COMMITMENT.find_field("cluster")))
    def cluster(self) -> str | None:
        return self._cell("cluster")

    def _cell(self, path: str) -> str | None:
        """Return a cell of the database, which may be a text; None if there is none or it was removed."""
        value = self.state.value(path)
        if isinstance(value, TextValue):
            return self.snapshot.text(self.state, path, value.text)
        return value if isinstance(value, str) else None
