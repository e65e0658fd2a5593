"""The compiled operations of a document, and one run of such an operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple, Self

import strawberry
from graphql import (
    DirectiveNode,
    DocumentNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from ogpgraph.graphql.compiled.arguments import OperationVariables
from ogpgraph.graphql.compiled.planner import Planner
from ogpgraph.graphql.compiled.run import Run, encode, join
from ogpgraph.graphql.compiled.selections import ObjectSelection
from ogpgraph.graphql.compiled.writer import ConvertArguments, NotCovered, OperationWriter
from ogpgraph.graphql.volatile_fields import READS_HEAD, VOLATILE, selects_field
from ogpgraph.storage.byte_cache import ByteCache

MAX_FIELDS: Final = 2_000
"""The fields of the functions of one document. A field of an interface counts once for each type that has it."""
MAX_FUNCTIONS: Final = 16
"""The operations of one document, and combinations of conditions of their `@skip` and `@include`, that are compiled."""

MAX_VARIABLES_BYTES: Final = 16 * 2**20
MAX_KEPT_VARIABLES: Final = 20_000
"""Variables with more bytes are prepared for each request."""
_BYTES_OF_VARIABLES: Final = 2_000
_BYTES_PER_CHARACTER: Final = 20
"""About what a character of the variables takes as JSON, coerced, and as arguments."""


class ResponseUse(NamedTuple):
    """Whether a response may be kept, and whether what it reads at a position before the head is always the same."""

    may_be_kept: bool
    may_be_fixed: bool

    @classmethod
    def of(cls, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Self:
        """Return how the response of an operation may be used, by the fields that it selects."""
        if operation.operation is not OperationType.QUERY or selects_field(schema, document, operation, VOLATILE):
            return cls(False, False)
        return cls(True, not selects_field(schema, document, operation, READS_HEAD))


class CompiledOperation:
    """How an operation is written, under certain conditions. Threads may use it at once.

    It `is_disabled` once graphql-core has to execute it, also for those who have this object.
    """

    def __init__(self, root: ObjectSelection, conversions: Sequence[ConvertArguments], use: ResponseUse) -> None:
        self._root = root
        self._conversions = tuple(conversions)
        self.use = use
        self.is_disabled = False

    @classmethod
    def compile(cls, writer: OperationWriter, use: ResponseUse) -> Self:
        """Plan an operation, and compile the functions that this needs; raises NotCovered."""
        planner = Planner(writer)
        root = planner.plan()
        exec(compile("\n".join(writer.lines), "<compiled operation>", "exec"), writer.names)  # noqa: S102 - its source is ours
        planner.bind(writer.names)
        return cls(root, writer.conversions, use)

    def convert_arguments(self, variables: VariableValues) -> list[dict[str, Any]]:
        """Return the arguments that depend on variables, for a run; raises what their conversion raises."""
        return [convert(variables) for convert in self._conversions]

    def run(self, source: object, run: Run) -> bytes:
        """Return the data of the response as JSON: the bytes that `encode` returns for graphql-core's data.

        Raises:
            Exception: if anything is not as it is where nothing goes wrong; then graphql-core has to execute it.
        """
        if self.is_disabled:
            raise NotCovered("the operation is disabled")
        return join(self._root.write(source, run))


class PreparedVariables(NamedTuple):
    """The variables of a request, the arguments made of them, and the compiled operation, None where it is not covered.

    They are not changed, so requests with equal variables share them: these have the same `number`, which is None where
    their response must not be kept. `pinned` is the position from which on it is always the same, if there is one.
    """

    operation: CompiledOperation | None
    arguments: Sequence[dict[str, Any]]
    variables: Mapping[str, Any]
    pinned: int | None = None
    number: int | None = None


VariablesKey = tuple[int, str | None, bytes]
"""The number of the operations of a document, the name of the operation, and the variables as JSON."""


def _count_bytes(prepared: PreparedVariables) -> int:
    return _BYTES_OF_VARIABLES + _BYTES_PER_CHARACTER * len(repr(prepared.variables))


_prepared: Final = ByteCache[VariablesKey, PreparedVariables](MAX_VARIABLES_BYTES, _count_bytes)
_numbers: Final = count()


class CompiledOperations:
    """The compiled operations of one valid document, compiled when they are first needed and kept with it.

    `fields` is the number of fields of their functions, by which their memory is bounded.

    Threads may use it at once; two that need the same operation at the same time may both compile it. `is_compared` is
    set once one of them was compared with graphql-core.
    """

    is_compared = False

    def __init__(self) -> None:
        self._compiled: dict[tuple[object, ...], CompiledOperation | None] = {}
        self._variables: dict[str | None, OperationVariables] = {}
        self._conditions: tuple[str, ...] | None = None
        self.fields = 0
        self._is_disabled = False
        self._number = next(_numbers)

    def prepare(
        self, name: str | None, variables: Mapping[str, Any], build: Callable[[], PreparedVariables]
    ) -> PreparedVariables:
        """Return what was prepared for equal variables, or else what `build` returns, which is kept."""
        if self._is_disabled:
            return build()
        try:
            key = self._number, name, encode(variables)
        except (TypeError, ValueError):  # no JSON: the caller is in this process
            return build()
        if (found := _prepared.get(key)) is None:
            found = build()
            if len(key[2]) < MAX_KEPT_VARIABLES:
                if found.operation and found.operation.use.may_be_kept:
                    found = found._replace(number=next(_numbers))
                _prepared.add({key: found})
        return found

    def disable(self) -> None:
        """Have graphql-core execute all operations of the document from now on."""
        self._is_disabled = True
        for each in list(self._compiled.values()):
            if each is not None:
                each.is_disabled = True

    def find_variables(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> OperationVariables:
        """Return the variables that an operation of the document defines."""
        name = operation.name.value if operation.name else None
        if name not in self._variables:
            self._variables[name] = OperationVariables(schema, operation.variable_definitions or ())
        return self._variables[name]

    def find(
        self,
        schema: strawberry.Schema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: VariableValues,
        build_executor: Callable[[], StrawberryGraphQLCoreExecutionContext],
    ) -> CompiledOperation | None:
        """Return the compiled operation for the conditions that the variables fulfil; None where it is not covered.

        `build_executor` returns graphql-core's executor of the operation with these variables.
        """
        if self._is_disabled:
            return None
        if self._conditions is None:
            self._conditions = _find_conditions(document)
        name = operation.name.value if operation.name else None
        key = name, *(variables.coerced.get(each) for each in self._conditions)
        if key not in self._compiled:
            if len(self._compiled) >= MAX_FUNCTIONS:
                return None
            executor = build_executor()
            use = ResponseUse.of(executor.schema, document, operation)
            self._compiled[key] = self._compile(OperationWriter(schema, executor, MAX_FIELDS - self.fields), use)
        return self._compiled[key]

    def _compile(self, writer: OperationWriter, use: ResponseUse) -> CompiledOperation | None:
        try:
            compiled = CompiledOperation.compile(writer, use)
        except NotCovered:
            return None
        self.fields += writer.fields
        return compiled


def _find_conditions(document: DocumentNode) -> tuple[str, ...]:
    """Return the variables that conditions of `@skip` and `@include` in a document depend on."""
    finder = _ConditionFinder()
    visit(document, finder)
    return tuple(sorted(finder.names))


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        self.names |= {each.value.name.value for each in node.arguments or () if isinstance(each.value, VariableNode)}
