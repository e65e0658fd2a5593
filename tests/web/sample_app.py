"""A small schema and what the tests of the web floor need around it."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request

from ogpgraph.web.app import WebLimits, build_app
from ogpgraph.web.middleware import IPNetwork
from ogpgraph.web.operation import CacheValidators
from ogpgraph.web.probes import Readiness

REQUEST_ID = "00000000-aaaa-bbbb-cccc-000000000001"
GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


class Context:
    """What resolvers see: where it was made, and whether it has been left."""

    def __init__(self, request: Request) -> None:
        self.path = request.url.path
        self.thread = threading.get_ident()
        self.exited = False


class ContextFactory:
    """Makes a context for each request and keeps them all for the test to look at."""

    def __init__(self) -> None:
        self.created: list[Context] = []

    @contextmanager
    def __call__(self, request: Request) -> Iterator[Context]:
        context = Context(request)
        self.created.append(context)
        yield context
        context.exited = True


Info = strawberry.Info[Context, None]


@strawberry.type
class Item:
    number: int

    @strawberry.field
    def broken(self) -> int | None:
        raise RuntimeError(f"secret {self.number}")


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "wörld") -> str:
        return f"héllo {name}"

    @strawberry.field
    def items(self, first: int = 3) -> list[Item]:
        return [Item(number=number) for number in range(first)]

    @strawberry.field
    def broken(self) -> str | None:
        raise ValueError("secret detail")

    @strawberry.field
    def required_but_broken(self) -> str:
        raise ValueError("secret detail")

    @strawberry.field
    def refused(self) -> str | None:
        raise GraphQLError("No such position.", extensions={"code": "UNKNOWN_POSITION"})

    @strawberry.field
    def thread(self, info: Info) -> bool:
        """Whether the resolver runs where its context was made, and that is not the event loop's thread."""
        here = threading.current_thread()
        return info.context.thread == here.ident and here is not threading.main_thread()

    @strawberry.field
    def unsayable(self) -> str:
        return "\ud800"

    @strawberry.field
    def is_left(self, info: Info) -> bool:
        return info.context.exited

    @strawberry.field
    def extensions(self, info: Info) -> str:
        return json.dumps(info.input_extensions)

    @strawberry.field
    def ratio(self, of: float) -> float:
        return of


@strawberry.type
class Mutation:
    @strawberry.mutation
    def rename(self, name: str) -> str:
        return name


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1


SCHEMA = strawberry.Schema(Query, Mutation, Subscription)


def build_sample_app(
    context: Callable[[Request], object] | None = None,
    limits: WebLimits | None = None,
    *,
    cache_validators: CacheValidators | None = None,
    persisted_documents: Mapping[str, str] | None = None,
    proxies: Sequence[IPNetwork] = (),
) -> Starlette:
    """An application around the toy schema whose new request ids are all `REQUEST_ID`."""
    return build_app(
        SCHEMA,
        context or ContextFactory(),
        ready=lambda: Readiness(ready=True),
        new_request_id=lambda: REQUEST_ID,
        limits=limits,
        cache_validators=cache_validators,
        persisted_documents=persisted_documents,
        proxies=proxies,
    )


def make_client(app: Starlette) -> httpx.AsyncClient:
    """A client of the application in this process, without a network."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


async def post(
    client: httpx.AsyncClient,
    content: bytes | str | Mapping[str, Any],
    *,
    accept: str | None = GRAPHQL,
    content_type: str | None = JSON,
) -> httpx.Response:
    """The answer to a POST of raw content, or of an object as JSON."""
    body = json.dumps(content) if isinstance(content, Mapping) else content
    headers = {"Content-Type": content_type, "Accept": accept}
    request = client.build_request("POST", "/graphql", content=body)
    for name, value in headers.items():
        request.headers.pop(name, None)
        if value is not None:
            request.headers[name] = value
    return await client.send(request)
