"""The server with which `bench.queries` compares: the same queries as in Strawberry's documentation.

    python -m bench.strawberry_queries ROWS_FILE PORT

It has asynchronous resolvers and a DataLoader for each relation, over the rows of `bench.strawberry_rows`. It does
without past positions, masking, rights, limits and ETags, and its texts are where they are used. All this makes it
faster.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
import strawberry
import uvicorn
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.types import Info

Rows = list[sqlite3.Row]


@strawberry.enum
class CommitmentDimension(StrEnum):
    COMPLETION = "rating:COMPLETION"
    POLICY_AREA = "policyArea"
    CYCLE = "cycle"


class Loaders:
    """The loaders of one request."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.aggregates = DataLoader(self._aggregates)
        self.plans_of_member = DataLoader(self._plans_of_member)
        self.commitments_of_plan = DataLoader(self._commitments_of_plan)
        self.history = DataLoader(self._history)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> Rows:
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    async def _aggregates(self, ids: list[str]) -> list[Any]:
        rows = self.rows(f"select * from aggregate where id in ({_placeholders(ids)})", ids)
        found = {row["id"]: row for row in rows}
        return [found.get(each) for each in ids]

    async def _plans_of_member(self, ids: list[str]) -> list[Rows]:
        return self._children("plan", "member", ids)

    async def _commitments_of_plan(self, ids: list[str]) -> list[Rows]:
        return self._children("commitment", "actionPlan", ids)

    def _children(self, aggregate_type: str, dimension: str, ids: list[str]) -> list[Rows]:
        rows = self.rows(
            "select t.value as parent, a.* from tag t join aggregate a on a.id = t.id "
            f"where t.type = ? and t.dimension = ? and t.value in ({_placeholders(ids)}) order by a.code",
            (aggregate_type, dimension, *ids),
        )
        found: dict[str, Rows] = defaultdict(list)
        for row in rows:
            found[row["parent"]].append(row)
        return [found[each][:100] for each in ids]

    async def _history(self, ids: list[str]) -> list[Rows]:
        rows = self.rows(f"select * from entry where aggregate in ({_placeholders(ids)}) order by position", ids)
        found: dict[str, Rows] = defaultdict(list)
        for row in rows:
            found[row["aggregate"]].append(row)
        return [found[each] for each in ids]


def _placeholders(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


LoadedInfo = Info[Loaders, None]


@strawberry.type
class Milestone:
    number: str
    title: str | None
    status: str | None


@strawberry.type
class Rating:
    indicator: str
    stage: str
    value: str | None
    stated_as: str | None


@strawberry.type
class Change:
    path: str
    before: strawberry.scalars.JSON | None
    after: strawberry.scalars.JSON | None


@strawberry.type
class Entry:
    position: int
    kind: str
    recorded_at: str
    actor: str
    stored: strawberry.Private[str]

    @strawberry.field
    def changes(self) -> list[Change]:
        return [Change(**change) for change in msgspec.json.decode(self.stored)]


@strawberry.type
class EntryConnection:
    nodes: list[Entry]


def _entries(rows: Rows) -> EntryConnection:
    return EntryConnection(
        nodes=[
            Entry(
                position=row["position"],
                kind=row["kind"],
                recorded_at=row["recorded_at"],
                actor=row["actor"],
                stored=row["changes"],
            )
            for row in rows
        ]
    )


@strawberry.type
class Aggregate:
    row: strawberry.Private[sqlite3.Row]
    document: strawberry.Private[dict[str, Any]]

    @strawberry.field
    def code(self) -> str | None:
        code: str | None = self._value("code")
        return code

    def _value(self, path: str) -> Any:
        return self.document.get(path)


A = TypeVar("A", bound=Aggregate)


def _aggregate(type_: type[A], row: sqlite3.Row) -> A:
    return type_(row=row, document=msgspec.json.decode(row["document"]))


@strawberry.type
class Member(Aggregate):
    @strawberry.field
    def name(self) -> str | None:
        name: str | None = self._value("name/en")
        return name

    @strawberry.field
    async def action_plans(self, info: LoadedInfo) -> PlanConnection:
        rows = await info.context.plans_of_member.load(self.row["id"])
        return PlanConnection(nodes=[_aggregate(ActionPlan, row) for row in rows])


@strawberry.type
class ActionPlan(Aggregate):
    @strawberry.field
    def title(self) -> str | None:
        title: str | None = self._value("title/en")
        return title

    @strawberry.field
    async def member(self, info: LoadedInfo) -> Member | None:
        return _aggregate(Member, await info.context.aggregates.load(self._value("member")))

    @strawberry.field
    async def commitments(self, info: LoadedInfo) -> CommitmentConnection:
        rows = await info.context.commitments_of_plan.load(self.row["id"])
        return CommitmentConnection(nodes=[_aggregate(Commitment, row) for row in rows], region=None)


@strawberry.type
class Commitment(Aggregate):
    @strawberry.field
    def title(self) -> str | None:
        title: str | None = self._value("title/en")
        return title

    @strawberry.field
    def description(self) -> str | None:
        description: str | None = self._value("description/en")
        return description

    @strawberry.field
    async def action_plan(self, info: LoadedInfo) -> ActionPlan | None:
        return _aggregate(ActionPlan, await info.context.aggregates.load(self._value("actionPlan")))

    @strawberry.field
    def milestones(self) -> list[Milestone]:
        numbers = sorted({path.split("/")[1] for path in self.document if path.startswith("milestones/")})
        return [
            Milestone(
                number=number,
                title=self._value(f"milestones/{number}/title/en"),
                status=self._value(f"milestones/{number}/status"),
            )
            for number in numbers
        ]

    @strawberry.field
    def ratings(self) -> list[Rating]:
        rated = sorted({tuple(path.split("/")[1:3]) for path in self.document if path.startswith("ratings/")})
        return [
            Rating(
                indicator=indicator,
                stage=stage,
                value=self._value(f"ratings/{indicator}/{stage}/value"),
                stated_as=self._value(f"ratings/{indicator}/{stage}/statedAs"),
            )
            for indicator, stage in rated
        ]

    @strawberry.field
    async def history(self, info: LoadedInfo, first: int = 100) -> EntryConnection:
        return _entries((await info.context.history.load(self.row["id"]))[:first])


@strawberry.type
class FacetCount:
    value: str
    count: int


@strawberry.type
class FacetValue:
    value: str
    count: int
    across: list[FacetCount]


@strawberry.type
class Facet:
    dimension: CommitmentDimension
    values: list[FacetValue]


_OF_REGION = (
    "t.id in (select m.id from tag m where m.type = 'commitment' and m.dimension = 'member' and m.value in ("
    "select r.id from tag r where r.type = 'member' and r.dimension = 'region' and r.value = ?))"
)


@strawberry.type
class CommitmentConnection:
    nodes: list[Commitment]
    region: strawberry.Private[str | None]

    @strawberry.field
    def facets(
        self, info: LoadedInfo, dimensions: list[CommitmentDimension], across: CommitmentDimension
    ) -> list[Facet]:
        return [self._facet(info.context, dimension, across) for dimension in dimensions]

    def _facet(self, loaders: Loaders, dimension: CommitmentDimension, across: CommitmentDimension) -> Facet:
        rows = loaders.rows(
            "select t.value, a.value as other, count(*) as number from tag t join tag a on a.id = t.id and "
            f"a.dimension = ? where t.type = 'commitment' and t.dimension = ? and {_OF_REGION} "
            "group by t.value, a.value",
            (across.value, dimension.value, self.region),
        )
        values: dict[str, list[FacetCount]] = defaultdict(list)
        for row in rows:
            values[row["value"]].append(FacetCount(value=row["other"], count=row["number"]))
        return Facet(
            dimension=dimension,
            values=[
                FacetValue(value=value, count=sum(each.count for each in counts), across=counts)
                for value, counts in sorted(values.items())
            ],
        )


@strawberry.type
class PlanConnection:
    nodes: list[ActionPlan]


@strawberry.type
class MemberConnection:
    nodes: list[Member]


@strawberry.input
class TextFilter:
    eq: str


@strawberry.input
class NumberFilter:
    eq: int


@strawberry.input
class MemberFilter:
    region: TextFilter | None = None


@strawberry.input
class CommitmentFilter:
    cycle: NumberFilter | None = None
    member: MemberFilter | None = None


@strawberry.type
class Query:
    @strawberry.field
    def commitment(self, info: LoadedInfo, code: str) -> Commitment | None:
        sql = "select * from aggregate where type = 'commitment' and code = ?"
        return next((_aggregate(Commitment, row) for row in info.context.rows(sql, [code])), None)

    @strawberry.field
    def commitments(self, info: LoadedInfo, where: CommitmentFilter, first: int = 100) -> CommitmentConnection:
        if where.member is not None and where.member.region is not None:
            return CommitmentConnection(nodes=[], region=where.member.region.eq)
        assert where.cycle is not None
        rows = info.context.rows(
            "select a.* from tag t join aggregate a on a.id = t.id where t.type = 'commitment' and "
            "t.dimension = 'cycle' and t.value = ? order by a.code limit ?",
            [str(where.cycle.eq), first],
        )
        return CommitmentConnection(nodes=[_aggregate(Commitment, row) for row in rows], region=None)

    @strawberry.field
    def members(self, info: LoadedInfo, first: int = 100) -> MemberConnection:
        sql = "select * from aggregate where type = 'member' order by code limit ?"
        return MemberConnection(nodes=[_aggregate(Member, row) for row in info.context.rows(sql, [first])])

    @strawberry.field
    def entries(self, info: LoadedInfo, first: int = 100) -> EntryConnection:
        return _entries(info.context.rows("select * from entry order by position limit ?", [first]))


class App(GraphQL[Loaders, None]):
    def __init__(self, file: str) -> None:
        super().__init__(strawberry.Schema(Query), graphql_ide=None)
        self._connection = sqlite3.connect(file, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row

    async def get_context(self, request: Any, response: Any) -> Loaders:  # noqa: ARG002 - the library's hook
        return Loaders(self._connection)


if __name__ == "__main__":
    uvicorn.run(App(sys.argv[1]), port=int(sys.argv[2]), log_level="warning", access_log=False)
