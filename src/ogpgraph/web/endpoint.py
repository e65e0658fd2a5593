"""The GraphQL endpoint: one operation by GET or POST, executed in one worker thread, with the status clients expect.

Reading the request is asynchronous and bounded in size and time; everything after it (decoding, preparing, executing,
encoding) happens in a worker thread, in `_respond_in_thread`, because it takes time and the database blocks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

import anyio
import anyio.to_thread
import msgspec
import strawberry
from graphql import OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import Deprecation, deprecation_headers
from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.web.caching import (
    NO_STORE,
    VARY,
    CacheKey,
    cache_headers,
    cache_version,
    etag_matches,
    find_pinned,
)
from ogpgraph.web.document_cache import DocumentLimits, PreparedOperation, RequestErrors, ValidatedDocument
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import (
    JSON,
    RequestRejected,
    budget_exhausted,
    error_payload,
    failure_status,
    find_storage_failure,
    format_error,
    report_failure,
    retry_headers,
)
from ogpgraph.web.middleware import caller_of, request_id_of
from ogpgraph.web.operation import Deadline, OperationRunner, deprecation_extensions, format_result
from ogpgraph.web.persisted_documents import find_document
from ogpgraph.web.request import (
    EVENT_STREAM,
    GRAPHQL,
    MAX_URL_BYTES,
    BodyLimits,
    RequestParameters,
    negotiate_graphql_media_type,
    parse_json_body,
    parse_query_string,
    prefers_over_graphql_response,
    read_json_body,
)

OpenContext = Callable[[Request], AbstractContextManager[Context]]
"""Opens the context that the resolvers of one request share; called, entered and left in a worker thread."""

PERSISTED_COST_DIVISOR: Final = 4
"""Persisted documents are reviewed in advance, so they are charged a quarter of their cost."""
_HOW_SUBSCRIPTIONS_RUN: Final = (
    "A subscription gets many results, and JSON holds one. It runs at this address over server-sent events, with "
    f"`Accept: {EVENT_STREAM}`, or over a WebSocket with the subprotocol graphql-transport-ws; see docs/live.md."
)
_METHODS: Final = "GET, HEAD, POST, OPTIONS"


class ExecutionLimits(msgspec.Struct, frozen=True):
    """The time of one operation, the operations that run at once, and the cost a minute of each address and account."""

    deadline_seconds: float = 10.0
    threads: int = 8
    cost_per_minute: int = 20_000_000


class WebLimits(msgspec.Struct, frozen=True):
    """The limits of one request: of its body, its document and its execution."""

    body: BodyLimits = BodyLimits()
    document: DocumentLimits = DocumentLimits()
    execution: ExecutionLimits = ExecutionLimits()


DEFAULT_LIMITS: Final = WebLimits()


class OperationRequest(msgspec.Struct):
    """One request to execute an operation; every response reports `cost` and `cost_limit`, which are set on the way."""

    request: Request
    request_id: str
    media_type: str
    deadline: Deadline
    cost_limit: int
    cost: int = 0

    @property
    def is_cacheable(self) -> bool:
        """Return whether a shared cache may store the response: a GET that depends on nobody's rights."""
        return self.request.method == "GET" and "authorization" not in self.request.headers

    @property
    def names_entity_tags(self) -> bool:
        """Return whether the request names responses that the client has (`*` does not)."""
        return self.is_cacheable and self.request.headers.get("if-none-match", "*").strip() != "*"


class OperationResponse(msgspec.Struct, frozen=True):
    """The body of a response, None if the client has it already; its headers and status.

    A response that `is_behind` does not show everything that is recorded, and says so in its extensions.
    """

    payload: dict[str, object] | None
    headers: dict[str, str]
    status: int = 200
    is_behind: bool = False
    deprecations: tuple[Deprecation, ...] = ()

    @property
    def extensions(self) -> dict[str, object]:
        """Return what the response says of itself, besides its cost."""
        behind = {"behind": True} if self.is_behind else {}
        return {**behind, **deprecation_extensions(self.deprecations)}


class GraphQLEndpoint:
    """An ASGI endpoint that executes the operations of a schema; it needs `RequestIdMiddleware` around it.

    The statuses are those that npm `graphql-http` audits. What is not a GraphQL request (not JSON, no document, too
    large, …) gets 4xx. A request error (syntax, validation, choice of operation, variables) gets 400 as
    `application/graphql-response+json`, but 200 as `application/json`, whose clients read the body only then; the body
    has no `data`. What was executed gets 200, whether fields failed or not, except that it gets 503 where the storage
    failed: proxies and clients know by it that the same request may succeed later.

    A client that prefers an event stream is passed to `event_streams`, if that is given. `clock` gives seconds that
    never go back.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        open_context: OpenContext,
        limits: WebLimits = DEFAULT_LIMITS,
        *,
        persisted_documents: Mapping[str, str] | None = None,
        event_streams: ASGIApp | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runner = OperationRunner(schema, limits.document)
        self._open_context = open_context
        self._limits = limits
        self._persisted_documents = persisted_documents or {}
        self._event_streams = event_streams
        self._rate_limiter = RateLimiter(limits.execution.cost_per_minute, clock)
        self._thread_limiter = anyio.CapacityLimiter(limits.execution.threads)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if self._event_streams and _prefers_event_stream(request):
            await self._event_streams(scope, receive, send)
            return
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is left to respond to
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _METHODS})
        media_type = JSON  # of the rejection, if the client accepts neither type
        try:
            media_type = negotiate_graphql_media_type(request.headers.get("accept"))
            encoded = await self._read_parameters(request)
        except RequestRejected as rejected:
            return _rejection_response(rejected, self._operation_request(request, media_type))
        call = self._operation_request(request, media_type)
        watching = asyncio.create_task(_watch_disconnect(call))
        try:
            return await anyio.to_thread.run_sync(self._respond_in_thread, call, encoded, limiter=self._thread_limiter)
        finally:
            watching.cancel()

    def _operation_request(self, request: Request, media_type: str) -> OperationRequest:
        deadline = Deadline(self._limits.execution.deadline_seconds, self._clock)
        return OperationRequest(
            request, request_id_of(request.scope), media_type, deadline, self._limits.document.query.cost
        )

    async def _read_parameters(self, request: Request) -> bytes:
        """Return the parameters as they were sent: a query string or a body."""
        match request.method:
            case "GET":
                query_string: bytes = request.scope["query_string"]
                # Other servers may pass longer ones than ours.
                if len(query_string) > min(MAX_URL_BYTES, self._limits.body.max_bytes):
                    raise RequestRejected(RequestErrorCode.URI_TOO_LONG, "The URL is too long.")
                return query_string
            case "POST":
                return await read_json_body(request, self._limits.body)
            case method:
                raise RequestRejected(
                    RequestErrorCode.METHOD_NOT_ALLOWED, f"{method} is not supported here.", headers={"Allow": _METHODS}
                )

    def _respond_in_thread(self, call: OperationRequest, encoded: bytes) -> Response:
        parse = parse_json_body if call.request.method == "POST" else parse_query_string
        try:
            response = self._answer(call, self._resolve_document(call, parse(encoded)))
            if response.payload is None:
                return Response(status_code=304, headers={"Vary": VARY, **response.headers})
            return _encode_response(response.status, response.payload, call, response.headers, response.extensions)
        except RequestRejected as rejected:
            return _rejection_response(rejected, call)
        except RequestErrors as invalid:
            call.cost = call.cost or invalid.cost
            errors = [format_error(error, code=invalid.code) for error in invalid.errors]
            return _encode_response(400 if call.media_type == GRAPHQL else 200, {"errors": errors}, call)
        except Exception as failure:
            payload = report_failure(failure, call.request_id)
            return _encode_response(failure_status(failure), payload, call, retry_headers(failure))

    def _resolve_document(self, call: OperationRequest, parameters: RequestParameters) -> RequestParameters:
        """Return the parameters with the text of the persisted document that they name, if they name one."""
        if parameters.document_id is None:
            return parameters
        text = find_document(self._persisted_documents, parameters.document_id)
        call.cost_limit = self._limits.document.query.persisted_cost
        return msgspec.structs.replace(parameters, query=text)

    def _answer(self, call: OperationRequest, parameters: RequestParameters) -> OperationResponse:
        if not call.names_entity_tags:
            operation = self._prepare(call, parameters)  # first, because an invalid document needs no context
            with self._open_context(call.request) as context:
                return self._execute(call, operation, parameters, context)
        with self._open_context(call.request) as context:
            headers = self._cache_headers_before_parsing(call, parameters, context)
            if _is_not_modified(call, headers):
                return OperationResponse(None, headers)
            return self._execute(call, self._prepare(call, parameters), parameters, context)

    def _prepare(self, call: OperationRequest, parameters: RequestParameters) -> PreparedOperation:
        operation = self._runner.prepare(parameters, max_cost=call.cost_limit)
        call.cost = operation.cost
        _require_allowed(operation.operation, call.request.method)
        return operation

    def _execute(
        self, call: OperationRequest, operation: PreparedOperation, parameters: RequestParameters, context: Context
    ) -> OperationResponse:
        headers = self._cache_headers(call, parameters, operation.document, context)
        if _is_not_modified(call, headers):
            return OperationResponse(None, headers)
        divisor = PERSISTED_COST_DIVISOR if parameters.document_id else 1
        keys, charged = _rate_limit_keys(call.request), max(1, operation.cost // divisor)
        self._charge(keys, charged)
        try:
            executor = self._runner.create_executor(operation, parameters)
            result = self._runner.run(executor, context, call.deadline)
            context.session.shared.damage.add(error.original_error for error in result.errors or ())
            payload = format_result(result, call.request_id)
        finally:
            self._rate_limiter.refund(keys, max(0, charged - 1 - call.deadline.object_count // divisor))
        is_behind = context.session.is_behind
        deprecations = self._runner.find_deprecations(operation, parameters.variables)
        if failure := find_storage_failure(result.errors or ()):
            return OperationResponse(payload, retry_headers(failure), failure_status(failure), is_behind, deprecations)
        may_be_cached = "errors" not in payload and not is_behind
        headers = headers if may_be_cached else {"Cache-Control": NO_STORE}
        if call.request.method == "GET":  # its URL names the document: a POST's would call /graphql deprecated
            headers = {**headers, **deprecation_headers(deprecations)}
        return OperationResponse(payload, headers, 200, is_behind, deprecations)

    def _charge(self, keys: Sequence[str], cost: int) -> None:
        try:
            self._rate_limiter.charge(keys, cost)
        except RateLimitExceeded as exceeded:
            raise budget_exhausted(exceeded.wait_seconds) from None

    def _cache_headers_before_parsing(
        self, call: OperationRequest, parameters: RequestParameters, context: Context
    ) -> dict[str, str]:
        """Return the headers to compare with a client's ETags; no ETag if the document has to be parsed first.

        Only the response to a valid operation within its limits was sent with an ETag, so one that matches proves that
        this operation is. A document that is not cached is taken to read the head; if it pins all positions, its ETag
        will match after it was parsed.
        """
        documents = self._runner.documents
        document = documents.get(parameters.query)
        if document is not None:
            return self._cache_headers(call, parameters, document, context)
        if documents.may_be_volatile(parameters.query):
            return {"Cache-Control": NO_STORE}
        return cache_headers(_cache_key(call, parameters).etag(cache_version(context), None), past=False)

    def _cache_headers(
        self, call: OperationRequest, parameters: RequestParameters, document: ValidatedDocument, context: Context
    ) -> dict[str, str]:
        operation = document.operation(parameters.operation_name) if call.is_cacheable else None
        if operation is None or self._runner.documents.is_volatile(document, operation):
            return {"Cache-Control": NO_STORE}
        reads_head = self._runner.documents.reads_head(document, operation)
        pinned = None if reads_head else find_pinned(context, operation, parameters.variables or {})
        etag = _cache_key(call, parameters).etag(cache_version(context), pinned)
        return cache_headers(etag, past=pinned is not None)


def _cache_key(call: OperationRequest, parameters: RequestParameters) -> CacheKey:
    return CacheKey(parameters.query, parameters.operation_name, parameters.variables, call.media_type, call.cost_limit)


def _prefers_event_stream(request: Request) -> bool:
    accept = request.headers.get("accept")
    return request.method in ("GET", "POST") and prefers_over_graphql_response(EVENT_STREAM, accept)


def _is_not_modified(call: OperationRequest, headers: Mapping[str, str]) -> bool:
    return "ETag" in headers and etag_matches(call.request.headers.get("if-none-match"), headers["ETag"])


def _rate_limit_keys(request: Request) -> list[str]:
    caller = caller_of(request)
    return [f"address {caller.address}", *([f"account {caller.account}"] if caller.account else [])]


def _require_allowed(operation: OperationDefinitionNode, method: str) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise RequestRejected(RequestErrorCode.SUBSCRIPTION_NOT_SUPPORTED, _HOW_SUBSCRIPTIONS_RUN)
    if operation.operation is OperationType.MUTATION and method != "POST":
        raise RequestRejected(RequestErrorCode.METHOD_NOT_ALLOWED, "Mutations need POST.", headers={"Allow": "POST"})


def _rejection_response(rejected: RequestRejected, call: OperationRequest) -> Response:
    payload = error_payload(rejected.message, code=rejected.code)
    return _encode_response(rejected.status, payload, call, rejected.headers)


def _encode_response(
    status: int,
    payload: dict[str, object],
    call: OperationRequest,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, object] | None = None,
) -> Response:
    """Return a response in the negotiated media type, with the cost of the operation and its limit as extensions."""
    all_headers = {
        "Content-Type": f"{call.media_type}; charset=utf-8",
        "Cache-Control": NO_STORE,
        "Vary": VARY,
        **(headers or {}),
    }
    cost = {"requested": call.cost, "limit": call.cost_limit}
    body = {**payload, "extensions": {"cost": cost, **(extensions or {})}}
    return Response(msgspec.json.encode(body), status, all_headers)


async def _watch_disconnect(call: OperationRequest) -> None:
    """Stop the operation when the client disconnects."""
    while (await call.request.receive())["type"] != "http.disconnect":
        pass  # the rest of a body that was not read
    call.deadline.client_disconnected = True
