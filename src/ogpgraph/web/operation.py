"""Running one operation, whole and in the calling thread, from the request to the response that GraphQL defines."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

import msgspec
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from starlette.requests import Request

from ogpgraph.graphql.executor import Executor, VariableErrors, core_schema
from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.web.authentication import caller_of
from ogpgraph.web.caching import NO_STORE, CacheKey, CacheVersion, cache_headers, etag_matches, is_past, pinned_position
from ogpgraph.web.deadline import Deadline, OperationCancelled
from ogpgraph.web.document_cache import (
    DocumentCache,
    DocumentLimits,
    PreparedOperation,
    RequestErrors,
    ValidatedDocument,
)
from ogpgraph.web.errors import RequestRejected, budget_exhausted, format_errors
from ogpgraph.web.persisted_documents import find_document
from ogpgraph.web.request_parameters import RequestParameters
from ogpgraph.web.stack_guard import make_stack_guard

_UNCACHEABLE_FIELDS: Final = re.compile(r"\bprojector\b")
"""How far the projection is changes while the position does not, so an answer that contains it must not be cached."""
PERSISTED_COST_DIVISOR: Final = 4
"""What a trusted document asks for is charged by so many times less: it was looked at when it was written."""


class CacheValidators(Protocol):
    """What the executor needs to know of the contexts that resolvers see."""

    def cache_version(self, context: Any) -> CacheVersion:
        """Return what an answer read in a context depends on."""

    def apply_deadline(self, context: Any, deadline: Deadline) -> None:
        """Have a context's database stop long statements when the watch says so."""


class OperationRequest(msgspec.Struct):
    """One request to run an operation. `cost` and `limit` are told with whatever the answer is, and set on the way."""

    request: Request
    request_id: str
    media_type: str
    deadline: Deadline
    cost_limit: int
    cost: int = 0

    @property
    def is_cacheable(self) -> bool:
        """Tell whether caches may keep the answer: it is asked by GET, and by nobody in particular."""
        return self.request.method == "GET" and "authorization" not in self.request.headers


class OperationResponse(msgspec.Struct, frozen=True):
    """The response to a request, None where the client has it already; and its headers."""

    payload: dict[str, object] | None
    headers: dict[str, str]


class OperationRunner:
    """Runs operations of a schema whose resolvers are synchronous and may block: call it in a worker thread.

    `context` is called in that thread for each request. Where it gives a context manager, resolvers see what entering
    it gives, and it is left when the operation has run.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request], object],
        limits: DocumentLimits,
        *,
        rate_limiter: RateLimiter,
        cache_validators: CacheValidators | None = None,
        persisted_documents: Mapping[str, str] | None = None,
    ) -> None:
        if schema.extensions or schema.directives:
            raise ValueError(
                "Strawberry's extensions and operation directives are not run here: the schema must have none."
            )
        self._schema = schema
        self._context = context
        self._limits = limits.query
        self._documents = DocumentCache(core_schema(schema), limits)
        self._rate_limiter = rate_limiter
        self._validators = cache_validators
        self._persisted_documents = persisted_documents or {}
        self._stack_guard = make_stack_guard()

    def __call__(self, call: OperationRequest, parameters: RequestParameters) -> OperationResponse:
        """The answer to a request.

        Raises:
            RequestErrors: if the document, the choice of its operation or the variables are wrong, or ask for too much.
            RequestRejected: if the operation may not be run over this method or endpoint, is not in the budget, or was
                stopped.
        """
        try:
            return self._stack_guard(lambda: self._run(call, parameters))
        except RequestErrors as wrong:
            call.cost = call.cost or wrong.cost
            raise
        except OperationCancelled:
            raise RequestRejected(
                504, "The operation took too long and was stopped.", code="DEADLINE_EXCEEDED"
            ) from None

    def _run(self, call: OperationRequest, parameters: RequestParameters) -> OperationResponse:
        text = parameters.query
        if parameters.document_id is not None:
            text, call.cost_limit = (
                find_document(self._persisted_documents, parameters.document_id),
                self._limits.persisted_cost,
            )
        key = CacheKey(text, parameters.operation_name, parameters.variables, call.media_type, call.cost_limit)
        if not (call.is_cacheable and "if-none-match" in call.request.headers):
            asked = self._prepare(call, text, parameters)
            with _enter_context(self._context(call.request)) as context:
                return self._respond(call, asked, parameters, key, context)
        with _enter_context(self._context(call.request)) as context:
            # Before anything is parsed: a document that is not known is taken to speak of the present.
            had = self._not_modified_response(call, key, context, self._documents.get(text))
            return had or self._respond(call, self._prepare(call, text, parameters), parameters, key, context)

    def _prepare(self, call: OperationRequest, text: str, parameters: RequestParameters) -> PreparedOperation:
        asked = self._documents.prepare(text, parameters.operation_name, parameters.variables, max_cost=call.cost_limit)
        call.cost = asked.cost
        _require_allowed(asked.operation, call.request.method)
        return asked

    def _not_modified_response(
        self, call: OperationRequest, key: CacheKey, context: Any, known: ValidatedDocument | None
    ) -> OperationResponse | None:
        """Return that the client has the answer already, if it has."""
        headers = self._cache_headers(call, key, context, known)
        had = "ETag" in headers and etag_matches(call.request.headers.get("if-none-match"), headers["ETag"])
        return OperationResponse(None, headers) if had else None

    def _cache_headers(
        self, call: OperationRequest, key: CacheKey, context: Any, known: ValidatedDocument | None
    ) -> dict[str, str]:
        if self._validators is None or not call.is_cacheable or _UNCACHEABLE_FIELDS.search(key.text):
            return {"Cache-Control": NO_STORE}
        operation = known.operation(key.operation_name) if known else None
        pinned = pinned_position(operation, key.variables or {}) if operation else None
        version = self._validators.cache_version(context)
        return cache_headers(key.etag(version, pinned), past=is_past(pinned, version))

    def _respond(
        self,
        call: OperationRequest,
        asked: PreparedOperation,
        parameters: RequestParameters,
        key: CacheKey,
        context: Any,
    ) -> OperationResponse:
        headers = self._cache_headers(call, key, context, asked.document)
        if "ETag" in headers and etag_matches(call.request.headers.get("if-none-match"), headers["ETag"]):
            return OperationResponse(None, headers)
        share = PERSISTED_COST_DIVISOR if parameters.document_id else 1
        keys, charged = _rate_limit_keys(call.request), max(1, asked.cost // share)
        self._charge(keys, charged)
        try:
            payload = self._execute_to_payload(call, asked, parameters, context)
        finally:
            self._rate_limiter.refund(keys, max(0, charged - 1 - call.deadline.object_count // share))
        return OperationResponse(payload, {"Cache-Control": NO_STORE} if "errors" in payload else headers)

    def _charge(self, keys: Sequence[str], cost: int) -> None:
        try:
            self._rate_limiter.charge(keys, cost)
        except RateLimitExceeded as exceeded:
            raise budget_exhausted(exceeded.wait_seconds) from None

    def _execute_to_payload(
        self, call: OperationRequest, asked: PreparedOperation, parameters: RequestParameters, context: Any
    ) -> dict[str, object]:
        if asked.operation.operation is OperationType.MUTATION:
            call.deadline.is_disabled = True  # what was recorded is answered, however long that takes
        elif self._validators is not None:
            self._validators.apply_deadline(context, call.deadline)
        result = self._execute(call, asked, parameters, context)
        if result.errors and call.deadline.is_exceeded():
            raise OperationCancelled  # the errors are those of statements that were broken off
        return _build_payload(result, call.request_id)

    def _execute(
        self, call: OperationRequest, asked: PreparedOperation, parameters: RequestParameters, context: Any
    ) -> ExecutionResult:
        try:
            executor = Executor.prepare(
                self._schema,
                asked.document.ast,
                parameters.variables,
                parameters.operation_name,
                extensions=parameters.extensions,
            )
        except VariableErrors as wrong:
            raise RequestErrors(wrong.errors, code="BAD_USER_INPUT") from None
        return executor.run(context, check_deadline=call.deadline)


def _rate_limit_keys(request: Request) -> list[str]:
    caller = caller_of(request)
    return [f"address {caller.address}", *([f"account {caller.account}"] if caller.account else [])]


def _require_allowed(operation: OperationDefinitionNode, method: str) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise RequestRejected(400, "Subscriptions do not run over this endpoint.", code="SUBSCRIPTION_NOT_SUPPORTED")
    if operation.operation is OperationType.MUTATION and method != "POST":
        raise RequestRejected(405, "Mutations run by POST only.", code="METHOD_NOT_ALLOWED", headers={"Allow": "POST"})


def _enter_context(context: object) -> AbstractContextManager[Any]:
    return context if isinstance(context, AbstractContextManager) else nullcontext(context)


def _build_payload(result: ExecutionResult, request_id: str) -> dict[str, object]:
    errors: list[GraphQLError] = result.errors or []
    if result.data is None and not any(error.path for error in errors):
        raise RequestErrors(errors, code="BAD_USER_INPUT")  # nothing ran: a variable was not coercible
    # The specification wants `errors` first, to be seen.
    return {"errors": format_errors(errors, request_id), "data": result.data} if errors else {"data": result.data}
