"""Orders that follow changes equal those sorted anew, and their pages are slices of the sorted list."""

from __future__ import annotations

import random

import pytest

from ogpgraph.readmodel.bitsets import to_bitset
from ogpgraph.readmodel.sort_index import CHUNK_SIZE, MAX_ORDERS, SortIndex, SortOrders
from ogpgraph.readmodel.sort_keys import Order, SortKey, SortStep

SIZES = [0, 1, 10, CHUNK_SIZE + 1, 5 * CHUNK_SIZE]


def _key(rng: random.Random, slot: int) -> SortKey:
    return ("+order", str(rng.randrange(50)), f"stream-{slot}")


def _sorted(keys: dict[int, SortKey]) -> list[tuple[SortKey, int]]:
    return sorted((key, slot) for slot, key in keys.items())


def _contents(index: SortIndex) -> list[tuple[SortKey, int]]:
    return list(zip(index.iter_keys(), index.iter_slots(), strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_moved_order_equals_one_sorted_anew(size: int) -> None:
    rng = random.Random(size)
    keys = {slot: _key(rng, slot) for slot in range(size)}
    index = SortIndex.build(1, list(keys.values()))
    for number in range(40):
        before, was = index, _sorted(keys)
        # Few are moved one by one, many are merged; the highest slots go and come, as those of later streams do.
        count = max(0, len(keys) + rng.choice([-2, 0, 0, 3]))
        changed: dict[int, SortKey | None] = dict.fromkeys(range(count, len(keys)))
        moved = rng.sample(range(count), min(count, rng.choice([0, 1, 4, 200])))
        changed |= {slot: _key(rng, slot) for slot in [*moved, *range(len(keys), count)]}
        index = index.move(number, changed)
        keys = {slot: key for slot, key in {**keys, **changed}.items() if key is not None}
        assert _contents(index) == _sorted(keys)
        assert _contents(before) == was
        assert (index.position, index.length) == (number, len(keys))
        assert all(index.key(slot) == key for slot, key in keys.items())


def test_many_keys_are_sorted_in_parts_with_the_checkpoint_in_between() -> None:
    rng = random.Random(1)
    calls: list[None] = []
    keys = {slot: _key(rng, slot) for slot in range(9_000)}
    index = SortIndex.build(1, list(keys.values()), lambda: calls.append(None))
    assert _contents(index) == _sorted(keys)
    assert len(calls) > 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("backward", [False, True])
def test_page_is_a_slice_of_the_matches_between_two_keys(size: int, *, backward: bool) -> None:
    rng = random.Random(size)
    keys = {slot: _key(rng, slot) for slot in range(size)}
    index = SortIndex.build(1, list(keys.values()))
    for _ in range(60):
        slots = rng.sample(range(size), rng.choice([size, size // 2, min(size, 3)]))
        after, before = (rng.choice([None, _key(rng, rng.randrange(size + 1))]) for _ in range(2))
        limit = rng.choice([1, 3, 40, 10_000])
        matches = [keys[slot] for slot in slots]
        expected = sorted(
            (key for key in matches if (after is None or key > after) and (before is None or key < before)),
            reverse=backward,
        )
        assert index.page(to_bitset(slots), limit, (after, before), backward=backward) == expected[:limit]


def test_only_the_orders_used_most_recently_are_kept_each_at_its_latest_position() -> None:
    orders, index = SortOrders(), SortIndex.build(5, [])
    names: list[Order] = [(SortStep(f"field {number}"),) for number in range(MAX_ORDERS + 1)]
    for order in names[:MAX_ORDERS]:
        orders.put(order, index)
    orders.put(names[0], SortIndex.build(4, []))
    orders.put(names[-1], index)
    assert orders.get(names[0]) is index
    assert orders.get(names[1]) is None
    assert orders.get(names[-1]) is index
