"""The token bucket: refills evenly, one bucket for each key, bounded memory however many keys there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.rate_limit import MAX_KEYS, RateLimiter, RateLimitExceeded


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_refills_evenly() -> None:
    clock = Clock()
    limiter = RateLimiter(6, clock)
    for _ in range(6):
        limiter.charge(["a"])
    with pytest.raises(RateLimitExceeded) as limited:
        limiter.charge(["a"])
    assert limited.value.wait_seconds == 10
    clock.now = 10.0
    limiter.charge(["a"])
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["a"])


def test_if_one_bucket_has_too_few_tokens_none_is_charged() -> None:
    limiter = RateLimiter(1, Clock())
    limiter.charge(["a"])
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["a", "b"])
    limiter.charge(["b"])


def test_what_is_known_to_be_used_is_taken_if_there_is_the_whole_cost() -> None:
    limiter = RateLimiter(10, Clock())
    limiter.charge(["a"], 8, 3)
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["a"], 8, 3)
    limiter.charge(["a"], 7)


def test_full_buckets_are_forgotten() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    for number in range(MAX_KEYS):
        limiter.charge([str(number)])
    clock.now = 60.0
    limiter.charge(["one more"])
    assert len(limiter._buckets) == 1


def test_a_bucket_never_exceeds_its_capacity() -> None:
    clock = Clock()
    limiter = RateLimiter(60, clock)
    limiter.charge(["a"], 60)
    with pytest.raises(RateLimitExceeded) as exceeded:
        limiter.charge(["a"], 30)
    assert exceeded.value.wait_seconds == 30
    clock.now += 30
    limiter.charge(["a"], 30)
    clock.now += 1_000
    limiter.charge(["a"], 60)
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["a"], 1)


def test_unused_tokens_are_refunded() -> None:
    limiter = RateLimiter(60, Clock())
    for _ in range(10):
        limiter.charge(["a"], 60)
        limiter.refund(["a"], 60)
    limiter.charge(["a"], 60)


def test_a_key_with_enough_tokens_is_not_charged_for_one_that_has_too_few() -> None:
    limiter = RateLimiter(10, Clock())
    limiter.charge(["address a", "account x"], 8)
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["address b", "account x"], 8)
    limiter.charge(["address b"], 10)


def test_a_cost_above_the_capacity_takes_a_full_bucket() -> None:
    clock = Clock()
    limiter = RateLimiter(10, clock)
    limiter.charge(["a"], 1_000)
    with pytest.raises(RateLimitExceeded):
        limiter.charge(["a"], 1_000)
    clock.now += 60
    limiter.charge(["a"], 1_000)


def test_the_number_of_buckets_is_bounded() -> None:
    limiter = RateLimiter(10, Clock())
    for number in range(MAX_KEYS + 50):
        limiter.charge([f"address {number}"], 1)
    assert len(limiter._buckets) == MAX_KEYS


@given(
    capacity=st.integers(1, 50),
    steps=st.lists(st.floats(0, 5, allow_nan=False), max_size=200),
)
def test_at_most_twice_the_capacity_is_charged_within_a_minute(capacity: int, steps: list[float]) -> None:
    clock = Clock()
    limiter = RateLimiter(capacity, clock)
    charged: list[float] = []
    for step in steps:
        clock.now += step
        try:
            limiter.charge(["a"])
            charged.append(clock.now)
        except RateLimitExceeded:
            continue
    for start in charged:
        assert sum(start <= moment < start + 60 for moment in charged) <= 2 * capacity
