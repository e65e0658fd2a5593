"""The cost of arguments: literals in a document, and the values of variables, weighed alike before anything is coerced.

A value is walked along the type of its argument, so only what the schema knows is looked at. Before a list or an object
is entered, its length is checked, and all lists and objects of an operation together have up to MAX_ARGUMENT_VALUES
values: so weighing takes a few milliseconds at most, whatever was sent. A value of the wrong type costs nothing; it is
refused when it is coerced.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from ogpgraph.graphql.errors import DocumentErrorCode, LimitExceeded
from ogpgraph.graphql.weights import (
    CHARACTERS_PER_UNIT,
    INPUT_OBJECT_COST,
    MAX_ARGUMENT_VALUES,
    MAX_INPUT_DEPTH,
    ValueWeight,
    weight_of_value,
)
from ogpgraph.readmodel.queries import MAX_PAGE_SIZE

_MAX_COUNTED_CHARACTERS: Final = 10_000
"""A longer text is taken to have as many words as it could have."""
_MAX_KEY_CHARACTERS: Final = 100
_DIGITS: Final = 9
"""So many digits are more than any limit; converting a number of thousands of digits would take long."""


class Tally:
    """Counts the values in the arguments of one operation."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, number: int) -> None:
        """Count some values; raises LimitExceeded if there are too many."""
        self._count += number
        if self._count > MAX_ARGUMENT_VALUES:
            raise LimitExceeded(
                f"The arguments and variables have more than {MAX_ARGUMENT_VALUES} values together. Send several "
                "operations.",
                DocumentErrorCode.TOO_MANY_VALUES,
            )


class Measure(Protocol):
    """What the cost of an operation depends on in one place of its document, as a number or another hashable value."""

    def of_value(self, value: Any, tally: Tally) -> Hashable:
        """Return the measure of a plain value: that of a variable."""

    def of_node(self, node: ValueNode | None, scope: Scope) -> Any:
        """Return the measure of a literal, or of the variable that it is; None is that of an argument left out."""


class VariableUse(NamedTuple):
    """A variable in one place of a document; `default` is the measure where the variable has no value."""

    name: str
    measure: Measure
    default: Hashable

    def read(self, variables: Mapping[str, Any], tally: Tally) -> Hashable:
        """Return what the cost depends on here; raises LimitExceeded for a value that is too large."""
        if self.name in variables:
            return self.measure.of_value(variables[self.name], tally)
        return self.default


class Scope:
    """The variables of one operation, with their values and defaults; `uses` are the places where it has them."""

    def __init__(self, variables: Mapping[str, Any], defaults: Mapping[str, ValueNode | None]) -> None:
        self._variables = variables
        self._defaults = defaults
        self.tally = Tally()
        self.uses: dict[tuple[str, int], VariableUse] = {}

    def read(self, name: str, measure: Measure) -> Any:
        """Return the measure of a variable, and note its use."""
        key = name, id(measure)
        if key not in self.uses:
            # The default of a variable is a constant, so this does not come back here.
            self.uses[key] = VariableUse(name, measure, measure.of_node(self._defaults.get(name), self))
        return self.uses[key].read(self._variables, self.tally)


class PageSize:
    """Measures the size of a page: MAX_PAGE_SIZE where it is not given, or is no number."""

    def of_value(self, value: Any, _tally: Tally) -> int:
        """Return the size that a variable asks for."""
        return min(max(value, 0), MAX_PAGE_SIZE) if isinstance(value, int) else MAX_PAGE_SIZE

    def of_node(self, node: ValueNode | None, scope: Scope) -> Any:
        """Return the size that a literal or a variable asks for."""
        if isinstance(node, VariableNode):
            return scope.read(node.name.value, self)
        return self.of_value(int(node.value[:_DIGITS]) if isinstance(node, IntValueNode) else None, scope.tally)


class PlainValue:
    """Measures nothing: the plain value, on which the number of items that a field computes depends."""

    def of_value(self, value: Any, _tally: Tally) -> Hashable:
        """Return a number or a short text, and of a list as many places."""
        if isinstance(value, str):
            return value[:_MAX_KEY_CHARACTERS]
        if isinstance(value, list):
            return (None,) * min(len(value), MAX_ARGUMENT_VALUES)
        return value if isinstance(value, (int, float)) else None

    def of_node(self, node: ValueNode | None, scope: Scope) -> Any:
        """Return the same of a literal or a variable."""
        match node:
            case VariableNode():
                return scope.read(node.name.value, self)
            case IntValueNode():
                return int(node.value[:_DIGITS])
            case ListValueNode():
                return (None,) * len(node.values)
            case None | NullValueNode() | ObjectValueNode():
                return None
        return node.value[:_MAX_KEY_CHARACTERS] if isinstance(node.value, str) else node.value  # type: ignore[attr-defined]  # the others have one


PAGE_SIZE: Final = PageSize()
PLAIN_VALUE: Final = PlainValue()


class ArgumentWeight:
    """Measures the weight of an argument, or of a field of an input; 0 where it is left out or null.

    `place` is its name, for errors; an argument has that of the argument, a field the coordinate in the schema.
    """

    def __init__(self, place: str, declared: GraphQLArgument | GraphQLInputField) -> None:
        nullable: GraphQLInputType = get_nullable_type(declared.type)  # type: ignore[assignment]  # of an input
        named = get_named_type(declared.type)
        self.place = place
        self.weight = weight_of_value(declared)
        self.is_list = is_list_type(nullable)
        self.max_items = self.weight.max_items or (len(named.values) if isinstance(named, GraphQLEnumType) else 0)
        self.input_type = named if isinstance(named, GraphQLInputObjectType) else None
        self._item = _ItemWeight(self) if self.is_list else None

    def of_value(self, value: Any, tally: Tally, depth: int = 0) -> float:
        """Return the weight of a plain value; raises LimitExceeded for one that is too large."""
        if value is None:
            return 0
        weight = self.weight
        if self.is_list and isinstance(value, list):
            self._require_short(len(value))
            tally.add(len(value))
            items = sum(self._of_item(each, tally, depth) for each in value)
            return weight.base + weight.item * len(value) + items * weight.times
        return weight.base + weight.item + self._of_item(value, tally, depth) * weight.times

    def _of_item(self, value: Any, tally: Tally, depth: int) -> float:
        if isinstance(value, str):
            return self._of_text(value)
        if not isinstance(value, (dict, list)):
            return 0
        tally.add(len(value))
        if depth >= MAX_INPUT_DEPTH:
            raise self._too_deep()
        if self.input_type is None:
            return self._of_json(value, tally, depth)
        if isinstance(value, list):
            return 0
        fields = fields_of(self.input_type)
        if len(value) > len(fields):
            raise self._too_many(len(value), len(fields))
        inside = sum(fields[name].of_value(each, tally, depth + 1) for name, each in value.items() if name in fields)
        return INPUT_OBJECT_COST + inside

    def _of_json(self, value: Any, tally: Tally, depth: int) -> float:
        """Return the weight of a list or an object as the value of a scalar."""
        items = value if isinstance(value, list) else value.values()
        return sum(self._of_item(each, tally, depth + 1) for each in items)

    def of_node(self, node: ValueNode | None, scope: Scope, depth: int = 0) -> float:
        """Return the weight of a literal, or of the variable that it is."""
        if node is None or isinstance(node, NullValueNode):
            return 0
        if isinstance(node, VariableNode):
            found: float = scope.read(node.name.value, self)
            return found
        weight = self.weight
        if self.is_list and isinstance(node, ListValueNode):
            self._require_short(len(node.values))
            scope.tally.add(len(node.values))
            items = sum(self._of_item_node(each, scope, depth) for each in node.values)
            return weight.base + weight.item * len(node.values) + items * weight.times
        return weight.base + weight.item + self._of_item_node(node, scope, depth) * weight.times

    def _of_item_node(self, node: ValueNode, scope: Scope, depth: int) -> float:
        if depth >= MAX_INPUT_DEPTH:
            raise self._too_deep()
        match node:
            case StringValueNode():
                return self._of_text(node.value)
            case VariableNode() if self._item is not None:  # an item of a list that is a literal
                found: float = scope.read(node.name.value, self._item)
                return found
            case ObjectValueNode() if self.input_type is not None:
                fields = fields_of(self.input_type)
                given = [(fields.get(each.name.value), each.value) for each in node.fields]
                inside = sum(field.of_node(value, scope, depth + 1) for field, value in given if field)
                return INPUT_OBJECT_COST + inside
            case ObjectValueNode():
                return sum(self._of_item_node(each.value, scope, depth + 1) for each in node.fields)
            case ListValueNode() if self.input_type is None:
                return sum(self._of_item_node(each, scope, depth + 1) for each in node.values)
        return 0

    def _of_text(self, text: str) -> float:
        length = len(text)
        words = 0.0
        if self.weight.word:
            words = self.weight.word * (len(text.split()) if length <= _MAX_COUNTED_CHARACTERS else length / 2)
        return words + length // CHARACTERS_PER_UNIT

    def _require_short(self, length: int) -> None:
        if length > self.max_items:
            raise self._too_many(length, self.max_items)

    def _too_many(self, number: int, limit: int) -> LimitExceeded:
        return LimitExceeded(
            f"`{self.place}` has {number} values, but may have {limit}. Send several operations.",
            DocumentErrorCode.TOO_MANY_VALUES,
        )

    def _too_deep(self) -> LimitExceeded:
        return LimitExceeded(
            f"`{self.place}` is inside of more than {MAX_INPUT_DEPTH} lists and objects.", DocumentErrorCode.TOO_DEEP
        )


class _ItemWeight(ArgumentWeight):
    """Measures what is inside of one item of a list, where the item itself is counted already."""

    def __init__(self, of: ArgumentWeight) -> None:
        self.place, self.weight, self.max_items, self.is_list = of.place, ValueWeight(word=of.weight.word), 0, False
        self.input_type, self._item = of.input_type, None


@lru_cache(maxsize=2_000)  # a schema has a few hundred; tests build their own
def fields_of(type_: GraphQLInputObjectType) -> Mapping[str, ArgumentWeight]:
    """Return name → the measure of each field of an input."""
    return {name: ArgumentWeight(f"{type_.name}.{name}", field) for name, field in type_.fields.items()}
