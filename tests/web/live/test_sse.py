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


def test_a_query_is_rejected(address: str) -> None:
    body = {"query": "{ meta { position } }"}
    response = httpx.post(f"{address}/graphql", json=body, headers=EVENT_STREAM, timeout=60)
    assert (response.status_code, error_code(response.text)) == (400, "NOT_A_SUBSCRIPTION")
