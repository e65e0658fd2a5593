"""The index: which aggregates of a type have which tags at one position and as of one day, as bitsets.

Each aggregate has a slot. A value of a tag has one integer, in which the bit at a slot is set where that aggregate has
the value. So filters are `&`, `|` and `~` of integers, and a facet is a count of bits. An index is immutable: that of
a later position, or day, is made from it and from the rows that changed in between.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple

from ogpgraph.domain.values import first_day
from ogpgraph.readmodel.sort_keys import build_sort_key, number_key
from ogpgraph.readmodel.tags import FOREVER, OBSERVED, unknown_dimension
from ogpgraph.storage.database import Row, Transaction, iter_chunks

SortKey = tuple[str, ...]


class SortStep(NamedTuple):
    """A field to sort by: `code`, `changed`, or a dimension of the tags.

    Aggregates without a value come last in both directions, or first if `nulls_first`.
    """

    name: str
    descending: bool = False
    nulls_first: bool = False

    def encode(self) -> str:
        """Return the step's name in sort keys."""
        return ("-" if self.descending else "+") + self.name + ("^" if self.nulls_first else "")


Order = tuple[SortStep, ...]
KeyBounds = tuple[tuple[object, ...] | None, tuple[object, ...] | None]
"""The sort keys after and before which a page lies."""

PRESENT_DAY = FOREVER - 1
"""The day as of which the present is read: after all statements."""
BY_CODE: Order = (SortStep("code"),)
CACHED_PER_TYPE = 6
SCAN_RATIO = 16
"""If fewer than one in so many match, sorting the matches is faster than scanning all until a page is full."""
SPARSE_LIMIT = 200
"""Up to so many set bits, isolating them one by one is faster than scanning all bytes."""
_NULL_FIRST, _VALUE, _NULL_LAST = "0", "1", "2"
"""What the texts of sort keys begin with: a missing value is before or after all others."""

_SELECT_STATES = (
    "select s.key, s.id, v.code, v.position as since from stream s join version v on v.position = "
    "(select max(e.position) from entry e where e.stream = s.key and e.position <= :at) "
    "where s.aggregate_type = :aggregate_type"
)
_CHANGED = "(select e.stream from entry e where e.position > :then and e.position <= :at)"
_SELECT_CHANGED_STATES = f"{_SELECT_STATES} and s.key in {_CHANGED}"
_SELECT_VALID_TAGS = (
    "select t.stream, t.term from stream s join tag t on t.stream = s.key "
    "where s.aggregate_type = :aggregate_type and t.since <= :at and :at < t.until"
)
_SELECT_TAGS = f"{_SELECT_VALID_TAGS} and t.first_day <= :day and :day < t.end_day"
_SELECT_OPENED_TAGS = f"{_SELECT_TAGS} and t.since > :then and s.key in {_CHANGED}"
_SELECT_CLOSED_TAGS = (
    "select t.stream, t.term from stream s join tag t on t.stream = s.key where s.aggregate_type = :aggregate_type "
    f"and t.since <= :then and t.until > :then and t.until <= :at and s.key in {_CHANGED} "
    "and t.first_day <= :day and :day < t.end_day"
)
_SELECT_TAGS_FROM = f"{_SELECT_VALID_TAGS} and t.first_day > :then and t.first_day <= :day and :day < t.end_day"
_SELECT_TAGS_UNTIL = f"{_SELECT_VALID_TAGS} and t.first_day <= :then and :then < t.end_day and t.end_day <= :day"
_SELECT_ALL_TERMS = "select key, dimension, value from term where dimension not like 'entry/%'"
_SELECT_TERMS = "select key, dimension, value from term where key in :keys"
MAX_TERMS_BY_KEY = 2_000
"""For more terms than that, reading all is faster than looking each up."""


class Posting(NamedTuple):
    """The slots that have a value: bits from the slot `offset` on, so that the value of few takes little memory."""

    offset: int = 0
    bits: int = 0

    def mask(self) -> int:
        """Return the bitset of the slots."""
        return self.bits << self.offset

    def count(self, mask: int) -> int:
        """Return how many of the slots are in a bitset."""
        return (mask >> self.offset & self.bits).bit_count()

    def update(self, removed: list[int], added: list[int]) -> Posting:
        """Return the posting without some slots and with others."""
        mask = self.mask() & ~to_bitset(removed) | to_bitset(added)
        offset = (mask & -mask).bit_length() - 1 if mask else 0
        return Posting(offset, mask >> offset)


EMPTY_POSTING = Posting()
Postings = Mapping[str, Mapping[str, Posting]]
"""Dimension → value → posting."""


@dataclass(frozen=True)
class SortIndex:
    """All aggregates in one order: their sort keys, their slots, and the rank of each slot."""

    keys: list[SortKey]
    slots: list[int]
    rank_of: dict[int, int]

    def iter_ranks(self, mask: int, start: int, stop: int, *, backward: bool) -> Iterator[int]:
        """Yield the ranks of the slots in a bitset from `start` until before `stop`, or in reverse."""
        if mask.bit_count() * SCAN_RATIO < len(self.slots):
            ranks = sorted((self.rank_of[slot] for slot in iter_slots(mask)), reverse=backward)
            return (rank for rank in ranks if start <= rank < stop)
        # A byte string is indexed in constant time; shifting the integer would cost its whole length each time.
        bits = mask.to_bytes(len(self.slots) // 8 + 1, "little")
        ranks_in_order = range(stop - 1, start - 1, -1) if backward else range(start, stop)
        return (rank for rank in ranks_in_order if bits[self.slots[rank] >> 3] >> (self.slots[rank] & 7) & 1)


@dataclass(frozen=True)
class Index:
    """The tags of all aggregates of one type at one position and as of one day.

    `universe` is the bitset of those that lists show, `slot_of_key` has the slots by the keys of streams.
    """

    aggregate_type: str
    position: int
    day: int = PRESENT_DAY
    ids: tuple[str, ...] = ()
    slots: Mapping[str, int] = field(default_factory=dict)
    slot_of_key: Mapping[int, int] = field(default_factory=dict)
    codes: Mapping[int, str] = field(default_factory=dict)
    since: Mapping[int, int] = field(default_factory=dict)
    universe: int = 0
    postings: Postings = field(default_factory=dict)
    sort_indexes: dict[Order, SortIndex] = field(default_factory=dict, compare=False)

    def select(self, dimension: str, values: Iterable[str]) -> int:
        """Return the bitset of the aggregates that have one of some values of a dimension."""
        postings = self.postings.get(dimension, {})
        mask = 0
        for value in values:
            mask |= postings.get(value, EMPTY_POSTING).mask()
        return mask

    def unknown(self, dimension: str) -> int:
        """Return the bitset of the aggregates of which it is unknown what values of a dimension they have."""
        return self.select(unknown_dimension(dimension), ("",))

    def count_by_value(self, dimension: str, mask: int) -> dict[str, int]:
        """Return value → how many aggregates in a bitset have it, without values that none has."""
        counts = {value: posting.count(mask) for value, posting in self.postings.get(dimension, {}).items()}
        return {value: count for value, count in counts.items() if count}

    def iter_ids(self, mask: int) -> Iterator[str]:
        """Yield the ids of the aggregates in a bitset, in no order."""
        return (self.ids[slot] for slot in iter_slots(mask))

    def page(
        self, mask: int, order: Order, limit: int, bounds: KeyBounds, *, backward: bool
    ) -> list[tuple[SortKey, str]]:
        """Return sort key and id of up to `limit` aggregates in a bitset between two keys, in reverse if `backward`."""
        sort_index = self.sort_index(order)
        after, before = bounds
        start = bisect_right(sort_index.keys, after) if after is not None else 0
        stop = bisect_left(sort_index.keys, before) if before is not None else len(sort_index.keys)
        ranks = islice(sort_index.iter_ranks(mask, start, stop, backward=backward), limit)
        return [(sort_index.keys[rank], self.ids[sort_index.slots[rank]]) for rank in ranks]

    def sort_index(self, order: Order) -> SortIndex:
        """Return all aggregates in an order; ties go by code, then by id."""
        if order not in self.sort_indexes:
            columns = [(self._sort_values(step), _NULL_FIRST if step.nulls_first else _NULL_LAST) for step in order]
            name = encode_order(order)
            rows = sorted(
                ((name, *(column.get(slot, null) for column, null in columns), self.codes[slot], each), slot)
                for each, slot in self.slots.items()
            )
            slots = [slot for _, slot in rows]
            rank_of = {slot: rank for rank, slot in enumerate(slots)}
            self.sort_indexes[order] = SortIndex([key for key, _ in rows], slots, rank_of)
        return self.sort_indexes[order]

    def _sort_values(self, step: SortStep) -> Mapping[int, str]:
        """Return slot → the text that a step sorts by, for the aggregates that have a value."""
        if step.name == "code":
            texts = self.codes
        elif step.name == "changed":
            texts = {slot: number_key(since) for slot, since in self.since.items()}
        else:
            texts = self._least_keys(step.name)
        return {slot: _VALUE + (_invert(text) if step.descending else text) for slot, text in texts.items()}

    def _least_keys(self, dimension: str) -> dict[int, str]:
        least: dict[int, str] = {}
        postings = self.postings.get(dimension, {})
        keyed = ((build_sort_key(self.aggregate_type, dimension, value), value) for value in postings)
        for key, value in sorted(((key, value) for key, value in keyed if key is not None), reverse=True):
            least.update(dict.fromkeys(iter_slots(postings[value].mask()), key))
        return least


class IndexKey(NamedTuple):
    """Which index of a type: the position and the day."""

    position: int
    day: int = PRESENT_DAY


class IndexCache:
    """The indexes of a process: of each type that of the present, and those used most recently.

    The lock guards the bookkeeping only. An index is built outside of it, by the first reader that needs it; others
    that need the same one wait for that build and for no other. So a reader of the present never waits for an index of
    the past, and an index of the past never displaces that of the present.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: dict[str, OrderedDict[IndexKey, Future[Index]]] = defaultdict(OrderedDict)

    def get(self, transaction: Transaction, aggregate_type: str, key: IndexKey) -> Index:
        """Return an index: cached, advanced from an earlier one, or built from all rows."""
        while True:
            future, is_ours = self._reserve(aggregate_type, key)
            if is_ours:
                return self._build(future, transaction, aggregate_type, key)
            # Another reader's build may end because that reader was cancelled: then this one builds the index itself.
            if future.exception() is None:
                return future.result()

    def _reserve(self, aggregate_type: str, key: IndexKey) -> tuple[Future[Index], bool]:
        """Return the future of an index, and whether the caller is to complete it."""
        with self._lock:
            cached = self._indexes[aggregate_type]
            if is_new := key not in cached:
                cached[key] = Future()
            cached.move_to_end(key)
            if len(cached) > CACHED_PER_TYPE:
                present = max((each for each in cached if each.day == PRESENT_DAY), default=key)
                del cached[next(each for each in cached if each not in (present, key))]
            return cached[key], is_new

    def _build(self, future: Future[Index], transaction: Transaction, aggregate_type: str, key: IndexKey) -> Index:
        try:
            index = self._advance(transaction, aggregate_type, key) or build_index(transaction, aggregate_type, key)
            index = self._restrict_to_existing(transaction, index)
        except BaseException as error:
            with self._lock:
                if self._indexes[aggregate_type].get(key) is future:
                    del self._indexes[aggregate_type][key]
            future.set_exception(error)
            raise
        future.set_result(index)
        return index

    def _advance(self, transaction: Transaction, aggregate_type: str, key: IndexKey) -> Index | None:
        earlier = self._latest_before(aggregate_type, key)
        if earlier is None:
            return None
        if earlier.day != key.day:
            return advance_to_day(transaction, earlier, key.day)
        return advance_index(transaction, earlier, key.position)

    def _latest_before(self, aggregate_type: str, key: IndexKey) -> Index | None:
        """Return the nearest index of the position as of an earlier day, or else of the day at an earlier position."""
        with self._lock:
            cached = self._indexes[aggregate_type]
            built = [each for each, future in cached.items() if each < key and future.done()]
            same_position = [each for each in built if each.position == key.position and key.day != PRESENT_DAY]
            same_day = [each for each in built if each.day == key.day]
            nearest = max(same_position, default=None) or max(same_day, default=None)
            return cached[nearest].result() if nearest else None

    def _restrict_to_existing(self, transaction: Transaction, index: Index) -> Index:
        """Return an index without the aggregates that did not exist on its day.

        A plan and its commitments exist once the plan has begun: where it is not known when, from the first observation
        on. A member always does.
        """
        if index.day == PRESENT_DAY or index.aggregate_type not in ("plan", "commitment"):
            return index
        plans = self.get(transaction, "plan", IndexKey(index.position))
        begins = plans.postings.get("startsOn", {})
        begun = plans.select("startsOn", (each for each in begins if first_day(each) <= index.day))
        dated, observed = plans.select("startsOn", begins), index.select(OBSERVED[0], [OBSERVED[1]])
        if index.aggregate_type == "plan":
            begun, dated = _translate(plans, begun, index), _translate(plans, dated, index)
        else:
            begun, dated = (index.select("actionPlan", plans.iter_ids(mask)) for mask in (begun, dated))
        return replace(index, universe=index.universe & (begun | observed & ~dated))


def _translate(source: Index, mask: int, target: Index) -> int:
    """Return the bitset in one index of the aggregates in a bitset of another."""
    return to_bitset([target.slots[each] for each in source.iter_ids(mask) if each in target.slots])


def build_index(transaction: Transaction, aggregate_type: str, key: IndexKey) -> Index:
    """Return the index of a type at a position and as of a day, built from all its rows."""
    bounds: dict[str, object] = {"aggregate_type": aggregate_type, "at": key.position}
    states = transaction.fetch_all(_SELECT_STATES, **bounds)
    opened = _group_by_term(transaction.stream(_SELECT_TAGS, **bounds, day=key.day))
    empty = Index(aggregate_type, 0, key.day)
    return _apply_changes(empty, key.position, states, _read_changes(transaction, {}, opened))


def advance_index(transaction: Transaction, index: Index, position: int) -> Index:
    """Return the index of a later position, built from an earlier one and the rows that changed in between."""
    bounds: dict[str, object] = {"aggregate_type": index.aggregate_type, "then": index.position, "at": position}
    states = transaction.fetch_all(_SELECT_CHANGED_STATES, **bounds)
    if not states and index.day == PRESENT_DAY:
        return replace(index, position=position)
    closed = _group_by_term(transaction.fetch_all(_SELECT_CLOSED_TAGS, **bounds, day=index.day))
    opened = _group_by_term(transaction.fetch_all(_SELECT_OPENED_TAGS, **bounds, day=index.day))
    return _apply_changes(index, position, states, _read_changes(transaction, closed, opened))


def advance_to_day(transaction: Transaction, index: Index, day: int) -> Index:
    """Return the index of the same position as of a later day."""
    bounds: dict[str, object] = {"aggregate_type": index.aggregate_type, "at": index.position, "day": day}
    closed = _group_by_term(transaction.fetch_all(_SELECT_TAGS_UNTIL, **bounds, then=index.day))
    opened = _group_by_term(transaction.fetch_all(_SELECT_TAGS_FROM, **bounds, then=index.day))
    changes = _read_changes(transaction, closed, opened)
    return _apply_changes(replace(index, day=day), index.position, [], changes)


StreamsOfTerms = Mapping[int, list[int]]
"""Key of a term → keys of streams."""


class TagChange(NamedTuple):
    """Which streams lost a tag and which got it, by their keys."""

    dimension: str
    value: str
    lost: list[int]
    got: list[int]


def _group_by_term(rows: Iterable[Row]) -> StreamsOfTerms:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        found[row["term"]].append(row["stream"])
    return found


def _read_changes(transaction: Transaction, closed: StreamsOfTerms, opened: StreamsOfTerms) -> list[TagChange]:
    keys = sorted(closed.keys() | opened.keys())
    if len(keys) > MAX_TERMS_BY_KEY:
        rows = [row for row in transaction.stream(_SELECT_ALL_TERMS) if row["key"] in closed or row["key"] in opened]
    else:
        rows = [row for chunk in iter_chunks(keys) for row in transaction.fetch_all(_SELECT_TERMS, keys=chunk)]
    return [
        TagChange(row["dimension"], row["value"], closed.get(row["key"], []), opened.get(row["key"], []))
        for row in rows
    ]


def encode_order(order: Order) -> str:
    """Return the name of an order. Its sort keys begin with it, so that a key of another order is recognized."""
    return ",".join(step.encode() for step in order)


def iter_slots(mask: int) -> Iterator[int]:
    """Yield the slots in a bitset, lowest first."""
    if mask.bit_count() < SPARSE_LIMIT:
        while mask:
            lowest = mask & -mask
            yield lowest.bit_length() - 1
            mask ^= lowest
        return
    for n, byte in enumerate(mask.to_bytes(mask.bit_length() // 8 + 1, "little")):
        if byte:
            yield from (n * 8 + bit for bit in range(8) if byte >> bit & 1)


def to_bitset(slots: list[int]) -> int:
    """Return the bitset of some slots, in time linear in its length: setting bits one by one would be quadratic."""
    if not slots:
        return 0
    data = bytearray(max(slots) // 8 + 1)
    for slot in slots:
        data[slot >> 3] |= 1 << (slot & 7)
    return int.from_bytes(data, "little")


def _invert(text: str) -> str:
    """Return a text that sorts in reverse, so that one comparison serves both directions."""
    # The last character makes a prefix sort after the longer text.
    return "".join(chr(0x10FFFF - ord(character)) for character in text) + chr(0x10FFFF)


def _apply_changes(index: Index, position: int, states: list[Row], changes: Iterable[TagChange]) -> Index:
    ids, slots = list(index.ids), dict(index.slots)
    codes, since = dict(index.codes), dict(index.since)
    slot_of_key = dict(index.slot_of_key)
    same_order = True
    for row in states:
        slot = slot_of_key[row["key"]] = slots.setdefault(row["id"], len(ids))
        if slot == len(ids):
            ids.append(row["id"])
        same_order &= codes.get(slot) == row["code"]
        codes[slot], since[slot] = row["code"], row["since"]
    postings = _update_postings(index.postings, slot_of_key, changes)
    # An aggregate that was merged into another, or registered by an import that was reverted, has no code: no list
    # shows it.
    universe = (1 << len(ids)) - 1 & ~to_bitset([slot for slot, code in codes.items() if not code])
    by_code = {order: found for order, found in index.sort_indexes.items() if same_order and order == BY_CODE}
    return replace(
        index,
        position=position,
        ids=tuple(ids),
        slots=slots,
        slot_of_key=slot_of_key,
        codes=codes,
        since=since,
        universe=universe,
        postings=postings,
        sort_indexes=by_code,
    )


def _update_postings(old: Postings, slot_of_key: Mapping[int, int], changes: Iterable[TagChange]) -> Postings:
    postings = {dimension: dict(values) for dimension, values in old.items()}
    for change in changes:
        lost, got = ([slot_of_key[key] for key in keys] for keys in (change.lost, change.got))
        values = postings.setdefault(change.dimension, {})
        values[change.value] = values.get(change.value, EMPTY_POSTING).update(lost, got)
    return postings
