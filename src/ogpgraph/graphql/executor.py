"""Executes queries, mutations and the events of subscriptions, for a schema whose resolvers are all synchronous.

graphql-core looks up the definition, the resolver and the arguments of a field anew for every object, and checks every
value for being awaitable. Here a selection set is planned once for each object type: which resolver is called with
which arguments, and how its value is completed. What a plan does not cover (resolvers that take `info`, introspection,
values of abstract types) is left to graphql-core's own methods. So is every error: which values become null, the paths
and the messages are graphql-core's. `tests/graphql/test_executor.py` compares the two on generated operations.

The methods that are overridden, and some that are called, are not documented by graphql-core and strawberry for other
uses. `pyproject.toml` pins the minor release of strawberry for this reason, and the comparison notices a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, Self

import strawberry
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    get_operation_ast,
    is_leaf_type,
)
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, is_iterable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from ogpgraph.graphql.input_errors import describe_variable_errors

_DEFINITION: Final = GraphQLCoreConverter.DEFINITION_BACKREF
_TEXT_TYPES: Final = (GraphQLString, GraphQLID)

FieldReader = Callable[[Any], Any]
"""Returns the value of a field of an object."""
ValueCompleter = Callable[[Any, Path | None, str | int, str | None], Any]
"""Converts a value for the response. The other arguments locate it: the path above, the key, the parent's type."""


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return graphql-core's schema, which parsing, validation and execution work on."""
    return schema._schema  # noqa: SLF001 - strawberry has no public access to it


class VariableErrors(Exception):
    """The variables do not fit the operation, or the document has no such operation. Nothing was executed."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class PlannedField(NamedTuple):
    """A field of a planned selection set. One whose `read` is None is executed by graphql-core."""

    name: str
    details: Any
    read: FieldReader | None
    complete: ValueCompleter
    type: GraphQLOutputType


# The base is strawberry's class and not graphql-core's, because it creates the `info` that strawberry's `Info` needs.
class Executor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation of a validated document, with its variables, as often as `run` is called.

    Plans are made by the first run. Several threads must not use one executor at a time.
    """

    def __init__(self, *args: Any, strawberry_schema: strawberry.Schema, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._strawberry_schema = strawberry_schema
        self._check_deadline: Callable[[], None] = _ignore_deadline
        self._root_fields: Any = None
        self._plans: dict[tuple[str, int], tuple[object, list[PlannedField]]] = {}

    @classmethod
    def prepare(
        cls,
        schema: strawberry.Schema,
        document: DocumentNode,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        *,
        extensions: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the executor of an operation: that of the given name, or the only one of the document.

        `extensions` are those of the request, which resolvers find in `info`.

        Raises:
            VariableErrors: if the variables do not fit, or there is no such operation.
        """
        executor = cls.build(
            core_schema(schema),
            document,
            raw_variable_values=dict(variables or {}),
            operation_name=operation_name,
            operation_extensions=extensions,
            strawberry_schema=schema,
        )
        if isinstance(executor, list):
            operation = get_operation_ast(document, operation_name)
            described = describe_variable_errors(core_schema(schema), operation, variables or {}) if operation else []
            raise VariableErrors(described or executor)
        assert isinstance(executor, cls)
        return executor

    def run(self, context: object, root_value: object = None, *, check_deadline: Callable[[], None]) -> ExecutionResult:
        """Execute the operation; for a subscription, on one event, which is the `root_value`.

        `check_deadline` is called for each object of the response. What it raises to stop the operation must not be
        an `Exception`, because that would be reported as an error of one field.
        """
        self.context_value, self.root_value, self._check_deadline = context, root_value, check_deadline
        self.collected_errors = CollectedErrors()
        result = self.execute_operation()
        if not isinstance(result, ExecutionResult):
            raise TypeError("A resolver is asynchronous; all of them must be synchronous.")
        return result

    def execute_collected_root_fields(
        self,
        root_type: GraphQLObjectType,
        root_value: Any,
        grouped_field_set: Any,
        serially: bool,
        new_defer_usages: object,  # noqa: ARG002 - the schema has no @defer
    ) -> Any:
        """Execute the root fields. graphql-core collects them in each run; the plans are for those of the first."""
        self._root_fields = self._root_fields or grouped_field_set
        return self.execute_root_grouped_field_set(root_type, root_value, self._root_fields, serially, None)

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> dict[str, Any]:
        """Return the completed fields of an object."""
        self._check_deadline()
        results: dict[str, Any] = {}
        for name, details, read, complete, type_ in self._find_plan(parent_type, grouped_field_set):
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

    # Planning

    def _find_plan(self, parent_type: GraphQLObjectType, grouped_field_set: Any) -> list[PlannedField]:
        key = parent_type.name, id(grouped_field_set)
        plan = self._plans.get(key)
        if plan is None:
            fields = [self._plan_field(parent_type, name, details) for name, details in grouped_field_set.items()]
            # Stored with its field set, so that no other object can get the id in the key.
            plan = self._plans[key] = grouped_field_set, fields
        return plan[1]

    def _plan_field(self, parent_type: GraphQLObjectType, name: str, details: Any) -> PlannedField:
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        if field is None:
            return PlannedField(name, details, None, _complete_nothing, GraphQLString)
        read = self._build_reader(field, details[0])
        return PlannedField(name, details, read, self._build_completer(field.type, parent_type, details), field.type)

    def _build_reader(self, field: GraphQLField, details: Any) -> FieldReader | None:
        """Return the reader of a field; None where the resolver has to be called by graphql-core."""
        definition = field.extensions.get(_DEFINITION)
        if not isinstance(definition, StrawberryField) or definition.extensions:
            return None
        if definition.is_subscription:
            return _read_event
        if definition.is_async:
            raise TypeError(f"The resolver of {definition.name} is asynchronous; all of them must be synchronous.")
        resolver = definition.base_resolver
        if resolver is None:
            return attrgetter(definition.python_name) if definition.default_resolver is getattr else None
        takes_only_self = resolver.self_parameter and not (
            resolver.info_parameter or resolver.root_parameter or resolver.parent_parameter
        )
        if not takes_only_self:
            return None
        function: Callable[..., Any] = resolver.wrapped_func  # type: ignore[assignment]  # a field's, not a class's
        return self._bind_arguments(function, field, definition, details) if field.args else function

    def _bind_arguments(
        self, function: Callable[..., Any], field: GraphQLField, definition: StrawberryField, details: Any
    ) -> FieldReader | None:
        schema = self._strawberry_schema
        try:
            arguments = get_argument_values(field, details.node, self.variable_values, details.fragment_variable_values)
            converted = convert_arguments(
                arguments, definition.arguments, schema.schema_converter.scalar_registry, schema.config, info=None
            )
        except Exception:  # graphql-core converts them again for each object, and reports the error there
            return None
        return lambda source: function(source, **converted)

    # Completing values

    def _build_completer(
        self, type_: GraphQLOutputType, parent_type: GraphQLObjectType, details: Any
    ) -> ValueCompleter:
        """Return the completer of the values of a type."""
        if isinstance(type_, GraphQLNonNull):
            return self._build_required_completer(type_, parent_type, details)
        if isinstance(type_, GraphQLList):
            return self._build_list_completer(type_, parent_type, details)
        if is_leaf_type(type_):
            return self._build_leaf_completer(type_)
        if isinstance(type_, GraphQLObjectType):
            return self._build_object_completer(type_, details)
        return self._build_abstract_completer(type_, parent_type, details)

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
            for index, item in enumerate(value):
                try:
                    completed.append(inner(item, here, index, None))
                except Exception as error:
                    self.handle_field_error(error, item_type, details, here.add_key(index))
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
        grouped_field_set = self.collect_subfields(type_, details)[0]

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            if value is None:
                return None
            here = Path(path, key, typename)
            if type(value) is not origin and type_.is_type_of is not None:
                _raise_if_exception(value)
                return self.complete_object_value(type_, details, None, here, value, None)  # type: ignore[arg-type]  # `info` is not used
            return self.execute_fields(type_, value, here, grouped_field_set, None)

        return complete

    def _build_abstract_completer(
        self, type_: GraphQLOutputType, parent_type: GraphQLObjectType, details: Any
    ) -> ValueCompleter:
        field = self.schema.get_field(parent_type, details[0].node.name.value)
        assert field is not None
        nodes = [each.node for each in details]

        def complete(value: Any, path: Path | None, key: str | int, typename: str | None) -> Any:
            here = Path(path, key, typename)
            info = self.build_resolve_info(field, nodes, parent_type, here)
            return self.complete_value(type_, details, info, here, value, None)

        return complete


@lru_cache(maxsize=200)  # the schema has fewer enums
def _enum_names(type_: GraphQLEnumType) -> dict[Any, str]:
    """Return the members of an enum with their names in the schema."""
    members = getattr(type_, "wrapped_cls", ())
    return {member: str(type_.coerce_output_value(member)) for member in members}


def _build_enum_completer(
    type_: GraphQLEnumType, names: Mapping[Any, str], complete_leaf: Callable[..., Any]
) -> ValueCompleter:
    enum = getattr(type_, "wrapped_cls", None)

    def complete(value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
        if value is None:
            return None
        if type(value) is enum:
            return names[value]
        _raise_if_exception(value)
        return complete_leaf(type_, value)

    return complete


def _complete_nothing(_value: Any, _path: Path | None, _key: str | int, _typename: str | None) -> Any:
    raise AssertionError("a field without a reader is completed by graphql-core")


def _read_event(event: Any) -> Any:
    return event


def _ignore_deadline() -> None:
    pass


def _raise_if_exception(value: Any) -> None:
    if isinstance(value, Exception):
        raise value
