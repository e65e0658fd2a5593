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
_TEXTS: Final = (GraphQLString, GraphQLID)

Read = Callable[[Any], Any]
Complete = Callable[[Any, Path | None, str | int, str | None], Any]
"""Makes a value ready for the answer; what follows says where it stands: the path above, the key, the parent's type."""


class Step(NamedTuple):
    """One field of a plan. Without `read` it is left to graphql-core."""

    name: str
    details: Any
    read: Read | None
    complete: Complete
    type: GraphQLOutputType


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation. `watch` is called for each object, and stops everything by raising no mere Exception."""

    def __init__(self, *args: Any, watch: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch = watch
        self._plans: dict[tuple[str, int], tuple[object, list[Step]]] = {}

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> dict[str, Any]:
        """Return the fields of an object, completed."""
        self._watch()
        key = parent_type.name, id(grouped_field_set)
        kept = self._plans.get(key)
        if kept is None:
            # With the fields that it is for, so that no others can get their id.
            kept = self._plans[key] = grouped_field_set, self._planned(parent_type, grouped_field_set)
        results: dict[str, Any] = {}
        for name, details, read, complete, type_ in kept[1]:
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

    def _planned(self, parent_type: GraphQLObjectType, grouped_field_set: Mapping[str, Any]) -> list[Step]:
        return [self._step(parent_type, name, details) for name, details in grouped_field_set.items()]

    def _step(self, parent_type: GraphQLObjectType, name: str, details: Any) -> Step:
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        if field is None:
            return Step(name, details, None, _unplanned, GraphQLString)
        read = self._reader(field, details[0])
        return Step(name, details, read, self._completer(field.type, parent_type, details), field.type)

    def _reader(self, field: GraphQLField, asked: Any) -> Read | None:
        """Return what gets a field's value from its object; None where that takes graphql-core."""
        said = field.extensions.get(_DEFINITION)
        if not isinstance(said, StrawberryField) or said.extensions:
            return None
        if said.is_async:
            raise TypeError(f"The resolver of {said.name} is asynchronous; all of them must be synchronous.")
        resolver = said.base_resolver
        if resolver is None:
            return attrgetter(said.python_name) if said.default_resolver is getattr else None
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
            given = get_argument_values(field, asked.node, self.variable_values, asked.fragment_variable_values)
            schema = self.schema._strawberry_schema  # type: ignore[attr-defined]  # noqa: SLF001 - the only way back
            converted = convert_arguments(
                given, said.arguments, schema.schema_converter.scalar_registry, schema.config, info=None
            )
        except Exception:  # whatever is wrong with them is told for each object, by graphql-core
            return None
        return lambda source: function(source, **converted)

    def _completer(self, type_: GraphQLOutputType, parent_type: GraphQLObjectType, details: Any) -> Complete:
        """Return what completes the values of a type."""
        if isinstance(type_, GraphQLNonNull):
            return self._completer_of_required(type_, parent_type, details)
        if isinstance(type_, GraphQLList):
            return self._completer_of_list(type_, parent_type, details)
        if is_leaf_type(type_):
            return self._completer_of_leaf(type_)
        if isinstance(type_, GraphQLObjectType):
            return self._completer_of_object(type_, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            field = self.schema.get_field(parent_type, details[0].node.name.value)
            assert field is not None
            nodes, here = [each.node for each in details], Path(path, key, typename)
            info = self.build_resolve_info(field, nodes, parent_type, here)
            return self.complete_value(type_, details, info, here, value, None)

        return complete

    def _completer_of_required(
        self, type_: GraphQLNonNull[Any], parent_type: GraphQLObjectType, details: Any
    ) -> Complete:
        inner = self._completer(type_.of_type, parent_type, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            completed = inner(value, path, key, typename)
            if completed is None:
                name = details[0].node.name.value
                raise TypeError(f"Cannot return null for non-nullable field {parent_type.name}.{name}.")
            return completed

        return complete

    def _completer_of_list(self, type_: GraphQLList[Any], parent_type: GraphQLObjectType, details: Any) -> Complete:
        item_type = type_.of_type
        inner = self._completer(item_type, parent_type, details)

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            if value is None:
                return None
            _require_plain(value)
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

    def _completer_of_leaf(self, type_: Any) -> Complete:
        is_text, complete_leaf = type_ in _TEXTS, self.complete_leaf_value
        if isinstance(type_, GraphQLEnumType):
            return _completer_of_enum(type_, _names_of(type_), complete_leaf)

        def complete(value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
            if value is None or (is_text and type(value) is str):
                return value
            _require_plain(value)
            return complete_leaf(type_, value)

        return complete

    def _completer_of_object(self, type_: GraphQLObjectType, details: Any) -> Complete:
        origin = getattr(type_.extensions.get(_DEFINITION), "origin", None)
        grouped = self.collect_subfields(type_, details)[0]

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            if value is None:
                return None
            here = Path(path, key, typename)
            if type(value) is not origin and type_.is_type_of is not None:
                _require_plain(value)
                return self.complete_object_value(type_, details, None, here, value, None)  # type: ignore[arg-type]  # unread
            return self.execute_fields(type_, value, here, grouped, None)

        return complete


@lru_cache(maxsize=200)  # there are fewer enums
def _names_of(type_: GraphQLEnumType) -> dict[Any, str]:
    """Return the members of an enum with their names in the schema."""
    words = getattr(type_, "wrapped_cls", ())
    return {word: str(type_.coerce_output_value(word)) for word in words}


def _completer_of_enum(type_: GraphQLEnumType, names: Mapping[Any, str], complete_leaf: Callable[..., Any]) -> Complete:
    words = getattr(type_, "wrapped_cls", None)

    def complete(value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
        if value is None or type(value) is words:
            return value if value is None else names[value]
        _require_plain(value)
        return complete_leaf(type_, value)

    return complete


def _unplanned(_value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
    raise AssertionError("a field without a reader is completed by graphql-core")


def _require_plain(value: Any) -> None:
    if isinstance(value, Exception):
        raise value
