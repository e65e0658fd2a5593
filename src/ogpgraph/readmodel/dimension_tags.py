"""The tags of one dimension, from what several groups of paths contribute to it, each on some days.

A tag is certain on the days on which it is for one group. Others that an aggregate may have make the dimension unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from msgspec import Struct

from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.tag_rules import Span, Spans

FOREVER: Final = 2**31 - 1
"""The end of what is still valid, as a position and as a day. Positions and days are below it: four bytes at most."""


class DatedTag(Struct, frozen=True, gc=False):
    """A tag that an aggregate has from one day until before another; until FOREVER where nothing later is stated."""

    dimension: str
    value: str
    first_day: int
    end_day: int

    @property
    def tag(self) -> Tag:
        """Return the tag without the days."""
        return self.dimension, self.value


class TagDifference(NamedTuple):
    """The tags that end and that begin between two states; one that goes on with other days ends and begins."""

    ended: Collection[DatedTag]
    begun: Collection[DatedTag]


NO_SPANS: Final[Spans] = {}

_Days = tuple[int, int]
"""A first day, and the day after the last one."""


def unknown_dimension(dimension: str) -> str:
    """Return the dimension that an aggregate has a tag of while it is unknown what tags of another it has."""
    return f"unknown/{dimension}"


class DimensionTags:
    """The tags of a dimension; they follow what the groups contribute.

    Nearly always one group contributes to it, at once, what groups of other aggregates do, too: so its tags are known.
    """

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        self._only: Sequence[Span] = ()
        """What one group contributes, as long as no other one does."""
        self._joined: _JoinedTags | None = None

    def list_all(self) -> Sequence[DatedTag]:
        """Return all tags, each once."""
        return _list_tags(self._dimension, self._only) if self._joined is None else self._joined.list_all()

    def add(self, begun: Sequence[Span]) -> None:
        """Add some spans."""
        self.replace((), begun)

    def replace(self, ended: Sequence[Span], begun: Sequence[Span]) -> TagDifference:
        """Take some spans away and add others; returns the difference."""
        if self._joined is None:
            if self._only == ended:
                self._only = begun
                return _compare(_list_tags(self._dimension, ended), _list_tags(self._dimension, begun))
            self._joined = _JoinedTags(self._dimension)
            self._joined.add(self._only)
        return self._joined.replace(ended, begun)


@lru_cache(maxsize=10_000)
def _list_tags(dimension: str, spans: Sequence[Span]) -> Sequence[DatedTag]:
    """Return the tags of a dimension to which nothing else is contributed."""
    tags = _JoinedTags(dimension)
    tags.add(spans)
    return tags.list_all()


def _compare(before: Sequence[DatedTag], after: Sequence[DatedTag]) -> TagDifference:
    if not before:  # nearly always: the values are new
        return TagDifference((), after)
    ended, begun = set(before), set(after)
    return TagDifference(ended - begun, begun - ended)


class _JoinedTags:
    """The tags of a dimension, by what all groups contribute."""

    def __init__(self, dimension: str) -> None:
        self._dimension = dimension
        self._certain: dict[str, list[_Days]] = {}
        self._perhaps: dict[str, list[_Days]] = {}
        self._unknown: dict[str, tuple[_Days, ...]] = {}
        """Value → the days on which only perhaps a group has it."""
        self._unknown_days: dict[_Days, int] = {}
        """How many values have these days in `_unknown`."""
        self._unknown_tags: Sequence[DatedTag] = ()

    def list_all(self) -> Sequence[DatedTag]:
        """Return all tags, each once."""
        return [*self._list_certain(self._certain), *self._unknown_tags]

    def add(self, begun: Sequence[Span]) -> None:
        """Add some spans."""
        self._add(begun)
        self._update_unknown({span[0] for span in begun})

    def replace(self, ended: Sequence[Span], begun: Sequence[Span]) -> TagDifference:
        """Take some spans away and add others; returns the difference."""
        values = {span[0] for span in (*ended, *begun)}
        certain, unknown = self._list_certain(values), self._unknown_tags
        self._remove(ended)
        self._add(begun)
        self._update_unknown(values)
        now_certain, now_unknown = self._list_certain(values), self._unknown_tags
        if now_unknown is not unknown:
            certain, now_certain = [*certain, *unknown], [*now_certain, *now_unknown]
        return _compare(certain, now_certain)

    def _add(self, begun: Sequence[Span]) -> None:
        for value, is_certain, first, end in begun:
            by_value = self._certain if is_certain else self._perhaps
            if value in by_value:
                by_value[value].append((first, end))
            else:
                by_value[value] = [(first, end)]

    def _remove(self, ended: Sequence[Span]) -> None:
        for value, is_certain, first, end in ended:
            by_value = self._certain if is_certain else self._perhaps
            by_value[value].remove((first, end))
            if not by_value[value]:
                del by_value[value]

    def _list_certain(self, values: Iterable[str]) -> list[DatedTag]:
        dimension, certain = self._dimension, self._certain
        return [
            DatedTag(dimension, value, first, end)
            for value in values
            if value in certain
            for first, end in _merge(certain[value])
        ]

    def _update_unknown(self, values: Iterable[str]) -> None:
        if not self._perhaps and not self._unknown:
            return
        counts, is_changed = self._unknown_days, False
        for value in values:
            perhaps, before = self._perhaps.get(value), self._unknown.get(value, ())
            after = tuple(_subtract(perhaps, self._certain.get(value, ()))) if perhaps else ()
            if after == before:
                continue
            for days in before:
                counts[days] -= 1
                if not counts[days]:
                    del counts[days]
                    is_changed = True
            for days in after:
                is_changed = is_changed or days not in counts
                counts[days] = counts.get(days, 0) + 1
            if after:
                self._unknown[value] = after
            else:
                del self._unknown[value]
        if is_changed:
            name = unknown_dimension(self._dimension)
            self._unknown_tags = [DatedTag(name, "", first, end) for first, end in _merge(list(counts))]


def _merge(spans: Sequence[_Days]) -> Sequence[_Days]:
    """Return days as the fewest spans without a gap."""
    if len(spans) <= 1:
        return spans
    merged: list[_Days] = []
    for first, end in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((first, end))
    return merged


def _subtract(spans: Sequence[_Days], others: Iterable[_Days]) -> Sequence[_Days]:
    """Return days without others."""
    for first, end in others:
        left: list[_Days] = []
        for a, b in spans:
            if a < first:
                left.append((a, min(b, first)))
            if end < b:
                left.append((max(a, end), b))
        spans = left
    return spans
