"""On what fields depend: what a response has of them is computed once for as long as that is the same.

An object of the schema shows a version of a thing, which never changes: its state since the position of an entry. A
field that depends on nothing else is the thing's *own*, declared where it is defined by `metadata=OWN`. It may also
depend on the values of its arguments and on which texts were removed. It is never one that depends on other things, on
the position or the day that is read, or on who reads. The parts of a thing, such as ratings, are its own where the
fields that list them are, and so are fields of theirs; a field without a resolver has what its object was made with,
which is what the field depends on that the object came from.

An entry never changes either, and its own fields are declared in the same way. What an entry leads to is read at its
position, so that everything below depends on the entry alone: `metadata=FIXED`.

A field that leads to the thing whose id is at a path of its own is declared by `metadata=links(path)`, a list of the
things that name it as their parent by `metadata=lists(…)`: the other thing is looked up for each reader.

What is computed of many things, such as counts, may depend on less than all of them: `metadata=keyed(…)` has the
function that finds it, and the dimensions of tags that it depends on.

All other fields are evaluated for each reader, which is always right. `tests/graphql/test_dependence.py` changes
everything else and compares.

A whole response is used again after a write if it is known what it was read from (`readmodel.kept_responses`): the
versions and lists above, and a connection says what it depends on. What finds a thing by its code or id is declared by
`metadata=named(…)`, what is always the same from some position on by `metadata=settled(…)`. A response with any other
field is read anew after each write.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final

from graphql import GraphQLField
from msgspec import Struct
from strawberry.schema.schema_converter import GraphQLCoreConverter

if TYPE_CHECKING:
    from ogpgraph.readmodel.index import Dimensions
    from ogpgraph.readmodel.queries import AggregateQuery, PageRequest

Metadata = dict[str, Any]
SelectPart = Callable[..., "tuple[AggregateQuery, PageRequest]"]
"""Returns the query and the page that arguments of a list select, at a snapshot, which is the first argument."""
_KEY: Final = "depends"


class Own(Struct, frozen=True):
    """The field depends on the version of its object alone; if it is `fixed`, so does everything that it leads to."""

    is_fixed: bool = False


class Link(Struct, frozen=True):
    """The field is the thing whose id is at a path of its object."""

    path: str


class Part(Struct, frozen=True):
    """The field is a list of the things that belong to its object."""

    select: SelectPart


class Keyed(Struct, frozen=True):
    """The field depends on a key alone, which a function finds with the object and its arguments; None for no key.

    With the same object, the key depends on the dimensions that another function finds.
    """

    find_key: Callable[..., Hashable]
    find_dimensions: Callable[..., Dimensions]


class Named(Struct, frozen=True):
    """The field is the thing with a code or else an id, which a function finds with the object and its arguments."""

    find_name: Callable[..., tuple[str | None, str | None]]


class Settled(Struct, frozen=True):
    """The field never changes if it is not null, and if a function says so of the object and its arguments."""

    is_settled: Callable[..., bool]


Dependence = Own | Link | Part | Keyed | Named | Settled
OWN: Final[Metadata] = {_KEY: Own()}
FIXED: Final[Metadata] = {_KEY: Own(is_fixed=True)}


def links(path: str) -> Metadata:
    """Return the metadata of a field that is the thing whose id is at a path."""
    return {_KEY: Link(path)}


def lists(select: SelectPart) -> Metadata:
    """Return the metadata of a field that is a list of the things that belong to its object."""
    return {_KEY: Part(select)}


def keyed(find_key: Callable[..., Hashable], find_dimensions: Callable[..., Dimensions]) -> Metadata:
    """Return the metadata of a field that depends on a key alone."""
    return {_KEY: Keyed(find_key, find_dimensions)}


def named(find_name: Callable[..., tuple[str | None, str | None]]) -> Metadata:
    """Return the metadata of a field that is the thing with a code or an id."""
    return {_KEY: Named(find_name)}


def settled(is_settled: Callable[..., bool]) -> Metadata:
    """Return the metadata of a field that never changes."""
    return {_KEY: Settled(is_settled)}


def dependence_of(field: GraphQLField) -> Dependence | None:
    """Return on what a field of the schema depends; None for one that is evaluated for each reader."""
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if definition is None:
        return None
    declared: Dependence | None = definition.metadata.get(_KEY)
    return Own() if declared is None and definition.base_resolver is None else declared
