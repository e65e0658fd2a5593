"""The same questions over HTTP: an answer is the same bytes after restart and rebuild, and no slip shows its inside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system
from ogpgraph.web.server import SystemLifespan, create_app
from tests.conftest import BOTH_ENGINES, DatabaseFactory, TickingClock
from tests.graphql.example_log import record_example, sequential_ids
from tests.graphql.test_at import EVERYTHING
from tests.graphql.test_statements import COMMITMENT

pytestmark = BOTH_ENGINES


@contextmanager
def served(url: str) -> Iterator[TestClient]:
    """Serve a database as a process of its own would."""
    serving = SystemLifespan(lambda: open_system(url, clock=TickingClock()))
    with TestClient(create_app(serving, Settings(database=url)), raise_server_exceptions=False) as client:
        yield client


def answer(client: TestClient, query: str, **variables: Any) -> bytes:
    response = client.post("/graphql", json={"query": query, "variables": variables})
    assert response.status_code == 200, response.text
    return response.content


@pytest.fixture
def example_url(new_database: DatabaseFactory) -> str:
    url, clock, new_id = new_database(), TickingClock(), sequential_ids()
    migrate(url, clock=clock, new_id=new_id)
    with open_system(url, clock=clock, new_id=new_id) as system:
        record_example(system)
    return url


def test_an_answer_is_the_same_bytes_after_restart_and_rebuild(example_url: str) -> None:
    queries = [
        f"{{ {EVERYTHING} }}",
        f"{{ at(position: 70) {{ {EVERYTHING} }} }}",
        f'{{ commitment(code: "UY0901") {{ {COMMITMENT} }} }}',
        "{ entries { nodes { id recordedAt leafHash changes { path before after } evidence { quote } } } }",
    ]
    with served(example_url) as client:
        before = [answer(client, query) for query in queries]
        assert [answer(client, query) for query in queries] == before
    with served(example_url) as client:
        assert [answer(client, query) for query in queries] == before
    with open_system(example_url) as system:
        digest = system.digest()
        system.rebuild()
        assert system.digest() == digest
    with served(example_url) as client:
        assert [answer(client, query) for query in queries] == before
    assert all(b'"errors"' not in each for each in before)


def test_a_question_without_an_answer_is_null_with_an_error_that_says_why(example_url: str) -> None:
    with served(example_url) as client:
        response = client.post("/graphql", json={"query": "{ meta { epoch } at(position: 0) { meta { epoch } } }"})
    assert response.json() | {"extensions": None} == {
        "extensions": None,
        "errors": [
            {
                "message": "position 0 is before the first entry, which is 1",
                "locations": [{"line": 1, "column": 18}],
                "path": ["at"],
                "extensions": {"code": "BAD_POSITION"},
            }
        ],
        "data": None,
    }


def test_words_that_no_database_keeps_are_refused_and_no_failure(example_url: str) -> None:
    with served(example_url) as client:
        for code in ("\x00", "UY\x000901", "\ud800"):
            body = b'{"query": "query ($c: String!) { commitment(code: $c) { id } }", "variables": {"c": "%s"}}'
            escaped = "".join(f"\\u{ord(char):04x}" for char in code).encode()
            response = client.post("/graphql", content=body % escaped, headers={"Content-Type": "application/json"})
            assert response.status_code in (200, 400), code
            assert "INTERNAL" not in response.text, code
