"""Orders of aggregates, and their sort keys.

The text by which a value of a dimension is sorted follows from the declared kind of the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import FilterKind
from ogpgraph.domain.values import period_bounds

SortKey = tuple[str, ...]
"""The name of the order, the text of each step, code and id."""
_DIGITS: Final = 20
"""As many as the greatest integer has that a field can hold."""

NULL_FIRST: Final = "0"
VALUE: Final = "1"
NULL_LAST: Final = "2"
"""What the texts of sort keys begin with: a missing value is before or after all others."""


class SortStep(NamedTuple):
    """A field to sort by: `code`, `changed`, or a dimension of the tags.

    Aggregates without a value come last in both directions, or first if `nulls_first`.
    """

    name: str
    descending: bool = False
    nulls_first: bool = False

    @property
    def null(self) -> str:
        """Return the text of an aggregate without a value."""
        return NULL_FIRST if self.nulls_first else NULL_LAST

    def encode(self) -> str:
        """Return the step's name in sort keys."""
        return ("-" if self.descending else "+") + self.name + ("^" if self.nulls_first else "")

    def text(self, key: str) -> str:
        """Return the text of an aggregate whose value has a sort key."""
        return VALUE + (_invert(key) if self.descending else key)


Order = tuple[SortStep, ...]
BY_CODE: Order = (SortStep("code"),)
BY_VERSION: Final = frozenset({"changed"})
"""The steps that sort by when an aggregate changed last."""
BY_DATA: Final = BY_VERSION | {"code"}
"""The steps that sort by what every aggregate has, whatever day it is read as of; the others sort by tags."""


def encode_order(order: Order) -> str:
    """Return the name of an order. Its sort keys begin with it, so that a key of another order is recognized."""
    return ",".join(step.encode() for step in order)


def _invert(text: str) -> str:
    """Return a text that sorts in reverse, so that one comparison serves both directions."""
    # The last character makes a prefix sort after the longer text.
    return "".join(chr(0x10FFFF - ord(character)) for character in text) + chr(0x10FFFF)


def number_key(number: int) -> str:
    """Return the sort key of a whole number that is not negative."""
    return f"{number:0{_DIGITS}d}"


def date_key(date: str) -> str:
    """Return the sort key of a partial date: by its first day, and of several that begin with it, by their last."""
    return "/".join(period_bounds(date))


def build_sort_key(aggregate_type: str, dimension: str, value: str) -> str | None:
    """Return the sort key of a value of a dimension of an aggregate type; None if it counts as no value."""
    if scale := _SCALES.get((aggregate_type, dimension)):
        return scale.get(value)
    return _BUILD_KEY.get((aggregate_type, dimension), str)(value)


def _number_text_key(value: str) -> str:
    return number_key(int(value))


_KEYS_OF_KINDS: Final[dict[FilterKind, Callable[[str], str]]] = {
    FilterKind.DATE: date_key,
    FilterKind.NUMBER: _number_text_key,
}
_BUILD_KEY: Final = {
    (aggregate_type.name, field.index_dimension): _KEYS_OF_KINDS[field.filter_kind]
    for aggregate_type in AGGREGATE_TYPES.values()
    for field in aggregate_type.fields
    if field.is_sortable and field.filter_kind in _KEYS_OF_KINDS
}
_SCALES: Final = {
    (aggregate_type.name, order.dimension): {value: number_key(place) for place, value in enumerate(order.scale)}
    for aggregate_type in AGGREGATE_TYPES.values()
    for dimension in aggregate_type.dimensions
    for order in dimension.orders
}
