from __future__ import annotations

import pytest

from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.live.connection_limits import ConnectionLimits


def test_an_address_an_account_and_the_process_each_have_a_limit() -> None:
    limits = ConnectionLimits(max_total=4, max_per_client=2)
    slots = [limits.acquire("a", "account-1"), limits.acquire("b", "account-1")]
    with pytest.raises(RequestRejected, match="this account has 2 live connections"):
        limits.acquire("c", "account-1")
    slots.append(limits.acquire("a", None))
    with pytest.raises(RequestRejected, match="this address has 2 live connections"):
        limits.acquire("a", None)
    slots.append(limits.acquire("c", None))
    with pytest.raises(RequestRejected, match="this server has 4 live connections"):
        limits.acquire("d", None)
    for slot in slots:
        slot.release()
    assert (limits.open_count, limits.count_of("a"), limits.count_of("account-1")) == (0, 0, 0)


def test_a_rejected_connection_is_not_counted() -> None:
    limits = ConnectionLimits(max_total=10, max_per_client=1)
    first = limits.acquire("a", None)
    with pytest.raises(RequestRejected):
        limits.acquire("a", "account-1")
    assert (limits.open_count, limits.count_of("a"), limits.count_of("account-1")) == (1, 1, 0)
    first.release()
    assert limits.count_of("a") == 0


def test_an_account_is_counted_once_it_is_known() -> None:
    limits = ConnectionLimits(max_total=10, max_per_client=1)
    one, other = limits.acquire("a", None), limits.acquire("b", None)
    one.assign_account("account-1")
    one.assign_account("account-1")
    with pytest.raises(RequestRejected) as rejected:
        other.assign_account("account-1")
    assert (rejected.value.status, rejected.value.code) == (429, "TOO_MANY_CONNECTIONS")
    one.release()
    other.assign_account("account-1")
    assert limits.count_of("account-1") == 1
