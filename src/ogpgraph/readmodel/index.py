"""The index: which aggregates of a type have which tags at one position and as of one day, as bitsets.

Each aggregate has a slot. A value of a tag has one integer, in which the bit at a slot is set where that aggregate has
the value. So filters are `&`, `|` and `~` of integers, and a facet is a count of bits. An index is immutable: that of
a later position is made from it by what changed, and shares with it what did not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from itertools import islice
from typing import Final, TypeVar

from ogpgraph.domain.aggregate import aggregate_type_of
from ogpgraph.readmodel.bitsets import EMPTY_POSTING, BitReader, Posting, iter_slots, to_bitset, unite
from ogpgraph.readmodel.dimension_tags import FOREVER, unknown_dimension
from ogpgraph.readmodel.model_change import ModelChange, TagChange
from ogpgraph.readmodel.order_builder import OrderBuilder
from ogpgraph.readmodel.persistent_map import PersistentMap
from ogpgraph.readmodel.sort_index import KeyBounds, SortIndex, SortOrders
from ogpgraph.readmodel.sort_keys import BY_CODE, BY_DATA, Order, SortKey
from ogpgraph.readmodel.streams import TypeStreams

PRESENT_DAY: Final = FOREVER - 1
"""The day as of which the present is read: after all statements."""
CHECKED_ITEMS: Final = 2_000
"""After so many items, a loop calls the checkpoint: they take about a millisecond."""
MAX_ENTRIES_RATIO: Final = 8
"""If there are so many entries for each aggregate in between, most aggregates have changed."""
FEW_MOVED: Final = 16
MAX_MOVED_RATIO: Final = 64
"""If more than a few and one in so many have another key, sorting all anew is faster than following what changed."""
_POSTING_BYTES: Final = 200
"""About what a posting takes besides its bits, with its value."""
Checkpoint = Callable[[], None]
"""Called in loops over many items, at least every few milliseconds; it may wait, and may raise to stop the reader."""
Values = Mapping[str, Posting]
"""Value of a dimension → posting, without values that no aggregate has."""
Postings = Mapping[str, Values]
"""Dimension → its values."""
Dimensions = frozenset[tuple[str, str]]
"""Dimensions, each with the aggregate type that it is of."""
LISTING: Final = "*"
"""Stands among the dimensions for which aggregates of a type there are, and for their codes."""
NO_VALUES: Final[Values] = {}
ItemT = TypeVar("ItemT")


def run_on() -> None:
    """Do nothing: the checkpoint of a reader that may read on for as long as it likes."""


class Index:
    """The tags of all aggregates of one type at one position and as of one day.

    `universe` is the bitset of those that lists show.
    """

    def __init__(
        self,
        streams: TypeStreams,
        aggregate_type: str,
        position: int,
        postings: Postings,
        *,
        day: int = PRESENT_DAY,
        orders: SortOrders | None = None,
    ) -> None:
        self.streams = streams
        self.aggregate_type = aggregate_type
        self.position = position
        self.day = day
        self.postings = postings
        self.posting_bytes = sum(map(count_bytes, postings.values()))
        """About how many bytes the postings take."""
        self.count = streams.count(position)
        self.universe = _find_listed(streams, self.count, position)
        self.checkpoint: Checkpoint = run_on
        self.changed_at: Mapping[str, int] = {}
        """Dimension, or LISTING → the position at which it changed last, if it did since the index was read."""
        self.read_at = position
        """The position at which the index was read from the tables, since when it was advanced."""
        self.orders = SortOrders() if orders is None else orders
        self.sorted: dict[Order, SortIndex] = {}
        """The orders that readers have needed at this position."""
        self._is_latest = orders is None

    # The index of another position, or for another reader

    def __copy__(self) -> Index:
        """Return an index with the same content, as `copy` would, in a fifth of the time."""
        copied = Index.__new__(Index)
        copied.__dict__.update(self.__dict__)
        return copied

    def move_to(self, position: int) -> Index:
        """Return the index of a later position, up to which nothing of the type has changed."""
        moved = copy(self)
        moved.position = position
        moved.sorted = {}
        return moved

    def advance(self, change: ModelChange) -> Index:
        """Return the index of the position up to which a change leads, once the streams have its versions."""
        advanced = self.move_to(change.after)
        advanced.count = self.streams.count(change.after)
        slots = {
            self.streams.slots[version.stream]
            for version in change.versions
            if version.aggregate_type == self.aggregate_type
        }
        listed = to_bitset([slot for slot in slots if self.streams.code_at(slot, change.after)])
        advanced.universe = self.universe & ~to_bitset(slots) | listed
        changed = {LISTING: change.after} if self._is_relisted(change, slots) else {}
        if tags := [tag for tag in change.tags if aggregate_type_of(tag.stream) == self.aggregate_type]:
            advanced.postings, added_bytes = self._change_postings(tags)
            advanced.posting_bytes += added_bytes
            changed |= {tag.dimension: tag.position for tag in tags}
        if changed:
            advanced.changed_at = {**self.changed_at, **changed}
        return advanced

    def _is_relisted(self, change: ModelChange, slots: Iterable[int]) -> bool:
        """Return whether a change began one of the streams that it is about, or gave it another code."""
        first_positions, code_changes = self.streams.first_positions, self.streams.code_changes
        return any(
            first_positions[slot] > change.before
            or (slot in code_changes and code_changes[slot][-1][0] > change.before)
            for slot in slots
        )

    def _change_postings(self, tags: Iterable[TagChange]) -> tuple[Postings, int]:
        """Return the postings after some changes, and about how many bytes more they take."""
        changed: defaultdict[str, defaultdict[str, dict[int, bool]]] = defaultdict(lambda: defaultdict(dict))
        for tag in tags:
            changed[tag.dimension][tag.value][self.streams.slots[tag.stream]] = tag.is_begun
        postings, added_bytes = dict(self.postings), 0
        for dimension, values in changed.items():
            old = postings.get(dimension, NO_VALUES)
            differing = _find_differing(old, values)
            was = {value: old[value] for value in differing if value in old}
            now = {value: posting for value, posting in differing.items() if posting is not None}
            added_bytes += count_bytes(now) - count_bytes(was)
            postings[dimension] = PersistentMap.of(old).update(differing)
            if not postings[dimension]:
                del postings[dimension]
        return postings, added_bytes

    def for_reader(self, checkpoint: Checkpoint, postings: Postings | None = None) -> Index:
        """Return the index with a reader's checkpoint, and with postings that the reader loads where given."""
        found = copy(self)
        found.checkpoint = checkpoint
        if postings is not None:
            found.postings = postings
        return found

    def restrict(self, universe: int) -> Index:
        """Return the index with fewer aggregates that lists show."""
        found = copy(self)
        found.universe = self.universe & universe
        return found

    def version(self, dimension: str) -> int:
        """Return a position since which a dimension, or LISTING, has not changed: its values are those of then."""
        return self.changed_at.get(dimension, self.read_at)

    def unchanged_since(self, position: int, dimension: str) -> bool:
        """Return whether no tag of a dimension has changed since a position, as far as that is known."""
        return self.changed_at.get(dimension, self.read_at) <= position <= self.position

    # Aggregates

    def slot(self, stream: str) -> int | None:
        """Return the slot of an aggregate; None for one that does not exist at the position."""
        slot = self.streams.slots.get(stream)
        return slot if slot is not None and slot < self.count else None

    def mask_of(self, streams: Iterable[str]) -> int:
        """Return the bitset of the aggregates that exist of some ids."""
        slot_of, count = self.streams.slots.get, self.count
        return to_bitset([slot for each in self.check(streams) if (slot := slot_of(each, count)) < count])

    def code(self, stream: str) -> str:
        """Return the code of an aggregate at the position."""
        return self.streams.code_at(self.streams.slots[stream], self.position)

    def iter_ids(self, mask: int) -> Iterator[str]:
        """Yield the ids of the aggregates in a bitset, in no order."""
        return map(self.streams.ids.__getitem__, iter_slots(mask))

    def changed_since(self, position: int) -> int:
        """Return the bitset of the aggregates that changed after a position."""
        return to_bitset(self.streams.changed_slots(position, self.position))

    # Tags

    def values(self, dimension: str) -> Values:
        """Return the values of a dimension, with their postings."""
        return self.postings.get(dimension, NO_VALUES)

    def select(self, dimension: str, values: Iterable[str]) -> int:
        """Return the bitset of the aggregates that have one of some values of a dimension."""
        if not (postings := self.values(dimension)):
            return 0
        return unite(found for value in self.check(values) if (found := postings.get(value)) is not None)

    def select_all(self, dimension: str) -> int:
        """Return the bitset of the aggregates that have a value of a dimension, whichever."""
        return unite(self.check(self.values(dimension).values()))

    def unknown(self, dimension: str) -> int:
        """Return the bitset of the aggregates of which it is unknown what values of a dimension they have.

        That is so as of a day only: what was stated last is known.
        """
        if self.day == PRESENT_DAY:
            return 0
        return self.values(unknown_dimension(dimension)).get("", EMPTY_POSTING).mask()

    def count_by_value(self, dimension: str, mask: int) -> dict[str, int]:
        """Return value → how many aggregates in a bitset have it, without values that none has."""
        count_in = BitReader(mask, self.count).count
        items = self.check(self.values(dimension).items())
        return {value: count for value, posting in items if (count := count_in(posting))}

    def iter_referred(self, dimension: str, mask: int) -> Iterator[str]:
        """Yield the values of a dimension that an aggregate in a bitset has."""
        count_in = BitReader(mask, self.count).count
        return (value for value, posting in self.check(self.values(dimension).items()) if count_in(posting))

    def check(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """Yield some items, and call the checkpoint in between."""
        iterator = iter(items)
        while chunk := list(islice(iterator, CHECKED_ITEMS)):
            yield from chunk
            self.checkpoint()

    # Orders

    def page(
        self, mask: int, order: Order, limit: int, bounds: KeyBounds, *, backward: bool
    ) -> list[tuple[SortKey, str]]:
        """Return sort key and id of up to `limit` aggregates in a bitset between two keys, in reverse if `backward`."""
        keys = self.sort_index(order).page(mask, limit, bounds, backward=backward)
        return [(key, key[-1]) for key in keys]

    def sort_index(self, order: Order) -> SortIndex:
        """Return all aggregates in an order; ties go by code, then by id."""
        if (found := self.sorted.get(order)) is None:
            found = self.sorted[order] = self._follow(order) or self._sort(order)
            if self._is_latest and found.is_whole:
                self.orders.put(order, found)
        return found

    def _sort(self, order: Order) -> SortIndex:
        builder = self._order_builder()
        return builder.sort_by_code() if order == BY_CODE else builder.sort(order, self.sort_index(BY_CODE))

    def _follow(self, order: Order) -> SortIndex | None:
        """Return an order made from that of another position; None where there is none, or too much changed."""
        if (other := self.orders.get(order)) is None or (self.day != PRESENT_DAY and not _is_by_data(order)):
            return None
        then, now = sorted((other.position, self.position))
        if all(step.name == "code" for step in order):
            changed = self.streams.recoded_slots(then, now)
            if self.position < other.position and not changed:
                return self._order_builder().share(other, order)
            changed.update(range(self.streams.count(then), self.streams.count(now)))
        elif now - then > (self.count + CHECKED_ITEMS) * MAX_ENTRIES_RATIO:
            return None
        else:
            changed = self.streams.changed_slots(then, now)
        if (len(changed) - FEW_MOVED) * MAX_MOVED_RATIO > self.count:
            return None
        return self._order_builder().follow(other, order, changed)

    def _order_builder(self) -> OrderBuilder:
        return OrderBuilder(self.streams, self.aggregate_type, self.position, self.values, self.checkpoint)

    def size_bytes(self) -> int:
        """Return about how many bytes postings and orders take, if they share nothing with another index."""
        return self.posting_bytes + self.orders.size_bytes()

    def own_order_bytes(self) -> int:
        """Return about how many bytes the orders take that were needed at this position, besides what they share."""
        return sum(each.own_bytes for each in list(self.sorted.values()))


def count_bytes(values: Values) -> int:
    """Return about how many bytes the values of a dimension take."""
    return sum(_POSTING_BYTES + posting.bits.bit_length() // 8 for posting in values.values())


def _find_listed(streams: TypeStreams, count: int, position: int) -> int:
    """Return the bitset of the streams that exist at a position and have a code there.

    One that was merged into another, or registered by an import that was reverted, has none: no list shows it.
    """
    hidden = [slot for slot in list(streams.codeless) if slot < count and not streams.code_at(slot, position)]
    return (1 << count) - 1 & ~to_bitset(hidden)


def _find_differing(old: Values, changes: Mapping[str, Mapping[int, bool]]) -> dict[str, Posting | None]:
    """Return the postings of the values that changed, None for a value that no aggregate has any more."""
    changed: dict[str, Posting | None] = {}
    for value, is_begun in changes.items():
        begun = [slot for slot, is_set in is_begun.items() if is_set]
        ended = [slot for slot, is_set in is_begun.items() if not is_set]
        posting = old.get(value, EMPTY_POSTING).update(ended, begun)
        changed[value] = posting if posting.bits else None
    return changed


def _is_by_data(order: Order) -> bool:
    return all(step.name in BY_DATA for step in order)
