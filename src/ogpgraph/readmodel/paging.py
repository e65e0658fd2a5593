"""Keyset paging: which slice of an ordered list is asked for, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")
Key = tuple[str, ...] | tuple[int]
MOST_NODES = 100


@dataclass(frozen=True)
class Slice:
    """A slice of an ordered list: at most `limit` items after one key and before another.

    It is taken from the end if `backward`.
    """

    limit: int = MOST_NODES
    after: Key | None = None
    before: Key | None = None
    backward: bool = False


@dataclass(frozen=True)
class Page(Generic[T]):
    """The items of a slice with their keys, in the list's order, and whether there are more on either side."""

    items: tuple[tuple[Key, T], ...] = ()
    has_next: bool = False
    has_previous: bool = False

    def mapped(self, things: Mapping[T, U]) -> Page[U]:
        """Return the page with each item replaced by what it stands for."""
        return Page(tuple((key, things[item]) for key, item in self.items), self.has_next, self.has_previous)


def page_of(found: Sequence[tuple[Key, T]], wanted: Slice) -> Page[T]:
    """Return the page that at most `limit + 1` found items make; the one too many tells that there are more."""
    more = len(found) > wanted.limit
    items = found[: wanted.limit]
    if wanted.backward:
        return Page(tuple(reversed(items)), has_next=wanted.before is not None, has_previous=more)
    return Page(tuple(items), has_next=more, has_previous=wanted.after is not None)
