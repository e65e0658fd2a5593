"""What entries change in the read model: all that the model in memory needs in order to follow them."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate


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

    `versions` has one item for each of these entries, in order. `tags` is in the order of positions. It may say of a
    tag what it is from `before` to `after`, or each step in between. `states` has the latest state of each stream that
    changed, as far as it is known.
    """

    before: int
    after: int
    root: bytes
    versions: tuple[StreamVersion, ...]
    tags: tuple[TagChange, ...]
    states: dict[str, Aggregate]
