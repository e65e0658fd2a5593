"""The tags of the rules that depend on all paths of an aggregate, which follow its changes.

Most of these rules read of a path only which sources state something there, and what kind of source states what is
current: its footing. Nearly every change gives a path a footing that other paths have, too. Then the tags stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from ogpgraph.domain.aggregate import Aggregate, Claim, can_be_current, select_current
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.tag_rules import DerivedRule

NO_TAGS: Final[frozenset[Tag]] = frozenset()


class WholeTags:
    """The tags of some rules for one aggregate, derived when they are first needed."""

    def __init__(self, rules: Sequence[DerivedRule]) -> None:
        self._rules = rules
        read = [rule.reads_values for rule in rules]
        self._reads_all = None in read
        self._read_paths = frozenset(path for paths in read if paths for path in paths)
        self._tags: frozenset[Tag] | None = None
        self._footings: dict[object, int] | None = None
        """How many paths have a footing; counted when it is first needed."""

    def list_all(self, aggregate: Aggregate) -> frozenset[Tag]:
        """Return the tags of a state: of the present one, or of that with which the next change begins."""
        if not self._rules:
            return NO_TAGS
        if self._tags is None:
            self._tags = self._derive(aggregate)
        return self._tags

    def move(
        self, before: Aggregate, after: Aggregate, paths: Collection[str]
    ) -> tuple[frozenset[Tag], frozenset[Tag]]:
        """Follow a change at some paths; returns the tags that end and that begin."""
        if not self._rules:
            return NO_TAGS, NO_TAGS
        is_first = self._tags is None  # to derive twice is cheaper then than to count: most are changed once
        tags = self.list_all(before)
        if not is_first and not self._is_affected(before, after, paths):
            return NO_TAGS, NO_TAGS
        now = self._tags = self._derive(after)
        return tags - now, now - tags

    def _derive(self, aggregate: Aggregate) -> frozenset[Tag]:
        return frozenset(tag for rule in self._rules for tag in rule.derive(aggregate))

    def _is_affected(self, before: Aggregate, after: Aggregate, paths: Collection[str]) -> bool:
        """Return whether a rule may read something else after a change."""
        if self._reads_all:
            return True
        if self._footings is None:
            self._footings = {}
            _count(self._footings, before, before.claims, 1)
        begun = _count(self._footings, after, paths, 1)  # first, so that what remains does not end
        ended = _count(self._footings, before, paths, -1)
        return begun or ended or not self._read_paths.isdisjoint(paths)


def _count(footings: dict[object, int], aggregate: Aggregate, paths: Iterable[str], step: int) -> bool:
    """Count the footings of some paths, or no longer; returns whether one is there for the first or last time."""
    is_changed = False
    for path in paths:
        if not (claims := aggregate.claims.get(path)):
            continue
        footing = _footing_of(path, claims)
        before = footings.get(footing, 0)
        if after := before + step:
            footings[footing] = after
        else:
            del footings[footing]
        is_changed = is_changed or not before or not after
    return is_changed


def _footing_of(path: str, claims: tuple[Claim, ...]) -> object:
    """Return which sources state something at a path, and the origin of what is current."""
    if len(claims) == 1:  # nearly always
        return claims[0].origin, claims[0].source, can_be_current(path, claims[0])
    current = select_current(path, claims)
    return *((claim.origin, claim.source) for claim in claims), current and current.origin
