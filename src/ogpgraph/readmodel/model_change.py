"""What entries change in the read model: all that the model in memory needs in order to follow them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.field import Tag
from ogpgraph.readmodel.dimension_tags import FOREVER, TagDifference


class StreamVersion(NamedTuple):
    """The entry at a position: the stream that it is of, and the code that this stream has from then on."""

    position: int
    stream: str
    aggregate_type: str
    code: str


class TagChange(NamedTuple):
    """A tag that a stream gets, or loses, at a position, as of PRESENT_DAY.

    A stream that has a tag for several reasons, or on several days, loses it with the last of them.
    """

    position: int
    stream: str
    dimension: str
    value: str
    is_begun: bool


class ModelChange(Struct, frozen=True):
    """What the entries after the position `before` change, up to that of `after`, whose root is `root`.

    `versions` has one item for each of these entries, in order. `tags` says of each tag in which `before` and `after`
    differ what it is at `after`, whose position it has; it is in the order of streams, dimensions and values. `states`
    has the latest state of each stream that changed, as far as it is known.
    """

    before: int
    after: int
    root: bytes
    versions: tuple[StreamVersion, ...]
    tags: tuple[TagChange, ...]
    states: dict[str, Aggregate]


class ChangeRecorder:
    """Records what entries change while they are projected."""

    def __init__(self) -> None:
        self._versions: list[StreamVersion] = []
        self._tags: Counter[tuple[str, Tag]] = Counter()
        self._latest: dict[str, Aggregate] = {}

    def add(self, position: int, code: str, after: Aggregate, differences: Iterable[TagDifference]) -> None:
        """Add an entry: the state that it leads to with its code, and in which tags this differs from the former."""
        self._versions.append(StreamVersion(position, after.id, after.type, code))
        self._latest[after.id] = after
        for difference in differences:
            for tags, step in ((difference.ended, -1), (difference.begun, 1)):
                for each in tags:
                    if each.end_day == FOREVER:
                        self._tags[after.id, each.tag] += step

    def to_change(self, before: int, after: int, root: bytes) -> ModelChange:
        """Return all that was added as one change."""
        tags = sorted((stream, *tag, number > 0) for (stream, tag), number in self._tags.items() if number)
        states = {stream: _to_read(aggregate) for stream, aggregate in self._latest.items()}
        return ModelChange(
            before, after, root, tuple(self._versions), tuple(TagChange(after, *each) for each in tags), states
        )


def _to_read(aggregate: Aggregate) -> Aggregate:
    """Return a state as readers have it: without what only the fold needs, and without what was derived from it."""
    read = Aggregate(aggregate.id, aggregate.revision, aggregate.claims)
    if "current_claims" in aggregate.__dict__:
        read.__dict__["current_claims"] = aggregate.current_claims
    return read
