"""Revocations at the moment of a write: after one, nothing is recorded with the revoked right, token or login."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from ogpgraph.auth.authentication import Authenticator, Caller, RefusalLog
from ogpgraph.domain import account as account_commands
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.storage.accounts import LoginCredential
from ogpgraph.storage.append import LogAppend
from ogpgraph.system import System
from tests.auth.client import issue_token
from tests.conftest import BOTH_ENGINES, SystemFactory, TickingClock
from tests.graphql.mutations.client import MutationClient, SampleSystem

WRITERS = 4
MAX_WRITES = 1_000
ISSUER = "https://issuer.test"
Revoke = Callable[[SampleSystem, System], None]

pytestmark = BOTH_ENGINES


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


def writer_with_token(sample: SampleSystem) -> MutationClient:
    """Return a writer that was authenticated once, as a request is, and writes with that credential."""
    token = issue_token(sample.system, sample.reporter, days=1000)
    authenticator = Authenticator(sample.system.accounts, sample.system.clock, RefusalLog())
    writer = MutationClient(sample.system, sample.reporter.account)
    writer.caller = authenticator.identify(f"Bearer {token}", address="192.0.2.1", request_id="r")
    return writer


def revise(writer: MutationClient, title: str) -> list[str]:
    """Return the codes of the refusals of a write."""
    payload = writer.send("reviseCommitment", "errors { code }", commitment="FR0001", title=title)
    return [error["code"] for error in payload["errors"]]


def revoke_rights_of(sample: SampleSystem, system: System) -> None:
    account = str(sample.reporter.account)
    context = CommandContext(actor="operator", role="administrator", time=system.clock())
    system.execute(
        context,
        lambda uow: account_commands.revoke_rights(uow, account_commands.find_account(uow, account), Role.REPORTER),
    )


def revoke_tokens_of(sample: SampleSystem, system: System) -> None:
    assert system.accounts.revoke_tokens(str(sample.reporter.account), now=system.clock())


def run_before_append(sample: SampleSystem, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> None:
    """Run an action of another process once, after a write was authorized and before it takes the log's lock."""
    original = sample.system.log.begin_append

    def begin_append() -> AbstractContextManager[LogAppend]:
        monkeypatch.undo()
        action()
        return original()

    monkeypatch.setattr(sample.system.log, "begin_append", begin_append)


@pytest.mark.parametrize(
    ("revoke", "code"), [(revoke_rights_of, "FORBIDDEN"), (revoke_tokens_of, "UNAUTHENTICATED")], ids=["right", "token"]
)
def test_a_revocation_between_the_check_and_the_append_prevents_the_append(
    sample: SampleSystem, make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch, revoke: Revoke, code: str
) -> None:
    writer, other = writer_with_token(sample), make_system()
    run_before_append(sample, monkeypatch, lambda: revoke(sample, other))
    head = sample.position()
    assert revise(writer, "Too late") == [code]
    assert sample.position() == head + (revoke is revoke_rights_of)


def test_a_login_unlinked_between_the_check_and_the_append_prevents_the_append(
    sample: SampleSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, account, login = sample.reporter, str(sample.reporter.account), LoginCredential(ISSUER, "somebody")
    sample.system.accounts.link(login.issuer, login.subject, account)
    writer.caller = Caller(account, "192.0.2.1", login)
    assert revise(writer, "In time") == []
    run_before_append(sample, monkeypatch, lambda: sample.system.accounts.unlink(account))
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_token_that_expires_between_the_check_and_the_append_prevents_the_append(
    sample: SampleSystem, clock: TickingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expire() -> None:
        clock.now += timedelta(days=365 * 100)

    writer = writer_with_token(sample)
    run_before_append(sample, monkeypatch, expire)
    assert revise(writer, "Too late") == ["UNAUTHENTICATED"]


def test_a_right_granted_in_between_does_not_prevent_the_append(
    sample: SampleSystem, make_system: SystemFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_system()

    def grant(uow: UnitOfWork) -> None:
        account_commands.grant_rights(
            uow, account_commands.find_account(uow, str(sample.reporter.account)), Role.REVIEWER
        )

    context = CommandContext(actor="operator", role="administrator", time=sample.system.clock())
    run_before_append(sample, monkeypatch, lambda: other.execute(context, grant))
    assert revise(writer_with_token(sample), "In time") == []


@pytest.mark.parametrize("revoke", [revoke_rights_of, revoke_tokens_of], ids=["right", "token"])
def test_after_a_revocation_none_of_many_writers_records_anything(sample: SampleSystem, revoke: Revoke) -> None:
    def write_until_refused(writer: MutationClient, number: int) -> list[str]:
        for written in range(MAX_WRITES):
            if (refused := revise(writer, f"Title {number}.{written}")) not in ([], ["CONFLICT"]):
                return refused
        return ["NEVER"]

    with ThreadPoolExecutor(WRITERS) as writers:
        clients = [writer_with_token(sample) for _ in range(WRITERS)]
        writing = [writers.submit(write_until_refused, writer, number) for number, writer in enumerate(clients)]
        head = sample.position()
        while sample.position() < head + 2 * WRITERS:
            pass
        revoke(sample, sample.system)
        last = sample.system.log.max_notification_id()
        assert {code for each in writing for code in each.result()} <= {"FORBIDDEN", "UNAUTHENTICATED"}
    assert sample.system.log.max_notification_id() == last
