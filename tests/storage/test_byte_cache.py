"""A cache is bounded by bytes, and drops what was not used for longest."""

from ogpgraph.storage.byte_cache import BYTES_PER_ITEM, ByteCache

SIZE = 1_000


def build_cache(items: int) -> ByteCache[int, int]:
    """Return a cache for so many items, each of its size."""
    return ByteCache(items * (SIZE + BYTES_PER_ITEM), lambda size: size, largest_share=1)


def test_what_was_used_last_stays_and_what_was_not_used_for_longest_goes() -> None:
    cache = build_cache(4)
    cache.add({1: SIZE, 2: SIZE, 3: SIZE, 4: SIZE})
    assert cache.get(1) == SIZE
    assert cache.get_many([2, 9]) == {2: SIZE}
    cache.add({5: SIZE, 6: SIZE})
    assert [cache.peek(key) for key in (1, 2, 3, 4, 5, 6)] == [SIZE, SIZE, None, None, SIZE, SIZE]


def test_what_is_added_again_takes_its_place_once() -> None:
    cache = build_cache(2)
    for _ in range(3):
        cache.add({1: SIZE})
    assert cache.use().bytes == SIZE + BYTES_PER_ITEM


def test_each_use_is_counted_whether_it_found_something_or_not() -> None:
    cache = build_cache(4)
    cache.add({1: SIZE})
    assert cache.get(1)
    assert cache.get(2) is None
    cache.get_many([1, 2, 3])
    assert (cache.use().hits, cache.use().misses) == (2, 3)
