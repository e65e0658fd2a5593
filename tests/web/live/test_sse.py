from __future__ import annotations

import json

import httpx
import pytest

from ogpgraph.system import System
from tests.support.server import post_query
from tests.support.writers import change_title
from tests.web.live.clients import POSITIONS, error_code, position_of, read_events

pytestmark = pytest.mark.slow
EVENT_STREAM = {"accept": "text/event-stream"}


def test_a_subscription_streams_results_with_their_positions_as_ids(address: str, writer: System) -> None:
    head = post_query(address, "{ meta { position } }").json()["data"]["meta"]["position"]
    body = {"query": POSITIONS, "variables": {"after": head - 1}}
    with httpx.stream("POST", f"{address}/graphql", json=body, headers=EVENT_STREAM, timeout=60) as response:
        assert response.status_code == 200
        change_title(writer, "FR0001", "Over SSE")
        first, second = read_events(response, 2)
    assert (first["event"], second["event"]) == ("next", "next")
    assert position_of(second) == position_of(first) + 1
    assert json.loads(second["data"])["data"]["entries"]["position"] == position_of(second)


def test_a_query_is_executed_as_by_http_and_is_one_event(address: str) -> None:
    body = {"query": '{ meta { position } nope: node(id: "x") { id } }'}
    plain = httpx.post(f"{address}/graphql", json=body, timeout=60)
    url = f"{address}/graphql"
    posted = httpx.post(url, json=body, headers=EVENT_STREAM, timeout=60)
    for response in (posted, httpx.get(url, params=body, headers=EVENT_STREAM, timeout=60)):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-position"] == plain.headers["x-position"]
        assert response.text == f"event: next\ndata: {plain.text}\n\nevent: complete\ndata:\n\n"


@pytest.mark.parametrize(
    ("query", "method", "status", "code"),
    [
        ("{", "POST", 400, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "POST", 400, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nope }", "POST", 400, "GRAPHQL_VALIDATION_FAILED"),
        ("mutation { __typename }", "GET", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_what_is_not_executed_gets_its_status_as_json(
    address: str, query: str, method: str, status: int, code: str
) -> None:
    url, ask = f"{address}/graphql", {"query": query}
    if method == "POST":
        response = httpx.post(url, json=ask, headers=EVENT_STREAM, timeout=60)
    else:
        response = httpx.get(url, params=ask, headers=EVENT_STREAM, timeout=60)
    assert (response.status_code, error_code(response.text)) == (status, code)
    assert response.headers["content-type"].startswith("application/json")


def test_a_mutation_needs_the_same_rights_as_by_http(address: str) -> None:
    body = {"query": 'mutation { registerMember(input: {code: "GBR", prefix: "UK", name: "x"}) { errors { code } } }'}
    response = httpx.post(f"{address}/graphql", json=body, headers=EVENT_STREAM, timeout=60)
    assert '"code":"UNAUTHENTICATED"' in response.text
