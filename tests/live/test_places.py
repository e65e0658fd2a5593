from __future__ import annotations

import pytest

from ogpgraph.web.live.places import Places
from ogpgraph.web.refused import Refused


def test_places_are_of_an_address_an_account_and_the_process() -> None:
    places = Places(most=4, most_each=2)
    held = [places.take("a", "account-1"), places.take("b", "account-1")]
    with pytest.raises(Refused, match="this account has 2 live connections"):
        places.take("c", "account-1")
    held.append(places.take("a", None))
    with pytest.raises(Refused, match="this address has 2 live connections"):
        places.take("a", None)
    held.append(places.take("c", None))
    with pytest.raises(Refused, match="this server has 4 live connections"):
        places.take("d", None)
    for place in held:
        place.release()
    assert (places.open, places.taken_by("a"), places.taken_by("account-1")) == (0, 0, 0)


def test_a_refused_connection_takes_nothing() -> None:
    places = Places(most=10, most_each=1)
    first = places.take("a", None)
    with pytest.raises(Refused):
        places.take("a", "account-1")
    assert (places.open, places.taken_by("a"), places.taken_by("account-1")) == (1, 1, 0)
    first.release()
    assert places.taken_by("a") == 0


def test_the_account_is_counted_once_it_is_known() -> None:
    places = Places(most=10, most_each=1)
    one, other = places.take("a", None), places.take("b", None)
    one.of_account("account-1")
    one.of_account("account-1")
    with pytest.raises(Refused) as refused:
        other.of_account("account-1")
    assert (refused.value.status, refused.value.code) == (429, "TOO_MANY_CONNECTIONS")
    one.release()
    other.of_account("account-1")
    assert places.taken_by("account-1") == 1
