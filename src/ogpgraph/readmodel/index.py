"""Which subjects have which tags at one position, as bitsets: what filters, facets and counts are answered from.

A subject has a slot; a tag's value has one whole number, whose bit at a slot is set when that
subject has it. Filters are then `&`, `|` and `~` on numbers, and a facet is a count of bits. An
index never changes: the one of a later position is made from it with what changed in between.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from ogpgraph.storage.database import Row, Transaction

SortKey = tuple[str, ...]
Order = tuple[tuple[str, bool], ...]
"""Fields to sort by, each with whether it goes down: `code`, `changed`, or a dimension of the tags."""
KeyBounds = tuple[tuple[object, ...] | None, tuple[object, ...] | None]
"""After which key, and before which."""


class Posting(NamedTuple):
    """Who has a value: bits that begin at a slot, so that a value few have takes little room."""

    offset: int = 0
    bits: int = 0

    def mask(self) -> int:
        """Return the bits of everyone who has it."""
        return self.bits << self.offset

    def count(self, mask: int) -> int:
        """Return how many of some subjects have it."""
        return (mask >> self.offset & self.bits).bit_count()

    def update(self, removed: list[int], added: list[int]) -> Posting:
        """Return the posting after some lost the value and others got it."""
        mask = self.mask() & ~to_bitset(removed) | to_bitset(added)
        offset = (mask & -mask).bit_length() - 1 if mask else 0
        return Posting(offset, mask >> offset)


EMPTY_POSTING = Posting()
Postings = Mapping[str, Mapping[str, Posting]]
BY_CODE: Order = (("code", False),)
SCAN_RATIO = 16
"""From one in so many on, it is quicker to sort those found than to walk along everyone until enough are found."""
SPARSE_LIMIT = 200
_SELECT_VERSIONS = (
    "select id, code, since from version where aggregate_type = :aggregate_type and since <= :at and :at < until"
)
_SELECT_TAGS = (
    "select id, dimension, value from tag where aggregate_type = :aggregate_type and since <= :at and :at < until"
)
_SELECT_NEW_VERSIONS = f"{_SELECT_VERSIONS} and since > :then"
_SELECT_OPENED_TAGS = f"{_SELECT_TAGS} and since > :then"
_SELECT_CLOSED_TAGS = (
    "select id, dimension, value from tag where aggregate_type = :aggregate_type "
    "and since <= :then and until > :then and until <= :at"
)


@dataclass(frozen=True)
class SortIndex:
    """Everyone in one order: the sort keys, the slots, and where each slot stands."""

    keys: list[SortKey]
    slots: list[int]
    rank_of: dict[int, int]

    def iter_ranks(self, mask: int, start: int, stop: int, *, backward: bool) -> Iterator[int]:
        """Yield the places of some subjects between two places, in order or from the end."""
        if mask.bit_count() * SCAN_RATIO < len(self.slots):
            places = sorted((self.rank_of[slot] for slot in iter_slots(mask)), reverse=backward)
            return (place for place in places if start <= place < stop)
        # One byte string is indexed in constant time, where shifting the number would cost its length each time.
        bits = mask.to_bytes(len(self.slots) // 8 + 1, "little")
        walk = range(stop - 1, start - 1, -1) if backward else range(start, stop)
        return (place for place in walk if bits[self.slots[place] >> 3] >> (self.slots[place] & 7) & 1)


@dataclass(frozen=True)
class Index:
    """The tags of all subjects of one kind at one position."""

    aggregate_type: str
    position: int
    ids: tuple[str, ...] = ()
    slots: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    since: Mapping[int, int] = field(default_factory=dict)
    universe: int = 0
    postings: Postings = field(default_factory=dict)
    sort_indexes: dict[Order, SortIndex] = field(default_factory=dict, compare=False)

    def select(self, dimension: str, values: Iterable[str]) -> int:
        """Return who has one of some values of a dimension."""
        posting = self.postings.get(dimension, {})
        mask = 0
        for value in values:
            mask |= posting.get(value, EMPTY_POSTING).mask()
        return mask

    def count_by_value(self, dimension: str, mask: int) -> dict[str, int]:
        """Return value → how many of some subjects have it, without those nobody has."""
        counted = {value: posting.count(mask) for value, posting in self.postings.get(dimension, {}).items()}
        return {value: number for value, number in counted.items() if number}

    def iter_ids(self, mask: int) -> Iterator[str]:
        """Yield the ids of some subjects, in no order."""
        return (self.ids[slot] for slot in iter_slots(mask))

    def page(
        self, mask: int, order: Order, limit: int, bounds: KeyBounds, *, backward: bool
    ) -> list[tuple[SortKey, str]]:
        """Return (sort key, id) of up to `limit` of some subjects between two keys, from the end if `backward`."""
        ranking = self.sort_index(order)
        after, before = bounds
        start = bisect_right(ranking.keys, after) if after is not None else 0
        stop = bisect_left(ranking.keys, before) if before is not None else len(ranking.keys)
        places = islice(ranking.iter_ranks(mask, start, stop, backward=backward), limit)
        return [(ranking.keys[place], self.ids[ranking.slots[place]]) for place in places]

    def sort_index(self, order: Order) -> SortIndex:
        """Return everyone in an order; ties go by code, then by id."""
        if order not in self.sort_indexes:
            parts = [self._sort_values(name, descending=descending) for name, descending in order]
            name = encode_order(order)
            keys = (((name, *(p.get(s, "") for p in parts), self.codes[s], each), s) for each, s in self.slots.items())
            rows = sorted(keys)
            slots = [slot for _, slot in rows]
            place_of = {slot: place for place, slot in enumerate(slots)}
            self.sort_indexes[order] = SortIndex([key for key, _ in rows], slots, place_of)
        return self.sort_indexes[order]

    def _sort_values(self, name: str, *, descending: bool) -> Mapping[int, str]:
        """Return slot → what a field of an order sorts by."""
        if name == "code":
            texts = self.codes
        elif name == "changed":
            texts = {slot: f"{since:020d}" for slot, since in self.since.items()}
        else:
            texts = self._least_values(name)
        return {slot: _invert(text) for slot, text in texts.items()} if descending else texts

    def _least_values(self, dimension: str) -> dict[int, str]:
        least: dict[int, str] = {}
        for value, posting in sorted(self.postings.get(dimension, {}).items(), reverse=True):
            least.update(dict.fromkeys(iter_slots(posting.mask()), value))
        return least


def encode_order(order: Order) -> str:
    """Return the name of an order, with which its sort keys begin: a key of another order is told by it."""
    return ",".join(f"{name}-" if descending else name for name, descending in order)


def _invert(text: str) -> str:
    """Return a text that sorts the other way round, so that one comparison serves every direction."""
    return "".join(chr(0x10FFFF - ord(character)) for character in text) + chr(0x10FFFF)


def build_index(transaction: Transaction, aggregate_type: str, position: int) -> Index:
    """Return the index of a kind at a position, made from all its rows."""
    versions = transaction.fetch_all(_SELECT_VERSIONS, aggregate_type=aggregate_type, at=position)
    tags = transaction.stream(_SELECT_TAGS, aggregate_type=aggregate_type, at=position)
    return _apply_changes(Index(aggregate_type, 0), position, versions, (), tags)


def advance_index(transaction: Transaction, index: Index, position: int) -> Index:
    """Return the index of a later position, made from an earlier one and what changed in between."""
    bounds = {"aggregate_type": index.aggregate_type, "then": index.position, "at": position}
    versions = transaction.fetch_all(_SELECT_NEW_VERSIONS, **bounds)
    closed = transaction.fetch_all(_SELECT_CLOSED_TAGS, **bounds)
    opened = transaction.fetch_all(_SELECT_OPENED_TAGS, **bounds)
    return _apply_changes(index, position, versions, closed, opened)


def _apply_changes(
    index: Index, position: int, versions: list[Row], closed: Iterable[Row], opened: Iterable[Row]
) -> Index:
    ids, slots = list(index.ids), dict(index.slots)
    codes, since = dict(index.codes), dict(index.since)
    same_order = True
    for row in versions:
        slot = slots.setdefault(row["id"], len(ids))
        if slot == len(ids):
            ids.append(row["id"])
        same_order &= codes.get(slot) == row["code"]
        codes[slot], since[slot] = row["code"], row["since"]
    postings = _update_postings(index.postings, slots, closed, opened)
    # What was merged into another, or came in by an import that was undone, has no code: no list has it.
    everyone = (1 << len(ids)) - 1 & ~to_bitset([slot for slot, code in codes.items() if not code])
    by_code = {order: ranking for order, ranking in index.sort_indexes.items() if same_order and order == BY_CODE}
    return Index(index.aggregate_type, position, tuple(ids), slots, codes, since, everyone, postings, by_code)


def _update_postings(old: Postings, slots: Mapping[str, int], closed: Iterable[Row], opened: Iterable[Row]) -> Postings:
    gone, come = _group_by_value(slots, closed), _group_by_value(slots, opened)
    postings = {dimension: dict(values) for dimension, values in old.items()}
    for tag in gone.keys() | come.keys():
        dimension, value = tag
        values = postings.setdefault(dimension, {})
        values[value] = values.get(value, EMPTY_POSTING).update(gone[tag], come[tag])
    return postings


def _group_by_value(slots: Mapping[str, int], rows: Iterable[Row]) -> defaultdict[tuple[str, str], list[int]]:
    found: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row in rows:
        found[row["dimension"], row["value"]].append(slots[row["id"]])
    return found


def iter_slots(mask: int) -> Iterator[int]:
    """Yield the slots whose bits are set, lowest first; a few are picked out, many are gone through byte by byte."""
    if mask.bit_count() < SPARSE_LIMIT:
        while mask:
            lowest = mask & -mask
            yield lowest.bit_length() - 1
            mask ^= lowest
        return
    for place, byte in enumerate(mask.to_bytes(mask.bit_length() // 8 + 1, "little")):
        if byte:
            yield from (place * 8 + bit for bit in range(8) if byte >> bit & 1)


def to_bitset(slots: list[int]) -> int:
    """Return the number with these bits set, in time linear in its length."""
    if not slots:
        return 0
    data = bytearray(max(slots) // 8 + 1)
    for slot in slots:
        data[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(data, "little")


CACHED_PER_TYPE = 6


class IndexCache:
    """Gives the index of a kind at a position."""

    def __init__(self) -> None:
        self._cached: dict[str, OrderedDict[int, Index]] = defaultdict(OrderedDict)
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, transaction: Transaction, aggregate_type: str, position: int) -> Index:
        """Return the index of a kind at a position, from memory, from an earlier one, or from the rows."""
        with self._locks[aggregate_type]:
            kept = self._cached[aggregate_type]
            if position not in kept:
                kept[position] = self._build(transaction, aggregate_type, position)
            kept.move_to_end(position)
            while len(kept) > CACHED_PER_TYPE:
                kept.popitem(last=False)
            return kept[position]

    def _build(self, transaction: Transaction, aggregate_type: str, position: int) -> Index:
        earlier = max((at for at in self._cached[aggregate_type] if at < position), default=None)
        if earlier is None:
            return build_index(transaction, aggregate_type, position)
        return advance_index(transaction, self._cached[aggregate_type][earlier], position)
