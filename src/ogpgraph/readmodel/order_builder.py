"""Makes the orders of an index: sorts all aggregates of a type, or follows what changed since another position.

Sorting goes by numbers that are in the order of the texts, one step of the order after the other, the last one first:
that takes a few milliseconds for thousands of aggregates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial

from ogpgraph.readmodel.bitsets import Posting, iter_slots, to_bitset
from ogpgraph.readmodel.sort_index import Column, SharedList, SortIndex, SortKeys, TextColumn, sort_in_parts
from ogpgraph.readmodel.sort_keys import BY_CODE, Order, SortStep, build_sort_key, encode_order, number_key
from ogpgraph.readmodel.streams import TypeStreams


class OrderBuilder:
    """Makes orders of the aggregates of a type that exist at a position.

    `values_of` returns the values of a dimension there; `checkpoint` is called in loops over many items.
    """

    def __init__(
        self,
        streams: TypeStreams,
        aggregate_type: str,
        position: int,
        values_of: Callable[[str], Mapping[str, Posting]],
        checkpoint: Callable[[], None],
    ) -> None:
        self._streams = streams
        self._aggregate_type = aggregate_type
        self._position = position
        self._count = streams.count(position)
        self._values_of = values_of
        self._checkpoint = checkpoint

    def sort_by_code(self) -> SortIndex:
        """Return all aggregates by code, and then by id."""
        ids, code_at, position = self._streams.ids, self._streams.code_at, self._position
        # One text compares as both do: no code has a character before the one in between.
        texts = [f"{code_at(slot, position)}\0{ids[slot]}" for slot in range(self._count)]
        slots = sort_in_parts(range(self._count), texts.__getitem__, self._checkpoint)
        return SortIndex.build(position, slots, self._keys(BY_CODE, [self._stream_column(BY_CODE[0])], _unbuilt(slots)))

    def sort(self, order: Order, by_code: SortIndex) -> SortIndex:
        """Return all aggregates in an order, from that by code at the same position."""
        slots = list(by_code.iter_slots())
        columns: list[Column] = []
        for step in reversed(order):
            column, ranks = self._rank(step, by_code)
            columns.insert(0, column)
            slots = sort_in_parts(slots, ranks.__getitem__, self._checkpoint)
        return SortIndex.build(self._position, slots, self._keys(order, columns, _unbuilt(slots)))

    def share(self, other: SortIndex, order: Order) -> SortIndex:
        """Return an order as that of a later position has it, in which no slot has another key."""
        columns = [self._stream_column(step) for step in order]
        return other.at(self._position, self._count, self._keys(order, columns, other.keys.built))

    def follow(self, other: SortIndex, order: Order, changed: Collection[int]) -> SortIndex:
        """Return an order from that of another position, from which the keys of some slots differ."""
        present = [slot for slot in changed if slot < self._count]
        columns = [self._follow_column(*each, present) for each in zip(order, other.keys.columns, strict=True)]
        built = other.keys.built.replace(dict.fromkeys(changed), None)
        return other.move(self._position, self._count, self._keys(order, columns, built), changed)

    def _keys(self, order: Order, columns: Sequence[Column], built: SharedList[tuple[str, ...] | None]) -> SortKeys:
        return SortKeys(encode_order(order), columns, partial(_tail, self._streams, self._position), built)

    # Columns

    def _stream_column(self, step: SortStep) -> Column:
        """Return the column of a step that sorts by what every stream has."""
        read = _code_text if step.name == "code" else _changed_text
        return partial(read, self._streams, self._position, step)

    def _follow_column(self, step: SortStep, column: Column, changed: Collection[int]) -> Column:
        if not isinstance(column, TextColumn):
            return self._stream_column(step)
        texts = self._least_texts(step, to_bitset(changed))
        return column.replace({slot: texts.get(slot, step.null) for slot in changed})

    def _rank(self, step: SortStep, by_code: SortIndex) -> tuple[Column, Sequence[int]]:
        """Return the column of a step, and for each slot a number that is in the order of its texts."""
        if step.name in ("code", "changed"):
            ranks = self._rank_codes(by_code) if step.name == "code" else self._list_versions()
            return self._stream_column(step), [-rank for rank in ranks] if step.descending else ranks
        found = self._least_texts(step, (1 << self._count) - 1)
        texts = [step.null] * self._count
        for slot, text in found.items():
            texts[slot] = text
        rank_of = {text: rank for rank, text in enumerate(sorted({step.null, *found.values()}))}
        return TextColumn(SharedList.of(texts)), list(map(rank_of.__getitem__, texts))

    def _rank_codes(self, by_code: SortIndex) -> list[int]:
        ranks, rank, previous = [0] * self._count, 0, ""
        for slot in by_code.iter_slots():
            code = self._streams.code_at(slot, self._position)
            rank, previous = rank + (code != previous), code
            ranks[slot] = rank
        return ranks

    def _list_versions(self) -> list[int]:
        at, version_at = self._position, self._streams.version_at
        last = (positions[-1] for positions in self._streams.positions[: self._count])
        return [each if each <= at else version_at(slot, at) for slot, each in enumerate(last)]

    def _least_texts(self, step: SortStep, mask: int) -> dict[int, str]:
        """Return slot → the text that a step sorts by, for those of some aggregates that have a value."""
        keyed = [
            (key, value, posting)
            for value, posting in self._values_of(step.name).items()
            if posting.has_any(mask) and (key := build_sort_key(self._aggregate_type, step.name, value)) is not None
        ]
        least: dict[int, str] = {}
        for key, _, posting in sorted(keyed, reverse=True):
            offset, bits = posting
            slots = iter_slots(bits & mask >> offset)
            least.update(dict.fromkeys((slot + offset for slot in slots), step.text(key)))
        return least


def _unbuilt(slots: Sequence[int]) -> SharedList[tuple[str, ...] | None]:
    return SharedList.of([None] * len(slots))


def _tail(streams: TypeStreams, position: int, slot: int) -> tuple[str, str]:
    return streams.code_at(slot, position), streams.ids[slot]


def _code_text(streams: TypeStreams, position: int, step: SortStep, slot: int) -> str:
    return step.text(streams.code_at(slot, position))


def _changed_text(streams: TypeStreams, position: int, step: SortStep, slot: int) -> str:
    return step.text(number_key(streams.version_at(slot, position)))
