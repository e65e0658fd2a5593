"""What is taken away in the very moment of a write counts: after it, nothing that rested on it is recorded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ogpgraph.application import Act, Session
from ogpgraph.auth.identify import Caller, Identifier
from ogpgraph.auth.refusals import Refusals
from ogpgraph.domain.account import Role
from ogpgraph.storage.accounts import Login
from ogpgraph.system import System
from tests.auth.serving import token_of
from tests.conftest import BOTH_ENGINES, Ticking
from tests.graphql.writing import World, Writer

WRITERS = 4
MOST = 1_000
ISSUER = "https://issuer.test"

pytestmark = BOTH_ENGINES


@pytest.fixture
def world(system: System) -> World:
    return World(system)


def with_token(world: World) -> Writer:
    """A writer who was let in with a token once, as a request is, and goes on writing with that."""
    token = token_of(world.system, world.reporter, days=1000)
    identifier = Identifier(world.system.accounts, world.system.clock, Refusals())
    writer = Writer(world.system, world.reporter.account)
    writer.caller = identifier.identify(f"Bearer {token}", address="192.0.2.1", request_id="r")
    return writer


def revise(writer: Writer, title: str) -> list[str]:
    """The codes of the refusals that a write meets with."""
    payload = writer.send("reviseCommitment", "errors { code }", commitment="FR0001", title=title)
    return [error["code"] for error in payload["errors"]]


def take_rights(world: World) -> None:
    account = str(world.reporter.account)
    act = Act(actor="operator", role="administrator", time=world.system.clock())
    world.system.record(act, lambda session: session.revoke_rights(account, Role.REPORTER))


def take_tokens(world: World) -> None:
    assert world.system.accounts.revoke(str(world.reporter.account), now=world.system.clock())


def before_storing(world: World, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen once, when a write was permitted and is about to take the log's lock."""
    store = world.system.log.append

    def append(*events: Any, **given: Any) -> list[int]:
        monkeypatch.undo()
        happens()
        return store(*events, **given)

    monkeypatch.setattr(world.system.log, "append", append)


@pytest.mark.parametrize(
    ("taken", "code"), [(take_rights, "FORBIDDEN"), (take_tokens, "UNAUTHENTICATED")], ids=["right", "token"]
)
def test_what_is_taken_between_the_check_and_the_write_stops_the_write(
    world: World, monkeypatch: pytest.MonkeyPatch, taken: Callable[[World], None], code: str
) -> None:
    writer = with_token(world)
    before_storing(world, monkeypatch, lambda: taken(world))
    head = world.position()
    assert revise(writer, "Too late") == [code]
    assert world.position() == head + (taken is take_rights)


def test_a_login_that_is_unlinked_between_the_check_and_the_write_stops_the_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, account, login = world.reporter, str(world.reporter.account), Login(ISSUER, "somebody")
    world.system.accounts.link(login.issuer, login.subject, account)
    writer.caller = Caller(account, "192.0.2.1", login)
    assert revise(writer, "In time") == []
    before_storing(world, monkeypatch, lambda: world.system.accounts.unlink(account))
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_token_that_runs_out_between_the_check_and_the_write_stops_the_write(
    world: World, clock: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out() -> None:
        clock.now += timedelta(days=365 * 100)

    writer = with_token(world)
    before_storing(world, monkeypatch, run_out)
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_right_that_is_granted_in_between_hinders_no_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def grant(session: Session) -> None:
        session.grant_rights(str(world.reporter.account), Role.REVIEWER)

    act = Act(actor="operator", role="administrator", time=world.system.clock())
    before_storing(world, monkeypatch, lambda: world.system.record(act, grant))
    assert revise(with_token(world), "In time") == []


@pytest.mark.parametrize("taken", [take_rights, take_tokens], ids=["right", "token"])
def test_once_it_is_taken_away_nothing_more_is_recorded_by_any_of_many_writers(
    world: World, taken: Callable[[World], None]
) -> None:
    def write_on(writer: Writer, number: int) -> list[str]:
        for written in range(MOST):
            if (refused := revise(writer, f"Title {number}.{written}")) not in ([], ["CONFLICT"]):
                return refused
        return ["NEVER"]

    with ThreadPoolExecutor(WRITERS) as writers:
        known = [with_token(world) for _ in range(WRITERS)]
        writing = [writers.submit(write_on, writer, number) for number, writer in enumerate(known)]
        head = world.position()
        while world.position() < head + 2 * WRITERS:
            pass
        taken(world)
        last = world.system.log.max_notification_id()
        assert {code for each in writing for code in each.result()} <= {"FORBIDDEN", "UNAUTHENTICATED"}
    assert world.system.log.max_notification_id() == last
