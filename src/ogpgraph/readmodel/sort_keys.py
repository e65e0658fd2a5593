"""Sort keys: the text by which a value of a dimension is sorted, which follows from the declared kind of the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import FilterKind
from ogpgraph.domain.values import period_bounds

_DIGITS: Final = 20
"""As many as the greatest integer has that a field can hold."""


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
