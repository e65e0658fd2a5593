"""What OGP's database states of a commitment besides its page: findings, report years, columns as published."""

from __future__ import annotations

import strawberry

from ogpgraph.domain import vocabulary
from ogpgraph.domain.event import Origin
from ogpgraph.domain.subject import Claim
from ogpgraph.domain.values import Rating as StoredRating
from ogpgraph.graphql.record import Entry, Subject, entry_node


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


@strawberry.type(description="One thing that is known of how the public took part in an action plan.")
class CoCreationFact:
    """A fact of co-creation."""

    kind: vocabulary.CoCreation = strawberry.field(description="What is stated.")
    value: vocabulary.CoCreationValue = strawberry.field(description="What it is, or why nothing is said.")


def co_creation_of(owner: Subject) -> list[CoCreationFact]:
    """Return the facts of co-creation in the declared order."""
    said = ((kind, owner.state.text(f"coCreation/{kind}")) for kind in vocabulary.CoCreation)
    return [CoCreationFact(kind=kind, value=vocabulary.CoCreationValue(word)) for kind, word in said if word]


def findings_of(owner: Subject, kinds: list[vocabulary.Finding] | None) -> list[Finding]:
    """Return the findings in the declared order, all of them unless some kinds are asked for."""
    found = (_finding(owner, kind) for kind in vocabulary.Finding if not kinds or kind in kinds)
    return [each for each in found if each is not None]


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


def report_years_of(owner: Subject) -> list[ReportYear]:
    """Return the years in the order of the stages."""
    said = {stage: owner.state.value(f"reportYears/{stage}") for stage in vocabulary.Stage}
    return [_report_year(stage, value) for stage, value in said.items() if value is not None]


def _report_year(stage: vocabulary.Stage, value: object) -> ReportYear:
    if isinstance(value, int):
        return ReportYear(stage=stage, year=value, state=vocabulary.RatingState.RATED)
    return ReportYear(stage=stage, year=None, state=vocabulary.RatingState(str(value)))


def areas_without_of(owner: Subject) -> list[PolicyAreasWithout]:
    """Return the policy areas of which nothing is said, by why not."""
    said = ((state, owner.state.value(f"policyAreasWithout/{state}")) for state in vocabulary.RatingState)
    return [PolicyAreasWithout(state=state, areas=list(areas)) for state, areas in said if isinstance(areas, tuple)]


def columns_of(owner: Subject) -> list[DatabaseColumn]:
    """Return the columns as published, by name."""
    return [
        DatabaseColumn(name=path.partition("/")[2], value=str(claim.value))
        for path, claim in owner.state.under("database/")
    ]
