from __future__ import annotations

import pytest

from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.live.connection_limits import ConnectionLimits


def test_places_are_of_an_address_an_account_and_the_process() -> None:
    places = ConnectionLimits(max_total=4, max_per_client=2)
    held = [places.acquire("a", "account-1"), places.acquire("b", "account-1")]
    with pytest.raises(RequestRejected, match="this account has 2 live connections"):
        places.acquire("c", "account-1")
    held.append(places.acquire("a", None))
    with pytest.raises(RequestRejected, match="this address has 2 live connections"):
        places.acquire("a", None)
    held.append(places.acquire("c", None))
    with pytest.raises(RequestRejected, match="this server has 4 live connections"):
        places.acquire("d", None)
    for place in held:
        place.release()
    assert (places.open_count, places.count_of("a"), places.count_of("account-1")) == (0, 0, 0)


def test_a_refused_connection_takes_nothing() -> None:
    places = ConnectionLimits(max_total=10, max_per_client=1)
    first = places.acquire("a", None)
    with pytest.raises(RequestRejected):
        places.acquire("a", "account-1")
    assert (places.open_count, places.count_of("a"), places.count_of("account-1")) == (1, 1, 0)
    first.release()
    assert places.count_of("a") == 0


def test_the_account_is_counted_once_it_is_known() -> None:
    places = ConnectionLimits(max_total=10, max_per_client=1)
    one, other = places.acquire("a", None), places.acquire("b", None)
    one.assign_account("account-1")
    one.assign_account("account-1")
    with pytest.raises(RequestRejected) as refused:
        other.assign_account("account-1")
    assert (refused.value.status, refused.value.code) == (429, "TOO_MANY_CONNECTIONS")
    one.release()
    other.assign_account("account-1")
    assert places.count_of("account-1") == 1
