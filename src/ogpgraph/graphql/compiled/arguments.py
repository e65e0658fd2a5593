"""Variables and arguments: coerced as graphql-core does it and converted as strawberry does it, with prepared types.

Both look up the type of every variable, and the name and type of every field of an input, each time that they have a
value of it. That does not depend on the value, so here it is looked up once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import strawberry
from graphql import (
    ArgumentNode,
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLSchema,
    IntValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource, get_argument_values, get_variable_values
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import StrawberryArgument, convert_argument
from strawberry.types.base import StrawberryList, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET

from ogpgraph.lazy import cached_property

Convert = Callable[[Any], Any]
"""Returns what a resolver gets for a coerced value, which is not null."""
MAX_INPUT_TYPES: Final = 1_000


class OperationVariables:
    """The variables that an operation defines. Threads may use it at once."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._leaves = self._find_leaves()

    def coerce(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """Return what graphql-core's `get_variable_values` returns for the variables of a request, with one error."""
        if self._leaves is not None and (values := self._coerce_leaves(self._leaves, given)) is not None:
            return values
        return get_variable_values(self._schema, self._definitions, dict(given), max_errors=1, hide_suggestions=True)

    def _find_leaves(self) -> list[tuple[GraphQLVariableSignature, Any]] | None:
        """Return the variables with their types, None where one of these is no scalar or enum."""
        found = []
        for definition in self._definitions:
            signature = get_variable_signature(self._schema, definition)
            if isinstance(signature, GraphQLError) or not is_leaf_type(type_ := get_nullable_type(signature.type)):
                return None
            found.append((signature, type_))
        return found

    def _coerce_leaves(
        self, leaves: Sequence[tuple[GraphQLVariableSignature, Any]], given: Mapping[str, Any]
    ) -> VariableValues | None:
        """Return the coerced variables; None where one is missing, null or wrong."""
        sources, coerced = {}, {}
        for signature, type_ in leaves:
            name = signature.name
            if (value := given.get(name)) is None:
                return None
            try:
                coerced[name] = type_.coerce_input_value(value)
            except Exception:  # graphql-core says what is wrong with it
                return None
            if coerced[name] is Undefined:
                return None
            sources[name] = VariableValueSource(signature, value)
        return VariableValues(sources, coerced)


class FieldArguments:
    """The arguments that a field of a document passes to its resolver."""

    def __init__(
        self,
        schema: strawberry.Schema,
        field: GraphQLField,
        declared: Sequence[StrawberryArgument],
        node: FieldNode,
    ) -> None:
        names = schema.config.name_converter
        self._field = field
        self._node = node
        self._template = _build_template(field.args, node.arguments)
        self._arguments = [
            (names.from_argument(each), each.python_name, _find_converter(schema, each.type)) for each in declared
        ]

    def __call__(self, variables: VariableValues) -> dict[str, Any]:
        """Return the arguments for the variables of a request; raises what their coercion and conversion raise."""
        values = None if self._template is None else _fill(self._template, variables.coerced)
        if values is None:
            values = get_argument_values(self._field, self._node, variables)
        return {
            python_name: _convert(convert, values[name])
            for name, python_name, convert in self._arguments
            if name in values
        }


# Values that are written in a document


class _VariableName(NamedTuple):
    """The place of a variable in a template."""

    name: str


_Template = dict[str, Any]
"""Name → a constant, the name of a variable, or the template of an object."""
_SCALAR_NODES: Final = (IntValueNode, FloatValueNode, StringValueNode, BooleanValueNode, EnumValueNode)


def _build_template(
    declared: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField],
    nodes: Sequence[ArgumentNode] | Sequence[ObjectFieldNode] | None,
) -> _Template | None:
    """Return the values of arguments or of fields of an input; None where graphql-core has to find them each time.

    These have a null in them, a list, or what is not written as it is declared.
    """
    given = {node.name.value: node.value for node in nodes or ()}
    if not given.keys() <= declared.keys():
        return None
    template = {name: _build_value(each, given.get(name)) for name, each in declared.items()}
    if any(value is None for value in template.values()):  # to which Undefined is equal
        return None
    return {name: value for name, value in template.items() if value is not Undefined}


def _build_value(declared: GraphQLArgument | GraphQLInputField, node: ValueNode | None) -> Any:
    """Return what a template has of an argument or a field, Undefined where it is omitted; None if nothing can be."""
    type_ = get_nullable_type(declared.type)
    if declared.out_name is not None:
        return None
    if node is None:
        return None if declared.type is not type_ and declared.default is None else coerce_default_value(declared)
    if isinstance(node, VariableNode):
        return _VariableName(node.name.value)
    if isinstance(node, ObjectValueNode) and isinstance(type_, GraphQLInputObjectType) and not type_.is_one_of:
        return _build_template(type_.fields, node.fields)
    if isinstance(node, _SCALAR_NODES) and is_leaf_type(type_):
        value = coerce_input_literal(node, type_)
        return None if value is Undefined else value
    return None


def _fill(template: _Template, variables: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the values of a template; None where a variable is null or missing, of which graphql-core knows more."""
    values = {}
    for name, value in template.items():
        filled = value
        if type(value) is _VariableName:
            filled = variables.get(value.name)
        elif type(value) is dict:
            filled = _fill(value, variables)
        if filled is None:
            return None
        values[name] = filled
    return values


class _InputField(NamedTuple):
    """A field of an input: its name as the argument of its class, and what converts its values."""

    python_name: str
    convert: Convert | None


class _InputConverter:
    """Makes objects of an input type. Its fields are looked up when it is first used: inputs may contain themselves."""

    def __init__(self, schema: strawberry.Schema, class_: Any) -> None:
        self._schema = schema
        self._class = class_

    @cached_property
    def _fields(self) -> dict[str, _InputField]:
        definition, names = self._class.__strawberry_definition__, self._schema.config.name_converter
        return {
            names.from_field(field): _InputField(
                field.python_name, _find_converter(self._schema, field.resolve_type(type_definition=definition))
            )
            for field in definition.fields
        }

    @cached_property
    def _nulls(self) -> dict[str, None]:
        """The fields that are null where they are omitted, as their class has no default."""
        # Required ones, too, which no coerced value omits.
        fields = self._class.__strawberry_definition__.fields
        return {
            field.python_name: None
            for field in fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }

    def __call__(self, value: Mapping[str, Any]) -> Any:
        given: dict[str, Any] = dict(self._nulls)
        for name, each in value.items():
            field = self._fields[name]
            given[field.python_name] = _convert(field.convert, each)
        return self._class(**given)


def _convert(convert: Convert | None, value: Any) -> Any:
    return value if convert is None or value is None or value is UNSET else convert(value)


def _convert_items(convert: Convert | None, values: Sequence[Any]) -> list[Any]:
    return [_convert(convert, each) for each in values]


def _find_converter(schema: strawberry.Schema, type_: Any) -> Convert | None:
    """Return what converts the values of a type; None where they are what a resolver gets."""
    if isinstance(type_, StrawberryOptional):
        return _find_converter(schema, type_.of_type)
    if isinstance(type_, LazyType):
        return _find_converter(schema, type_.resolve_type())
    if isinstance(type_, StrawberryList):
        return partial(_convert_items, _find_converter(schema, type_.of_type))
    registry = schema.schema_converter.scalar_registry
    if isinstance(type_, StrawberryEnumDefinition) or has_enum_definition(type_):
        return None
    if type_ is not GlobalID and is_scalar(type_, registry):
        return None
    if has_object_definition(type_) and type_.__strawberry_definition__.from_input is None:
        return _find_input_converter(schema, type_)
    # What our schema has nothing of.
    return partial(convert_argument, type_=type_, scalar_registry=registry, config=schema.config)


@lru_cache(maxsize=MAX_INPUT_TYPES)
def _find_input_converter(schema: strawberry.Schema, class_: Any) -> _InputConverter:
    return _InputConverter(schema, class_)
