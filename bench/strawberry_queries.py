"""The server with which `bench.queries` compares: the same queries as in Strawberry's documentation.

    python -m bench.strawberry_queries DATABASE_FILE PORT

It has asynchronous resolvers and a DataLoader for each relation, over the rows of the same read model. It does without
past positions, masking, rights, limits and ETags, which makes it faster.
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

NOW = 2**63 - 1
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
        self.texts = DataLoader(self._texts)
        self.plans_of_member = DataLoader(self._plans_of_member)
        self.commitments_of_plan = DataLoader(self._commitments_of_plan)
        self.history = DataLoader(self._history)

    def rows(self, sql: str, parameters: Iterable[Any] = ()) -> Rows:
        return self._connection.execute(sql, tuple(parameters)).fetchall()

    async def _aggregates(self, ids: list[str]) -> list[Any]:
        rows = self.rows(f"select * from version where until = {NOW} and id in ({_placeholders(ids)})", ids)
        found = {row["id"]: row for row in rows}
        return [found.get(each) for each in ids]

    async def _texts(self, references: list[str]) -> list[str | None]:
        rows = self.rows(
            f"select reference, content from stored_text where reference in ({_placeholders(references)})", references
        )
        found = {row["reference"]: row["content"] for row in rows}
        return [found.get(each) for each in references]

    async def _plans_of_member(self, ids: list[str]) -> list[Rows]:
        return self._children("plan", "member", ids)

    async def _commitments_of_plan(self, ids: list[str]) -> list[Rows]:
        return self._children("commitment", "actionPlan", ids)

    def _children(self, aggregate_type: str, dimension: str, ids: list[str]) -> list[Rows]:
        rows = self.rows(
            f"select t.value as parent, v.* from tag t join version v on v.id = t.id and v.until = {NOW} "
            f"where t.aggregate_type = ? and t.dimension = ? and t.until = {NOW} and t.value in ({_placeholders(ids)}) "
            "order by v.code",
            (aggregate_type, dimension, *ids),
        )
        found: dict[str, Rows] = defaultdict(list)
        for row in rows:
            found[row["parent"]].append(row)
        return [found[each][:100] for each in ids]

    async def _history(self, ids: list[str]) -> list[Rows]:
        rows = self.rows(f"select * from entry where stream in ({_placeholders(ids)}) order by position", ids)
        found: dict[str, Rows] = defaultdict(list)
        for row in rows:
            found[row["stream"]].append(row)
        return [found[each] for each in ids]


def _placeholders(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


def _current(document: dict[str, Any], path: str) -> Any:
    claims = document.get(path)
    return claims[-1][0] if claims else None


def _text_reference(value: Any) -> str | None:
    return value["text"] if isinstance(value, dict) else None


LoadedInfo = Info[Loaders, None]


@strawberry.type
class Milestone:
    number: str
    status: str | None
    reference: strawberry.Private[str | None]

    @strawberry.field
    async def title(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self.reference) if self.reference else None


@strawberry.type
class Rating:
    indicator: str
    stage: str
    value: str | None
    reference: strawberry.Private[str | None]

    @strawberry.field
    async def stated_as(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self.reference) if self.reference else None


@strawberry.type
class Change:
    path: str
    before_: strawberry.Private[Any]
    after_: strawberry.Private[Any]

    @strawberry.field
    async def before(self, info: LoadedInfo) -> strawberry.scalars.JSON | None:
        return await _load_value(self.before_, info)

    @strawberry.field
    async def after(self, info: LoadedInfo) -> strawberry.scalars.JSON | None:
        return await _load_value(self.after_, info)


async def _load_value(value: Any, info: LoadedInfo) -> strawberry.scalars.JSON | None:
    reference = _text_reference(value)
    return strawberry.scalars.JSON(await info.context.texts.load(reference) if reference else value)


@strawberry.type
class Entry:
    position: int
    kind: str
    recorded_at: str
    actor: str
    stored: strawberry.Private[str]

    @strawberry.field
    def changes(self) -> list[Change]:
        return [
            Change(path=path, before_=before, after_=after) for path, before, after in msgspec.json.decode(self.stored)
        ]


@strawberry.type
class EntryConnection:
    nodes: list[Entry]


def _entries(rows: Rows) -> EntryConnection:
    return EntryConnection(
        nodes=[
            Entry(
                position=row["position"],
                kind=row["name"],
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
        return _current(self.document, path)


A = TypeVar("A", bound=Aggregate)


def _aggregate(type_: type[A], row: sqlite3.Row) -> A:
    return type_(row=row, document=msgspec.json.decode(row["document"]))


@strawberry.type
class Member(Aggregate):
    @strawberry.field
    async def name(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self._value("name/en")["text"])

    @strawberry.field
    async def action_plans(self, info: LoadedInfo) -> PlanConnection:
        rows = await info.context.plans_of_member.load(self.row["id"])
        return PlanConnection(nodes=[_aggregate(ActionPlan, row) for row in rows])


@strawberry.type
class ActionPlan(Aggregate):
    @strawberry.field
    async def title(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self._value("title/en")["text"])

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
    async def title(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self._value("title/en")["text"])

    @strawberry.field
    async def description(self, info: LoadedInfo) -> str | None:
        return await info.context.texts.load(self._value("description/en")["text"])

    @strawberry.field
    async def action_plan(self, info: LoadedInfo) -> ActionPlan | None:
        return _aggregate(ActionPlan, await info.context.aggregates.load(self._value("actionPlan")))

    @strawberry.field
    def milestones(self) -> list[Milestone]:
        numbers = sorted({path.split("/")[1] for path in self.document if path.startswith("milestones/")})
        return [
            Milestone(
                number=number,
                status=self._value(f"milestones/{number}/status"),
                reference=_text_reference(self._value(f"milestones/{number}/title/en")),
            )
            for number in numbers
        ]

    @strawberry.field
    def ratings(self) -> list[Rating]:
        rated = [(path.split("/"), self._value(path)) for path in sorted(self.document) if path.startswith("ratings/")]
        return [
            Rating(indicator=steps[1], stage=steps[2], value=value.get("value"), reference=value.get("statedAs"))
            for steps, value in rated
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
    f"t.aggregate_type = 'commitment' and t.until = {NOW} and t.id in ("
    "select m.id from tag m where m.aggregate_type = 'commitment' and "
    f"m.dimension = 'member' and m.until = {NOW} and m.value in ("
    "select r.id from tag r where r.aggregate_type = 'member' and "
    f"r.dimension = 'region' and r.until = {NOW} and r.value = ?))"
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
            f"select t.value, a.value as other, count(*) as number from tag t join tag a on a.id = t.id and "
            f"a.dimension = ? and a.until = {NOW} where t.dimension = ? and {_OF_REGION} group by t.value, a.value",
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
        sql = f"select * from version where aggregate_type = 'commitment' and until = {NOW} and code = ?"
        return next((_aggregate(Commitment, row) for row in info.context.rows(sql, [code])), None)

    @strawberry.field
    def commitments(self, info: LoadedInfo, where: CommitmentFilter, first: int = 100) -> CommitmentConnection:
        if where.member is not None and where.member.region is not None:
            return CommitmentConnection(nodes=[], region=where.member.region.eq)
        assert where.cycle is not None
        rows = info.context.rows(
            f"select v.* from tag t join version v on v.id = t.id and v.until = {NOW} "
            f"where t.aggregate_type = 'commitment' and t.dimension = 'cycle' and t.value = ? and t.until = {NOW} "
            "order by v.code limit ?",
            [str(where.cycle.eq), first],
        )
        return CommitmentConnection(nodes=[_aggregate(Commitment, row) for row in rows], region=None)

    @strawberry.field
    def members(self, info: LoadedInfo, first: int = 100) -> MemberConnection:
        sql = f"select * from version where aggregate_type = 'member' and until = {NOW} order by code limit ?"
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
