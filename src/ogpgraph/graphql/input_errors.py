"""The errors of input values in plain words: which argument or variable has which value, and what it has to be.

graphql-core decides which values are valid. Its messages quote whole inputs, name Python's None, and do not say which
argument they are about, so those of values are replaced by the ones that are found here. Literals and values of
variables are described alike. Objects and lists are never quoted, and other values are shortened.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from graphql import (
    ArgumentNode,
    DirectiveNode,
    EnumValueNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    ListValueNode,
    Node,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    StringValueNode,
    Undefined,
    ValidationRule,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_required_input_field,
    print_ast,
    type_from_ast,
)
from graphql.pyutils import did_you_mean, suggestion_list
from graphql.utilities.validate_input_value import validate_input_literal, validate_input_value

from ogpgraph.graphql.scalars import SCALAR_FORMS

MAX_SHOWN_CHARACTERS: Final = 60
MAX_ERRORS: Final = 25
_BUILT_IN_FORMS: Final = {
    "Boolean": "true or false",
    "Float": "a number",
    "ID": "a string",
    "Int": "a whole number from -2147483648 to 2147483647",
    "String": "a string",
}


class Place(NamedTuple):
    """Where a value is: `The argument`, the path of the argument or variable, and whose it is."""

    kind: str
    path: str
    owner: str = ""

    def __str__(self) -> str:
        return f"{self.kind} `{self.path}`{self.owner}"

    def below(self, step: str | int) -> Place:
        """Return the place of a field or item of the value."""
        return self._replace(path=f"{self.path}[{step}]" if isinstance(step, int) else f"{self.path}.{step}")


class InputError(NamedTuple):
    """What is wrong with a value; `node` is where it is in the document, None for a part of a variable's value.

    `extensions` are those of the scalar that refused it.
    """

    message: str
    node: Node | None = None
    extensions: Mapping[str, Any] | None = None


class InputValuesRule(ValidationRule):
    """Literals have the type of their argument, or of the variable whose default they are."""

    def enter_argument(self, node: ArgumentNode, _key: Any, _parent: Any, _path: Any, ancestors: Sequence[Any]) -> None:
        """Check the value of an argument."""
        argument = self.context.get_argument()
        owner = next((each for each in reversed(ancestors) if isinstance(each, (FieldNode, DirectiveNode))), None)
        if argument is not None and owner is not None:
            sign = "@" if isinstance(owner, DirectiveNode) else ""
            place = Place("the argument", node.name.value, f" of `{sign}{owner.name.value}`")
            self._check(node.value, argument.type, place)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_args: Any) -> None:
        """Check the default of a variable."""
        type_ = self.context.get_input_type()
        if node.default_value is not None and type_ is not None:
            self._check(node.default_value, type_, Place("the default of", f"${node.variable.name.value}"))

    def _check(self, node: ValueNode, type_: GraphQLInputType, place: Place) -> None:
        found: list[GraphQLError] = []
        validate_input_literal(node, type_, lambda error, _path: found.append(error), hide_suggestions=True)
        if not found:
            return
        described = [
            GraphQLError(each.message, each.node or node, extensions=_extensions_of(each))
            for each in islice(find_input_errors(node, type_, place), MAX_ERRORS)
        ]
        for error in described or found:
            self.report_error(error)


def describe_variable_errors(
    schema: GraphQLSchema, operation: OperationDefinitionNode, values: Mapping[str, Any]
) -> list[GraphQLError]:
    """Return the first errors of the values of an operation's variables; none if they have their types."""
    errors = (
        GraphQLError(each.message, definition, extensions=_extensions_of(each))
        for definition in operation.variable_definitions or ()
        for each in _find_variable_errors(schema, definition, values)
    )
    return list(islice(errors, MAX_ERRORS))


def _find_variable_errors(
    schema: GraphQLSchema, definition: VariableDefinitionNode, values: Mapping[str, Any]
) -> Iterator[InputError]:
    name, type_ = definition.variable.name.value, type_from_ast(schema, definition.type)
    place = Place("the variable", f"${name}")
    if name in values:
        yield from find_input_errors(values[name], type_, place)  # type: ignore[arg-type]  # validated: an input type
    elif isinstance(type_, GraphQLNonNull) and definition.default_value is None:
        yield InputError(_sentence(f"{place} is missing: it has to be {describe_form(type_)}"))


def find_input_errors(value: Any, type_: GraphQLInputType, place: Place) -> Iterator[InputError]:
    """Yield what is wrong with a value: a literal, or the value of a variable as it was decoded from JSON."""
    if isinstance(value, VariableNode):
        return
    if value is None or isinstance(value, NullValueNode):
        if isinstance(type_, GraphQLNonNull):
            yield _wrong(value, type_, place)
        return
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        items = _items_of(value)
        for index, item in enumerate([value] if items is None else items):
            yield from find_input_errors(item, nullable.of_type, place if items is None else place.below(index))
    elif isinstance(nullable, GraphQLInputObjectType):
        yield from _find_errors_of_fields(value, nullable, place)
    else:
        yield from _find_errors_of_leaf(value, nullable, place)


def _find_errors_of_fields(value: Any, type_: GraphQLInputObjectType, place: Place) -> Iterator[InputError]:
    fields = _fields_of(value)
    if fields is None:
        yield _wrong(value, type_, place)
        return
    for name, field in type_.fields.items():
        if name in fields:
            yield from find_input_errors(fields[name], field.type, place.below(name))
        elif is_required_input_field(field):
            message = f"{place} lacks `{name}`, which has to be {describe_form(field.type)}"
            yield InputError(_sentence(message), _node_of(value))
    for name in [each for each in fields if each not in type_.fields]:
        nearest = _suggest(name, type_.fields)
        message = f"{place} has the field `{_shorten(name)}`, which {type_.name} does not have"
        yield InputError(_sentence(message, nearest), _node_of(fields[name]))
    given = [name for name in fields if name in type_.fields]
    if type_.is_one_of and (len(given) != 1 or _is_null(fields[given[0]])):
        message = f"{place} has to have exactly one of the fields of {type_.name}, and that not null"
        yield InputError(_sentence(message), _node_of(value))


def _find_errors_of_leaf(value: Any, type_: Any, place: Place) -> Iterator[InputError]:
    found: list[GraphQLError] = []
    if isinstance(value, Node):
        validate_input_literal(value, type_, lambda error, _path: found.append(error))  # type: ignore[arg-type]  # a value
    else:
        validate_input_value(value, type_, lambda error, _path: found.append(error))
    for error in found:
        yield _wrong(value, type_, place, error.extensions)


def _wrong(value: Any, type_: GraphQLInputType, place: Place, extensions: Any = None) -> InputError:
    message = f"{place} is {show_value(value)}, but has to be {describe_form(type_)}"
    nearest = ""
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType) and (text := _text_of(value)) is not None:
        nearest = _suggest(text, named.values)
        if isinstance(value, StringValueNode):
            message = f"{message}, without quotes"
    return InputError(_sentence(message, nearest), _node_of(value), extensions or None)


def describe_form(type_: GraphQLInputType) -> str:
    """Return what a value of a type has to be, with the name of the type."""
    nullable = get_nullable_type(type_)
    if is_list_type(nullable):
        return f"a list; each item has to be {describe_form(nullable.of_type)}"
    named = get_named_type(type_)
    if isinstance(named, GraphQLEnumType):
        return f"one of the values of {named.name}"
    if isinstance(named, GraphQLInputObjectType):
        return f"an object with fields of {named.name}"
    form = _BUILT_IN_FORMS.get(named.name) or SCALAR_FORMS.get(named.name)
    return f"{form} ({named.name})" if form else f"a value of {named.name}"


def _suggest(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the names that are most like a name; empty for a long one, which takes long to compare."""
    return did_you_mean(suggestion_list(name, list(known))) if len(name) <= MAX_SHOWN_CHARACTERS else ""


def show_value(value: Any) -> str:
    """Return a value as it is quoted in a message: shortened, and objects and lists by their kind only."""
    if _is_null(value):
        return "null"
    if _items_of(value) is not None:
        return "a list"
    if _fields_of(value) is not None:
        return "an object"
    return _shorten(print_ast(value) if isinstance(value, Node) else json.dumps(value, ensure_ascii=False))


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"


def _sentence(message: str, nearest: str = "") -> str:
    return f"{message[0].upper()}{message[1:]}.{nearest}"


def _extensions_of(error: InputError) -> dict[str, Any] | None:
    return dict(error.extensions) if error.extensions else None


# Literals and decoded JSON, read alike


def _is_null(value: Any) -> bool:
    return value is None or value is Undefined or isinstance(value, NullValueNode)


def _items_of(value: Any) -> Sequence[Any] | None:
    if isinstance(value, ListValueNode):
        return value.values
    return value if isinstance(value, list) else None


def _fields_of(value: Any) -> dict[str, Any] | None:
    if isinstance(value, ObjectValueNode):
        return {field.name.value: field.value for field in value.fields}
    return value if isinstance(value, dict) else None


def _text_of(value: Any) -> str | None:
    if isinstance(value, (EnumValueNode, StringValueNode)):
        return value.value
    return value if isinstance(value, str) else None


def _node_of(value: Any) -> Node | None:
    return value if isinstance(value, Node) else None
