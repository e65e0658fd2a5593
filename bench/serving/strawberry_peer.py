"""An idiomatic Strawberry server on the tables of `tables.sql`: asynchronous resolvers, a DataLoader for each relation.

    python -m bench.serving.strawberry_peer PORT URL

It is written as Strawberry's documentation does, with psycopg's asynchronous pool, and does nothing but answer.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import strawberry
import uvicorn
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.scalars import JSON
from strawberry.types import Info

Row = dict[str, Any]
Pool = AsyncConnectionPool[Any]
_COMMITMENT = "select id, plan_id, code, number, cycle, status, title, description, commitment_text from commitment"
_ENTRY = "select position, commitment_id, kind, recorded_at, actor, reason, changes, evidence from entry"


class Loaders:
    """The loaders of one request."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.members = DataLoader(self._load_members)
        self.plans = DataLoader(self._load_plans)
        self.commitments = DataLoader(self._load_commitments)
        self.plans_of_member = DataLoader(self._load_plans_of_member)
        self.commitments_of_plan = DataLoader(self._load_commitments_of_plan)
        self.milestones = DataLoader(self._load_milestones)
        self.ratings = DataLoader(self._load_ratings)
        self.entries = DataLoader(self._load_entries)

    async def fetch(self, query: str, *parameters: object) -> list[Row]:
        """Return the rows of a query."""
        async with self._pool.connection() as connection:
            rows: list[Row] = await (await connection.execute(query, parameters)).fetchall()
            return rows

    async def _load_members(self, ids: list[int]) -> list[Member | None]:
        rows = await self.fetch("select id, code, name, region from member where id = any(%s)", ids)
        return _by_id([Member(**row) for row in rows], ids)

    async def _load_plans(self, ids: list[int]) -> list[ActionPlan | None]:
        rows = await self.fetch("select id, member_id, title, cycle, status from plan where id = any(%s)", ids)
        return _by_id([ActionPlan(**row) for row in rows], ids)

    async def _load_commitments(self, ids: list[int]) -> list[Commitment | None]:
        rows = await self.fetch(f"{_COMMITMENT} where id = any(%s)", ids)
        return _by_id([Commitment(**row) for row in rows], ids)

    async def _load_plans_of_member(self, ids: list[int]) -> list[list[ActionPlan]]:
        query = "select id, member_id, title, cycle, status from plan where member_id = any(%s) order by id"
        return _grouped([ActionPlan(**row) for row in await self.fetch(query, ids)], "member_id", ids)

    async def _load_commitments_of_plan(self, ids: list[int]) -> list[list[Commitment]]:
        rows = await self.fetch(f"{_COMMITMENT} where plan_id = any(%s) order by code", ids)
        return _grouped([Commitment(**row) for row in rows], "plan_id", ids)

    async def _load_milestones(self, ids: list[int]) -> list[list[Milestone]]:
        query = "select commitment_id, number, title, ends_on, status from milestone where commitment_id = any(%s) "
        rows = await self.fetch(query + "order by commitment_id, place", ids)
        return _grouped([Milestone(**row) for row in rows], "commitment_id", ids)

    async def _load_ratings(self, ids: list[int]) -> list[list[Rating]]:
        query = "select commitment_id, indicator, stage, value, stated_as from rating where commitment_id = any(%s) "
        rows = await self.fetch(query + "order by commitment_id, place", ids)
        return _grouped([Rating(**row) for row in rows], "commitment_id", ids)

    async def _load_entries(self, ids: list[int]) -> list[list[Entry]]:
        rows = await self.fetch(f"{_ENTRY} where commitment_id = any(%s) order by commitment_id, position", ids)
        return _grouped([Entry(**row) for row in rows], "commitment_id", ids)


def _by_id(objects: Sequence[Any], ids: list[int]) -> list[Any]:
    found = {each.id: each for each in objects}
    return [found.get(each) for each in ids]


def _grouped(objects: Sequence[Any], name: str, ids: list[int]) -> list[list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for each in objects:
        found[getattr(each, name)].append(each)
    return [found[each] for each in ids]


LoadedInfo = Info[Loaders, None]


@strawberry.type
class Milestone:
    commitment_id: strawberry.Private[int]
    number: str
    title: str | None
    ends_on: str | None
    status: str | None


@strawberry.type
class Rating:
    commitment_id: strawberry.Private[int]
    indicator: str
    stage: str
    value: str | None
    stated_as: str | None


@strawberry.type
class Change:
    path: str
    before: JSON | None
    after: JSON | None


@strawberry.type
class Evidence:
    path: str
    quote: str | None
    start: int
    end: int


@strawberry.type
class Member:
    id: strawberry.Private[int]
    code: str
    name: str
    region: str

    @strawberry.field
    async def action_plans(self, info: LoadedInfo) -> list[ActionPlan]:
        return await info.context.plans_of_member.load(self.id)


@strawberry.type
class ActionPlan:
    id: strawberry.Private[int]
    member_id: strawberry.Private[int]
    title: str
    cycle: int
    status: str | None

    @strawberry.field
    async def member(self, info: LoadedInfo) -> Member | None:
        return await info.context.members.load(self.member_id)

    @strawberry.field
    async def commitments(self, info: LoadedInfo) -> list[Commitment]:
        return await info.context.commitments_of_plan.load(self.id)


@strawberry.type
class Commitment:
    id: strawberry.Private[int]
    plan_id: strawberry.Private[int]
    code: str
    number: str | None
    cycle: int
    status: str | None
    title: str
    description: str | None
    commitment_text: str | None

    @strawberry.field
    async def action_plan(self, info: LoadedInfo) -> ActionPlan | None:
        return await info.context.plans.load(self.plan_id)

    @strawberry.field
    async def milestones(self, info: LoadedInfo) -> list[Milestone]:
        return await info.context.milestones.load(self.id)

    @strawberry.field
    async def ratings(self, info: LoadedInfo) -> list[Rating]:
        return await info.context.ratings.load(self.id)

    @strawberry.field
    async def history(self, info: LoadedInfo, first: int) -> list[Entry]:
        return (await info.context.entries.load(self.id))[:first]


@strawberry.type
class Entry:
    position: int
    commitment_id: strawberry.Private[int | None]
    kind: str
    recorded_at: str
    actor: str
    reason: str | None
    changes: list[Change]
    evidence: list[Evidence]

    def __post_init__(self) -> None:
        """Turn what the columns of JSON have into objects."""
        self.changes = [Change(**each) for each in self.changes]  # type: ignore[arg-type]
        self.evidence = [Evidence(**each) for each in self.evidence]  # type: ignore[arg-type]

    @strawberry.field
    async def subject(self, info: LoadedInfo) -> Commitment | None:
        return None if self.commitment_id is None else await info.context.commitments.load(self.commitment_id)


@strawberry.type
class Count:
    value: str
    count: int


@strawberry.type
class Completion:
    value: str
    across: list[Count]


@strawberry.type
class Facets:
    completion: list[Completion]
    areas: list[Count]


@strawberry.type
class Query:
    @strawberry.field
    async def commitment(self, info: LoadedInfo, code: str) -> Commitment | None:
        rows = await info.context.fetch(f"{_COMMITMENT} where code = %s", code)
        return Commitment(**rows[0]) if rows else None

    @strawberry.field
    async def commitments(
        self,
        info: LoadedInfo,
        first: int,
        codes: list[str] | None = None,
        areas: list[str] | None = None,
        completion: list[str] | None = None,
    ) -> list[Commitment]:
        given = {"member_code = any(%s)": codes, "policy_areas && %s": areas, "completion = any(%s)": completion}
        conditions = {condition: values for condition, values in given.items() if values is not None}
        where = " and ".join(conditions) or "true"
        query = f"{_COMMITMENT} where {where} order by code limit %s"
        return [Commitment(**row) for row in await info.context.fetch(query, *conditions.values(), first)]

    @strawberry.field
    async def facets(self, info: LoadedInfo, region: str | None = None, areas: list[str] | None = None) -> Facets:
        rows = await info.context.fetch("select dimension, value, across, count from facets(%s, %s)", region, areas)
        completions: dict[str, list[Count]] = defaultdict(list)
        for row in rows:
            if row["dimension"] == "COMPLETION":
                completions[row["value"]].append(Count(value=row["across"], count=row["count"]))
        return Facets(
            completion=[Completion(value=value, across=across) for value, across in completions.items()],
            areas=[Count(value=row["value"], count=row["count"]) for row in rows if row["dimension"] == "POLICY_AREA"],
        )

    @strawberry.field
    async def members(self, info: LoadedInfo, codes: list[str]) -> list[Member]:
        query = "select id, code, name, region from member where code = any(%s) order by code"
        return [Member(**row) for row in await info.context.fetch(query, codes)]

    @strawberry.field
    async def entries(self, info: LoadedInfo, last: int, before: int | None = None) -> list[Entry]:
        query = f"{_ENTRY} where position < %s order by position desc limit %s"
        rows = await info.context.fetch(query, 2**31 - 1 if before is None else before, last)
        return [Entry(**row) for row in reversed(rows)]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def revise(self, info: LoadedInfo, code: str, title: str) -> bool:
        return bool(await info.context.fetch("select revise(%s, %s)", code, title))


class App(GraphQL[Loaders, None]):
    """Strawberry's own application."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(strawberry.Schema(Query, Mutation), graphql_ide=None)
        self._pool = pool

    async def get_context(self, request: Any, response: Any) -> Loaders:  # noqa: ARG002 - the library's hook
        return Loaders(self._pool)


def create_app(url: str) -> Starlette:
    """Return the application, which opens its pool when it starts."""
    pool: Pool = AsyncConnectionPool(
        url, min_size=10, max_size=10, open=False, kwargs={"autocommit": True, "row_factory": dict_row}
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with pool:
            yield

    return Starlette(routes=[Route("/graphql", App(pool))], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[2]), port=int(sys.argv[1]), loop="uvloop", log_level="warning", access_log=False)
