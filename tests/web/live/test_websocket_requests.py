"""Queries and mutations over a WebSocket: the same results, limits and rights as over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.sync.client import ClientConnection

from ogpgraph.clock import system_clock
from ogpgraph.domain.roles import Role
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from tests.web.live.clients import (
    issue_token,
    open_acknowledged_socket,
    receive_error_code,
    receive_message,
    run_live_server,
    send_message,
    subscribe,
)

pytestmark = pytest.mark.slow

POSITION = "{ meta { position } }"
REGISTER = """mutation ($code: String!) {
  registerMember(input: {code: $code, prefix: $code, name: "A member"}) { errors { code } position }
}"""


class Served(NamedTuple):
    address: str
    writer: System


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with a small limit of cost."""
    url = f"sqlite:///{tmp_path_factory.mktemp('requests')}/log.db"
    migrate(url)
    environ = {"OGPGRAPH_DATABASE": url, "OGPGRAPH_MAX_COST": "4000"}
    with run_live_server(Settings.from_environment(environ)) as address, open_system(url) as writer:
        yield Served(address, writer)


def respond(socket: ClientConnection, payload: dict[str, Any], identifier: str = "1") -> dict[str, Any]:
    """The only result of an operation, which is complete then."""
    send_message(socket, id=identifier, type="subscribe", payload=payload)
    result, end = receive_message(socket), receive_message(socket)
    assert (result["type"], result["id"], end) == ("next", identifier, {"id": identifier, "type": "complete"}), result
    response: dict[str, Any] = result["payload"]
    return response


def test_a_query_has_the_response_that_it_has_over_http(served: Served) -> None:
    query = """query A { members { totalCount } fails: node(id: "x") { id } } query B { meta { position } }"""
    with open_acknowledged_socket(served.address) as socket:
        for payload in ({"query": query, "operationName": "A"}, {"query": query, "operationName": "B"}):
            assert respond(socket, payload) == httpx.post(f"{served.address}/graphql", json=payload).json()
        subscribe(socket, "1", query)
        assert receive_error_code(socket, "1") == "OPERATION_RESOLUTION_FAILURE"
        assert respond(socket, {"query": POSITION})["data"]["meta"]["position"] >= 0


@pytest.mark.parametrize("place", ["connection_init", "header"])
def test_a_mutation_needs_the_rights_of_a_token_and_a_revoked_one_has_none(served: Served, place: str) -> None:
    code = "AAA" if place == "header" else "BBB"
    payload = {"query": REGISTER, "variables": {"code": code}}
    with open_acknowledged_socket(served.address) as socket:
        assert respond(socket, payload)["data"]["registerMember"]["errors"] == [{"code": "UNAUTHENTICATED"}]
    token = issue_token(served.writer, Role.ADMINISTRATOR)
    bearer = {"Authorization": f"Bearer {token}"}
    options: dict[str, Any] = {"additional_headers": bearer} if place == "header" else {"init_payload": bearer}
    with open_acknowledged_socket(served.address, **options) as socket:
        registered = respond(socket, payload)["data"]["registerMember"]
        assert (registered["errors"], registered["position"] > 0) == ([], True)
        account = served.writer.accounts.authenticate_token(token, system_clock())
        served.writer.accounts.revoke_tokens(account, now=system_clock())
        send_message(socket, id="2", type="subscribe", payload={"query": REGISTER, "variables": {"code": "CCC"}})
        assert receive_error_code(socket, "2") == "UNAUTHENTICATED"


def test_the_cost_of_a_query_is_limited_as_over_http(served: Served) -> None:
    with open_acknowledged_socket(served.address) as socket:
        subscribe(socket, "large", "{ commitments(first: 100) { nodes { history(first: 100) { nodes { id } } } } }")
        assert receive_error_code(socket, "large") == "COST_EXCEEDED"


def test_an_address_has_one_budget_for_all_transports(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)
    settings = Settings.from_environment({"OGPGRAPH_DATABASE": url, "OGPGRAPH_COST_PER_MINUTE": "6"})
    with run_live_server(settings) as address, open_acknowledged_socket(address) as socket:
        for _ in range(5):
            respond(socket, {"query": POSITION})
        stream = {"Accept": "text/event-stream"}
        httpx.post(f"{address}/graphql", json={"query": "{ a: meta { position } }"}, headers=stream)
        ask = {"query": "{ a: meta { position } b: meta { position } c: meta { position } d: meta { position } }"}
        assert httpx.post(f"{address}/graphql", json=ask).status_code == 429
        send_message(socket, id="1", type="subscribe", payload=ask)
        assert receive_error_code(socket, "1") == "BUDGET_EXHAUSTED"


def test_a_document_may_be_named_by_its_hash(served: Served) -> None:
    query = "{ meta { position } __typename }"
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}
    with open_acknowledged_socket(served.address) as socket:
        send_message(socket, id="1", type="subscribe", payload={"extensions": persisted})
        assert receive_error_code(socket, "1") == "PERSISTED_QUERY_NOT_FOUND"
        assert respond(socket, {"query": query, "extensions": persisted})["data"]["__typename"] == "Query"
        assert respond(socket, {"query": "", "extensions": persisted})["data"]["__typename"] == "Query"


def test_an_operation_that_its_client_ends_sends_nothing_more(served: Served) -> None:
    with open_acknowledged_socket(served.address) as socket:
        for number in range(20):
            subscribe(socket, f"ended {number}", POSITION)
            send_message(socket, id=f"ended {number}", type="complete")
        send_message(socket, type="ping")
        identifiers = set()
        while (message := receive_message(socket))["type"] != "pong":
            identifiers.add(message["id"])
        assert respond(socket, {"query": POSITION}, "last")["data"]
