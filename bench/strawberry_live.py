"""A subscription server as in Strawberry's documentation, with which `bench.live` compares.

    uvicorn bench.strawberry_live:app

`POST /publish?position=N` sends an entry to all subscribers and returns the time when it did. Each subscriber has a
generator and a queue of its own, and each entry is executed and encoded for each of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

queues: set[asyncio.Queue[int]] = set()


@strawberry.type
class Subject:
    """The aggregate of an entry."""

    typename: str
    id: str


@strawberry.type
class Change:
    """A changed field of an entry."""

    path: str
    before: str | None
    after: str | None


@strawberry.type
class Entry:
    """An entry with the fields that the comparison selects."""

    position: int
    id: str
    kind: str
    recorded_at: str
    actor: str
    cause: str
    reason: str | None
    revision: int
    subject: Subject
    changes: list[Change]


@strawberry.type
class Query:
    """A schema must have queries."""

    @strawberry.field
    def subscribers(self) -> int:
        return len(queues)


@strawberry.type
class Subscription:
    """Entries as they are published."""

    @strawberry.subscription
    async def entries(self) -> AsyncGenerator[Entry, None]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                position = await queue.get()
                title = f"Title {position}"
                yield Entry(
                    position=position,
                    id=f"entry-{position:032}",
                    kind="CommitmentRevised",
                    recorded_at="2026-01-01T12:00:00.000000Z",
                    actor="tester",
                    cause="REPORTED",
                    reason=None,
                    revision=position,
                    subject=Subject(typename="Commitment", id="commitment-0123456789"),
                    changes=[Change(path="title/en", before=title, after=title)],
                )
        finally:
            queues.discard(queue)


async def publish(request: Request) -> PlainTextResponse:
    position = int(request.query_params["position"])
    began = time.perf_counter()
    for queue in queues:
        queue.put_nowait(position)
    return PlainTextResponse(str(began))


graphql: GraphQL[object, object] = GraphQL(
    strawberry.Schema(Query, subscription=Subscription), subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL]
)
app = Starlette(
    routes=[
        Route("/publish", publish, methods=["POST"]),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
    ]
)
