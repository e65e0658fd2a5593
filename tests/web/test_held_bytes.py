"""What clients may make the server hold is bounded for each of them, and in total."""

from __future__ import annotations

import pytest

from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.held_bytes import HeldBytes, HoldLimits


@pytest.fixture
def held() -> HeldBytes:
    return HeldBytes(HoldLimits(total=100, each=50, share=10))


def test_a_client_may_hold_no_more_than_its_limit(held: HeldBytes) -> None:
    with held.hold("a") as first, held.hold("a") as second:
        first.add(30)
        second.add(20)
        with pytest.raises(RequestRejected) as rejected:
            second.add(1)
        assert (rejected.value.status, rejected.value.headers["Retry-After"]) == (503, "2")
        assert held.total == 50
    with held.hold("a") as later:
        later.add(50)


def test_all_together_may_hold_no_more_than_the_total_but_each_has_a_share(held: HeldBytes) -> None:
    with held.hold("a") as a, held.hold("b") as b, held.hold("c") as c:
        a.add(50)
        b.add(50)
        c.add(10)
        with pytest.raises(RequestRejected):
            c.add(1)


def test_nothing_is_held_after_the_end_of_a_request_however_it_ends(held: HeldBytes) -> None:
    with held.hold("a") as holding:
        holding.add(40)
        with pytest.raises(RequestRejected):
            holding.add(40)
    assert held.total == 0
