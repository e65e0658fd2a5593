"""The budget of writes: even, per key, and small however many keys there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.errors import RateLimited
from ogpgraph.rate_limit import MAX_KEYS, RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_evenly() -> None:
    clock = Clock()
    budget = RateLimiter(6, clock)
    for _ in range(6):
        budget.consume("a")
    with pytest.raises(RateLimited) as limited:
        budget.consume("a")
    assert limited.value.wait_seconds == 10
    clock.now = 10.0
    budget.consume("a")
    with pytest.raises(RateLimited):
        budget.consume("a")


def test_a_refusal_takes_from_no_bucket() -> None:
    budget = RateLimiter(1, Clock())
    budget.consume("a")
    with pytest.raises(RateLimited):
        budget.consume("a", "b")
    budget.consume("b")


def test_keys_that_have_their_whole_share_again_are_forgotten() -> None:
    clock = Clock()
    budget = RateLimiter(60, clock)
    for number in range(MAX_KEYS):
        budget.consume(str(number))
    clock.now = 60.0
    budget.consume("one more")
    assert len(budget._buckets) == 1


@given(
    most=st.integers(1, 50),
    steps=st.lists(st.floats(0, 5, allow_nan=False), max_size=200),
)
def test_never_more_than_the_share_of_two_minutes_comes_through_within_one(most: int, steps: list[float]) -> None:
    clock = Clock()
    budget = RateLimiter(most, clock)
    through: list[float] = []
    for step in steps:
        clock.now += step
        try:
            budget.consume("a")
            through.append(clock.now)
        except RateLimited:
            continue
    for start in through:
        assert sum(start <= moment < start + 60 for moment in through) <= 2 * most
