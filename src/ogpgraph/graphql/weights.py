"""Weights: what a field, an argument or a field of an input costs, declared where it is declared; and their sum.

The unit of cost is about 10 µs of processor time: what an object of a response takes, with 6,000 commitments in the
record (`bench/cost.py` measures it). A field that is computed, or that reads more than the object that it is selected
on, is declared with `metadata=computed(…)`; an argument or a field of an input that makes the server do more is
declared with `metadata=weighs(…)`. What has no declaration is free as a field, and as an argument costs what is below.

Every list has a greatest number of values: by its declaration, or that of the values of its enum. A text costs 1 for
each CHARACTERS_PER_UNIT characters. So nothing that a client can make longer is free, which
`tests/graphql/test_weights.py` checks for the whole schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Final, NamedTuple

from graphql import GraphQLArgument, GraphQLField, GraphQLInputField
from msgspec import Struct
from strawberry.schema.schema_converter import GraphQLCoreConverter

Arguments = Mapping[str, Any]
"""The arguments that a field is given, by name: plain values, not yet coerced to their types."""
Metadata = dict[str, Any]
"""It is never changed; those of several declarations are combined by `|`."""

STATE_COST: Final = 500
"""The cost of the first list that is read in another state of the record: of a past position, or as of a day."""
LIST_COST: Final = 10
"""The cost of finding a page of a list, besides its nodes."""
LOOKUP_COST: Final = 15
"""The cost of finding one thing by its code, id or position."""
DEFAULT_LIST_LENGTH: Final = 10
"""The assumed length of a list without pages."""
CHARACTERS_PER_UNIT: Final = 1_000
MAX_ARGUMENT_VALUES: Final = 10_000
"""So many values all arguments and variables of an operation may have together."""
INPUT_OBJECT_COST: Final = 5
"""The cost of an object inside of an argument: of coercing it."""
MAX_INPUT_DEPTH: Final = 32
"""So deep lists and objects in a value may be nested."""
_KEY: Final = "weight"


class ValueWeight(Struct, frozen=True):
    """What an argument, or a field of an input, costs if it is given, besides what is inside of it.

    `base` once, `item` for each item of a list, `word` for each word of a text. A list may have up to `max_items`; for
    a list of an enum, if it is None, as many as the enum has values. What is inside of it counts `times`.
    """

    base: float = 0
    item: float = 0
    word: float = 0
    max_items: int | None = None
    times: int = 1


class FieldWeight(Struct, frozen=True):
    """What a field costs for each object that it is selected on, besides the objects that it returns.

    `base` once, `item` for each of the items that it computes. Their number, that of the objects of a list without
    pages, is `length`, or follows from the arguments. If it `opens_state`, everything below it is read in another
    state of the record; if it `reads_list`, it evaluates a list of things in the state in which it is read.
    """

    base: float = 0
    item: float = 0
    length: int | Callable[[Arguments], int] = DEFAULT_LIST_LENGTH
    opens_state: bool = False
    reads_list: bool = False


FREE: Final = ValueWeight()
PLAIN: Final = FieldWeight()
LIST: Final[Metadata] = {_KEY: FieldWeight(base=LIST_COST, reads_list=True)}
"""The metadata of a field that finds a page of a list of things by the index."""


def weighs(
    base: float = 0, *, item: float = 0, word: float = 0, max_items: int | None = None, times: int = 1
) -> Metadata:
    """Return the metadata that declares the weight of an argument or of a field of an input."""
    return {_KEY: ValueWeight(base, item, word, max_items, times)}


def computed(
    base: float = 0,
    *,
    item: float = 0,
    length: int | Callable[[Arguments], int] = DEFAULT_LIST_LENGTH,
    opens_state: bool = False,
    reads_list: bool = False,
) -> Metadata:
    """Return the metadata that declares the weight of a field."""
    return {_KEY: FieldWeight(base, item, length, opens_state, reads_list)}


SEARCH: Final = weighs(200, word=10)
"""The metadata of a query of the full-text search: each word is looked up in the vocabulary, and its texts rated."""


def count_items(value: object) -> int:
    """Return how many items a plain value has as a list: one that is none is a list of it, as GraphQL has it."""
    if value is None:
        return 0
    return len(value) if isinstance(value, (list, tuple)) else 1


def weight_of_value(declared: GraphQLArgument | GraphQLInputField) -> ValueWeight:
    """Return the weight of an argument or of a field of an input."""
    found = _find_weight(declared)
    return found if isinstance(found, ValueWeight) else FREE


def weight_of_field(declared: GraphQLField) -> FieldWeight:
    """Return the weight of a field."""
    found = _find_weight(declared)
    return found if isinstance(found, FieldWeight) else PLAIN


def _find_weight(declared: GraphQLField | GraphQLArgument | GraphQLInputField) -> object:
    definition = declared.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition.metadata.get(_KEY) if definition else None


# The cost of an operation

MAX_REPORTED_COST: Final = 2**53 - 1
"""The greatest cost that is reported exactly; JSON clients cannot represent a greater integer."""


class OperationCost(NamedTuple):
    """The cost of an operation with its variables, at most; of a subscription, that of its beginning and of one entry.

    `once` is the part that it has whatever it finds: computed fields and arguments that no list repeats. The rest is
    for up to so many `objects`. `beginning` is the part of a subscription that entries do not repeat: its filter.
    """

    total: int
    once: int = 0
    objects: int = 0
    beginning: int = 0

    @property
    def of_entry(self) -> OperationCost:
        """Return the cost of each entry that a subscription delivers."""
        return self._replace(total=self.total - self.beginning, once=max(0, self.once - self.beginning), beginning=0)

    def used(self, objects: int) -> int:
        """Return what an operation cost that made so many objects: its part of the rest is in proportion to them."""
        rest = self.total - self.once
        share = rest * objects / self.objects if self.objects else objects
        return min(self.total, self.once + max(objects, ceil(share)))


NO_COST: Final = OperationCost(0)
