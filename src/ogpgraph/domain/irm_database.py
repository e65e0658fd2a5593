"""The fields of a commitment that only OGP's commitment database has, its published file of all commitments."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.action_plan import Cycle
from ogpgraph.domain.field import Field
from ogpgraph.domain.roles import ADMINISTRATORS, IRM
from ogpgraph.domain.values import CommitmentCode, Rating, TextValue
from ogpgraph.domain.vocabulary import PolicyArea, RatingState

PlanNumber = Annotated[int, Meta(ge=1, le=99, description="1 for a member's first action plan, and so on.")]
PLAIN_CELL = (
    r"^(ND|NR|NA|N/A|None|Yes|No|TRUE|FALSE|[A-Z]|[A-Z]{2,4}[0-9]{4}|-?[0-9]{1,6}(\.[0-9]{1,17})?|"
    r"[0-9]{1,3}(, ?[0-9]{1,3}){1,19}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{4})$"
)
"""Cells that events have as they are: states, numbers, codes and dates. Anything else may be about a person."""
PlainCell = Annotated[str, Meta(pattern=PLAIN_CELL)]
DatabaseCell = PlainCell | TextValue
"""A cell as published; one that is not plain is a text, by reference."""
Key = Annotated[
    str, Meta(pattern=r"^[A-Z]{2,6}-[0-9X]{2}-[0-9A-F]{8}$", description="A key in place of a code that is unknown.")
]

DATABASE_FIELDS = (
    Field(
        "key",
        Key,
        "Key",
        "The identifier that this record gives to a commitment which a file names without a code: the member's "
        "code, the number of the plan and eight hexadecimal digits derived from the title. It remains valid when "
        "the code becomes known. Null for all other commitments.",
        dimension="code",
    ),
    Field(
        "planNumber",
        PlanNumber,
        "Number of the plan",
        "The place of its action plan among the plans of its member, counted from 1, as OGP's database has it.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "theme/{language}",
        TextValue,
        "Theme",
        "The heading of the action plan under which the commitment is listed.",
        corrected_by=ADMINISTRATORS,
        search_weight=3,
    ),
    Field(
        "shortTitle/{language}",
        TextValue,
        "Short title",
        "A short form of its title in OGP's database.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "cluster",
        DatabaseCell,
        "Cluster",
        "The commitments of its plan with which the IRM grouped it in its report, as published: numbers of "
        "commitments, a letter, or `0` for none. Null if there is no data; `databaseColumns` has `ND`, `NR` and `NA`.",
        corrected_by=IRM,
    ),
    Field(
        "clusterCommitments",
        tuple[CommitmentCode, ...],
        "Commitments of the cluster",
        "The codes of the commitments that the IRM assessed together with it as one, its own included (reviews of "
        "plans submitted since 2020). The ratings apply to all of them.",
        corrected_by=IRM,
    ),
    Field(
        "reportYears/{stage}",
        Cycle | RatingState,
        "Years of the IRM's reports",
        "The year in which the IRM published its report on a stage, or why there is none.",
        corrected_by=IRM,
    ),
    Field(
        "findings/{finding}",
        Rating,
        "Findings",
        "A finding in OGP's database that is not one of the IRM's indicators.",
        corrected_by=IRM,
    ),
    Field(
        "policyAreasUndetermined/{state}",
        tuple[PolicyArea, ...],
        "Undetermined policy areas",
        "Policy areas for which OGP's database has neither yes nor no, by the reason.",
        corrected_by=ADMINISTRATORS,
    ),
    Field(
        "database/{column}",
        DatabaseCell,
        "Columns of OGP's database",
        "A column of OGP's database that has no field of its own, as published.",
        corrected_by=ADMINISTRATORS,
    ),
)
"""The fields of a commitment that no other source than the database has."""
