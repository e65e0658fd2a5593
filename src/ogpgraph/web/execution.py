"""Running one operation, whole and in the calling thread, from the request to the response that GraphQL defines."""

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeGuard

import strawberry
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, OperationType, execute
from starlette.requests import Request

from ogpgraph.web.masking import told_or_masked
from ogpgraph.web.parameters import Parameters
from ogpgraph.web.prepared import DocumentLimits, Documents, RequestErrors, chosen_operation
from ogpgraph.web.refused import Refused
from ogpgraph.web.roomy import roomy


class Executor:
    """Runs operations of a schema whose resolvers are synchronous and may block: call it in a worker thread.

    `context` is called in that thread for each request. Where it gives a context manager, resolvers see what entering
    it gives, and it is left when the operation has run.
    """

    def __init__(self, schema: strawberry.Schema, context: Callable[[Request], object], limits: DocumentLimits) -> None:
        if schema.extensions or schema.directives:
            raise ValueError(
                "Strawberry's extensions and operation directives are not run here: the schema must have none."
            )
        self._core = schema._schema  # noqa: SLF001 - strawberry has no public way to graphql-core's schema
        self._executor_class = schema.execution_context_class
        self._context = context
        self._documents = Documents(self._core, limits)
        self._roomy = roomy()

    def __call__(self, request: Request, parameters: Parameters, request_id: str) -> dict[str, object]:
        """The GraphQL response to a request.

        Raises:
            RequestErrors: if the document, the choice of its operation or the variables are wrong.
            Refused: if the operation may not be run over this method or endpoint.
        """
        return self._roomy(lambda: self._run(request, parameters, request_id))

    def _run(self, request: Request, parameters: Parameters, request_id: str) -> dict[str, object]:
        document = self._documents.prepare(parameters.query)
        _require_allowed(chosen_operation(document, parameters.operation_name), request.method)
        with _entered(self._context(request)) as context:
            return _response(self._execute(document, parameters, context), request_id)

    def _execute(self, document: DocumentNode, parameters: Parameters, context: object) -> ExecutionResult:
        result = execute(
            self._core,
            document,
            context_value=context,
            variable_values=parameters.variables,
            operation_name=parameters.operation_name,
            executor_class=self._executor_class,
            is_async_iterable=_is_never_async,
            operation_extensions=parameters.extensions,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("A resolver is asynchronous; all of them must be synchronous.")
        return result


def _require_allowed(operation: OperationDefinitionNode, method: str) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise Refused(400, "Subscriptions do not run over this endpoint.", code="SUBSCRIPTION_NOT_SUPPORTED")
    if operation.operation is OperationType.MUTATION and method != "POST":
        raise Refused(405, "Mutations run by POST only.", code="METHOD_NOT_ALLOWED", headers={"Allow": "POST"})


def _entered(context: object) -> AbstractContextManager[Any]:
    return context if isinstance(context, AbstractContextManager) else nullcontext(context)


def _response(result: ExecutionResult, request_id: str) -> dict[str, object]:
    errors = result.errors or []
    if result.data is None and not any(error.path for error in errors):
        raise RequestErrors(errors, code="BAD_USER_INPUT")  # nothing ran: a variable was not coercible
    # The specification wants `errors` first, to be seen.
    return {"errors": told_or_masked(errors, request_id), "data": result.data} if errors else {"data": result.data}


def _is_never_async(_value: object) -> TypeGuard[AsyncIterable[Any]]:
    return False
