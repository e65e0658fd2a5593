"""Operations that take too long, or that nobody waits for any more, end; and what they held is given back."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.requests import Request

from ogpgraph.graphql.context import Context
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, StatementCancelled
from ogpgraph.system import System, migrate
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import ExecutionLimits, GraphQLEndpoint, WebLimits
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.operation import Deadline, OperationCancelled, OperationRunner, format_result
from ogpgraph.web.request import RequestParameters
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.web.sample_app import REQUEST_ID, EmptySession, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio

DEADLINE = 0.3
ENDLESS_RESPONSE = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n",
    "postgres": "select count(*) as n from generate_series(1, 1000000000) as one(i)",
}


class SlowContext(Context):
    """A context that knows whether its resolvers run, and whether it has been left."""

    def __init__(self) -> None:
        super().__init__(EmptySession(), "slow")
        self.entered = threading.Event()
        self.left = threading.Event()


@strawberry.type
class Slow:
    number: int

    @strawberry.field
    def next(self) -> Slow:
        time.sleep(0.002)
        return Slow(number=self.number + 1)

    @strawberry.field
    def many(self) -> list[Slow]:
        return [Slow(number=number) for number in range(50)]


@strawberry.type
class Query:
    @strawberry.field
    def slow(self, info: strawberry.Info[SlowContext, None]) -> Slow:
        info.context.entered.set()
        return Slow(number=0)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def patient(self) -> Slow:
        time.sleep(DEADLINE * 1.5)
        return Slow(number=1)


NESTED = "{ slow { many { next { many { next { many { number } } } } } } }"


@contextmanager
def entered(context: SlowContext) -> Iterator[Context]:
    context.left.clear()
    try:
        yield context
    finally:
        context.left.set()


def slow_app(context: SlowContext) -> Starlette:
    return build_sample_app(
        lambda _request: entered(context),
        WebLimits(execution=ExecutionLimits(deadline_seconds=DEADLINE, threads=1)),
        schema=strawberry.Schema(Query, Mutation),
    )


async def test_an_operation_is_stopped_at_its_deadline_and_leaves_its_context_and_thread() -> None:
    context = SlowContext()
    async with make_client(slow_app(context)) as client:
        began = time.monotonic()
        response = await post(client, {"query": NESTED})
        assert time.monotonic() - began < DEADLINE + 1
        assert response.status_code == 504
        assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert "data" not in response.json()
        assert context.left.is_set()
        # The only thread there is serves the next one.
        assert (await post(client, {"query": "{ slow { number } }"})).json()["data"] == {"slow": {"number": 0}}


async def test_what_a_mutation_recorded_is_answered_however_long_it_took() -> None:
    async with make_client(slow_app(SlowContext())) as client:
        response = await post(client, {"query": "mutation { patient { number } }"})
    assert response.json()["data"] == {"patient": {"number": 1}}


async def test_an_operation_is_stopped_when_its_client_has_gone() -> None:
    context = SlowContext()
    limits = WebLimits(execution=ExecutionLimits(deadline_seconds=60, threads=1))
    view = GraphQLEndpoint(strawberry.Schema(Query), lambda _request: entered(context), limits)
    messages = [{"type": "http.request", "body": b'{"query": "%s"}' % NESTED.encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await anyio.to_thread.run_sync(context.entered.wait)
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None: ...

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "state": {"request_id": REQUEST_ID}}
    began = time.monotonic()
    with anyio.fail_after(10):
        await view(scope, receive, send)
    assert context.left.is_set()
    assert time.monotonic() - began < 5


def test_a_watch_stops_by_time_or_departure_and_never_when_patient() -> None:
    now = [0.0]
    watch = Deadline(10, lambda: now[0])
    watch()
    now[0] = 10.5
    with pytest.raises(OperationCancelled):
        watch()
    watch.is_disabled = True
    watch()
    other = Deadline(10, lambda: now[0])
    other.client_disconnected = True
    assert other.is_exceeded()
    assert watch.object_count == 3


def test_a_deadline_that_is_restarted_gives_the_next_operation_the_whole_time() -> None:
    now = [0.0]
    deadline = Deadline(10, lambda: now[0])
    now[0] = 10.5
    assert deadline.is_exceeded()
    deadline.restart()
    now[0] = 20.0
    assert not deadline.is_exceeded()


def test_a_session_is_told_the_deadline_once_for_all_operations_executed_in_it() -> None:
    calls: list[float] = []

    class Session(EmptySession):
        def set_deadline(self, is_over: Callable[[], bool], seconds: float) -> None:  # noqa: ARG002 - its base has it
            calls.append(seconds)

    first, second, deadline = Session(), Session(), Deadline(10)
    for session in (first, first, second):
        deadline.apply_to(session)
    assert calls == [10, 10]


def test_a_subscription_is_executed_on_each_event_within_a_deadline() -> None:
    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def slow(self) -> AsyncIterator[Slow]:
            yield Slow(number=0)

    runner = OperationRunner(strawberry.Schema(Query, subscription=Subscription), DocumentLimits())
    context, deadline = SlowContext(), Deadline(DEADLINE)
    parameters = RequestParameters("subscription { slow { number next { number } } }")
    executor = runner.create_executor(runner.prepare(parameters), parameters)
    for number in (1, 2):
        result = runner.run(executor, context, deadline, root_value=Slow(number=number))
        assert format_result(result, "x") == {"data": {"slow": {"number": number, "next": {"number": number + 1}}}}
    nested = RequestParameters("subscription " + NESTED)
    executor = runner.create_executor(runner.prepare(nested), nested)
    deadline.restart()
    with pytest.raises(RequestRejected) as rejected:
        runner.run(executor, context, deadline, root_value=Slow(number=0))
    assert rejected.value.code == "DEADLINE_EXCEEDED"


def test_looking_at_the_watch_for_each_object_costs_next_to_nothing() -> None:
    watch = Deadline(10, time.monotonic)
    began = time.thread_time()
    for _ in range(10_000):
        watch()
    assert time.thread_time() - began < 0.03  # 3 µs each, where an object of some fields takes 10 or more


# ------------------------------------------------------------------------------------------------------- the database


@pytest.fixture
def database(new_database: DatabaseFactory) -> Iterator[Database]:
    url = new_database("watched")
    migrate(url)
    database = open_database(url)
    yield database
    database.close()


@BOTH_ENGINES
def test_a_statement_is_broken_off_and_the_connection_serves_on(engine: str, database: Database) -> None:
    for _ in range(2):
        watch = Deadline(DEADLINE, time.monotonic)
        began = time.monotonic()
        with database.read() as transaction:
            transaction.set_deadline(watch.is_exceeded, watch.seconds)
            with pytest.raises(StatementCancelled):
                transaction.fetch_all(ENDLESS_RESPONSE[engine])
        assert time.monotonic() - began < DEADLINE + 3
        assert watch.is_exceeded()
    for _ in range(20):
        with database.read() as transaction:  # and is not watched any more
            assert transaction.fetch_value("select 1 as one") == 1


@BOTH_ENGINES
async def test_an_endless_statement_ends_the_operation_at_its_deadline(engine: str, system: System) -> None:
    @strawberry.type
    class Asking:
        @strawberry.field
        def count(self, info: strawberry.Info[Any, None]) -> int | None:
            return int(info.context.session.transaction.fetch_value(ENDLESS_RESPONSE[engine]))

    @contextmanager
    def open_context(_request: Request) -> Iterator[Context]:
        with system.read_session() as session:
            yield Context(session, "asking")

    limits = WebLimits(execution=ExecutionLimits(deadline_seconds=DEADLINE))
    app = build_sample_app(open_context, limits, schema=strawberry.Schema(Asking))
    async with make_client(app) as client:
        response: httpx.Response = await post(client, {"query": "{ count }"})
    assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
