"""What OGP's database states of a commitment besides its page: findings, report years, columns as published."""

from __future__ import annotations

from typing import Annotated

import strawberry

from ogpgraph.domain import vocabulary
from ogpgraph.domain.event import Origin
from ogpgraph.domain.subject import Claim
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.graphql.entry import Entry, entry_node
from ogpgraph.graphql.subject import Subject
from ogpgraph.graphql.wordings import Language


@strawberry.type(
    description="What OGP's database states of a commitment besides the IRM's indicators: a yes or no, or a value, or "
    "why there is none."
)
class Finding:
    """A finding."""

    kind: vocabulary.Finding = strawberry.field(description="What is stated.")
    state: vocabulary.RatingState = strawberry.field(
        description="Whether there is a value, and why not where there is none."
    )
    value: vocabulary.RatingValue | None = strawberry.field(description="The value, where there is one.")
    stated_in: Origin = strawberry.field(description="Where it was stated.")
    stored: strawberry.Private[StoredRating]
    claim: strawberry.Private[Claim]
    owner: strawberry.Private[Subject]

    @strawberry.field(description="The cell as published.")
    def stated_as(self) -> str | None:
        """Return the published words."""
        reference = self.stored.stated_as
        return self.owner.snapshot.wording(self.owner.state, _path(self.kind), reference) if reference else None

    @strawberry.field(description="The entry that stated it.")
    def entry(self) -> Entry | None:
        """Return the entry."""
        entry = self.owner.snapshot.entry_setting(self.owner.state, self.claim.revision)
        return entry_node(entry, self.owner.snapshot) if entry else None


@strawberry.type(description="When the IRM's report of a stage came out.")
class ReportYear:
    """A year, or why there is none."""

    stage: vocabulary.Stage = strawberry.field(description="The stage the report is about.")
    year: int | None = strawberry.field(description="The year of its publication, where there is one.")
    state: vocabulary.RatingState = strawberry.field(description="RATED where there is a year, and why not elsewhere.")


@strawberry.type(description="Policy areas for which the database says neither yes nor no.")
class PolicyAreasWithout:
    """Areas, and why nothing is said of them."""

    state: vocabulary.RatingState = strawberry.field(
        description="Why: NO_DATA where plans of its time were not sorted by the area."
    )
    areas: list[str] = strawberry.field(description="The areas, in the vocabulary's words.")


@strawberry.type(description="A column of OGP's database for which the record has no word of its own.")
class DatabaseColumn:
    """A column and its cell."""

    name: str = strawberry.field(description="The column, such as BINDING_CONSTRAINT or START_DATE.")
    value: str = strawberry.field(description="The cell as published.")


@strawberry.type
class InDatabase(Subject):
    """The fields that a commitment has from OGP's database alone."""

    @strawberry.field(
        description="Policy areas of which OGP's database says neither that they are the commitment's nor that they "
        "are not, by why not. An area that is in neither list is said not to be the commitment's, or not asked about."
    )
    def policy_areas_without(self) -> list[PolicyAreasWithout]:
        """Return the policy areas of which nothing is said, by why not."""
        said = ((state, self.state.value(f"policyAreasWithout/{state}")) for state in vocabulary.RatingState)
        return [PolicyAreasWithout(state=state, areas=list(areas)) for state, areas in said if isinstance(areas, tuple)]

    @strawberry.field(description="Which of its member's action plans it belongs to, counted from the first.")
    def plan_number(self) -> int | None:
        """Return the number of the plan."""
        return self._number("planNumber")

    @strawberry.field(description="The heading of the plan under which it stands.")
    def theme(self, language: Language = None) -> str | None:
        """Return the theme."""
        return self._wording("theme", language)

    @strawberry.field(description="Its title as OGP's database shortens it.")
    def short_title(self, language: Language = None) -> str | None:
        """Return the short title."""
        return self._wording("shortTitle", language)

    @strawberry.field(
        description="With which commitments of its plan the IRM grouped it in its report, as published: numbers of "
        "commitments, a letter, 0 for none; ND, NR and NA as they stand."
    )
    def cluster(self) -> str | None:
        """Return the cluster."""
        return self._text("cluster")

    @strawberry.field(
        description="The codes of the commitments that the IRM reviewed as one with it, its own among them; what it "
        "found is then said of all of them (action plan reviews, plans since 2020)."
    )
    def cluster_commitments(self) -> list[str]:
        """Return the codes of the cluster."""
        return self._list("clusterCommitments")

    @strawberry.field(description="When the IRM's reports on it came out, by stage.")
    def report_years(self) -> list[ReportYear]:
        """Return the years of the reports in the order of the stages."""
        said = {stage: self.state.value(f"reportYears/{stage}") for stage in vocabulary.Stage}
        return [_report_year(stage, value) for stage, value in said.items() if value is not None]

    @strawberry.field(
        description="What OGP's database states of it besides the IRM's indicators. What was never stated is not here."
    )
    def findings(
        self,
        kind: Annotated[list[vocabulary.Finding] | None, strawberry.argument(description="Only these kinds.")] = None,
    ) -> list[Finding]:
        """Return the findings in the declared order."""
        found = (_finding(self, each) for each in vocabulary.Finding if not kind or each in kind)
        return [each for each in found if each is not None]

    @strawberry.field(
        description="Whether the next action plan carries it forward, in the IRM's judgement at the end of its own; "
        "the successor itself, where it is known, is in `successors`."
    )
    def carried_forward(self) -> Finding | None:
        """Return whether it was carried forward."""
        return _finding(self, vocabulary.Finding.CARRIED_FORWARD)

    @strawberry.field(
        description="Columns of OGP's database for which the record has no word of its own, as published; among them "
        "START_DATE and END_DATE where the cell is no date, or one that can be read in two ways."
    )
    def database_columns(self) -> list[DatabaseColumn]:
        """Return the columns as published, by name."""
        return [
            DatabaseColumn(name=path.partition("/")[2], value=str(claim.value))
            for path, claim in self.state.under("database/")
        ]


def _finding(owner: Subject, kind: vocabulary.Finding) -> Finding | None:
    claim = owner.state.current(_path(kind))
    if claim is None or not isinstance(stored := claim.value, StoredRating):
        return None
    return Finding(
        kind=kind,
        state=stored.state,
        value=stored.value,
        stated_in=claim.origin,
        stored=stored,
        claim=claim,
        owner=owner,
    )


def _path(kind: vocabulary.Finding) -> str:
    return f"findings/{kind.value}"


def _report_year(stage: vocabulary.Stage, value: object) -> ReportYear:
    if isinstance(value, int):
        return ReportYear(stage=stage, year=value, state=vocabulary.RatingState.RATED)
    return ReportYear(stage=stage, year=None, state=vocabulary.RatingState(str(value)))
