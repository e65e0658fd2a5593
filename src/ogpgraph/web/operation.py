"""Preparing and executing one GraphQL operation, in the calling thread and within a deadline, for every transport.

The HTTP endpoint executes a query or mutation for each request, the live transports a subscription's selection for each
entry they deliver. Both use `OperationRunner`, so both have the same validation, executor, deadline and statement
timeout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import FunctionType
from typing import Any, Final, TypeVar

import strawberry
from graphql import ExecutionResult, GraphQLError, OperationType

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import Deprecation
from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.web.deadline import Deadline, OperationCancelled, ResultTooLarge
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits, PreparedOperation, RequestErrors
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import deadline_exceeded, format_errors, response_too_large
from ogpgraph.web.request import RequestParameters

T = TypeVar("T")

STACK_SLOTS: Final = 32_000
"""The slots of an oversized frame.

CPython doubles its chunk of 16 KiB until it holds the frame and 1,000 slots (of 8 bytes) more. With just over
2**15 - 1,000 slots that is 512 KiB, of which the frame leaves half: enough for a thousand calls.
"""


class OperationRunner:
    """Prepares and executes the operations of one schema, whose resolvers are synchronous and may block.

    Several threads may use it at once.

    Raises:
        ValueError: if the schema has strawberry extensions or operation directives, which would not be executed.
    """

    def __init__(self, schema: strawberry.Schema, limits: DocumentLimits) -> None:
        if schema.extensions or schema.directives:
            raise ValueError("The schema has strawberry extensions or operation directives, which are not executed.")
        self._schema = schema
        self.documents = DocumentCache(core_schema(schema), limits)

    def prepare(
        self, parameters: RequestParameters, *, max_cost: int | None = None, deadline: Deadline | None = None
    ) -> PreparedOperation:
        """Return the operation that a request asks for, validated and within the limits, or within `max_cost`.

        Raises:
            RequestErrors: if the document cannot be parsed, is invalid, has no such operation, or asks for too much.
            RequestRejected: 504, at the deadline.
        """
        prepare = partial(
            self.documents.prepare,
            parameters.query,
            parameters.operation_name,
            parameters.variables,
            max_cost=max_cost,
            deadline=deadline,
        )
        try:
            return prepare() if self.documents.get(parameters.query) else call_with_room(prepare)
        except OperationCancelled:
            raise deadline_exceeded() from None

    def create_executor(self, operation: PreparedOperation, parameters: RequestParameters) -> Executor:
        """Return the executor of an operation with its variables, for one `run` or several, but one at a time.

        Raises:
            RequestErrors: if the variables cannot be coerced.
        """
        try:
            return Executor.prepare(
                self._schema,
                operation.document.ast,
                parameters.variables,
                parameters.operation_name,
                extensions=parameters.extensions,
                compiled=operation.document.compiled,
            )
        except VariableErrors as invalid:
            raise RequestErrors(invalid.errors, code=RequestErrorCode.BAD_USER_INPUT) from None

    def find_deprecations(
        self, operation: PreparedOperation, variables: Mapping[str, Any] | None
    ) -> tuple[Deprecation, ...]:
        """Return the deprecated parts of the schema that an operation uses."""
        return self.documents.find_deprecations(operation.document, operation.operation, variables or {})

    def run(
        self, executor: Executor, context: Context, deadline: Deadline, *, root_value: object = None
    ) -> ExecutionResult:
        """Execute an operation; for a subscription, on one event, which is the `root_value`.

        A mutation is never stopped, because what it has recorded must be reported. While it waits for other writers and
        for the disk, it gives its turn up (`storage.waiting`).

        Raises:
            RequestRejected: 504, if the operation was stopped at the deadline; 400, if its result has too many texts.
        """
        run = partial(executor.run, context, root_value, check_deadline=deadline, count_objects=deadline.count_objects)
        execute = partial(call_with_room, run)
        if executor.operation.operation is OperationType.MUTATION:
            deadline.is_disabled = True
            return execute()
        deadline.apply_to(context.session)
        try:
            result = execute()
        except ResultTooLarge:
            raise response_too_large(deadline.max_characters) from None
        except OperationCancelled:
            raise deadline_exceeded() from None
        if result.errors and deadline.is_exceeded():
            raise deadline_exceeded()  # the errors are those of cancelled statements
        return result


def format_result(result: ExecutionResult, request_id: str) -> dict[str, object]:
    """Return the result of an execution as a response body, with unexpected errors masked and logged.

    Raises:
        RequestErrors: if nothing was executed, because a variable could not be coerced.
    """
    errors: list[GraphQLError] = result.errors or []
    if not errors:
        return {"data": result.data}
    if result.data is None and not any(error.path for error in errors):
        raise RequestErrors(errors, code=RequestErrorCode.BAD_USER_INPUT)
    # The specification recommends `errors` first, to make them obvious.
    return {"errors": format_errors(errors, request_id), "data": result.data}


def deprecation_extensions(deprecations: Sequence[Deprecation]) -> dict[str, object]:
    """Return the extensions of a response whose operation used deprecated parts of the schema."""
    return {"deprecations": [each._asdict() for each in deprecations]} if deprecations else {}


def call_with_room(function: Callable[[], T]) -> T:
    """Call a function from an oversized frame, to avoid a slowdown of CPython 3.11 and 3.12.

    CPython allocates Python frames in chunks of 16 KiB, maps a chunk when a call crosses into it and unmaps it when
    that call returns. graphql-core crosses such an edge up and down for every field, if the depth of its caller
    happens to put it there. Measured with 1,050 fields from 65 depths: 4 ms, but up to 32 ms from 12 of them; from an
    oversized frame 4 to 5 ms from all. CPython fixed it later (python/cpython#142183); 3.11 gets security fixes only.

    A frame too large for a chunk gets a larger chunk of its own, and all deeper frames share what it leaves. So one
    such call, which costs about 10 µs, keeps a whole operation away from edges.
    """
    result: T = _oversized_call(function)
    return result


def _call(function: Callable[[], T]) -> T:
    return function()


# A large evaluation stack is nearly free: unlike 32,000 local variables it is never cleared.
_oversized_call: Final = FunctionType(_call.__code__.replace(co_stacksize=STACK_SLOTS), {}, "_oversized_call")
