"""A small schema, a context for it that needs no database, and an application that serves it as any other."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import strawberry
from graphql import GraphQLError
from msgspec import structs
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from ogpgraph.auth.authentication import Caller
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.query_limits import QueryLimits
from ogpgraph.readmodel.kept_responses import RecordVersion
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.storage.damage import DamageRegister
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.web.app import DEFAULT_OPTIONS, AppOptions, Lifespan, build_app
from ogpgraph.web.operation_service import DEFAULT_LIMITS, OpenContext, WebLimits
from ogpgraph.web.probes import Readiness

REQUEST_ID = "00000000-aaaa-bbbb-cccc-000000000001"
GRAPHQL = "application/graphql-response+json"
JSON = "application/json"


class EmptySession(ReadSession):
    """A read session of an empty log, without a database."""

    def __init__(self) -> None:
        self.head = self.projection_version = 0
        self.is_behind = False
        self.record_version = RecordVersion("log", 0, 0)
        self.missing_texts = 0
        self._state = None
        self.count_characters = lambda _number: None
        self.shared: Any = SimpleNamespace(damage=DamageRegister())

    def read_log_identity(self) -> LogIdentity:
        return LogIdentity("log", 0, b"")

    def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:
        pass  # there are no statements


class SampleContext(Context):
    """A context that knows where it was opened, and whether it has been closed."""

    def __init__(self, request: HTTPConnection) -> None:
        super().__init__(EmptySession(), "sample")
        self.path = request.url.path
        self.thread = threading.get_ident()
        self.exited = False


class ContextFactory:
    """Opens a context for each request, and lists them all in `created`."""

    def __init__(self) -> None:
        self.created: list[SampleContext] = []

    @contextmanager
    def __call__(self, request: HTTPConnection) -> Iterator[Context]:
        context = SampleContext(request)
        self.created.append(context)
        yield context
        context.exited = True


Info = strawberry.Info[SampleContext, None]


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
        """Whether the resolver runs in the thread that opened its context, and that is not the event loop's."""
        here = threading.current_thread()
        return info.context.thread == here.ident and here is not threading.main_thread()

    @strawberry.field
    def not_encodable(self) -> str:
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
    open_context: OpenContext | None = None,
    limits: WebLimits = DEFAULT_LIMITS,
    *,
    schema: strawberry.Schema = SCHEMA,
    options: AppOptions = DEFAULT_OPTIONS,
    check_readiness: Callable[[], Readiness] = lambda: Readiness(ready=True),
    lifespan: Lifespan | None = None,
) -> Starlette:
    """An application around the sample schema whose new request ids are all `REQUEST_ID`."""
    return build_app(
        schema,
        open_context or ContextFactory(),
        structs.replace(options, limits=limits, new_request_id=lambda: REQUEST_ID),
        check_readiness=check_readiness,
        identify=lambda _authorization, address, _request_id: Caller(address=address),
        lifespan=lifespan,
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
    """The response to a POST of raw content, or of an object as JSON."""
    body = json.dumps(content) if isinstance(content, Mapping) else content
    headers = {"Content-Type": content_type, "Accept": accept}
    request = client.build_request("POST", "/graphql", content=body)
    for name, value in headers.items():
        request.headers.pop(name, None)
        if value is not None:
            request.headers[name] = value
    return await client.send(request)


def payload_without_cost(payload: dict[str, Any]) -> dict[str, Any]:
    """A response body without the extension about cost that every body has."""
    cost = payload.pop("extensions")["cost"]
    assert 0 <= cost["requested"] <= 2**53
    assert cost["limit"] == QueryLimits().cost
    return payload


def single_error(response: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a response that is one error without data, and declares itself to be UTF-8."""
    payload = payload_without_cost(json.loads(response.content.decode()))
    assert list(payload) == ["errors"]
    (error,) = payload["errors"]
    assert response.headers["content-type"].endswith("+json; charset=utf-8")
    assert response.headers["x-request-id"]
    return response.status_code, error["extensions"]["code"], error["message"]


def cost_of(response: httpx.Response) -> tuple[int, int]:
    """The cost of an operation that the response reports, and its limit."""
    cost = response.json()["extensions"]["cost"]
    return cost["requested"], cost["limit"]
