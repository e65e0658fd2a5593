"""Queries are executed again by graphql-core, a few and at the same head, and a wrong compiled function is given up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from structlog.testing import capture_logs

from ogpgraph.domain.member import register_member, revise_member
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.graphql.compiled.operation import CompiledOperation
from ogpgraph.graphql.compiled.writer import NotCovered
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import System, open_system
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import DocumentLimits
from ogpgraph.web.operation import OperationRunner
from ogpgraph.web.request import RequestParameters
from ogpgraph.web.shadow_check import ExecutedQuery, Outcome, ShadowCheck, find_different_path
from tests.conftest import BOTH_ENGINES
from tests.web.sample_app import make_client

pytestmark = pytest.mark.compiled

QUERY = "query Named($code: String!) { member(code: $code) { name revision } members { nodes { name } } }"
SCHEMA = build_schema()
DEFAULT_LIMITS = DocumentLimits()


def record(system: System, commands: Callable[[UnitOfWork], object]) -> None:
    context = CommandContext(actor="a", role="editor", time=datetime(2026, 1, 1, tzinfo=UTC), reason="r")
    system.execute(context, commands)


def record_france(system: System) -> None:
    def register(uow: UnitOfWork) -> None:
        register_member(uow, "FRA", {"prefix": "FR", "type": "NATIONAL", "name/en": uow.text_value("France")})

    record(system, register)


def rename_france(uow: UnitOfWork) -> None:
    revise_member(uow, uow.require_by_code("member", "FRA"), {"name/en": uow.text_value("Gaul")})


@pytest.fixture
def recorded(system: System) -> System:
    record_france(system)
    return system


@contextmanager
def wrong_names() -> Iterator[None]:
    """Have all compiled functions say Germany for France."""
    run = CompiledOperation.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CompiledOperation, "run", lambda *of: run(*of).replace(b"France", b"Germany"))
        yield


# A server


@asynccontextmanager
async def serve(url: str, one_in: int) -> AsyncIterator[httpx.AsyncClient]:
    lifespan = SystemLifespan(lambda: open_system(url))
    app = create_app(lifespan, Settings(database=url, compare_one_in=one_in))
    lifespan.start()
    try:
        record_france(lifespan.system)
        async with make_client(app) as client:
            yield client
    finally:
        lifespan.stop()


async def find_names(client: httpx.AsyncClient) -> set[str]:
    response = await client.post("/graphql", json={"query": QUERY, "variables": {"code": "FR"}})
    data = response.json()["data"]
    return {each["name"] for each in (data["member"], *data["members"]["nodes"])}


async def count_compared(client: httpx.AsyncClient, expected: int) -> dict[str, int]:
    """Return the counts of `/ready`, once they are so many together."""
    with anyio.fail_after(30):
        while True:
            counts: dict[str, int] = (await client.get("/ready")).json()["details"]["comparedWithGraphqlCore"]
            if sum(counts.values()) >= expected:
                return counts
            await anyio.sleep(0.01)


@pytest.mark.anyio
async def test_a_wrong_compiled_function_is_found_logged_and_given_up(url: str) -> None:
    with wrong_names(), capture_logs() as logs:
        async with serve(url, one_in=1) as client:
            assert await find_names(client) == {"Germany"}
            assert await count_compared(client, 1) == {"same": 0, "different": 1, "unknown": 0}
            assert await find_names(client) == {"France"}
            assert await find_names(client) == {"France"}
    (error, *_) = [each for each in logs if each["log_level"] == "error"]
    assert (error["document"], error["path"]) == (QUERY, "member.name")
    assert len(error["sha256"]) == 64
    assert not {"FR", "France", "Germany"} & set(json.dumps(error, default=str).split('"'))


@pytest.mark.anyio
async def test_right_responses_are_the_same(url: str) -> None:
    async with serve(url, one_in=1) as client:
        for number in (1, 2, 3):
            await find_names(client)
            assert await count_compared(client, number) == {"same": number, "different": 0, "unknown": 0}


@pytest.mark.anyio
async def test_nothing_is_compared_where_the_setting_is_zero(url: str) -> None:
    with wrong_names():
        async with serve(url, one_in=0) as client:
            assert await find_names(client) == {"Germany"}
            assert await find_names(client) == {"Germany"}
            assert await count_compared(client, 0) == {"same": 0, "different": 0, "unknown": 0}


# Without a server


class Comparison:
    """A shadow check of a system, and queries that are executed one at a time."""

    def __init__(
        self, system: System, one_in: int = 1, *, limits: DocumentLimits = DEFAULT_LIMITS, **options: Any
    ) -> None:
        self.system = system
        self.runner = OperationRunner(SCHEMA, limits)
        self.check = ShadowCheck(SCHEMA, self.open_at_head, one_in, **options)

    @contextmanager
    def open_at_head(self, head: int) -> Iterator[Context]:
        with self.system.model.peek(head) as session:
            yield Context(session, "1")

    def execute(self, query: str = QUERY) -> ExecutedQuery | None:
        """Execute a query by its compiled function; returns it if it was chosen."""
        parameters = RequestParameters(query, variables={"code": "FR"} if "$code" in query else {})
        operation = self.runner.prepare(parameters)
        with self.system.read_session() as session:
            executor = self.runner.create_executor(operation, parameters)
            data = executor.run_compiled(Context(session, "1"), check_deadline=lambda: None)
            if self.check.chooses(operation):
                self.check.note(self.runner.documents, parameters, operation, session, data)
        return self.check.take_chosen()

    def compare(self, executed: ExecutedQuery | None) -> Outcome:
        assert executed is not None
        return self.check.compare(executed, Deadline(60))


def test_a_response_that_is_kept_is_compared_and_not_used_again_where_it_differs(recorded: System) -> None:
    comparison = Comparison(recorded)
    comparison.execute()
    parameters = RequestParameters(QUERY, variables={"code": "FR"})
    prepared = comparison.runner.create_executor(comparison.runner.prepare(parameters), parameters)
    with recorded.read_session() as session:
        kept = prepared.find_kept(session.whole_state, session.record_version)
    assert kept is not None
    kept.data = kept.data.replace(b"France", b"Gallia")
    executed = comparison.execute()
    assert executed is not None
    assert b"Gallia" in executed.data
    assert comparison.compare(executed) is Outcome.DIFFERENT
    with pytest.raises(NotCovered):
        comparison.execute()


@BOTH_ENGINES
def test_what_was_read_is_read_again_at_the_same_head_whatever_was_written_since(recorded: System) -> None:
    comparison = Comparison(recorded)
    executed = comparison.execute()
    record(recorded, rename_france)
    assert comparison.compare(executed) is Outcome.SAME
    assert executed
    assert b"Gaul" not in executed.data
    assert b"Gaul" in (comparison.execute() or executed).data


@BOTH_ENGINES
def test_nothing_is_compared_across_the_removal_of_a_text(recorded: System) -> None:
    comparison = Comparison(recorded)
    executed = comparison.execute()
    with recorded.database.write() as transaction:
        transaction.execute("delete from stored_text")
        transaction.execute("update log set redaction_version = redaction_version + 1")
    with recorded.read_session():
        pass  # which notices it
    assert comparison.compare(executed) is Outcome.UNKNOWN


def test_a_query_that_takes_too_long_is_not_compared(recorded: System) -> None:
    comparison = Comparison(recorded)
    executed = comparison.execute()
    assert executed
    deadline = Deadline(60)
    deadline.cancel()
    assert comparison.check.compare(executed, deadline) is Outcome.UNKNOWN


def test_each_document_is_chosen_once_and_then_by_chance(recorded: System) -> None:
    comparison = Comparison(recorded, one_in=10, chance=iter([0.5, 0.11, 0.09, 0.5]).__next__)
    assert [comparison.execute() is not None for _ in range(5)] == [True, False, False, True, False]
    assert comparison.execute("{ members { nodes { code } } }") is not None


def test_what_depends_on_the_moment_is_not_chosen(recorded: System) -> None:
    assert Comparison(recorded).execute("{ meta { projector { position } } }") is None


def test_nothing_is_chosen_while_comparing_has_taken_more_than_its_share(recorded: System) -> None:
    used = [0.0]
    comparison = Comparison(recorded, used_seconds=lambda: used[0])
    comparison.check._spent = 0.5
    assert comparison.execute() is None
    used[0] = 41.0
    assert comparison.execute() is not None


def test_who_has_prepared_a_disabled_operation_before_cannot_run_it(recorded: System) -> None:
    comparison = Comparison(recorded)
    parameters = RequestParameters(QUERY, variables={"code": "FR"})
    executor = comparison.runner.create_executor(comparison.runner.prepare(parameters), parameters)
    with wrong_names():
        assert comparison.compare(comparison.execute()) is Outcome.DIFFERENT
    with recorded.read_session() as session, pytest.raises(NotCovered):
        executor.run_compiled(Context(session, "1"), check_deadline=lambda: None)


def test_a_disabled_document_is_not_compiled_again_once_it_was_dropped(recorded: System) -> None:
    comparison = Comparison(recorded, limits=DocumentLimits(cached_characters=len(QUERY) + 100))
    with wrong_names():
        executed = comparison.execute()
    assert comparison.compare(executed) is Outcome.DIFFERENT
    other = "{ members { nodes { name } } } " + "#" * 90
    documents = comparison.runner.documents
    assert documents.prepare(other).document.compiled is not None
    assert documents.get(QUERY) is None
    assert documents.prepare(QUERY, variables={"code": "FR"}).document.compiled is None


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}, "a.1.b"),
        ({"a": [1]}, {"a": [1, 2]}, "a.1"),
        ({"a": None}, {"a": {"b": 1}}, "a"),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ""),
        ({"a": 1}, None, ""),
    ],
)
def test_a_difference_is_found_by_its_path(one: Any, other: Any, path: str) -> None:
    assert find_different_path(one, other) == path
