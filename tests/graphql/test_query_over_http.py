"""Queries over HTTP: a response has the same bytes after a restart and a rebuild, and no error reveals internals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system
from tests.conftest import BOTH_ENGINES, DatabaseFactory, TickingClock
from tests.graphql.client import COMMITMENT_FIELDS, RECORD_FIELDS
from tests.graphql.example_log import record_example, sequential_ids

pytestmark = [BOTH_ENGINES, pytest.mark.slow]


@contextmanager
def serve(url: str) -> Iterator[TestClient]:
    """Serve a database, as a process that is started for it does."""
    lifespan = SystemLifespan(lambda: open_system(url, clock=TickingClock()))
    with TestClient(create_app(lifespan, Settings(database=url)), raise_server_exceptions=False) as client:
        yield client


def response_bytes(client: TestClient, query: str, **variables: Any) -> bytes:
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


def test_a_response_has_the_same_bytes_after_a_restart_and_a_rebuild(example_url: str) -> None:
    queries = [
        f"{{ {RECORD_FIELDS} }}",
        f"{{ at(position: 70) {{ {RECORD_FIELDS} }} }}",
        f'{{ commitment(code: "UY0901") {{ {COMMITMENT_FIELDS} }} }}',
        "{ entries { nodes { id recordedAt leafHash changes { path before after } evidence { quote } } } }",
    ]
    with serve(example_url) as client:
        before = [response_bytes(client, query) for query in queries]
        assert [response_bytes(client, query) for query in queries] == before
    with serve(example_url) as client:
        assert [response_bytes(client, query) for query in queries] == before
    with open_system(example_url) as system:
        digest = system.digest()
        system.rebuild()
        assert system.digest() == digest
    with serve(example_url) as client:
        assert [response_bytes(client, query) for query in queries] == before
    assert all(b'"errors"' not in each for each in before)


def test_a_field_that_cannot_be_answered_is_null_with_an_error(example_url: str) -> None:
    with serve(example_url) as client:
        response = client.post("/graphql", json={"query": "{ meta { logId } at(position: 0) { meta { position } } }"})
        log_id = client.post("/graphql", json={"query": "{ meta { logId } }"}).json()["data"]["meta"]["logId"]
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
        "data": {"meta": {"logId": log_id}, "at": None},
    }


def test_characters_that_a_database_cannot_store_are_no_internal_error(example_url: str) -> None:
    with serve(example_url) as client:
        for code in ("\x00", "UY\x000901", "\ud800"):
            body = b'{"query": "query ($c: String!) { commitment(code: $c) { id } }", "variables": {"c": "%s"}}'
            escaped = "".join(f"\\u{ord(char):04x}" for char in code).encode()
            response = client.post("/graphql", content=body % escaped, headers={"Content-Type": "application/json"})
            assert response.status_code in (200, 400), code
            assert "INTERNAL" not in response.text, code
