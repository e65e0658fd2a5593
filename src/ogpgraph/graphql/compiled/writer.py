"""Writes the source of the function of an operation; the package's description shows what it looks like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final

import strawberry
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    VariableNode,
    Visitor,
    is_leaf_type,
    visit,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues
from graphql.type.scalars import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from ogpgraph.graphql.compiled.arguments import FieldArguments
from ogpgraph.graphql.compiled.leaves import build_completer, find_named_class, find_plain_class, items, refuse

ConvertArguments = Callable[[VariableValues], dict[str, Any]]
"""Returns the arguments that a field passes to its resolver, for the variables of a request."""
FieldSet = Mapping[str, list[Any]]
"""Response name → the details of the fields of that name, which are executed as one."""

DEFINITION: Final = GraphQLCoreConverter.DEFINITION_BACKREF
_LITERALS: Final = (str, int, bool, type(None))


class NotCovered(Exception):
    """An operation has something that a compiled function does not express."""


class OperationWriter:
    """Writes the functions of an operation, which an executor was built for, one for each type and set of fields.

    `lines` are their source, `names` what the source refers to. `conversions` convert the arguments that depend on
    variables, in the order of their numbers in the source. `fields` is the number of those written.
    """

    def __init__(self, schema: strawberry.Schema, executor: StrawberryGraphQLCoreExecutionContext, max_fields: int):
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"refuse": refuse, "items": items}
        self.conversions: list[ConvertArguments] = []
        self._strawberry_schema = schema
        self._executor = executor
        self._schema = executor.schema
        self.fields = 0
        self._max_fields = max_fields
        self._functions: dict[tuple[object, ...], str] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._numbers = count(1)

    def collect_root(self) -> tuple[GraphQLObjectType, FieldSet]:
        """Return the root type of the operation and the fields that it selects there; raises NotCovered."""
        executor = self._executor
        root_type = self._schema.get_root_type(executor.operation.operation)
        if root_type is None:
            raise NotCovered(executor.operation.operation)
        collected = collect_fields(
            self._schema, executor.fragments, executor.variable_values, root_type, executor.operation
        )
        return root_type, collected.grouped_field_set

    def collect(self, type_: GraphQLObjectType, details: list[Any]) -> FieldSet:
        """Return the fields of a type that are selected on a field."""
        return self._executor.collect_subfields(type_, details).grouped_field_set

    def possible_types(self, type_: GraphQLInterfaceType) -> Sequence[GraphQLObjectType]:
        """Return the types of the objects of an interface."""
        return self._schema.get_possible_types(type_)

    def find_variables(self, details: list[Any]) -> set[str]:
        """Return the variables in the arguments of a field and of all below it."""
        finder = _VariableFinder(self._executor.fragments)
        for each in details:
            visit(each.node, finder)
        return finder.names

    # Functions. All take an object and the run. They raise whatever is wrong, and NotCovered while they are written.

    def write_fields(self, type_: GraphQLObjectType, field_set: FieldSet) -> str:
        """Write a function that returns some fields of an object as a dict, and does not count it; returns its name."""
        return self._write_function(type_, field_set, counts=False)

    def write_object(self, type_: GraphQLObjectType, details: list[Any]) -> str:
        """Write the function that returns an object with all that is selected on it; returns its name."""
        return self._find_function(type_, details)

    def write_value(self, type_: GraphQLObjectType, details: list[Any]) -> str:
        """Write a function that returns the completed value of a field of an object; returns its name."""
        return self._write_expression(f"{type_.name}_value", self._write_field(type_, details))

    def write_reader(self, type_: GraphQLObjectType, details: list[Any]) -> str:
        """Write a function that returns what the resolver of a field returns; returns its name."""
        node = details[0].node
        field = type_.fields[node.name.value]
        return self._write_expression(f"{type_.name}_read", self._write_reading(field, node))

    def write_selector(self, type_: GraphQLObjectType, details: list[Any], select: Callable[..., Any]) -> str:
        """Write a function that calls another with its first argument and the arguments of a field."""
        node = details[0].node
        field = type_.fields[node.name.value]
        arguments = self._write_arguments(field, field.extensions[DEFINITION], node) if field.args else ()
        call = f"{self._name('select', select)}({', '.join(['source', *arguments])})"
        return self._write_expression(f"{type_.name}_select", call)

    def _write_expression(self, hint: str, expression: str) -> str:
        name = self._number(hint)
        self.lines += [f"def {name}(source, run):", f"    return {expression}"]
        return name

    def _find_function(self, type_: GraphQLObjectType, details: list[Any]) -> str:
        """Return the name of the function for the objects that a field returns, which is written unless it was."""
        key = type_.name, *(id(each.node) for each in details)
        if key not in self._functions:
            self._functions[key] = self._write_function(type_, self.collect(type_, details))
        return self._functions[key]

    def _write_function(self, type_: GraphQLObjectType, field_set: FieldSet, *, counts: bool = True) -> str:
        name = self._number(f"select_{type_.name}")
        fields = [(each, self._write_field(type_, details)) for each, details in field_set.items()]
        lines = [f"def {name}(source, run):"]
        if counts:
            lines.append(f"    if type(source) is not {self._name(*class_of(type_))}: refuse(source)")
            lines += ["    run.objects += 1", "    run.check_deadline()"]  # as `run.check` does, without a call
        lines.append("    return {")
        lines += [f"        {response_name!r}: {value}," for response_name, value in fields]
        self.lines += [*lines, "    }"]
        return name

    def _name(self, hint: str, value: object) -> str:
        """Return the name by which the source refers to an object, which is the same for the same object."""
        key = hint, id(value)  # of which there is no other, since `names` keeps the object
        if key not in self._names:
            self._names[key] = self._number(hint)
            self.names[self._names[key]] = value
        return self._names[key]

    def _number(self, hint: str) -> str:
        return f"{hint}_{next(self._numbers)}"

    # Fields

    def _write_field(self, parent_type: GraphQLObjectType, details: list[Any]) -> str:
        self.fields += 1
        if self.fields > self._max_fields:
            raise NotCovered("too many fields")
        node = details[0].node
        if node.name.value == "__typename":
            return repr(parent_type.name)
        field = parent_type.fields.get(node.name.value)
        if field is None:
            raise NotCovered(node.name.value)
        return self._write_value(field.type, self._write_reading(field, node), details)

    def _write_reading(self, field: GraphQLField, node: FieldNode) -> str:
        """Return the source that reads the value of a field from `source`."""
        definition = field.extensions.get(DEFINITION)
        if not isinstance(definition, StrawberryField) or definition.extensions:
            raise NotCovered(node.name.value)
        if definition.is_subscription:
            return "source"  # an event, which is what the field has
        resolver = definition.base_resolver
        if resolver is None:
            if definition.default_resolver is not getattr:
                raise NotCovered(node.name.value)
            return f"source.{definition.python_name}"
        if not resolver.self_parameter or resolver.root_parameter or resolver.parent_parameter:
            raise NotCovered(node.name.value)
        arguments = [] if resolver.info_parameter is None else [f"{resolver.info_parameter.name}=run"]
        if field.args:
            arguments += self._write_arguments(field, definition, node)
        function = self._name(f"resolve_{definition.python_name}", resolver.wrapped_func)
        return f"{function}({', '.join(['source', *arguments])})"

    def _write_arguments(self, field: GraphQLField, definition: StrawberryField, node: FieldNode) -> Iterable[str]:
        convert = FieldArguments(self._strawberry_schema, field, definition.arguments, node)
        if _has_variables(node):
            self.conversions.append(convert)
            return [f"**run.arguments[{len(self.conversions) - 1}]"]
        try:
            converted = convert(self._executor.variable_values)
        except Exception as error:
            raise NotCovered(str(error)) from None
        return [f"{name}={self._write_constant(name, value)}" for name, value in converted.items()]

    def _write_constant(self, hint: str, value: object) -> str:
        return repr(value) if type(value) in _LITERALS else self._name(hint, value)

    # Values

    def _write_value(self, type_: GraphQLOutputType, value: str, details: list[Any]) -> str:
        """Return the source that completes a value of a type, which the source `value` reads."""
        is_required = isinstance(type_, GraphQLNonNull)
        inner: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if is_leaf_type(inner):
            return self._write_leaf(inner, value, is_required=is_required)
        if is_required:
            return self._write_composite(inner, value, details)
        return f"None if (v := {value}) is None else {self._write_composite(inner, 'v', details)}"

    def _write_composite(self, type_: GraphQLOutputType, value: str, details: list[Any]) -> str:
        """Return the source that completes a value, which is not null, of a list or a type with fields."""
        if isinstance(type_, GraphQLList):
            item = self._write_value(type_.of_type, "each", details)
            return f"[{item} for each in items({value})]"
        if isinstance(type_, GraphQLObjectType):
            return f"{self._find_function(type_, details)}({value}, run)"
        if isinstance(type_, GraphQLInterfaceType):
            possible = {class_of(each)[1]: each for each in self._schema.get_possible_types(type_)}
            functions = {class_: self._find_function(each, details) for class_, each in possible.items()}
            return f"{self._name_functions(type_.name, functions)}[type(v := {value})](v, run)"
        raise NotCovered(str(type_))

    def _name_functions(self, hint: str, functions: dict[type, str]) -> str:
        """Return the name of the dictionary from classes to functions; a class that it lacks is an error."""
        name = self._number(f"functions_of_{hint}")
        classes = ", ".join(f"{self._name(class_.__name__, class_)}: {each}" for class_, each in functions.items())
        self.lines.append(f"{name} = {{{classes}}}")
        return name

    def _write_leaf(self, type_: GraphQLLeafType, value: str, *, is_required: bool) -> str:
        kind = "required" if is_required else "nullable"
        complete = self._name(f"complete_{kind}_{type_.name}", build_completer(type_, is_required=is_required))
        class_, otherwise = find_plain_class(type_), f"{complete}(v)"
        if class_ is not None:
            test = f"type(v := {value}) is {class_.__name__}"
            if type_ is GraphQLInt:
                test += f" and {GRAPHQL_MIN_INT} <= v <= {GRAPHQL_MAX_INT}"
            return f"v if {test}{'' if is_required else ' or v is None'} else {otherwise}"
        if (class_ := find_named_class(type_)) is not None:
            null = "" if is_required else "None if v is None else "
            return f"v._name_ if type(v := {value}) is {self._name(class_.__name__, class_)} else {null}{otherwise}"
        return f"{complete}({value})"


def class_of(type_: GraphQLObjectType) -> tuple[str, type]:
    """Return the class of the objects of a type: that of the generic type, if it is one for certain parameters."""
    definition = type_.extensions.get(DEFINITION)
    if definition is None:
        raise NotCovered(type_.name)
    origin: type = (definition.concrete_of or definition).origin
    return origin.__name__, origin


def _has_variables(node: FieldNode) -> bool:
    finder = _VariableFinder({})
    for argument in node.arguments or ():
        visit(argument.value, finder)
    return bool(finder.names)


class _VariableFinder(Visitor):
    """Finds the variables in a node, and in the fragments that are spread there."""

    def __init__(self, fragments: Mapping[str, Any]) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._fragments = fragments
        self._entered: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        name = node.name.value
        if name not in self._entered:
            self._entered.add(name)
            visit(self._fragments[name].definition, self)
