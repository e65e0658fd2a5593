"""The GraphQL endpoint: one operation by GET or POST, executed in one worker thread, with the status clients expect.

Reading the request is asynchronous and bounded in size and time; everything after it (decoding, preparing, executing,
encoding) happens in a worker thread, in `_respond_in_thread`, when it is the client's turn. `direct_path` answers some
requests before they come here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
from graphql import OperationDefinitionNode, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ogpgraph.graphql.context import Context
from ogpgraph.graphql.deprecation import deprecation_headers
from ogpgraph.web.caching import NO_STORE, CacheKey, cache_headers, cache_version, etag_matches, find_pinned
from ogpgraph.web.document_cache import PreparedOperation, RequestErrors, ValidatedDocument
from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import (
    JSON,
    RequestRejected,
    error_payload,
    failure_status,
    find_storage_failure,
    format_error,
    report_failure,
    retry_headers,
)
from ogpgraph.web.held_bytes import Holding
from ogpgraph.web.middleware import request_id_of
from ogpgraph.web.operation_service import OperationCall, OperationService, client_of
from ogpgraph.web.request import (
    EVENT_STREAM,
    MAX_URL_BYTES,
    RequestParameters,
    negotiate_graphql_media_type,
    parse_json_body,
    parse_query_string,
    prefers_over_graphql_response,
    read_json_body,
)
from ogpgraph.web.responses import build_response, build_unchanged

RespondWithEvents = Callable[[Request, RequestParameters], Awaitable[Response]]
"""Returns the event stream of a subscription."""

_HOW_SUBSCRIPTIONS_RUN: Final = (
    "A subscription gets many results, and JSON holds one. It runs at this address over server-sent events, with "
    f"`Accept: {EVENT_STREAM}`, or over a WebSocket with the subprotocol graphql-transport-ws; see docs/live.md."
)
PASSING: Final = "passing"
"""The key in the state of a request's scope of what passes the middleware with it."""
_METHODS: Final = "GET, HEAD, POST, OPTIONS"


PARSERS: Final[Mapping[str, Callable[[bytes], RequestParameters]]] = {
    "GET": parse_query_string,
    "POST": parse_json_body,
}
"""What decodes the parameters of a request, as they were sent, by its method."""


class Passing(msgspec.Struct, frozen=True):
    """What passes the middleware with a request: a response that is ready, or who wants to know of its arrival."""

    response: Response | None = None
    on_arrival: Callable[[Request], None] | None = None


class OperationRequest(OperationCall, kw_only=True):
    """One HTTP request to execute an operation."""

    request: Request
    media_type: str

    @property
    def is_cacheable(self) -> bool:
        """Return whether a shared cache may store the response."""
        return is_cacheable(self.request.method, self.media_type, self.request.headers)

    @property
    def names_entity_tags(self) -> bool:
        """Return whether the request names responses that the client has (`*` does not)."""
        return self.is_cacheable and self.request.headers.get("if-none-match", "*").strip() != "*"


class OperationResponse(msgspec.Struct, frozen=True):
    """The body of a response, None if the client has it already; its headers, status, and what it says of itself."""

    payload: dict[str, object] | None
    headers: dict[str, str]
    status: int = 200
    extensions: Mapping[str, object] = {}


class GraphQLEndpoint:
    """An ASGI endpoint that executes the operations of a schema; it needs `RequestIdMiddleware` around it.

    The statuses are those that npm `graphql-http` audits. What is not a GraphQL request (not JSON, no document, too
    large, …) gets 4xx. A request error (syntax, validation, choice of operation, variables) gets 400 as
    `application/graphql-response+json`, but 200 as `application/json`, whose clients read the body only then; the body
    has no `data`. What was executed gets 200, whether fields failed or not, except that it gets 503 where the storage
    failed: proxies and clients know by it that the same request may succeed later.

    A client that prefers an event stream gets the result as its only event (graphql-sse, distinct connections). A
    subscription is passed to `respond_with_events`, if that is given.
    """

    def __init__(self, operations: OperationService, *, respond_with_events: RespondWithEvents | None = None) -> None:
        self._operations = operations
        self._respond_with_events = respond_with_events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        passing: Passing | None = scope.get("state", {}).get(PASSING)
        if passing is not None and passing.response is not None:
            await passing.response(scope, receive, send)
            return
        request = Request(scope, receive)
        if passing is not None and passing.on_arrival is not None:
            passing.on_arrival(request)
        with self._operations.held.hold(client_of(request).network) as holding:
            try:
                response = await self._respond(request, holding)
            except ClientDisconnect:
                return  # nobody is left to respond to
            await response(scope, receive, send)

    async def _respond(self, request: Request, holding: Holding) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _METHODS})
        media_type = JSON  # of the rejection, if the client accepts neither type
        try:
            media_type = negotiate(request.headers.get("accept"))
            encoded = await self._read_parameters(request, holding)
        except RequestRejected as rejected:
            return _rejection_response(rejected, self._operation_request(request, media_type))
        call = self._operation_request(request, media_type)
        try:
            if media_type == EVENT_STREAM and self._respond_with_events:
                subscription = await self._operations.in_turn(call, self._find_subscription, call, encoded)
                if subscription:
                    return await self._respond_with_events(request, subscription)
            return await self._respond_in_turn(call, encoded, holding, _do_nothing)
        except RequestRejected as rejected:
            return _rejection_response(rejected, call)

    async def respond_to(
        self, request: Request, media_type: str, encoded: bytes, *, before: Callable[[], None]
    ) -> Response:
        """Return the response to a request whose parameters were read.

        `before` is called in the thread, before anything else; raises what it raises, with nothing done.
        """
        call = self._operation_request(request, media_type)
        with self._operations.held.hold(call.client.network) as holding:
            try:
                holding.add(len(encoded))
                return await self._respond_in_turn(call, encoded, holding, before)
            except RequestRejected as rejected:
                return _rejection_response(rejected, call)

    async def _respond_in_turn(
        self, call: OperationRequest, encoded: bytes, holding: Holding, before: Callable[[], None]
    ) -> Response:
        with _watch_disconnect(call):
            response: Response = await self._operations.in_turn(
                call, self._respond_in_thread, call, encoded, before, size=len(encoded)
            )
        # A mutation was recorded, which must be reported.
        holding.add(0 if call.deadline.is_disabled else len(response.body))
        return response

    def _operation_request(self, request: Request, media_type: str) -> OperationRequest:
        return OperationRequest(
            request,
            request_id_of(request.scope),
            self._operations.start_deadline(),
            self._operations.cost_limit,
            request=request,
            media_type=media_type,
        )

    def _find_subscription(self, call: OperationRequest, encoded: bytes) -> RequestParameters | None:
        """Return the parameters of a request for a subscription; None for others, and if they are wrong."""
        try:
            parameters = self._operations.find_document(PARSERS[call.request.method](encoded))
        except (RequestRejected, RequestErrors):
            return None
        return parameters if self._operations.is_subscription(parameters) else None

    async def _read_parameters(self, request: Request, holding: Holding) -> bytes:
        """Return the parameters as they were sent: a query string or a body."""
        match request.method:
            case "GET":
                query_string: bytes = request.scope.get("query_string", b"")
                # Other servers may pass longer ones than ours.
                if len(query_string) > min(MAX_URL_BYTES, self._operations.limits.body.max_bytes):
                    raise RequestRejected(RequestErrorCode.URI_TOO_LONG, "The URL is too long.")
                return query_string
            case "POST":
                return await read_json_body(request, self._operations.limits.body, holding.add)
            case method:
                raise RequestRejected(
                    RequestErrorCode.METHOD_NOT_ALLOWED, f"{method} is not supported here.", headers={"Allow": _METHODS}
                )

    def _respond_in_thread(self, call: OperationRequest, encoded: bytes, before: Callable[[], None]) -> Response:
        before()
        try:
            response = self._answer(call, self._operations.find_document(PARSERS[call.request.method](encoded)))
            if response.payload is None:
                return build_unchanged(response.headers)
            payload = {**response.payload, "extensions": {**call.extensions, **response.extensions}}
            body = self._operations.encode(call, payload)
            return build_response(response.status, body, call.media_type, response.headers)
        except RequestRejected as rejected:
            return _rejection_response(rejected, call)
        except RequestErrors as invalid:
            errors = [format_error(error, code=invalid.code) for error in invalid.errors]
            return _encode_response(200 if call.media_type == JSON else 400, {"errors": errors}, call)
        except Exception as failure:
            payload = report_failure(failure, call.request_id)
            return _encode_response(failure_status(failure), payload, call, retry_headers(failure))

    def _answer(self, call: OperationRequest, parameters: RequestParameters) -> OperationResponse:
        if call.names_entity_tags:
            with self._operations.open_context(call.request) as context:
                headers = self._cache_headers_before_parsing(call, parameters, context)
                if _is_not_modified(call, headers):
                    return OperationResponse(None, headers)
        # Without a context: an invalid document needs none, and an expensive operation may have to wait here.
        operation = self._prepare(call, parameters)
        with self._operations.open_context(call.request) as context:
            return self._execute(call, operation, parameters, context)

    def _prepare(self, call: OperationRequest, parameters: RequestParameters) -> PreparedOperation:
        operation = self._operations.prepare(call, parameters)
        _require_allowed(operation.operation, call.request.method)
        return operation

    def _execute(
        self, call: OperationRequest, operation: PreparedOperation, parameters: RequestParameters, context: Context
    ) -> OperationResponse:
        headers = self._cache_headers(call, parameters, operation.document, context)
        if _is_not_modified(call, headers):
            return OperationResponse(None, headers)
        execution = self._operations.execute(call, operation, parameters, context)
        payload, extensions = execution.payload, execution.extensions
        if failure := find_storage_failure(execution.result.errors or ()):
            return OperationResponse(payload, retry_headers(failure), failure_status(failure), extensions)
        may_be_cached = "errors" not in payload and not execution.is_behind
        headers = headers if may_be_cached else {"Cache-Control": NO_STORE}
        if call.request.method == "GET":  # its URL names the document: a POST's would call /graphql deprecated
            headers = {**headers, **deprecation_headers(execution.deprecations)}
        return OperationResponse(payload, headers, extensions=extensions)

    def _cache_headers_before_parsing(
        self, call: OperationRequest, parameters: RequestParameters, context: Context
    ) -> dict[str, str]:
        """Return the headers to compare with a client's ETags; no ETag if the document has to be parsed first.

        Only the response to a valid operation within its limits was sent with an ETag, so one that matches proves that
        this operation is. A document that is not cached is taken to read the head; if it pins all positions, its ETag
        will match after it was parsed.
        """
        documents = self._operations.runner.documents
        document = documents.get(parameters.query)
        if document is not None:
            return self._cache_headers(call, parameters, document, context)
        if documents.may_be_volatile(parameters.query):
            return {"Cache-Control": NO_STORE}
        return cache_headers(_cache_key(call, parameters).etag(cache_version(context), None), past=False)

    def _cache_headers(
        self, call: OperationRequest, parameters: RequestParameters, document: ValidatedDocument, context: Context
    ) -> dict[str, str]:
        if not call.is_cacheable:
            return {"Cache-Control": NO_STORE}
        return find_cache_headers(self._operations, _cache_key(call, parameters), document, context)


def find_cache_headers(
    operations: OperationService, key: CacheKey, document: ValidatedDocument, context: Context
) -> dict[str, str]:
    """Return the headers for caches of the response to a GET; no ETag if it must not be stored."""
    documents, operation = operations.runner.documents, document.operation(key.operation_name)
    if operation is None or documents.is_volatile(document, operation):
        return {"Cache-Control": NO_STORE}
    reads_head = documents.reads_head(document, operation)
    pinned = None if reads_head else find_pinned(context, operation, key.variables or {})
    return cache_headers(key.etag(cache_version(context), pinned), past=pinned is not None)


def is_cacheable(method: str, media_type: str, headers: Mapping[str, str]) -> bool:
    """Return whether a shared cache may store the response: to a GET that depends on nobody's rights."""
    return method == "GET" and media_type != EVENT_STREAM and "authorization" not in headers


def _cache_key(call: OperationRequest, parameters: RequestParameters) -> CacheKey:
    return CacheKey(parameters.query, parameters.operation_name, parameters.variables, call.media_type, call.cost_limit)


def negotiate(accept: str | None) -> str:
    """Return the media type of the response; raises RequestRejected, if the client accepts none."""
    if prefers_over_graphql_response(EVENT_STREAM, accept):
        return EVENT_STREAM
    return negotiate_graphql_media_type(accept)


def _is_not_modified(call: OperationRequest, headers: Mapping[str, str]) -> bool:
    return "ETag" in headers and etag_matches(call.request.headers.get("if-none-match"), headers["ETag"])


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
) -> Response:
    """Return a response in the negotiated media type, with the cost of the operation and its limit as extensions."""
    body = msgspec.json.encode({**payload, "extensions": call.extensions})
    return build_response(status, body, call.media_type, headers)


def _do_nothing() -> None:
    """Do nothing before an operation."""


@contextmanager
def _watch_disconnect(call: OperationRequest) -> Iterator[None]:
    """Stop the operation when the client disconnects; most are done before it is worth watching."""
    watching: list[asyncio.Task[None]] = []
    call.deadline.on_delay = lambda: watching.append(asyncio.create_task(_wait_for_disconnect(call)))
    try:
        yield
    finally:
        call.deadline.on_delay = None
        for each in watching:
            each.cancel()


async def _wait_for_disconnect(call: OperationRequest) -> None:
    while (await call.request.receive())["type"] != "http.disconnect":
        pass  # the rest of a body that was not read
    call.deadline.cancel()
