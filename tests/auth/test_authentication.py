"""Authentication: every header without a valid token is rejected, and the log has the reason but not the token."""

import pytest
from structlog.testing import capture_logs

from ogpgraph.auth.authentication import LINES_PER_MINUTE, AuthenticationFailed, Authenticator, Caller, RefusalLog
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.system import System
from tests.conftest import TickingClock
from tests.storage.test_accounts import issue


@pytest.mark.parametrize(
    "invalid",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer ogp_",
        "Bearer ogp_000000000001",
        "Bearer ogp_000000000001_",
        f"Bearer ogp_000000000001_{3:064x}",
        f"Bearer ogp_000000000009_{2:064x}",
        f"Bearer ogp_000000000001_{2:064x}x",
        f"Bearer ogp_000000000001_{2:063x}é",
        f"ogp_000000000001_{2:064x}",
        "Bearer " + "x" * 10_000,
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
    ],
)
def test_a_header_without_a_valid_token_is_rejected_and_logged_without_the_token(
    system: System, clock: TickingClock, invalid: str
) -> None:
    issue(system, clock)
    refusals = RefusalLog()
    authenticator = Authenticator(system.accounts, lambda: clock.now, refusals)
    with capture_logs() as lines, pytest.raises(AuthenticationFailed) as raised:
        authenticator.identify(invalid, address="192.0.2.7", request_id="request-1")
    assert str(raised.value) == ""
    assert refusals.counts() == {("token", "UNAUTHENTICATED"): 1}
    logged = str(lines)
    assert "192.0.2.7" in logged
    assert f"{2:064x}" not in logged
    assert "eyJ" not in logged


def test_without_a_header_the_caller_is_a_reader(system: System, clock: TickingClock) -> None:
    authenticator = Authenticator(system.accounts, clock, RefusalLog())
    assert authenticator.identify(None, address="a", request_id="r") == Caller(None, "a")


def test_refusals_of_one_address_are_all_counted_and_not_all_logged() -> None:
    refusals = RefusalLog(clock=lambda: 0.0)
    with capture_logs() as logged_events:
        for address in ("192.0.2.1", "2001:db8::1", "2001:db8::2"):
            for _ in range(2 * LINES_PER_MINUTE):
                refusals.record("x", RefusalCode.UNAUTHENTICATED, address=address)
    assert refusals.counts() == {("x", RefusalCode.UNAUTHENTICATED): 6 * LINES_PER_MINUTE}
    assert len(logged_events) == 2 * LINES_PER_MINUTE
