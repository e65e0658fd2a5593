"""GraphQL over HTTP: one operation by GET or POST, run whole in one worker thread, with the status clients expect."""

from collections.abc import Callable

import anyio
import anyio.to_thread
import msgspec
import strawberry
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ogpgraph.web import parameters
from ogpgraph.web.body import BodyLimits, read_json_body
from ogpgraph.web.execution import Executor
from ogpgraph.web.identified import request_id_of
from ogpgraph.web.masking import internal_failure, told
from ogpgraph.web.media import GRAPHQL, JSON, graphql_media
from ogpgraph.web.prepared import DocumentLimits, RequestErrors
from ogpgraph.web.refused import Refused, error_payload

_METHODS = "GET, POST, OPTIONS"


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
        threads: int = 8,
    ) -> None:
        self._executor = Executor(schema, context, document_limits or DocumentLimits())
        self._body_limits = body_limits or BodyLimits()
        self._limiter = anyio.CapacityLimiter(threads)

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
            return _refusal(refused, media)
        return await anyio.to_thread.run_sync(self._answer, request, sent, media, limiter=self._limiter)

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

    def _answer(self, request: Request, sent: bytes, media: str) -> Response:
        """The response to what was sent. Decoding, running and encoding take time: called in a worker thread."""
        read = parameters.from_body if request.method == "POST" else parameters.from_url
        request_id = request_id_of(request.scope)
        try:
            return _response(200, self._executor(request, read(sent), request_id), media)
        except Refused as refused:
            return _refusal(refused, media)
        except RequestErrors as wrong:
            errors = [told(error, code=wrong.code) for error in wrong.errors]
            return _response(400 if media == GRAPHQL else 200, {"errors": errors}, media)
        except Exception as failure:
            return _response(500, internal_failure(failure, request_id), media)


def _refusal(refused: Refused, media: str) -> Response:
    return _response(refused.status, error_payload(refused.message, code=refused.code), media, refused.headers)


def _response(status: int, payload: dict[str, object], media: str, headers: dict[str, str] | None = None) -> Response:
    said = {"Content-Type": f"{media}; charset=utf-8", "Vary": "Accept", **(headers or {})}
    return Response(msgspec.json.encode(payload), status, said)
