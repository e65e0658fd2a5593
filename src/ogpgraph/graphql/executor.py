"""Runs an operation as graphql-core does, for resolvers that are all synchronous, looking up once what stays the same.

graphql-core asks for every field of every object again which definition, resolver and arguments it has, and whether
anything is awaitable. Here a selection is planned once for each type it is made on: which resolver is called with
which arguments, and how its value is completed. What a plan does not cover (`info`, introspection, abstract types'
types) goes to graphql-core's own method; errors always do, so nulls, paths and messages are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    Undefined,
    is_leaf_type,
)
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, is_iterable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

_DEFINITION: Final = "strawberry-definition"
_TEXT_TYPES: Final = (GraphQLString, GraphQLID)

FieldReader = Callable[[Any], Any]
ValueCompleter = Callable[[Any, Path | None, str | int, str | None], Any]
"""Makes a value ready for the answer; what follows says where it stands: the path above, the key, the parent's type."""


class PlannedField(NamedTuple):
    """One field of a plan. Without `read` it is left to graphql-core."""

    name: str
    details: Any
    read: FieldReader | None
    complete: ValueCompleter
    type: GraphQLOutputType


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation.

    `check_deadline` is called for each object. What it raises to stop the operation must not be an `Exception`, which
    would be taken for an error of one field.
    """

    def __init__(self, *args: Any, check_deadline: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._check_deadline = check_deadline
        self._plans: dict[tuple[str, int], tuple[object, list[PlannedField]]] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> dict[str, Any]:
        """Return the fields of an object, completed."""
        self._check_deadline()
        key = parent_type.name, id(grouped_field_set)
        plan = self._plans.get(key)
        if plan is None:
            # With the fields that it is for, so that no others can get their id.
            plan = self._plans[key] = grouped_field_set, self._plan(parent_type, grouped_field_set)
        results: dict[str, Any] = {}
        for name, details, read, complete, type_ in plan[1]:
            if read is None:
                here = Path(path, name, parent_type.name)
                result = self.execute_field(parent_type, source_value, details, here, position_context)
                if result is not Undefined:
                    results[name] = result
                continue
            try:
                results[name] = complete(read(source_value), path, name, parent_type.name)
            except Exception as error:
                self.handle_field_error(error, type_, details, Path(path, name, parent_type.name))
                results[name] = None
        return results

    def _plan(self, parent_type: GraphQLObjectType, grouped_field_set: Mapping[str, Any]) -> list[PlannedField]:
        return [self._plan_field(parent_type, name, details) for name, details in grouped_field_set.items()]

    def _plan_field(self, parent_type: GraphQLObjectType, name: str, details: Any) -> PlannedField:
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        if field is None:
            return PlannedField(name, details, None, _complete_nothing, GraphQLString)
        read = self._build_reader(field, details[0])
        return PlannedField(name, details, read, self._build_completer(field.type, parent_type, details), field.type)

    def _build_reader(self, field: GraphQLField, details: Any) -> FieldReader | None:
        """Return what gets a field's value from its object; None where that takes graphql-core."""
        definition = field.extensions.get(_DEFINITION)
        if not isinstance(definition, StrawberryField) or definition.extensions:
            return None
        if definition.is_async:
            raise TypeError(f"The resolver of {definition.name} is asynchronous; all of them must be synchronous.")
        resolver = definition.base_resolver
        if resolver is None:
            return attrgetter(definition.python_name) if definition.default_resolver is getattr else None
        if (
            not resolver.self_parameter
            or resolver.info_parameter
            or resolver.root_parameter
            or resolver.parent_parameter
        ):
            return None
        function: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment]  # of a field that has a resolver
        if not field.args:
            return function
        try:
            arguments = get_argument_values(field, details.node, self.variable_values, details.fragment_variable_values)
            schema = self.schema._strawberry_schema  # type: ignore[attr-defined]  # noqa: SLF001 - the only way back
            converted = convert_arguments(
                arguments, definition.arguments, schema.schema_converter.scalar_registry, schema.config, info=None
            )
        except Exception:  # whatever is wrong with them is told for each object, by graphql-core
            return None
        return lambda source: function(source, **converted)

    def _build_completer(
        self, type_: GraphQLOutputType, parent_type: GraphQLObjectType, details: Any
    ) -> ValueCompleter:
        """Return what completes the values of a type."""
        if isinstance(type_, GraphQLNonNull):
            return self._build_required_completer(type_, parent_type, details)
        if isinstance(type_, GraphQLList):
            return self._build_list_completer(type_, parent_type, details)
        if is_leaf_type(type_):
            return self._build_leaf_completer(type_)
        if isinstance(type_, GraphQLObjectType):
            return self._build_object_completer(type_, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            field = self.schema.get_field(parent_type, details[0].node.name.value)
            assert field is not None
            nodes, here = [each.node for each in details], Path(path, key, typename)
            info = self.build_resolve_info(field, nodes, parent_type, here)
            return self.complete_value(type_, details, info, here, value, None)

        return complete

    def _build_required_completer(
        self, type_: GraphQLNonNull[Any], parent_type: GraphQLObjectType, details: Any
    ) -> ValueCompleter:
        inner = self._build_completer(type_.of_type, parent_type, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            completed = inner(value, path, key, typename)
            if completed is None:
                name = details[0].node.name.value
                raise TypeError(f"Cannot return null for non-nullable field {parent_type.name}.{name}.")
            return completed

        return complete

    def _build_list_completer(
        self, type_: GraphQLList[Any], parent_type: GraphQLObjectType, details: Any
    ) -> ValueCompleter:
        item_type = type_.of_type
        inner = self._build_completer(item_type, parent_type, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            if value is None:
                return None
            _raise_if_exception(value)
            if not is_iterable(value):
                name = details[0].node.name.value
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{parent_type.name}.{name}'.")
            here, completed = Path(path, key, typename), []
            for place, item in enumerate(value):
                try:
                    completed.append(inner(item, here, place, None))
                except Exception as error:
                    self.handle_field_error(error, item_type, details, here.add_key(place))
                    completed.append(None)
            return completed

        return complete

    def _build_leaf_completer(self, type_: Any) -> ValueCompleter:
        is_text, complete_leaf = type_ in _TEXT_TYPES, self.complete_leaf_value
        if isinstance(type_, GraphQLEnumType):
            return _build_enum_completer(type_, _enum_names(type_), complete_leaf)

        def complete(value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
            if value is None or (is_text and type(value) is str):
                return value
            _raise_if_exception(value)
            return complete_leaf(type_, value)

        return complete

    def _build_object_completer(self, type_: GraphQLObjectType, details: Any) -> ValueCompleter:
        origin = getattr(type_.extensions.get(_DEFINITION), "origin", None)
        grouped = self.collect_subfields(type_, details)[0]

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            if value is None:
                return None
            here = Path(path, key, typename)
            if type(value) is not origin and type_.is_type_of is not None:
                _raise_if_exception(value)
                return self.complete_object_value(type_, details, None, here, value, None)  # type: ignore[arg-type]  # unread
            return self.execute_fields(type_, value, here, grouped, None)

        return complete


@lru_cache(maxsize=200)  # there are fewer enums
def _enum_names(type_: GraphQLEnumType) -> dict[Any, str]:
    """Return the members of an enum with their names in the schema."""
    words = getattr(type_, "wrapped_cls", ())
    return {word: str(type_.coerce_output_value(word)) for word in words}


def _build_enum_completer(
    type_: GraphQLEnumType, names: Mapping[Any, str], complete_leaf: Callable[..., Any]
) -> ValueCompleter:
    words = getattr(type_, "wrapped_cls", None)

    def complete(value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
        if value is None or type(value) is words:
            return value if value is None else names[value]
        _raise_if_exception(value)
        return complete_leaf(type_, value)

    return complete


def _complete_nothing(_value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
    raise AssertionError("a field without a reader is completed by graphql-core")


def _raise_if_exception(value: Any) -> None:
    if isinstance(value, Exception):
        raise value
