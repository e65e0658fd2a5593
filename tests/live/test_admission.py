"""Who may follow: how many connections each may have, whose token is good, and for how long."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from ogpgraph.application import UnitOfWork
from ogpgraph.application.commands import accounts
from ogpgraph.clock import system_clock
from ogpgraph.domain.account import Role
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.live import credential_recheck as tokens
from tests.live.clients import (
    POSITIONS,
    open_acknowledged_socket,
    open_socket,
    read_events,
    receive_close,
    receive_message,
    run_live_server,
    send_message,
)
from tests.support.writers import change_title, command_context, register_commitment

EACH = 3


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, System]]:
    url = f"sqlite:///{tmp_path_factory.mktemp('admission') / 'log.db'}"
    migrate(url)
    with pytest.MonkeyPatch.context() as patched, open_system(url) as writer:
        patched.setattr(tokens, "AGAIN_SECONDS", 0.2)
        register_commitment(writer, "FR0001")
        with run_live_server(Settings(database=url, max_live_each=EACH, max_live_cost=30)) as address:
            yield address, writer


@pytest.fixture
def address(started: tuple[str, System]) -> str:
    return started[0]


@pytest.fixture
def writer(started: tuple[str, System]) -> System:
    return started[1]


def token_of(writer: System, lasts: timedelta = timedelta(hours=1)) -> str:
    """A token of a new account."""

    def commands(uow: UnitOfWork) -> str:
        account = accounts.open_account(uow).id
        accounts.grant_rights(uow, accounts.find_account(uow, account), Role.REVIEWER)
        return account

    account = writer.execute(command_context(), commands).result
    assert account
    return writer.accounts.issue_token(account, now=system_clock(), lifetime=lasts, random_hex=secrets.token_hex)


def test_an_address_has_so_many_sockets_and_gets_its_places_back(address: str) -> None:
    for _ in range(3):
        with open_acknowledged_socket(address), open_acknowledged_socket(address), open_acknowledged_socket(address):
            with open_socket(address) as fourth:
                code, reason = receive_close(fourth)
            assert code == 4429
            assert reason == f"Too many connections: this address has {EACH} live connections, which is the most."
            refused = httpx.get(f"{address}/feed", timeout=30)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "30")
            assert refused.json()["errors"][0]["extensions"]["code"] == "TOO_MANY_CONNECTIONS"
        wait_until_free(address)


def test_streams_that_break_off_give_their_places_back(address: str) -> None:
    for _ in range(3 * EACH):
        with httpx.stream("GET", f"{address}/feed", timeout=30) as response:
            assert response.status_code == 200
            read_events(response, 1)
        wait_until_free(address)


def wait_until_free(address: str) -> None:
    """Wait until as many may be connected as ever: the server notices within a moment that somebody has gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with open_acknowledged_socket(address), open_acknowledged_socket(address), open_socket(address) as last:
            if heard_type(last) == "connection_ack":
                return
        time.sleep(0.05)
    raise AssertionError("places were not given back")


def heard_type(opened: object) -> str:
    try:
        return str(receive_message(opened)["type"])  # type: ignore[arg-type]  # a connection
    except Exception:
        return "closed"


def test_a_token_that_opens_nothing_is_refused_with_4403(address: str) -> None:
    for wrong in ("Bearer nonsense", "Basic x", "", 5):
        with open_socket(address, greeting={"authorization": wrong}) as opened:
            assert receive_close(opened) == (4403, "The token opens nothing")
    wait_until_free(address)


def test_a_good_token_is_let_in_by_greeting_and_by_header(address: str, writer: System) -> None:
    bearer = f"Bearer {token_of(writer)}"
    for greeting, headers in (({"Authorization": bearer}, {}), (None, {"Authorization": bearer})):
        with open_acknowledged_socket(address, greeting=greeting, additional_headers=headers) as opened:
            send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS, "variables": {"after": 0}})
            assert receive_message(opened)["payload"]["data"]["entries"]["position"] == 1
    wait_until_free(address)


def test_a_socket_is_closed_with_4403_when_its_token_expires(address: str, writer: System) -> None:
    bearer = f"Bearer {token_of(writer, timedelta(seconds=2))}"
    with open_acknowledged_socket(address, greeting={"authorization": bearer}) as opened:
        send_message(opened, id="1", type="subscribe", payload={"query": POSITIONS, "variables": {"after": 0}})
        assert receive_message(opened)["type"] == "next"
        assert receive_close(opened) == (4403, "The token opens nothing any more")
    wait_until_free(address)


@pytest.mark.parametrize("path", ["/feed?after=0", "/graphql"])
def test_a_stream_ends_when_its_token_expires(address: str, writer: System, path: str) -> None:
    headers = {"Authorization": f"Bearer {token_of(writer, timedelta(seconds=2))}", "Accept": "text/event-stream"}
    given = {"query": POSITIONS.replace("$after: Position", "$after: Position = 0")} if path == "/graphql" else {}
    with httpx.stream("GET", f"{address}{path}", params=given or None, headers=headers, timeout=30) as response:
        *_, last = [event for event in read_events(response, 1000) if event["event"] != "complete"]
    assert json.loads(last["data"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    wait_until_free(address)


def test_the_selection_is_weighed_for_each_entry(address: str, writer: System) -> None:
    dear = "subscription { entries { position changes { path } subject { ... on Commitment { milestones { number } "
    dear += "ratings { value } history(first: 50) { nodes { position } } } } } }"
    with open_acknowledged_socket(address) as opened:
        send_message(opened, id="dear", type="subscribe", payload={"query": dear})
        told = receive_message(opened)
        assert told["payload"][0]["extensions"]["code"] == "COST_EXCEEDED"
        send_message(opened, id="cheap", type="subscribe", payload={"query": POSITIONS})
        send_message(opened, type="ping")
        assert receive_message(opened)["type"] == "pong"
        time.sleep(0.3)
        change_title(writer, "FR0001", f"Weighed {secrets.token_hex(4)}")
        assert receive_message(opened)["id"] == "cheap"
    wait_until_free(address)


def test_any_origin_may_follow(address: str) -> None:
    for origin in ("https://example.org", "null"):
        with open_acknowledged_socket(address, origin=origin):
            pass
        with httpx.stream("GET", f"{address}/feed", headers={"Origin": origin}, timeout=30) as response:
            assert response.headers["access-control-allow-origin"] == "*"
    wait_until_free(address)
