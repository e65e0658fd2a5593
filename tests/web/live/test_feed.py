from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ogpgraph.web.live.feed import PARAMETERS
from tests.web.live.clients import PROTOCOL, error_code, position_of, read_events

SUBSCRIPTION = "subscription{entries(after:0){position}}"
pytestmark = pytest.mark.slow


def test_a_feed_begins_with_the_log_and_has_each_position_as_id(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=3", timeout=60) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        first, *entries = read_events(response, 4)
    assert first["event"] == "log"
    assert json.loads(first["data"]).keys() == {"logId", "position", "root", "cursor"}
    assert [position_of(entry) for entry in entries] == [4, 5, 6]
    data = json.loads(entries[0]["data"])["data"]["entries"]
    assert (data["position"], data["kind"], data["subject"]["__typename"]) == (4, "CommitmentRevised", "Commitment")
    assert data["changes"][0]["after"] == "Title 1"


def test_a_feed_resumes_after_the_last_event_id(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=0", headers={"Last-Event-ID": "8"}, timeout=60) as response:
        assert [position_of(event) for event in read_events(response, 2)] == [8, 9]


def test_a_feed_can_begin_at_a_time(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?since=2000-01-01T00:00:00Z", timeout=60) as response:
        assert position_of(read_events(response, 2)[1]) == 1


def test_a_feed_can_be_filtered(address: str) -> None:
    with httpx.stream("GET", f"{address}/feed?after=0&kind=CodeAssigned,CommitmentRegistered", timeout=60) as response:
        assert [position_of(event) for event in read_events(response, 3)] == [0, 1, 2]
    with httpx.stream("GET", f"{address}/feed?after=0&path=title&role=Publisher", timeout=60) as response:
        assert [position_of(event) for event in read_events(response, 2)] == [0, 2]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=100000", "BAD_POSITION"),
        ("after=-1", "BAD_POSITION"),
        ("after=x", "BAD_POSITION"),
        ("since=yesterday", "BAD_TIME"),
        ("since=2026-01-01", "BAD_TIME"),
        ("kind=Nonsense", "BAD_USER_INPUT"),
        ("path=titel", "UNKNOWN_VALUE"),
        ("policyArea=Opn%20Data", "UNKNOWN_VALUE"),
        ("since=2999-01-01T00:00:00Z", "BAD_TIME"),
        ("since=2026-01-01T00:00:00+00:00", "BAD_TIME"),
        ("since=2026-01-01T00:00:00Z&after=0", "BAD_REQUEST"),
        ("members=FRA", "BAD_REQUEST"),
        ("member=", "BAD_REQUEST"),
        ("member=FRA,", "BAD_REQUEST"),
        ("member=FRA&member=USA", "BAD_REQUEST"),
        ("after=0&after=0", "BAD_REQUEST"),
        ("log=", "BAD_REQUEST"),
    ],
)
def test_a_feed_that_cannot_begin_is_rejected_with_a_code(address: str, query: str, code: str) -> None:
    response = httpx.get(f"{address}/feed?{query}", timeout=60)
    assert response.status_code == 400
    assert error_code(response.text) == code
    named = query.partition("=")[0]
    assert "kind" in named or code == "BAD_POSITION" or f"`{named}`" in response.json()["errors"][0]["message"]


def test_a_wrong_filter_is_named_as_the_parameter_that_it_is(address: str) -> None:
    message = httpx.get(f"{address}/feed?kind=CommitmentRevisd", timeout=60).json()["errors"][0]["message"]
    assert message.startswith('The parameter `kind[0]` is "CommitmentRevisd", but has to be one of the values')
    assert "Did you mean 'CommitmentRevised'" in message


def test_head_gives_the_headers_of_a_feed_and_ends(address: str) -> None:
    for path, headers in (("/feed?after=0", {}), ("/graphql?query=" + SUBSCRIPTION, {"Accept": "text/event-stream"})):
        response = httpx.head(f"{address}{path}", headers=headers, timeout=60)
        assert (response.status_code, response.content) == (200, b"")
        assert response.headers["content-type"].startswith("text/event-stream")
    assert httpx.head(f"{address}/feed?members=FRA", timeout=60).status_code == 400


@pytest.mark.parametrize("path", ["/graphql/", "/feed", "/health", "/", "/nope", "/graphql/x"])
def test_a_websocket_of_another_path_gets_404(address: str, path: str) -> None:
    url = address.replace("http", "ws") + path
    with pytest.raises(InvalidStatus) as refusal, connect(url, subprotocols=[PROTOCOL]):
        pass
    assert refusal.value.response.status_code == 404
    assert error_code(refusal.value.response.body.decode()) == "NOT_FOUND"


def test_the_documentation_names_every_parameter_of_a_feed() -> None:
    text = Path("docs/live.md").read_text()
    assert [name for name in PARAMETERS.declared if f"`{name}`" not in text] == []
