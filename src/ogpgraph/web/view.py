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

from ogpgraph.web import parameters
from ogpgraph.web.body import BodyLimits, read_json_body
from ogpgraph.web.caching import NOT_KEPT, VARY
from ogpgraph.web.execution import Call, Executor, Record
from ogpgraph.web.identified import request_id_of
from ogpgraph.web.masking import internal_failure, told
from ogpgraph.web.media import GRAPHQL, JSON, graphql_media
from ogpgraph.web.prepared import DocumentLimits, RequestErrors
from ogpgraph.web.refused import Refused, error_payload
from ogpgraph.web.spending import Spending
from ogpgraph.web.stopping import Watch

_METHODS = "GET, POST, OPTIONS"


class RunLimits(msgspec.Struct, frozen=True):
    """How long an operation may run, how many at once, and what each address and account may ask for in a minute."""

    deadline_seconds: float = 10.0
    threads: int = 8
    cost_per_minute: int = 20_000_000


class GraphQLView:
    """An ASGI endpoint for a schema.

    Statuses keep to what npm `graphql-http` audits. What is no GraphQL request (not JSON, no document, too large, …)
    gets 4xx. A request error (syntax, validation, choice of operation, variables) gets 400 as
    `application/graphql-response+json`, but 200 as `application/json`, whose clients read the body only then; the body
    has no `data`. What has run gets 200, whether fields failed or not.

    The view stands behind `Identified`, which gives each request its id.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        context: Callable[[Request], object],
        *,
        body_limits: BodyLimits | None = None,
        document_limits: DocumentLimits | None = None,
        running: RunLimits | None = None,
        record: Record | None = None,
        trusted: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        bounds, self._running = document_limits or DocumentLimits(), running or RunLimits()
        spending = Spending(self._running.cost_per_minute, clock)
        self._executor = Executor(schema, context, bounds, spending=spending, record=record, trusted=trusted)
        self._most_cost = bounds.asked.cost
        self._body_limits = body_limits or BodyLimits()
        self._limiter = anyio.CapacityLimiter(self._running.threads)
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
            media = graphql_media(request.headers.get("accept"))
            sent = await self._sent(request)
        except Refused as refused:
            return self._refusal(refused, self._call(request, media))
        return await self._run(self._call(request, media), sent)

    def _call(self, request: Request, media: str) -> Call:
        watch = Watch(self._running.deadline_seconds, self._clock)
        return Call(request, request_id_of(request.scope), media, watch, self._most_cost)

    async def _run(self, call: Call, sent: bytes) -> Response:
        """The response, made in a worker thread while this one notices whether the client goes."""
        noticing = asyncio.create_task(_notice_departure(call))
        try:
            return await anyio.to_thread.run_sync(self._answer, call, sent, limiter=self._limiter)
        finally:
            noticing.cancel()

    async def _sent(self, request: Request) -> bytes:
        """The bytes in which the request is: a query string or a body."""
        match request.method:
            case "GET":
                return self._query_string(request)
            case "POST":
                return await read_json_body(request, self._body_limits)
            case method:
                raise Refused(
                    405, f"{method} is not served here.", code="METHOD_NOT_ALLOWED", headers={"Allow": _METHODS}
                )

    def _query_string(self, request: Request) -> bytes:
        query_string: bytes = request.scope["query_string"]
        if len(query_string) > self._body_limits.max_bytes:
            raise Refused(414, "The URL is too long.", code="URI_TOO_LONG")
        return query_string

    def _answer(self, call: Call, sent: bytes) -> Response:
        """The response to what was sent. Decoding, running and encoding take time: called in a worker thread."""
        read = parameters.from_body if call.request.method == "POST" else parameters.from_url
        try:
            answer = self._executor(call, read(sent))
        except Refused as refused:
            return self._refusal(refused, call)
        except RequestErrors as wrong:
            errors = [told(error, code=wrong.code) for error in wrong.errors]
            return _response(400 if call.media == GRAPHQL else 200, {"errors": errors}, call)
        except Exception as failure:
            return _response(500, internal_failure(failure, call.request_id), call)
        if answer.payload is None:
            return Response(status_code=304, headers={"Vary": VARY, **answer.headers})
        try:
            return _response(200, answer.payload, call, answer.headers)
        except Exception as failure:
            return _response(500, internal_failure(failure, call.request_id), call)

    @staticmethod
    def _refusal(refused: Refused, call: Call) -> Response:
        payload = error_payload(refused.message, code=refused.code)
        return _response(refused.status, payload, call, refused.headers)


def _response(
    status: int, payload: dict[str, object], call: Call, headers: Mapping[str, str] | None = None
) -> Response:
    """The payload with what the operation asked for, and how much one may ask for."""
    said = {"Content-Type": f"{call.media}; charset=utf-8", "Cache-Control": NOT_KEPT, "Vary": VARY, **(headers or {})}
    told_cost = {**payload, "extensions": {"cost": {"requested": call.cost, "limit": call.limit}}}
    return Response(msgspec.json.encode(told_cost), status, said)


async def _notice_departure(call: Call) -> None:
    """Have an operation stopped when nobody waits for its answer any more."""
    while (await call.request.receive())["type"] != "http.disconnect":
        pass  # what is left of a body that was not wanted
    call.watch.gone = True
