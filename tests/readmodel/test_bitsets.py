"""Sets of slots: what goes in comes out, for few slots and many, wherever they are."""

from __future__ import annotations

import random

import pytest

from ogpgraph.readmodel.bitsets import BitReader, Posting, iter_slots, to_bitset, unite


def str_of(slots: list[int]) -> str:
    """Return a name of a set of slots."""
    return f"{len(slots)} from {slots[0] if slots else 0}"


SETS = [
    [],
    [0],
    [70_000],
    [3, 70_000],
    list(range(100)),
    list(range(50_000, 50_300)),
    *(sorted(random.Random(size).sample(range(5_000), size)) for size in (2, 20, 300, 1_000, 4_900)),
]


@pytest.mark.parametrize("slots", SETS, ids=str_of)
def test_bitset_has_the_slots_that_it_was_made_of(slots: list[int]) -> None:
    mask = to_bitset(slots)
    assert mask == sum(1 << slot for slot in slots)
    assert list(iter_slots(mask)) == slots
    assert to_bitset(slots, 0 if not slots else slots[0]) << (slots[0] if slots else 0) == mask


@pytest.mark.parametrize("slots", SETS[1:], ids=str_of)
def test_posting_counts_the_slots_that_it_has_in_common_with_a_bitset(slots: list[int]) -> None:
    posting, others = Posting.of(slots), slots[::2]
    assert posting.mask() == to_bitset(slots)
    assert posting.count(to_bitset(others)) == len(others)
    assert posting.has_any(to_bitset(others))
    assert not posting.has_any(0)
    assert BitReader(to_bitset(others), 70_001).count(posting) == len(others)
    assert BitReader(0, max(slots) + 1).count(posting) == 0


def test_posting_loses_and_gains_slots() -> None:
    posting = Posting().update([], [70, 200, 3]).update([3], [5])
    assert list(iter_slots(posting.mask())) == [5, 70, 200]
    assert posting.update([5, 70, 200], []) == Posting()


def test_union_has_the_slots_of_all() -> None:
    assert unite(Posting.of(slots) for slots in SETS[1:]) == to_bitset(sorted(set().union(*SETS)))
    assert unite([]) == 0
