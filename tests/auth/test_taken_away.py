"""What is taken away in the very moment of a write counts: after it, nothing that rested on it is recorded."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ogpgraph.auth.authentication import Authenticator, Caller, RefusalLog
from ogpgraph.domain.account import find_account, grant_rights, revoke_rights
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.storage.accounts import LoginCredential
from ogpgraph.system import System
from tests.auth.client import issue_token
from tests.conftest import BOTH_ENGINES, TickingClock
from tests.graphql.mutations.client import MutationClient, SampleSystem

WRITERS = 4
MOST = 1_000
ISSUER = "https://issuer.test"

pytestmark = BOTH_ENGINES


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


def with_token(sample: SampleSystem) -> MutationClient:
    """A writer who was let in with a token once, as a request is, and goes on writing with that."""
    token = issue_token(sample.system, sample.reporter, days=1000)
    identifier = Authenticator(sample.system.accounts, sample.system.clock, RefusalLog())
    writer = MutationClient(sample.system, sample.reporter.account)
    writer.caller = identifier.identify(f"Bearer {token}", address="192.0.2.1", request_id="r")
    return writer


def revise(writer: MutationClient, title: str) -> list[str]:
    """The codes of the refusals that a write meets with."""
    payload = writer.send("reviseCommitment", "errors { code }", commitment="FR0001", title=title)
    return [error["code"] for error in payload["errors"]]


def take_rights(sample: SampleSystem) -> None:
    account = str(sample.reporter.account)
    act = CommandContext(actor="operator", role="administrator", time=sample.system.clock())
    sample.system.execute(act, lambda uow: revoke_rights(uow, find_account(uow, account), Role.REPORTER))


def take_tokens(sample: SampleSystem) -> None:
    assert sample.system.accounts.revoke_tokens(str(sample.reporter.account), now=sample.system.clock())


def before_storing(sample: SampleSystem, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen once, when a write was permitted and is about to take the log's lock."""
    store = sample.system.log.append

    def append(*events: Any, **given: Any) -> list[int]:
        monkeypatch.undo()
        happens()
        return store(*events, **given)

    monkeypatch.setattr(sample.system.log, "append", append)


@pytest.mark.parametrize(
    ("taken", "code"), [(take_rights, "FORBIDDEN"), (take_tokens, "UNAUTHENTICATED")], ids=["right", "token"]
)
def test_what_is_taken_between_the_check_and_the_write_stops_the_write(
    sample: SampleSystem, monkeypatch: pytest.MonkeyPatch, taken: Callable[[SampleSystem], None], code: str
) -> None:
    writer = with_token(sample)
    before_storing(sample, monkeypatch, lambda: taken(sample))
    head = sample.position()
    assert revise(writer, "Too late") == [code]
    assert sample.position() == head + (taken is take_rights)


def test_a_login_that_is_unlinked_between_the_check_and_the_write_stops_the_write(
    sample: SampleSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, account, login = sample.reporter, str(sample.reporter.account), LoginCredential(ISSUER, "somebody")
    sample.system.accounts.link(login.issuer, login.subject, account)
    writer.caller = Caller(account, "192.0.2.1", login)
    assert revise(writer, "In time") == []
    before_storing(sample, monkeypatch, lambda: sample.system.accounts.unlink(account))
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_token_that_runs_out_between_the_check_and_the_write_stops_the_write(
    sample: SampleSystem, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out() -> None:
        clock.now += timedelta(days=365 * 100)

    writer = with_token(sample)
    before_storing(sample, monkeypatch, run_out)
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_right_that_is_granted_in_between_hinders_no_write(
    sample: SampleSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grant(uow: UnitOfWork) -> None:
        grant_rights(uow, find_account(uow, str(sample.reporter.account)), Role.REVIEWER)

    act = CommandContext(actor="operator", role="administrator", time=sample.system.clock())
    before_storing(sample, monkeypatch, lambda: sample.system.execute(act, grant))
    assert revise(with_token(sample), "In time") == []


@pytest.mark.parametrize("taken", [take_rights, take_tokens], ids=["right", "token"])
def test_once_it_is_taken_away_nothing_more_is_recorded_by_any_of_many_writers(
    sample: SampleSystem, taken: Callable[[SampleSystem], None]
) -> None:
    def write_on(writer: MutationClient, number: int) -> list[str]:
        for written in range(MOST):
            if (refused := revise(writer, f"Title {number}.{written}")) not in ([], ["CONFLICT"]):
                return refused
        return ["NEVER"]

    with ThreadPoolExecutor(WRITERS) as writers:
        known = [with_token(sample) for _ in range(WRITERS)]
        writing = [writers.submit(write_on, writer, number) for number, writer in enumerate(known)]
        head = sample.position()
        while sample.position() < head + 2 * WRITERS:
            pass
        taken(sample)
        last = sample.system.log.max_notification_id()
        assert {code for each in writing for code in each.result()} <= {"FORBIDDEN", "UNAUTHENTICATED"}
    assert sample.system.log.max_notification_id() == last
