"""A map that never changes: one with other values is made from it in the time of what is other, and shares the rest."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, TypeVar

MAX_BUCKET: Final = 256
"""About how many items a bucket has at most; a change copies one bucket, and the list of all."""
ValueT = TypeVar("ValueT")


class PersistentMap(Mapping[str, ValueT]):
    """A map by texts, in buckets by their hashes; the number of buckets is a power of two."""

    __slots__ = ("_buckets", "_length", "_mask")

    def __init__(self, items: Iterable[tuple[str, ValueT]] = ()) -> None:
        found = dict(items)
        self._length = len(found)
        self._buckets = _distribute(found)
        self._mask = len(self._buckets) - 1

    @classmethod
    def of(cls, mapping: Mapping[str, ValueT]) -> PersistentMap[ValueT]:
        """Return a map with the items of another."""
        return mapping if isinstance(mapping, PersistentMap) else cls(mapping.items())

    def __getitem__(self, key: str) -> ValueT:
        return self._buckets[hash(key) & self._mask][key]

    def get(self, key: str, default: ValueT | None = None) -> ValueT | None:  # type: ignore[override]  # no second type variable
        """Return the value of a key, or a default."""
        return self._buckets[hash(key) & self._mask].get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._buckets[hash(key) & self._mask]

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._buckets)

    def __len__(self) -> int:
        return self._length

    def items(self) -> ItemsView[str, ValueT]:
        """Return the items."""
        return self._buckets[0].items() if not self._mask else _Items(self)

    def iter_items(self) -> Iterator[tuple[str, ValueT]]:
        """Yield the items of all buckets."""
        return chain.from_iterable(bucket.items() for bucket in self._buckets)

    def update(self, changes: Mapping[str, ValueT | None]) -> PersistentMap[ValueT]:
        """Return a map with other values for some keys; without those of which the value is None."""
        buckets, copied = list(self._buckets), set()
        length = self._length
        for key, value in changes.items():
            place = hash(key) & self._mask
            if place not in copied:
                copied.add(place)
                buckets[place] = dict(buckets[place])
            bucket = buckets[place]
            length -= len(bucket)
            if value is None:
                bucket.pop(key, None)
            else:
                bucket[key] = value
            length += len(bucket)
        if length > 2 * MAX_BUCKET * len(buckets):
            return PersistentMap(chain.from_iterable(bucket.items() for bucket in buckets))
        changed: PersistentMap[ValueT] = PersistentMap.__new__(PersistentMap)
        changed._buckets, changed._length, changed._mask = buckets, length, self._mask
        return changed


class _Items(ItemsView[str, ValueT]):
    """The items of a map, without looking up each key."""

    _mapping: PersistentMap[ValueT]

    def __iter__(self) -> Iterator[tuple[str, ValueT]]:
        return self._mapping.iter_items()


def _distribute(items: dict[str, ValueT]) -> list[dict[str, ValueT]]:
    count = 1
    while count * MAX_BUCKET < len(items):
        count *= 2
    if count == 1:
        return [items]
    buckets: list[dict[str, ValueT]] = [{} for _ in range(count)]
    for key, value in items.items():
        buckets[hash(key) & (count - 1)][key] = value
    return buckets
