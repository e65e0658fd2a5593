"""On a real server, an operation that goes on until another client is answered ends: nobody waits behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import httpx
import pytest
import strawberry
import uvicorn
from starlette.requests import HTTPConnection

from ogpgraph.graphql.context import Context
from ogpgraph.web.operation_service import ExecutionLimits, WebLimits
from tests.support.server import serve_in_thread
from tests.web.sample_app import EmptySession, build_sample_app

EXPENSIVE_CLIENTS = 7
PATIENCE_SECONDS = 60

is_answered = threading.Event()
running: set[int] = set()


@strawberry.type
class Item:
    number: int


@strawberry.type
class Query:
    @strawberry.field
    def endless(self, info: strawberry.Info[Context, None], first: int) -> list[Item]:
        running.add(first)
        while not is_answered.is_set():
            info.context.session.checkpoint()
        return []

    @strawberry.field
    def cheap(self) -> int:
        is_answered.set()
        return len(running)


@contextmanager
def open_context(_request: HTTPConnection) -> Iterator[Context]:
    yield Context(EmptySession(), "endless")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    limits = WebLimits(execution=ExecutionLimits(deadline_seconds=PATIENCE_SECONDS))
    app = build_sample_app(open_context, limits, schema=strawberry.Schema(Query))
    with serve_in_thread(uvicorn.Config(app, log_config=None)) as (host, port):
        yield f"http://{host}:{port}/graphql"


def ask(url: str, query: str, address: str) -> httpx.Response:
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(transport=transport, timeout=PATIENCE_SECONDS) as client:
        return client.post(url, json={"query": query})


@pytest.mark.parametrize("address", ["127.0.0.99", "127.0.0.2"])
@pytest.mark.parametrize("cost", [100, 90_000])
def test_a_cheap_query_is_answered_beside_endless_ones(url: str, cost: int, address: str) -> None:
    """It may come from another client or from one of theirs; they may be declared to be cheap."""
    is_answered.clear()
    running.clear()
    with ThreadPoolExecutor(EXPENSIVE_CLIENTS) as pool:
        queries = [f"{{ endless(first: {cost + number}) {{ number }} }}" for number in range(EXPENSIVE_CLIENTS)]
        endless = [pool.submit(ask, url, query, f"127.0.0.{number + 2}") for number, query in enumerate(queries)]
        while not running:
            wait(endless, timeout=0.01)
        assert ask(url, "{ cheap }", address).status_code == 200
        assert [each.result().status_code for each in endless] == [200] * EXPENSIVE_CLIENTS


def test_all_clients_make_progress_beside_each_other(url: str) -> None:
    """Six expensive operations have begun at a time, and the next begins when one of them ends."""
    is_answered.clear()
    running.clear()
    with ThreadPoolExecutor(6) as pool:
        queries = [f"{{ endless(first: {90_000 + number}) {{ number }} }}" for number in range(6)]
        endless = [pool.submit(ask, url, query, f"127.0.0.{number + 2}") for number, query in enumerate(queries)]
        while len(running) < len(queries):
            wait(endless, timeout=0.01)
        is_answered.set()
        assert [each.result().status_code for each in endless] == [200] * 6
