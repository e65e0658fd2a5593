"""Orders that follow changes equal those sorted anew, and their pages are slices of the sorted list."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.readmodel.bitsets import to_bitset
from ogpgraph.readmodel.sort_index import (
    CHUNK_SIZE,
    MAX_ORDERS,
    SharedList,
    SortIndex,
    SortKeys,
    SortOrders,
    TextColumn,
    sort_in_parts,
)
from ogpgraph.readmodel.sort_keys import Order, SortKey, SortStep

SIZES = [0, 1, 10, CHUNK_SIZE + 1, 5 * CHUNK_SIZE]


class Texts:
    """Sort texts by slot, of which many are equal, and orders of them as an index makes them."""

    def __init__(self, rng: random.Random, size: int) -> None:
        self.rng = rng
        self.of_slot = [self.choose() for _ in range(size)]

    def choose(self) -> str:
        """Return a random text."""
        return str(self.rng.randrange(50))

    def key(self, slot: int) -> SortKey:
        """Return the sort key of a slot."""
        return ("+order", self.of_slot[slot], f"{slot:05}", f"stream-{slot}")

    def keys(self, built: SharedList[SortKey | None] | None = None) -> SortKeys:
        """Return the sort keys of all slots."""
        column = TextColumn(SharedList.of(self.of_slot))
        unbuilt: SharedList[SortKey | None] = SharedList.of([None] * len(self.of_slot))
        return SortKeys("+order", [column], lambda slot: (f"{slot:05}", f"stream-{slot}"), built or unbuilt)

    def build(self, position: int) -> SortIndex:
        """Return the order of all slots."""
        slots = sort_in_parts(range(len(self.of_slot)), self.of_slot.__getitem__, lambda: None)
        return SortIndex.build(position, slots, self.keys())

    def list(self) -> list[tuple[SortKey, int]]:
        """Return keys and slots in order."""
        return sorted((self.key(slot), slot) for slot in range(len(self.of_slot)))


def _contents(index: SortIndex) -> list[tuple[SortKey, int]]:
    return list(zip(index.iter_keys(), index.iter_slots(), strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_moved_order_equals_one_sorted_anew(size: int) -> None:
    rng = random.Random(size)
    texts = Texts(rng, size)
    index = texts.build(1)
    for number in range(40):
        before, was, former = index, texts.list(), len(texts.of_slot)
        # The highest slots go and come, as those of later streams do.
        count = max(0, former + rng.choice([-2, 0, 0, 3]))
        moved = rng.sample(range(count), min(count, rng.choice([0, 1, 4, 200])))
        texts.of_slot = [*texts.of_slot[:count], *(texts.choose() for _ in range(former, count))]
        for slot in moved:
            texts.of_slot[slot] = texts.choose()
        changed = {*moved, *range(min(former, count), max(former, count))}
        built = index.keys.built.replace(dict.fromkeys(changed), None)
        index = index.move(number, count, texts.keys(built), changed)
        assert _contents(index) == texts.list()
        assert _contents(before) == was
        assert (index.position, index.length, index.is_whole) == (number, count, True)
        assert all(index.keys(slot) == texts.key(slot) for slot in range(count))


def test_an_order_of_an_earlier_position_has_only_what_existed_there() -> None:
    texts = Texts(random.Random(1), 600)
    index = texts.build(7)
    earlier = index.at(3, 500, texts.keys())
    assert _contents(earlier) == [(key, slot) for key, slot in texts.list() if slot < 500]
    assert (earlier.position, earlier.length, earlier.is_whole) == (3, 500, False)


def test_many_slots_are_sorted_in_parts_with_the_checkpoint_in_between() -> None:
    calls: list[None] = []
    texts = Texts(random.Random(1), 9_000).of_slot
    slots = sort_in_parts(range(9_000), texts.__getitem__, lambda: calls.append(None))
    assert slots == sorted(range(9_000), key=texts.__getitem__)
    assert len(calls) > 2


@given(
    st.lists(st.integers(), max_size=3 * CHUNK_SIZE),
    st.dictionaries(st.integers(0, 4 * CHUNK_SIZE), st.integers(), max_size=9),
)
def test_a_shared_list_with_replaced_items_leaves_the_former_as_it_was(
    items: list[int], changed: dict[int, int]
) -> None:
    shared = SharedList.of(items)
    replaced = shared.replace(changed, 0)
    assert [shared[n] for n in range(len(items))] == items
    for number in {*range(len(items)), *changed}:
        assert replaced[number] == changed.get(number, items[number] if number < len(items) else 0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("backward", [False, True])
def test_page_is_a_slice_of_the_matches_between_two_keys(size: int, *, backward: bool) -> None:
    rng = random.Random(size)
    texts = Texts(rng, size)
    index = texts.build(1)
    for _ in range(60):
        slots = rng.sample(range(size), rng.choice([size, size // 2, min(size, 3)]))
        after, before = (rng.choice([None, ("+order", texts.choose(), "00009")]) for _ in range(2))
        limit = rng.choice([1, 3, 40, 10_000])
        matches = [texts.key(slot) for slot in slots]
        expected = sorted(
            (key for key in matches if (after is None or key > after) and (before is None or key < before)),
            reverse=backward,
        )
        assert index.page(to_bitset(slots), limit, (after, before), backward=backward) == expected[:limit]


def test_only_the_orders_used_most_recently_are_kept_each_at_its_latest_position() -> None:
    orders, index = SortOrders(), Texts(random.Random(1), 0).build(5)
    names: list[Order] = [(SortStep(f"field {number}"),) for number in range(MAX_ORDERS + 1)]
    for order in names[:MAX_ORDERS]:
        orders.put(order, index)
    orders.put(names[0], Texts(random.Random(1), 0).build(4))
    orders.put(names[-1], index)
    assert orders.get(names[0]) is index
    assert orders.get(names[1]) is None
    assert orders.get(names[-1]) is index
