"""Executes queries, mutations and the events of subscriptions, for a schema whose resolvers are all synchronous.

An operation is executed by its compiled function, if it has one (see `ogpgraph.graphql.compiled`). Everything else,
and every operation in which something goes wrong, is executed by graphql-core. `tests/graphql/test_executor.py`
compares the two.

The methods that are overridden, and some that are called, are not documented by graphql-core and strawberry for other
uses. `pyproject.toml` pins the minor release of strawberry for this reason, and the comparison notices a change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any, Self, cast

import msgspec
import strawberry
import structlog
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
)
from graphql.execution.executor import CollectedErrors
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from ogpgraph.graphql.compiled.operation import CompiledOperations, PreparedVariables
from ogpgraph.graphql.compiled.run import Run
from ogpgraph.graphql.compiled.writer import NotCovered
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.input_errors import describe_variable_errors
from ogpgraph.graphql.moments import pinned_position
from ogpgraph.lazy import cached_property
from ogpgraph.readmodel.kept_responses import KeptData, Reads, RecordVersion
from ogpgraph.readmodel.model import ModelState
from ogpgraph.readmodel.session import ReadSession

logger = structlog.stdlib.get_logger("ogpgraph.graphql")


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """Return graphql-core's schema, which parsing, validation and execution work on."""
    return schema._schema  # noqa: SLF001 - strawberry has no public access to it


@lru_cache(maxsize=8)
def _require_synchronous(schema: strawberry.Schema) -> None:
    """Raise TypeError if a resolver of a schema is asynchronous, those of subscriptions apart."""
    for type_ in core_schema(schema).type_map.values():
        for field in type_.fields.values() if isinstance(type_, GraphQLObjectType) else ():
            definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
            if isinstance(definition, StrawberryField) and definition.is_async and not definition.is_subscription:
                raise TypeError(f"The resolver of {type_.name}.{definition.name} is asynchronous.")


def _ignore(_number: int) -> None:
    """Count nothing."""


class VariableErrors(Exception):
    """The variables do not fit the operation, or the document has no such operation. Nothing was executed."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


# The base is strawberry's class and not graphql-core's, because it creates the `info` that strawberry's `Info` needs.
class CoreExecutor(StrawberryGraphQLCoreExecutionContext):
    """graphql-core's executor of one operation with its variables, which stops at a deadline.

    Several threads must not use one executor at a time.
    """

    _check_deadline: Callable[[], None]

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
        """Return the executor of an operation; arguments and errors are those of `Executor.prepare`."""
        _require_synchronous(schema)
        executor = cls.build(
            core_schema(schema),
            document,
            raw_variable_values=dict(variables or {}),
            operation_name=operation_name,
            operation_extensions=extensions,
            hide_suggestions=True,
            max_coercion_errors=1,
        )
        if isinstance(executor, list):
            operation = get_operation_ast(document, operation_name)
            described = describe_variable_errors(core_schema(schema), operation, variables or {}) if operation else []
            raise VariableErrors(described or executor)
        assert isinstance(executor, cls)
        return executor

    def run(self, context: object, root_value: object = None, *, check_deadline: Callable[[], None]) -> ExecutionResult:
        """Execute the operation; arguments and errors are those of `Executor.run`."""
        self.context_value, self.root_value, self._check_deadline = context, root_value, check_deadline
        self.collected_errors = CollectedErrors()
        result = self.execute_operation()
        assert isinstance(result, ExecutionResult)  # nothing is awaitable
        return result

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Return the completed fields of an object."""
        self._check_deadline()
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)


class _Uncoerced(Exception):
    """The variables cannot be coerced."""


def _prepare(
    schema: strawberry.Schema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
    compiled: CompiledOperations,
    prepare_core: Callable[[], CoreExecutor],
) -> PreparedVariables:
    values = compiled.find_variables(core_schema(schema), operation).coerce(variables)
    if isinstance(values, list):
        raise _Uncoerced
    found = compiled.find(schema, document, operation, values, prepare_core)
    if found is None:
        return PreparedVariables(None, (), {})
    with suppress(Exception):  # graphql-core converts the arguments, too, and reports errors where they are used
        pinned = pinned_position(operation, values.coerced) if found.use.may_be_fixed else None
        return PreparedVariables(found, found.convert_arguments(values), values.coerced, pinned)
    return PreparedVariables(None, (), {})


def _has_one_field(operation: OperationDefinitionNode) -> bool:
    """Return whether an operation has one field at its root.

    Mutations with several are executed by graphql-core: each of them ends the session in which the payload of the one
    before can be read, so that they could not be repeated.
    """
    selections = operation.selection_set.selections
    return len(selections) == 1 and isinstance(selections[0], FieldNode)


class Executor:
    """Executes one operation of a validated document, with its variables, as often as `run` is called.

    Several threads must not use one executor at a time.
    """

    def __init__(
        self,
        operation: OperationDefinitionNode,
        prepare_core: Callable[[], CoreExecutor],
        prepared: PreparedVariables,
    ) -> None:
        self.operation = operation
        self._prepare_core = prepare_core
        self._compiled = prepared.operation
        self._prepared = prepared

    @classmethod
    def prepare(
        cls,
        schema: strawberry.Schema,
        document: DocumentNode,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
        *,
        extensions: Mapping[str, Any] | None = None,
        compiled: CompiledOperations | None = None,
    ) -> Self:
        """Return the executor of an operation: that of the given name, or the only one of the document.

        `extensions` are those of the request, which resolvers find in `info`. `compiled` are the compiled operations of
        the document; without them graphql-core executes it.

        Raises:
            VariableErrors: if the variables do not fit, or there is no such operation.
            TypeError: if a resolver of the schema is asynchronous.
        """
        prepare_core = partial(CoreExecutor.prepare, schema, document, variables, operation_name, extensions=extensions)
        operation = get_operation_ast(document, operation_name)
        is_mutation = operation is not None and operation.operation is OperationType.MUTATION
        if operation is None or compiled is None or (is_mutation and not _has_one_field(operation)):
            return cls._of_core(prepare_core())
        build = partial(_prepare, schema, document, operation, variables or {}, compiled, prepare_core)
        try:
            # The variables of mutations differ from request to request.
            prepared = build() if is_mutation else compiled.prepare(operation_name, variables or {}, build)
        except _Uncoerced:
            return cls._of_core(prepare_core())  # which raises the errors
        return cls(operation, prepare_core, prepared)

    @classmethod
    def _of_core(cls, core: CoreExecutor) -> Self:
        return cls(core.operation, lambda: core, PreparedVariables(None, (), {}))

    @cached_property
    def core(self) -> CoreExecutor:
        """Return graphql-core's executor of the operation."""
        return self._prepare_core()

    def run_compiled(
        self,
        context: object,
        root_value: object = None,
        *,
        check_deadline: Callable[[], None],
        count_objects: Callable[[int], None] = _ignore,
    ) -> bytes:
        """Return the data of the response as JSON; arguments are those of `run`.

        Raises:
            Exception: if there is no compiled operation, or anything went wrong in it. Nothing has happened then, so
                `run` may be called; what was read is cached.
        """
        if self._compiled is None:
            raise NotCovered("the operation is not compiled")
        prepared, session = self._prepared, context.session if isinstance(context, Context) else None
        reads = Reads(session.head if session else 0)
        run = Run(context, check_deadline, count_objects, prepared.arguments, prepared.variables, reads)
        if not isinstance(context, Context) or session is None:
            return self._compiled.run(root_value, run)
        if context.is_anonymous and (kept := self.find_kept(session.whole_state, session.record_version)) is not None:
            count_objects(kept.objects)
            session.count_characters(kept.characters)
            return kept.data
        with run.counting_characters(session):
            data = self._compiled.run(root_value, run)
        if context.is_anonymous:
            self._keep(data, run, session)
        return data

    def find_kept(self, state: ModelState | None, record_version: RecordVersion) -> KeptData | None:
        """Return the data that `run_compiled` returned before for equal variables, if they are right at a state.

        The reader is anonymous. Each use counts as what is in the data. Several threads may call it at once.
        """
        number, operation = self._prepared.number, self._prepared.operation
        if state is None or number is None or operation is None or operation.is_disabled:
            return None
        return state.caches.responses.find(number, state, record_version)

    def _keep(self, data: bytes, run: Run, session: ReadSession) -> None:
        state, prepared, reads = session.whole_state, self._prepared, run.reads
        if state is None or prepared.number is None or prepared.operation is None:
            return
        if session.reads_clock or session.missing_texts:
            return
        kept = KeptData(
            data=data,
            objects=run.objects,
            characters=run.characters,
            record_version=session.record_version,
            position=state.position if prepared.pinned is None else prepared.pinned,
            is_fixed=prepared.pinned is not None,
        )
        if not kept.is_fixed and prepared.operation.use.may_be_fixed and reads.is_complete:
            kept.is_followed, kept.dimensions = True, tuple(reads.dimensions)
            kept.streams = state.streams.numbers_at(reads.versions)
        state.caches.responses.add({prepared.number: kept})

    def run(
        self,
        context: object,
        root_value: object = None,
        *,
        check_deadline: Callable[[], None],
        count_objects: Callable[[int], None] = _ignore,
    ) -> ExecutionResult:
        """Execute the operation; for a subscription, on one event, which is the `root_value`.

        The data of the result are a `msgspec.Raw`, that is JSON, where a compiled operation gives them, and otherwise a
        dict. msgspec encodes both to the same bytes.

        `check_deadline` is called for each object that is made; `count_objects` is called with the number of objects
        that the response got from a cache. What they raise to stop the operation must not be an `Exception`, because
        that would be reported as an error of one field.
        """
        is_mutation = self.operation.operation is OperationType.MUTATION
        if self._compiled is None or (is_mutation and not isinstance(context, Context)):
            return self.core.run(context, root_value, check_deadline=check_deadline)
        try:
            data = self.run_compiled(context, root_value, check_deadline=check_deadline, count_objects=count_objects)
            return ExecutionResult(cast(Any, msgspec.Raw(data)), None)
        except Exception as error:
            failure = error
        if isinstance(context, Context):
            context.is_repeated = True  # so that the command of a mutation is not executed again
        try:
            result = self.core.run(context, root_value, check_deadline=check_deadline)
            if not result.errors:
                # The response is right, but took twice the work: a fault of ours, or of the storage for a moment.
                logger.warning("an operation was executed again by graphql-core, without an error", exc_info=failure)
            return result
        finally:
            del failure  # its traceback has this frame, which would keep it and all it refers to
