"""The filters of single values, and the fields of filter inputs that follow from declared fields and dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar, get_args, get_origin

import strawberry
from graphql.pyutils import camel_to_snake

from ogpgraph.domain.aggregate_type import AggregateType
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.domain.field import DerivedDimension, Field, Filter, FilterKind
from ogpgraph.domain.values import period_bounds
from ogpgraph.graphql import enums  # noqa: F401 - strawberry has to know the enums before the filters of them
from ogpgraph.graphql.errors import FieldErrorCode, require_forward
from ogpgraph.graphql.known_values import MatchWords, match_codes, match_words, vocabulary_of
from ogpgraph.graphql.scalars import PartialDate, require_day
from ogpgraph.graphql.weights import Metadata, weighs
from ogpgraph.languages import shipped_languages
from ogpgraph.readmodel.bitsets import Posting
from ogpgraph.readmodel.filters import (
    AllOf,
    Condition,
    HasAnyValue,
    HasValue,
    IsUnknown,
    Not,
    ValueBetween,
    ValueMatches,
)
from ogpgraph.readmodel.snapshot import Snapshot

MAX_VALUES: Final = 1_000
"""So many values a list in a filter of things may have."""
AMONG: Final = weighs(item=0.1, max_items=MAX_VALUES)
ClassT = TypeVar("ClassT", bound=type)
ValueT = TypeVar("ValueT")

_IN: Final = "The value is one of these. An empty list matches nothing."
_NOT_IN: Final = "The value is none of these. Something without a value matches."
_IS_NULL: Final = "true: there is no value. false: there is a value."
UNKNOWN: Final = (
    "true: inside `asOf`, the value is unknown, because it changed somewhere in an interval around the date. false: it "
    "is known. A value that is unknown matches no other condition, and no negation of one."
)


@strawberry.input(
    description="Conditions on a text. All given conditions have to hold. Case, accents and the number of blanks are "
    "ignored. A text that the field never had and that its vocabulary does not have is an error (`UNKNOWN_VALUE`) that "
    "names the nearest one."
)
class TextFilter:
    eq: str | None = strawberry.field(default=None, description="The text is equal to this one.")
    in_: list[str] | None = strawberry.field(default=None, name="in", metadata=AMONG, description=_IN)
    not_in: list[str] | None = strawberry.field(default=None, metadata=AMONG, description=_NOT_IN)
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)
    unknown: bool | None = strawberry.field(default=None, description=UNKNOWN)

    def condition(self, dimension: str, match: MatchWords) -> Condition:
        """Return the condition on a dimension; `match` returns the values that words stand for."""
        words = (_as_list(self.eq), self.in_, self.not_in)
        equal, among, not_in = (None if each is None else match(each) for each in words)
        return _value_conditions(dimension, equal, among, not_in, self.is_null, str)


@strawberry.input(description="Conditions on a whole number. All given conditions have to hold.")
class NumberFilter:
    eq: int | None = strawberry.field(default=None, description="The number is equal to this one.")
    in_: list[int] | None = strawberry.field(default=None, name="in", metadata=AMONG, description=_IN)
    not_in: list[int] | None = strawberry.field(default=None, metadata=AMONG, description=_NOT_IN)
    gte: int | None = strawberry.field(
        default=None, metadata=weighs(2), description="The number is this one or greater."
    )
    lte: int | None = strawberry.field(default=None, metadata=weighs(2), description="The number is this one or less.")
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)
    unknown: bool | None = strawberry.field(default=None, description=UNKNOWN)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        require_forward(self.gte, self.lte, RefusalCode.INVALID, "`gte` and `lte`")
        is_bounded = self.gte is not None or self.lte is not None
        between = (ValueBetween(dimension, self.gte, self.lte),) if is_bounded else ()
        return AllOf(
            (*between, _value_conditions(dimension, _as_list(self.eq), self.in_, self.not_in, self.is_null, str))
        )


@strawberry.input(
    description="Conditions on a partial date. A date that is less precise than a day, such as `2018-S2`, stands for "
    "all of its days and matches if one of them does."
)
class DateFilter:
    from_: PartialDate | None = strawberry.field(
        default=None, name="from", description="The date is in this period or later."
    )
    until: PartialDate | None = strawberry.field(default=None, description="The date is in this period or earlier.")
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)
    unknown: bool | None = strawberry.field(default=None, description=UNKNOWN)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        known = _value_conditions(dimension, None, None, None, self.is_null, str)
        from_, until = require_day(self.from_, "from"), require_day(self.until, "until")
        if from_ is None and until is None:
            return known
        if from_ is not None and until is not None:
            require_forward(period_bounds(from_)[0], period_bounds(until)[1], FieldErrorCode.BAD_TIME)
        return AllOf((ValueMatches(dimension, lambda date: overlaps(date, from_, until), f"{from_}..{until}"), known))


@strawberry.input(name="Filter", description="Conditions on a value of an enum. All given conditions have to hold.")
class EnumFilter(Generic[ValueT]):
    in_: list[ValueT] | None = strawberry.field(default=None, name="in", description=_IN)
    not_in: list[ValueT] | None = strawberry.field(default=None, description=_NOT_IN)
    is_null: bool | None = strawberry.field(default=None, description=_IS_NULL)
    unknown: bool | None = strawberry.field(default=None, description=UNKNOWN)

    def condition(self, dimension: str) -> Condition:
        """Return the condition on a dimension."""
        return _value_conditions(dimension, None, self.in_, self.not_in, self.is_null, enum_text)


def _value_conditions(
    dimension: str,
    equal: Iterable[object] | None,
    among: Iterable[object] | None,
    not_in: Iterable[object] | None,
    is_null: bool | None,
    convert: Callable[[object], str],
) -> Condition:
    conditions: list[Condition] = [
        HasValue(dimension, tuple(map(convert, values))) for values in (equal, among) if values is not None
    ]
    if not_in is not None:
        conditions.append(Not(HasValue(dimension, tuple(map(convert, not_in)))))
    if is_null is not None:
        conditions.append(Not(HasAnyValue(dimension)) if is_null else HasAnyValue(dimension))
    return AllOf(tuple(conditions))


def unknown_condition(dimension: str, unknown: bool | None) -> Condition | None:
    """Return the condition that a value is unknown, or that it is known; None for no condition."""
    if unknown is None:
        return None
    return IsUnknown(dimension) if unknown else Not(IsUnknown(dimension))


def overlaps(date: str, from_: str | None, until: str | None) -> bool:
    """Return whether a partial date has a day in a range of partial dates, both ends included."""
    first, last = period_bounds(date)
    return (from_ is None or last >= period_bounds(from_)[0]) and (until is None or first <= period_bounds(until)[1])


def _as_list(value: ValueT | None) -> list[ValueT] | None:
    return None if value is None else [value]


def enum_text(value: object) -> str:
    """Return the text by which the index has a value: of a member of an enum, its value."""
    return str(getattr(value, "value", value))


# Derivation


class FilterField(NamedTuple):
    """A field of a filter input; `build_condition` returns the condition that a value of it stands for."""

    attribute: str
    type: Any
    description: str
    weight: Metadata
    build_condition: Callable[[Any, Snapshot], Condition]


def derive_filter_fields(aggregate_type: AggregateType) -> tuple[FilterField, ...]:
    """Return a field for each filter that the fields and dimensions of an aggregate type declare, except objects."""
    return tuple(
        _build_filter_field(aggregate_type.name, each)
        for each in aggregate_type.declarations
        if each.filter and each.filter_kind is not FilterKind.OBJECT
    )


def add_filter_fields(fields: Iterable[FilterField]) -> Callable[[ClassT], ClassT]:
    """Return a class decorator that adds fields to a filter input.

    strawberry collects the fields of an input from the annotations and attributes of its class, so this decorator has
    to be applied first, below `@strawberry.input`.
    """

    def add_fields(cls: ClassT) -> ClassT:
        for field in fields:
            cls.__annotations__[field.attribute] = field.type | None
            declared = strawberry.field(default=None, metadata=field.weight, description=field.description)
            setattr(cls, field.attribute, declared)
        return cls

    return add_fields


def field_conditions(fields: Iterable[FilterField], where: Any, snapshot: Snapshot) -> Iterable[Condition]:
    """Yield the conditions of those fields of a filter input that have a value."""
    for field in fields:
        if (value := getattr(where, field.attribute)) is not None:
            yield field.build_condition(value, snapshot)


def _build_filter_field(aggregate_type: str, declared: Field | DerivedDimension) -> FilterField:
    assert declared.filter is not None
    kind = declared.filter_kind
    input_type = _enum_filter(declared) if kind is FilterKind.ENUM else _INPUT_TYPES[kind]
    build_condition = partial(_CONDITIONS[kind], _Dimension.of(aggregate_type, declared))
    description = declared.filter.description or declared.description
    return FilterField(camel_to_snake(declared.filter.name), input_type, description, _WEIGHTS[kind], build_condition)


def _enum_filter(declared: Field | DerivedDimension) -> Any:
    """Return the filter of a field whose values, or the items of whose values, are of an enum."""
    assert isinstance(declared, Field)
    item = declared.type
    while get_origin(item) in (Annotated, tuple):
        item = get_args(item)[0]
    return EnumFilter[item]  # type: ignore[valid-type]  # strawberry reads it from the annotation of the input


class _Dimension(NamedTuple):
    """A dimension of an aggregate type, how it is filtered, and its declared vocabulary."""

    aggregate_type: str
    name: str
    filter: Filter
    vocabulary: tuple[str, ...]

    @classmethod
    def of(cls, aggregate_type: str, declared: Field | DerivedDimension) -> _Dimension:
        """Return the dimension of a declared filter."""
        assert declared.filter is not None
        assert declared.index_dimension is not None
        dimension = declared.index_dimension
        vocabulary = vocabulary_of(declared.type) if isinstance(declared, Field) else _VOCABULARIES.get(dimension, ())
        return cls(aggregate_type, dimension, declared.filter, vocabulary)

    def indexed(self, snapshot: Snapshot) -> Mapping[str, Posting]:
        """Return the values that aggregates have at the head: nearly all that they have had, in memory already."""
        return snapshot.session.at_head().index(self.aggregate_type).values(self.name)

    def read_values(self, snapshot: Snapshot) -> Sequence[str]:
        """Return the values that aggregates have had at any position."""
        return snapshot.session.read_values(self.name, self.aggregate_type)


def _value_condition(
    dimension: _Dimension, where: NumberFilter | DateFilter | EnumFilter[Any], _: Snapshot
) -> Condition:
    return _with_unknown(dimension, where.condition(dimension.name), where.unknown)


def _text_condition(dimension: _Dimension, where: TextFilter, snapshot: Snapshot) -> Condition:
    def match(words: Sequence[str]) -> tuple[str, ...]:
        known = (*dimension.vocabulary, *dimension.indexed(snapshot))
        return match_words(dimension.filter.name, words, known, partial(dimension.read_values, snapshot))

    return _with_unknown(dimension, where.condition(dimension.name, match), where.unknown)


def _code_condition(dimension: _Dimension, where: TextFilter, snapshot: Snapshot) -> Condition:
    def match(words: Sequence[str]) -> tuple[str, ...]:
        known, read_others = dimension.indexed(snapshot), partial(dimension.read_values, snapshot)
        return match_codes(dimension.filter.name, words, known, read_others, dimension.filter.form)

    return _with_unknown(dimension, where.condition(dimension.name, match), where.unknown)


def _with_unknown(dimension: _Dimension, condition: Condition, unknown: bool | None) -> Condition:
    is_known = unknown_condition(dimension.name, unknown)
    return AllOf((condition, is_known)) if is_known else condition


def _boolean_condition(dimension: _Dimension, value: bool, _: Snapshot) -> Condition:
    return HasValue(dimension.name, ("true" if value else "false",))


def _search_condition(dimension: _Dimension, text: str, snapshot: Snapshot) -> Condition:
    """Return the condition that one of an aggregate's texts contains all words, in any order."""
    return HasValue(dimension.name, snapshot.search(dimension.aggregate_type, dimension.name, text))


_VOCABULARIES: Final = {"language": shipped_languages().codes}
"""The vocabularies of derived dimensions."""
_INPUT_TYPES: Final[dict[FilterKind, Any]] = {
    FilterKind.SEARCH: str,
    FilterKind.TEXT: TextFilter,
    FilterKind.CODE: TextFilter,
    FilterKind.NUMBER: NumberFilter,
    FilterKind.DATE: DateFilter,
    FilterKind.BOOLEAN: bool,
}
_WEIGHTS: Final[dict[FilterKind, Metadata]] = {
    FilterKind.SEARCH: weighs(30, word=30),
    FilterKind.TEXT: weighs(20),
    FilterKind.CODE: weighs(40),
    FilterKind.NUMBER: weighs(2),
    FilterKind.DATE: weighs(10),
    FilterKind.ENUM: weighs(2),
    FilterKind.BOOLEAN: weighs(1),
}
_CONDITIONS: Final[dict[FilterKind, Callable[[_Dimension, Any, Snapshot], Condition]]] = {
    FilterKind.SEARCH: _search_condition,
    FilterKind.TEXT: _text_condition,
    FilterKind.CODE: _code_condition,
    FilterKind.NUMBER: _value_condition,
    FilterKind.DATE: _value_condition,
    FilterKind.ENUM: _value_condition,
    FilterKind.BOOLEAN: _boolean_condition,
}
