"""How compiled functions complete the values of scalars and enums, and what they leave to graphql-core."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NoReturn

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)

from ogpgraph.graphql.scalars import return_unchanged

_PLAIN_CLASSES: Final[dict[object, type]] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: int,
}


class Refused(Exception):
    """A compiled function met a value that it does not know the response to; graphql-core does."""


def refuse(value: object) -> NoReturn:
    """Raise Refused."""
    raise Refused(type(value).__name__)


def items(value: object) -> Collection[Any]:
    """Return the items of a value of a list type; raises Refused for what is neither a list nor a tuple."""
    if isinstance(value, (list, tuple)):
        return value
    refuse(value)


def find_plain_class(type_: GraphQLLeafType) -> type | None:
    """Return a class whose instances the response has as they are, None if there is none.

    A scalar that is serialized by a class, such as `int`, leaves the instances of that class as they are. One that
    leaves all values as they are has texts more often than others.
    """
    if type_ in _PLAIN_CLASSES:
        return _PLAIN_CLASSES[type_]
    serialize = type_.coerce_output_value
    if serialize is return_unchanged:
        return str
    return serialize if serialize in (int, str) else None


def find_named_class(type_: GraphQLLeafType) -> type | None:
    """Return the class of an enum whose members have the names of its values in the schema, otherwise None."""
    if not isinstance(type_, GraphQLEnumType):
        return None
    class_: type[Enum] | None = getattr(type_, "wrapped_cls", None)
    if class_ is None or any(type_.coerce_output_value(each) != each._name_ for each in class_):
        return None
    return class_


@lru_cache(maxsize=1_000)  # more than the types of the schema
def build_completer(type_: GraphQLLeafType, *, is_required: bool) -> Callable[[Any], Any]:
    """Return the function that completes the values of a scalar or enum as graphql-core does, or raises."""

    def complete(value: Any) -> Any:
        if value is None and not is_required:
            return None
        if value is None or value is Undefined or isinstance(value, Exception):
            refuse(value)
        completed = type_.coerce_output_value(value)
        if completed is None or completed is Undefined:
            refuse(value)
        return completed

    return complete
