"""The fragment cache is bounded by bytes, keeps what was used last, and says how much it has."""

from __future__ import annotations

from ogpgraph.readmodel.fragment_cache import FragmentCache

PIECE = b"x" * 700  # a thousand bytes with what a fragment takes besides


def test_what_was_added_is_found_in_the_order_of_the_versions() -> None:
    table = FragmentCache().table("selection")
    table.add({1: (1, 0, b"one"), 2: (1, 0, b"two")})
    assert table.find([2, 3, 1]) == [(1, 0, b"two"), None, (1, 0, b"one")]


def test_tables_of_different_keys_share_nothing() -> None:
    cache = FragmentCache()
    cache.table("a").add({1: (1, 0, b"one")})
    assert cache.table("b").find([1]) == [None]
    assert cache.table("a").find([1]) == [(1, 0, b"one")]


def test_it_never_takes_more_than_it_may_and_keeps_what_is_used() -> None:
    cache = FragmentCache(100_000)
    table = cache.table("selection")
    table.add({0: (1, 0, PIECE)})
    for version in range(1, 1_000):
        table.add({version: (1, 0, PIECE)})
        assert table.find([0]) != [None]
        assert cache.use().bytes <= 110_000
    assert table.find([1]) == [None]
    assert table.find([999]) != [None]


def test_a_fragment_that_would_displace_many_others_is_not_kept() -> None:
    cache = FragmentCache(100_000)
    table = cache.table("selection")
    table.add({1: (1, 0, b"x" * 5_000), 2: (1, 0, b"x")})
    assert table.find([1, 2]) == [None, (1, 0, b"x")]


def test_pieces_with_gaps_and_ids_count_too() -> None:
    cache = FragmentCache()
    before = cache.use().bytes
    cache.table("selection").add({1: (1, 0, (b"a" * 400, b"b" * 400), "plan-1", b"c", None)})
    assert cache.use().bytes - before > 1_000


def test_a_table_that_nobody_uses_is_dropped() -> None:
    cache = FragmentCache(100_000)
    cache.table("unused").add({1: (1, 0, b"one")})
    cache.clear()
    assert cache.use()[:2] == (0, 0)
    assert cache.table("unused").find([1]) == [None]
