"""Clients take turns by the time that they use, however many waiters each has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.host import find_network
from ogpgraph.web.fair_queue import MAX_KEYS, Client, FairQueue

A, B, C = (Client(name) for name in "abc")


@dataclass(eq=False)
class Waiting:
    client: Client
    size: int = 0
    seconds: float = 1.0


def serve(queue: FairQueue[Waiting], number: int | None = None) -> list[Waiting]:
    """Take so many waiters, or all, each of which uses its seconds."""
    served: list[Waiting] = []
    while (number is None or len(served) < number) and (taken := queue.take(lambda _waiter: True)) is not None:
        queue.charge(taken.client, taken.seconds)
        served.append(taken)
    return served


def fill(*waiters: Waiting) -> FairQueue[Waiting]:
    queue: FairQueue[Waiting] = FairQueue()
    for waiter in waiters:
        queue.add(waiter)
    return queue


def names(waiters: list[Waiting]) -> str:
    return "".join(each.client.network for each in waiters)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_the_addresses_of_an_ipv6_network_are_one_client(address: str, network: str) -> None:
    assert find_network(address) == network


def test_clients_take_turns_however_many_waiters_each_has() -> None:
    queue = fill(*(Waiting(A) for _ in range(4)), *(Waiting(B) for _ in range(2)))
    assert names(serve(queue)) == "ababaa"


def test_a_client_whose_work_takes_longer_has_fewer_turns() -> None:
    queue = fill(*(Waiting(A, seconds=3) for _ in range(4)), *(Waiting(B, seconds=1) for _ in range(9)))
    assert Counter(names(serve(queue, 8))) == {"a": 2, "b": 6}


def test_accounts_behind_one_address_share_what_the_address_gets() -> None:
    first, second = Client("a", "account-1"), Client("a", "account-2")
    queue = fill(*(Waiting(client) for client in (first, second, B) for _ in range(20)))
    turns = Counter(each.client for each in serve(queue, 20))
    assert turns == {first: 5, second: 5, B: 10}


def test_an_account_gets_no_more_by_using_several_addresses() -> None:
    clients = [Client(f"address-{number}", "account") for number in range(4)]
    queue = fill(*(Waiting(client) for client in (*clients, B) for _ in range(20)))
    assert Counter(each.client == B for each in serve(queue, 20)) == {True: 10, False: 10}


def test_nobody_saves_time_up_and_a_newcomer_is_served_at_once() -> None:
    queue = fill(*(Waiting(A) for _ in range(20)))
    serve(queue, 10)
    for _ in range(10):
        queue.add(Waiting(B))
    assert names(serve(queue, 6)) in ("bababa", "bbabab", "ababab")


def test_who_may_not_go_lets_others_pass_and_keeps_the_place() -> None:
    queue = fill(Waiting(A), Waiting(B), Waiting(A))
    taken = queue.take(lambda waiter: waiter.client != A)
    assert taken is not None
    assert taken.client == B
    assert queue.take(lambda _waiter: False) is None
    assert names(serve(queue)) == "aa"


def test_the_client_with_most_waiters_loses_its_last_one_and_never_to_one_with_as_many() -> None:
    waiters = [Waiting(A), Waiting(A), Waiting(B)]
    queue = fill(*waiters)
    assert queue.drop_from_longest(C, lambda _waiter: True) is waiters[1]
    assert queue.drop_from_longest(B, lambda _waiter: True) is None
    assert names(serve(queue)) == "ab"


def test_the_used_time_of_many_addresses_is_forgotten() -> None:
    queue: FairQueue[Waiting] = FairQueue()
    queue.add(Waiting(A))
    for number in range(MAX_KEYS + 10):
        queue.charge(Client(str(number)), 1.0)
    queue.add(Waiting(B))
    assert len(queue._used) < MAX_KEYS
    assert names(serve(queue)) in ("ab", "ba")


CLIENTS = st.builds(Client, st.sampled_from("abc"), st.sampled_from([None, "x", "y"]))
STEPS = st.lists(
    st.one_of(
        st.builds(Waiting, CLIENTS, st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0, 7.0])),
        st.sampled_from(["take", "leave"]),
    ),
    max_size=60,
)


@given(STEPS, st.randoms(use_true_random=False))
def test_every_waiter_is_taken_or_leaves_exactly_once_and_the_totals_are_theirs(
    steps: list[object], random: Random
) -> None:
    queue: FairQueue[Waiting] = FairQueue()
    expected: list[Waiting] = []
    for step in steps:
        if isinstance(step, Waiting):
            queue.add(step)
            expected.append(step)
        elif step == "take" and expected:
            (taken,) = serve(queue, 1)
            # Within a client they go in the order in which they came.
            assert taken is next(each for each in expected if each.client == taken.client)
            expected.remove(taken)
        elif expected:
            leaving = random.choice(expected)
            expected.remove(leaving)
            assert queue.remove(leaving)
            assert not queue.remove(leaving)
        assert len(queue) == len(expected)
        assert queue.total_size == sum(each.size for each in expected)
        assert set(queue) == set(expected)
    assert set(serve(queue)) == set(expected)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.125, 0.5, 1.0])), min_size=1, max_size=30),
    st.integers(1, 3),
)
def test_between_clients_that_always_wait_the_used_time_never_differs_by_more_than_one_turn_each(
    turns: list[tuple[str, float]], others: int
) -> None:
    clients = [Client(name) for name in "abcd"[: others + 1]]
    queue = fill(*(Waiting(client) for client in clients))
    used = dict.fromkeys(clients, 0.0)
    for _, seconds in turns:
        taken = queue.take(lambda _waiter: True)
        assert taken is not None
        assert used[taken.client] == min(used.values())
        queue.charge(taken.client, seconds)
        used[taken.client] += seconds
        queue.add(Waiting(taken.client))
    assert max(used.values()) - min(used.values()) <= 1.0
