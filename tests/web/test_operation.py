"""Operations that take too long, or whose client disconnects, are stopped, and what they used is released."""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import httpx
import msgspec
import pytest
import strawberry
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import Response

from ogpgraph.graphql.context import Context
from ogpgraph.system import System
from ogpgraph.web.deadline import Deadline, OperationCancelled, ResultTooLarge
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.endpoint import GraphQLEndpoint
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.operation import (
    STACK_SLOTS,
    OperationRunner,
    _oversized_call,
    call_with_room,
    format_result,
)
from ogpgraph.web.operation_service import ExecutionLimits, OperationService, WebLimits
from ogpgraph.web.request import RequestParameters
from ogpgraph.web.scheduler import SchedulerLimits
from tests.conftest import BOTH_ENGINES
from tests.web.sample_app import REQUEST_ID, EmptySession, build_sample_app, make_client, post

pytestmark = pytest.mark.anyio

DEADLINE = 0.3
ONE_THREAD = SchedulerLimits(threads=1)
GENEROUS_SECONDS = 30  # a loaded machine may be slow; without a deadline it would be hours
ENDLESS_STATEMENT = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n",
    "postgres": "select count(*) as n from generate_series(1, 1000000000) as one(i)",
}


class SlowContext(Context):
    """A context that knows whether its resolvers run, and whether it has been closed."""

    def __init__(self) -> None:
        super().__init__(EmptySession(), "slow")
        self.entered = threading.Event()
        self.closed = threading.Event()


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
    def slow_write(self) -> Slow:
        time.sleep(DEADLINE * 1.5)
        return Slow(number=1)


NESTED = "{ slow { many { next { many { next { many { number } } } } } } }"


@contextmanager
def open_context(context: SlowContext) -> Iterator[Context]:
    context.closed.clear()
    try:
        yield context
    finally:
        context.closed.set()


def build_slow_app(context: SlowContext) -> Starlette:
    return build_sample_app(
        lambda _request: open_context(context),
        WebLimits(execution=ExecutionLimits(deadline_seconds=DEADLINE, scheduler=ONE_THREAD)),
        schema=strawberry.Schema(Query, Mutation),
    )


async def test_an_operation_is_stopped_at_its_deadline_and_releases_its_context_and_thread() -> None:
    context = SlowContext()
    async with make_client(build_slow_app(context)) as client:
        began = time.monotonic()
        response = await post(client, {"query": NESTED})
        assert time.monotonic() - began < GENEROUS_SECONDS
        assert response.status_code == 504
        assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
        assert "data" not in response.json()
        assert context.closed.is_set()
        # The only worker thread serves the next operation.
        assert (await post(client, {"query": "{ slow { number } }"})).json()["data"] == {"slow": {"number": 0}}


async def test_a_mutation_is_not_stopped_at_the_deadline() -> None:
    async with make_client(build_slow_app(SlowContext())) as client:
        response = await post(client, {"query": "mutation { slowWrite { number } }"})
    assert response.json()["data"] == {"slowWrite": {"number": 1}}


async def test_an_operation_is_stopped_when_its_client_disconnects() -> None:
    context = SlowContext()
    limits = WebLimits(execution=ExecutionLimits(deadline_seconds=600, scheduler=ONE_THREAD))
    endpoint = GraphQLEndpoint(
        OperationService(strawberry.Schema(Query), lambda _request: open_context(context), limits)
    )
    messages = [{"type": "http.request", "body": b'{"query": "%s"}' % NESTED.encode()}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await anyio.to_thread.run_sync(context.entered.wait)
        return {"type": "http.disconnect"}

    async def send(_message: object) -> None: ...

    headers = [(b"content-type", b"application/json")]
    request: dict[str, object] = {"method": "POST", "path": "/", "query_string": b"", "headers": headers}
    scope = {"type": "http", **request, "state": {"request_id": REQUEST_ID}}
    began = time.monotonic()
    await endpoint(scope, receive, send)
    assert context.closed.is_set()
    assert time.monotonic() - began < GENEROUS_SECONDS


def test_a_deadline_is_exceeded_by_time_or_disconnect_and_never_when_disabled() -> None:
    now = [0.0]
    deadline = Deadline(10, lambda: now[0])
    deadline()
    now[0] = 10.5
    with pytest.raises(OperationCancelled):
        deadline()
    deadline.is_disabled = True
    deadline()
    other = Deadline(10, lambda: now[0])
    other.cancel()
    assert other.is_exceeded()
    assert deadline.object_count == 3


def test_a_deadline_that_is_restarted_gives_the_next_operation_the_whole_time() -> None:
    now = [0.0]
    deadline = Deadline(10, lambda: now[0])
    now[0] = 10.5
    assert deadline.is_exceeded()
    deadline.restart()
    now[0] = 20.0
    assert not deadline.is_exceeded()


def test_the_deadline_is_set_once_for_all_operations_in_a_session() -> None:
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
        response = msgspec.json.decode(msgspec.json.encode(format_result(result, "x")))
        assert response == {"data": {"slow": {"number": number, "next": {"number": number + 1}}}}
    nested = RequestParameters("subscription " + NESTED)
    executor = runner.create_executor(runner.prepare(nested), nested)
    deadline.restart()
    with pytest.raises(RequestRejected) as rejected:
        runner.run(executor, context, deadline, root_value=Slow(number=0))
    assert rejected.value.code == "DEADLINE_EXCEEDED"


def test_checking_the_deadline_for_each_object_takes_microseconds() -> None:
    deadline = Deadline(10)
    seconds = min(timeit.repeat(deadline, timer=time.thread_time, number=10_000, repeat=3))
    assert seconds < 0.03  # 3 µs each, where an object of some fields takes 10 or more


@BOTH_ENGINES
async def test_an_endless_statement_is_cancelled_at_the_deadline_of_its_operation(engine: str, system: System) -> None:
    @strawberry.type
    class Counting:
        @strawberry.field
        def count(self, info: strawberry.Info[Any, None]) -> int | None:
            return int(info.context.session.transaction.fetch_value(ENDLESS_STATEMENT[engine]))

    @contextmanager
    def open_context(_request: HTTPConnection) -> Iterator[Context]:
        with system.read_session() as session:
            yield Context(session, "counting")

    limits = WebLimits(execution=ExecutionLimits(deadline_seconds=DEADLINE))
    app = build_sample_app(open_context, limits, schema=strawberry.Schema(Counting))
    async with make_client(app) as client:
        response: httpx.Response = await post(client, {"query": "{ count }"})
    assert response.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"


# The oversized frame


def test_a_call_with_room_returns_and_raises_what_the_function_does() -> None:
    assert call_with_room(lambda: 7) == 7
    with pytest.raises(GraphQLError, match="mine"):
        call_with_room(lambda: raise_error(GraphQLError("mine")))


def test_the_oversized_frame_is_larger_than_a_chunk_of_the_interpreter() -> None:
    assert _oversized_call.__code__.co_stacksize * 8 > 16 * 1024
    assert STACK_SLOTS > 2**15 - 1_000


def raise_error(error: Exception) -> Response:
    raise error


def test_the_texts_of_a_result_are_limited_as_often_as_they_are_in_it() -> None:
    deadline = Deadline(10, max_characters=100)
    for _ in range(2):
        deadline.count_characters(60)
        deadline.count_characters(40)
        with pytest.raises(ResultTooLarge):
            deadline.count_characters(1)
        deadline.restart()
