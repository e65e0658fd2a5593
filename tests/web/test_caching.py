"""ETags, 304 and Cache-Control, over writes, redactions, restarts and rebuilds."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from ogpgraph.demo.loader import load_demo
from ogpgraph.domain.member import register_member
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema, compute_schema_version
from ogpgraph.readmodel.bookmark import Bookmark
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.caching import CacheKey, CacheVersion, cache_version, etag_matches
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.web.sample_app import make_client

pytestmark = pytest.mark.anyio

NAMES = '{ member(code: "FR") { name actionPlans { nodes { title commitments { nodes { code title } } } } } }'
PAST = 'query ($at: Position!) { at(position: $at) { member(code: "FR") { name revision } meta { position } } }'


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with the demonstration, which no test may write to."""
    file = tmp_path_factory.mktemp("caching") / "demo.db"
    migrate(f"sqlite:///{file}")
    load_demo(f"sqlite:///{file}")
    return file


@pytest.fixture
def url(engine: str, new_database: DatabaseFactory, demo_file: Path) -> str:
    """A demonstration of the test's own."""
    url = new_database("served")
    if engine == "sqlite":
        shutil.copy(demo_file, url.removeprefix("sqlite:///"))
    else:
        migrate(url)
        load_demo(url)
    return url


class Server:
    """A running system and a client of it."""

    def __init__(self, system: System, client: httpx.AsyncClient) -> None:
        self.system = system
        self.client = client

    async def get(self, query: str, *, if_none_match: str | None = None, **parameters: Any) -> httpx.Response:
        headers = {"If-None-Match": if_none_match} if if_none_match else {}
        return await self.client.get("/graphql", params={"query": query, **parameters}, headers=headers)

    def write(self, name: str = "Zed") -> None:
        context = CommandContext(actor="a", role="editor", time=datetime(2026, 1, 1, tzinfo=UTC), reason="r")
        self.system.execute(context, lambda uow: register_member(uow, "ZZ", {"name/en": uow.text_value(name)}))


@asynccontextmanager
async def run_server(url: str, settings: Settings | None = None) -> AsyncIterator[Server]:
    """A server that has just been started, so that its document cache is empty."""
    lifespan = SystemLifespan(lambda: open_system(url))
    app = create_app(lifespan, settings or Settings(database=url))
    lifespan.start()
    try:
        async with make_client(app) as client:
            yield Server(lifespan.system, client)
    finally:
        lifespan.stop()


@pytest.fixture(scope="module")
def lifespan(demo_file: Path) -> Iterator[SystemLifespan]:
    lifespan = SystemLifespan(lambda: open_system(f"sqlite:///{demo_file}"))
    lifespan.start()
    yield lifespan
    lifespan.stop()


@pytest.fixture(scope="module")
def apps(lifespan: SystemLifespan) -> tuple[Starlette, Starlette]:
    """Two applications over one system, as in two processes: each has a document cache of its own."""
    return create_app(lifespan, Settings()), create_app(lifespan, Settings())


@pytest.fixture
async def server(lifespan: SystemLifespan, apps: tuple[Starlette, Starlette]) -> AsyncIterator[Server]:
    """The server of all tests that only read."""
    async with make_client(apps[0]) as client:
        yield Server(lifespan.system, client)


@pytest.fixture
async def other_server(lifespan: SystemLifespan, apps: tuple[Starlette, Starlette]) -> AsyncIterator[Server]:
    """A server over the same system that gets no query twice."""
    async with make_client(apps[1]) as client:
        yield Server(lifespan.system, client)


@BOTH_ENGINES
async def test_a_response_has_the_same_bytes_and_etag_after_a_restart_and_a_rebuild(url: str) -> None:
    async with run_server(url) as server:
        first = await server.get(NAMES)
    async with run_server(url) as server:
        second = await server.get(NAMES)
        server.system.rebuild()
        third = await server.get(NAMES)
    assert first.status_code == 200
    assert len({first.headers["etag"], second.headers["etag"], third.headers["etag"]}) == 1
    assert first.content == second.content == third.content


@BOTH_ENGINES
async def test_a_client_with_the_response_gets_304_until_the_next_write(url: str) -> None:
    async with run_server(url) as server:
        first = await server.get(NAMES)
        had = await server.get(NAMES, if_none_match=first.headers["etag"])
        assert (had.status_code, had.content) == (304, b"")
        for name in ("etag", "cache-control"):
            assert had.headers[name] == first.headers[name]
        assert "Authorization" in had.headers["vary"]
        server.write()
        changed = await server.get(NAMES, if_none_match=first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_304_needs_no_parsing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with run_server(url) as server:
        etag = (await server.get(NAMES)).headers["etag"]
    async with run_server(url) as server:
        monkeypatch.setattr("ogpgraph.web.document_cache.parse", _never)
        assert (await server.get(NAMES, if_none_match=f'"other", {etag.removeprefix("W/")}')).status_code == 304


def _never(*_args: object, **_options: object) -> None:
    raise AssertionError("this must not be called")


async def test_304_for_a_cached_document_needs_no_parsing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    past = await server.get(PAST, variables='{"at": 100}')
    for function in ("parse", "validate_document", "measure_document"):
        monkeypatch.setattr(f"ogpgraph.web.document_cache.{function}", _never)
    had = await server.get(PAST, if_none_match=past.headers["etag"], variables='{"at": 100}')
    assert had.status_code == 304


async def test_a_response_under_another_limit_of_cost_has_another_etag(url: str) -> None:
    async with run_server(url) as server:
        first = await server.get(NAMES)
    limit = first.json()["extensions"]["cost"]["limit"] + 1
    async with run_server(url, Settings(database=url, max_cost=limit)) as server:
        second = await server.get(NAMES, if_none_match=first.headers["etag"])
    assert second.status_code == 200
    assert second.json() == first.json() | {"extensions": second.json()["extensions"]}
    assert second.json()["extensions"]["cost"]["limit"] == limit


async def test_the_etag_of_a_response_about_the_past_stays_and_its_lifetime_is_longer(url: str) -> None:
    async with run_server(url) as server:
        present, past = await server.get(NAMES), await server.get(PAST, variables='{"at": 100}')
        server.write()
        again = await server.get(PAST, variables='{"at": 100}')
        assert past.headers["etag"] == again.headers["etag"]
        assert past.content == again.content
        had = await server.get(PAST, if_none_match=past.headers["etag"], variables='{"at": 100}')
        other = await server.get(PAST, variables='{"at": 101}')
    async with run_server(url) as server:  # where the document is not known yet
        unknown = await server.get(PAST, if_none_match=past.headers["etag"], variables='{"at": 100}')
    assert had.status_code == unknown.status_code == 304
    assert other.headers["etag"] != past.headers["etag"]
    assert present.headers["cache-control"] == "public, max-age=5"
    assert past.headers["cache-control"] == "public, max-age=3600"


@BOTH_ENGINES
async def test_the_present_object_of_a_past_entry_is_read_anew_after_each_write(url: str) -> None:
    query = "{ at(position: 100) { entries(last: 1) { nodes { position current { id revision } } } } }"
    async with run_server(url) as server:
        first = await server.get(query)
        had = await server.get(query, if_none_match=first.headers["etag"])
        server.write()
        again = await server.get(query, if_none_match=first.headers["etag"])
    assert (first.status_code, had.status_code, again.status_code) == (200, 304, 200)
    assert first.headers["cache-control"] == "public, max-age=5"


@pytest.mark.parametrize(
    ("query", "past"),
    [
        ("{ at(position: 5) { meta { position } } }", True),
        ("{ a: at(position: 5) { meta { position } } b: at(position: 6) { meta { position } } }", True),
        ("{ at(position: 5) { meta { position } } meta { position } }", False),
        ('{ at(time: "2021-01-01T00:00:00Z") { meta { position } } }', False),
        ("{ ...A } fragment A on Query { at(position: 5) { meta { position } } }", False),
        ("{ at(position: 5) { entries(last: 1) { nodes { subject { id } } } } }", True),
        ("{ at(position: 5) { entries(last: 1) { nodes { current { id } } } } }", False),
    ],
)
async def test_only_an_operation_that_pins_all_its_positions_reads_the_past(
    server: Server, query: str, past: bool
) -> None:
    response = await server.get(query)
    assert "data" in response.json()
    assert response.headers["cache-control"].endswith("3600") is past


async def test_a_redaction_changes_every_etag(url: str) -> None:
    async with run_server(url) as server:
        before = await server.get(PAST, variables='{"at": 100}')
        with server.system.database.write() as transaction:
            transaction.execute("update log set redaction_version = redaction_version + 1")
        after = await server.get(PAST, if_none_match=before.headers["etag"], variables='{"at": 100}')
    assert after.status_code == 200
    assert after.headers["etag"] != before.headers["etag"]


@BOTH_ENGINES
async def test_the_etag_of_the_past_changes_when_a_removed_text_is_stated_again(url: str) -> None:
    query, name = '{ at(position: 100) { member(code: "FR") { name } } }', "France"
    async with run_server(url) as server:
        whole = await server.get(query)
        with server.system.database.write() as transaction:
            transaction.execute("delete from stored_text where content = :content", content=name)
            transaction.execute("update log set redaction_version = redaction_version + 1")
        removed = await server.get(query)
        server.write(name)
        again = await server.get(query, if_none_match=removed.headers["etag"])
        known = await server.get(query, if_none_match=again.headers["etag"])
    names = [each.json()["data"]["at"]["member"]["name"] for each in (whole, removed, again)]
    assert names == [name, None, name]
    assert len({each.headers["etag"] for each in (whole, removed, again)}) == 3
    assert known.status_code == 304


async def test_a_response_that_must_not_be_stored_has_no_etag(server: Server) -> None:
    posted = await server.client.post("/graphql", json={"query": NAMES})
    failed = await server.get("{ at(position: 1000000) { meta { position } } }")
    wrong = await server.get("{ nope }")
    malformed = await server.client.get("/graphql")
    for response in (posted, failed, wrong, malformed):
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


NO_FIELD = [
    pytest.param('{ member(code: "projector") { name } }', id="string"),
    pytest.param("{ meta { position } } # projector", id="comment"),
    pytest.param("{ projector: meta { position } }", id="alias"),
    pytest.param("{ meta { ...projector } } fragment projector on Meta { position }", id="fragment"),
    pytest.param("query projector { meta { position } }", id="operation"),
    pytest.param("query ($projector: Boolean = true) { meta { position @include(if: $projector) } }", id="variable"),
]
VOLATILE = [
    pytest.param("{ meta { projector { state } } }", id="field"),
    pytest.param("{ meta { how: projector { state } } }", id="aliased"),
    pytest.param("{ meta { ...M } } fragment M on Meta { projector { state } }", id="fragment"),
    pytest.param(
        "{ ...Q } fragment Q on Query { meta { ...M } } fragment M on Meta { projector { state } }", id="nested"
    ),
    pytest.param("{ ... on Query { meta { ... { projector { state } } } } }", id="inline fragment"),
    pytest.param("{ at(position: 5) { meta { projector { state } } } }", id="past"),
    pytest.param("{ meta { position projector @skip(if: true) { state } } }", id="skipped"),
]


@pytest.mark.parametrize("query", NO_FIELD)
async def test_the_name_of_a_volatile_field_elsewhere_does_not_prevent_caching(
    server: Server, other_server: Server, query: str
) -> None:
    first = await server.get(query)
    known = await server.get(query, if_none_match=first.headers["etag"])
    unknown = await other_server.get(query, if_none_match=first.headers["etag"])
    assert (first.status_code, known.status_code, unknown.status_code) == (200, 304, 304)


@cache
def schema_version() -> str:
    return compute_schema_version(build_schema())


@pytest.mark.parametrize("query", VOLATILE)
async def test_an_operation_that_selects_a_volatile_field_is_never_cached(server: Server, query: str) -> None:
    # Only a client that forges the ETag has one.
    with server.system.read_session() as session:
        version, pinned = cache_version(Context(session, schema_version())), session.bookmark(5)
    key = CacheKey(query, None, None, "application/json", Settings().max_cost)
    forged = ", ".join(key.etag(version, each) for each in (None, pinned))
    unknown, known = await server.get(query, if_none_match=forged), await server.get(query, if_none_match=forged)
    any_tag = await server.get(query, if_none_match="*")
    other = await server.get(NAMES)
    key = CacheKey(NAMES, None, None, "application/json", Settings().max_cost)
    assert key.etag(version, None) == other.headers["etag"]  # so the forged ones would have been right
    for response in (unknown, known, any_tag):
        assert response.status_code == 200
        assert response.headers["cache-control"] == "no-store"
        assert "etag" not in response.headers


async def test_of_several_operations_the_executed_one_decides(server: Server) -> None:
    query = "query A { meta { position } } query B { meta { projector { state } } }"
    first = await server.get(query, operationName="A")
    again = await server.get(query, if_none_match=first.headers["etag"], operationName="A")
    volatile = await server.get(query, if_none_match=first.headers["etag"], operationName="B")
    unnamed = await server.get(query, if_none_match=first.headers["etag"])
    assert (first.status_code, again.status_code, volatile.status_code) == (200, 304, 200)
    assert "etag" not in volatile.headers
    assert unnamed.json()["errors"][0]["extensions"]["code"] == "OPERATION_RESOLUTION_FAILURE"


@pytest.mark.parametrize(
    "query", ["{ nope }", "{ a", 'mutation { registerMember(input: {code: "ZZ"}) { __typename } }']
)
async def test_an_operation_that_cannot_be_executed_is_never_304(server: Server, query: str) -> None:
    response = await server.get(query, if_none_match="*")
    assert response.status_code != 304
    assert "errors" in response.json()


async def test_any_response_matches_an_asterisk(server: Server) -> None:
    assert (await server.get(NAMES, if_none_match=" * ")).status_code == 304


async def test_a_response_to_an_account_is_not_stored(server: Server) -> None:
    response = await server.client.get(
        "/graphql", params={"query": NAMES}, headers={"Authorization": "Bearer ogp_wrong", "If-None-Match": "*"}
    )
    assert response.status_code == 401
    assert "etag" not in response.headers
    assert "public" not in response.headers.get("cache-control", "")


async def test_responses_name_the_headers_that_they_vary_by(server: Server) -> None:
    vary = {name.strip().lower() for name in (await server.get(NAMES)).headers["vary"].split(",")}
    assert {"accept", "authorization", "accept-encoding", "x-at-least-position", "x-at-least-root"} <= vary


# The ETag

HEAD = Bookmark(7, "0" * 12)
VERSION = CacheVersion(("log", 0, 1, "v"), HEAD)
KEY = CacheKey("{ a }", None, None, "application/json", 9)


@pytest.mark.parametrize(
    ("key", "version"),
    [
        (CacheKey("{ b }", None, None, "application/json", 9), VERSION),
        (CacheKey("{ a }", "A", None, "application/json", 9), VERSION),
        (CacheKey("{ a }", None, {"n": 1}, "application/json", 9), VERSION),
        (CacheKey("{ a }", None, None, "application/graphql-response+json", 9), VERSION),
        (CacheKey("{ a }", None, None, "application/json", 10), VERSION),
        (KEY, CacheVersion(("log", 0, 1, "v"), Bookmark(8, HEAD.root))),
        (KEY, CacheVersion(("log", 0, 1, "v"), Bookmark(7, "1" * 12))),
        (KEY, CacheVersion(("other", 0, 1, "v"), HEAD)),
        (KEY, CacheVersion(("log", 1, 1, "v"), HEAD)),
        (KEY, CacheVersion(("log", 0, 2, "v"), HEAD)),
        (KEY, CacheVersion(("log", 0, 1, "w"), HEAD)),
    ],
)
def test_an_etag_differs_with_everything_that_a_response_depends_on(key: CacheKey, version: CacheVersion) -> None:
    assert key.etag(version, None) != KEY.etag(VERSION, None)


@given(st.dictionaries(st.text(max_size=3), st.integers() | st.none() | st.booleans(), max_size=5))
def test_an_etag_does_not_depend_on_the_order_of_variables(variables: dict[str, Any]) -> None:
    reordered = dict(reversed(variables.items()))
    tags = {CacheKey("q", None, each, "application/json", 9).etag(VERSION, None) for each in (variables, reordered)}
    assert len(tags) == 1


def test_no_variables_are_the_same_as_none() -> None:
    assert CacheKey("{ a }", None, {}, "application/json", 9).etag(VERSION, None) == KEY.etag(VERSION, None)


@pytest.mark.parametrize(
    ("header", "matching"),
    [
        (None, False),
        ("*", True),
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ('"b"', False),
        ("a", False),
        ("", False),
    ],
)
def test_if_none_match_is_compared_weakly(header: str | None, matching: bool) -> None:
    assert etag_matches(header, 'W/"a"') is matching
