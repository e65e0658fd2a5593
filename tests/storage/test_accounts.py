"""The account store: tokens authenticate their account until they expire or are revoked."""

from datetime import timedelta

import pytest

from ogpgraph.storage.accounts import InvalidToken
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, TickingClock

ACCOUNT = "account-1"


class Hex:
    """Predictable random bytes: the numbers 1, 2, 3, …."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, size: int) -> str:
        self.number += 1
        return f"{self.number:0{2 * size}x}"


def issue(system: System, clock: TickingClock, hours: int = 1) -> str:
    return system.accounts.issue_token(ACCOUNT, now=clock.now, lifetime=timedelta(hours=hours), random_hex=Hex())


@BOTH_ENGINES
def test_a_token_authenticates_its_account_until_it_expires(system: System, clock: TickingClock) -> None:
    token = issue(system, clock)
    assert token == f"ogp_000000000001_{2:064x}"
    assert system.accounts.authenticate_token(token, clock.now + timedelta(minutes=59)) == ACCOUNT
    with pytest.raises(InvalidToken, match="expired"):
        system.accounts.authenticate_token(token, clock.now + timedelta(minutes=60))


@BOTH_ENGINES
def test_a_revoked_token_authenticates_nobody_and_the_others_still_do(system: System, clock: TickingClock) -> None:
    random_hex = Hex()
    tokens = [
        system.accounts.issue_token(ACCOUNT, now=clock.now, lifetime=timedelta(days=1), random_hex=random_hex)
        for _ in range(3)
    ]
    prefix = tokens[0].split("_")[1]
    assert system.accounts.revoke_tokens(ACCOUNT, now=clock.now, prefix=prefix) == 1
    with pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(tokens[0], clock.now)
    assert system.accounts.authenticate_token(tokens[1], clock.now) == ACCOUNT
    assert system.accounts.revoke_tokens(ACCOUNT, now=clock.now) == 2
    with pytest.raises(InvalidToken, match="revoked"):
        system.accounts.authenticate_token(tokens[1], clock.now)


def test_the_last_use_of_a_token_is_recorded_to_the_minute(system: System, clock: TickingClock) -> None:
    token, start = issue(system, clock), clock.now
    assert system.accounts.list_tokens(ACCOUNT)[0].last_used_at is None
    for seconds, recorded in ((10, 10), (40, 10), (80, 80)):
        system.accounts.authenticate_token(token, start + timedelta(seconds=seconds))
        last = system.accounts.list_tokens(ACCOUNT)[0].last_used_at
        assert last is not None
        assert last.startswith(f"{start + timedelta(seconds=recorded):%Y-%m-%dT%H:%M:%S}")


def test_the_secret_of_a_token_is_not_stored(system: System, clock: TickingClock) -> None:
    secret = issue(system, clock).rpartition("_")[2]
    with system.database.read() as transaction:
        stored = [dict(row) for row in transaction.fetch_all("select * from token")]
    assert len(stored) == 1
    assert secret not in str(stored)
    assert len(stored[0]["hash"]) == 64
