"""GraphQL over HTTP: one operation by GET or POST, run whole in one worker thread, with the status clients expect."""

import asyncio
import time
from collections.abc import Callable, Mapping

import anyio
import anyio.to_thread
import msgspec
import strawberry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ogpgraph.rate_limit import RateLimiter
from ogpgraph.web import request_parameters as parameters
from ogpgraph.web.caching import NO_STORE, VARY
from ogpgraph.web.content_negotiation import GRAPHQL, JSON, negotiate_graphql_media_type
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import DocumentLimits, RequestErrors
from ogpgraph.web.errors import RequestRejected, error_payload, format_error, report_internal_error
from ogpgraph.web.middleware import request_id_of
from ogpgraph.web.operation import CacheValidators, OperationRequest, OperationRunner
from ogpgraph.web.request_parameters import BodyLimits, read_json_body

_METHODS = "GET, POST, OPTIONS"


class ExecutionLimits(msgspec.Struct, frozen=True):
    """How long an operation may run, how many at once, and what each address and account may ask for in a minute."""

    deadline_seconds: float = 10.0
    threads: int = 8
    cost_per_minute: int = 20_000_000


class GraphQLEndpoint:
    """An ASGI endpoint for a schema.

    Statuses keep to what npm `graphql-http` audits. What is no GraphQL request (not JSON, no document, too large, …)
    gets 4xx. A request error (syntax, validation, choice of operation, variables) gets 400 as
    `application/graphql-response+json`, but 200 as `application/json`, whose clients read the body only then; the body
    has no `data`. What has run gets 200, whether fields failed or not.

    The view stands behind `RequestIdMiddleware`, which gives each request its id.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request], object],
        *,
        body_limits: BodyLimits | None = None,
        document_limits: DocumentLimits | None = None,
        execution: ExecutionLimits | None = None,
        cache_validators: CacheValidators | None = None,
        persisted_documents: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bounds, self._execution_limits = document_limits or DocumentLimits(), execution or ExecutionLimits()
        rate_limiter = RateLimiter(self._execution_limits.cost_per_minute, clock)
        self._runner = OperationRunner(
            schema,
            context,
            bounds,
            rate_limiter=rate_limiter,
            cache_validators=cache_validators,
            persisted_documents=persisted_documents,
        )
        self._max_cost = bounds.query.cost
        self._body_limits = body_limits or BodyLimits()
        self._limiter = anyio.CapacityLimiter(self._execution_limits.threads)
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return  # nobody is left to answer
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": _METHODS})
        media = JSON  # in which it is told that none fits
        try:
            media = negotiate_graphql_media_type(request.headers.get("accept"))
            sent = await self._read_request(request)
        except RequestRejected as refused:
            return self._rejection_response(refused, self._operation_request(request, media))
        return await self._run(self._operation_request(request, media), sent)

    def _operation_request(self, request: Request, media: str) -> OperationRequest:
        deadline = Deadline(self._execution_limits.deadline_seconds, self._clock)
        return OperationRequest(request, request_id_of(request.scope), media, deadline, self._max_cost)

    async def _run(self, call: OperationRequest, sent: bytes) -> Response:
        """The response, made in a worker thread while this one notices whether the client goes."""
        noticing = asyncio.create_task(_watch_disconnect(call))
        try:
            return await anyio.to_thread.run_sync(self._run_operation, call, sent, limiter=self._limiter)
        finally:
            noticing.cancel()

    async def _read_request(self, request: Request) -> bytes:
        """The bytes in which the request is: a query string or a body."""
        match request.method:
            case "GET":
                return self._query_string(request)
            case "POST":
                return await read_json_body(request, self._body_limits)
            case method:
                raise RequestRejected(
                    405, f"{method} is not served here.", code="METHOD_NOT_ALLOWED", headers={"Allow": _METHODS}
                )

    def _query_string(self, request: Request) -> bytes:
        query_string: bytes = request.scope["query_string"]
        if len(query_string) > self._body_limits.max_bytes:
            raise RequestRejected(414, "The URL is too long.", code="URI_TOO_LONG")
        return query_string

    def _run_operation(self, call: OperationRequest, sent: bytes) -> Response:
        """The response to what was sent. Decoding, running and encoding take time: called in a worker thread."""
        read = parameters.parse_json_body if call.request.method == "POST" else parameters.parse_query_string
        try:
            answer = self._runner(call, read(sent))
        except RequestRejected as refused:
            return self._rejection_response(refused, call)
        except RequestErrors as wrong:
            errors = [format_error(error, code=wrong.code) for error in wrong.errors]
            return _response(400 if call.media_type == GRAPHQL else 200, {"errors": errors}, call)
        except Exception as failure:
            return _response(500, report_internal_error(failure, call.request_id), call)
        if answer.payload is None:
            return Response(status_code=304, headers={"Vary": VARY, **answer.headers})
        try:
            return _response(200, answer.payload, call, answer.headers)
        except Exception as failure:
            return _response(500, report_internal_error(failure, call.request_id), call)

    @staticmethod
    def _rejection_response(refused: RequestRejected, call: OperationRequest) -> Response:
        payload = error_payload(refused.message, code=refused.code)
        return _response(refused.status, payload, call, refused.headers)


def _response(
    status: int, payload: dict[str, object], call: OperationRequest, headers: Mapping[str, str] | None = None
) -> Response:
    """The payload with what the operation asked for, and how much one may ask for."""
    said = {
        "Content-Type": f"{call.media_type}; charset=utf-8",
        "Cache-Control": NO_STORE,
        "Vary": VARY,
        **(headers or {}),
    }
    told_cost = {**payload, "extensions": {"cost": {"requested": call.cost, "limit": call.cost_limit}}}
    return Response(msgspec.json.encode(told_cost), status, said)


async def _watch_disconnect(call: OperationRequest) -> None:
    """Have an operation stopped when nobody waits for its answer any more."""
    while (await call.request.receive())["type"] != "http.disconnect":
        pass  # what is left of a body that was not wanted
    call.deadline.client_disconnected = True
