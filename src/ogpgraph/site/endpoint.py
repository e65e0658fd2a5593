"""The endpoint of a page: executes its document as any client's operation, and renders its template.

Reading the request happens on the event loop, everything else in a worker thread when it is the reader's turn: the
document has the same cost, budget, deadline and rights as it has for a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.site.charts import Chart
from ogpgraph.site.citations import Citation
from ogpgraph.site.documents import find_document, load_document
from ogpgraph.site.page_request import LANGUAGES, PageFailed, PageRequest, page_not_found
from ogpgraph.site.pages import PAGES, Page
from ogpgraph.site.rendering import STATIC, build_words, compute_version, load_static, render, static_path
from ogpgraph.web.caching import NO_STORE, PAST_CACHE_CONTROL, PRESENT_CACHE_CONTROL, cache_version, etag_matches
from ogpgraph.web.console import Respond, serve_index
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import RequestRejected, failure_status, rejection_response, report_failure, retry_headers
from ogpgraph.web.middleware import request_id_of
from ogpgraph.web.operation_service import OperationCall, OperationService
from ogpgraph.web.persisted_documents import document_id
from ogpgraph.web.request import HTML, RequestParameters, prefer_over_json

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
VARY: Final = "Accept, Accept-Language, Authorization"
_FOREVER: Final = "public, max-age=31536000, immutable"


class PageEndpoint:
    """The endpoint of one page."""

    def __init__(self, page: Page, operations: OperationService) -> None:
        self._page = page
        self._operations = operations

    async def respond(self, request: Request) -> Response:
        """Return the page that a request asks for, or a page that says why there is none."""
        operations = self._operations
        call = OperationCall(request, request_id_of(request.scope), operations.start_deadline(), operations.cost_limit)
        try:
            asked = PageRequest.of(request, self._page.parameters)
        except RequestRejected as rejected:
            return _render_failure(request, rejected.code.value, rejected.message, rejected.status)
        try:
            response: Response = await operations.in_turn(call, self._respond_in_thread, call, asked)
        except RequestRejected as rejected:
            return _render_failure(request, rejected.code.value, rejected.message, rejected.status, rejected.headers)
        return response

    def _respond_in_thread(self, call: OperationCall, asked: PageRequest) -> Response:
        request = Request(call.connection.scope)
        try:
            if address := self._page.find_redirect(asked, partial(self._execute_other, call)):
                return RedirectResponse(address, HTTPStatus.FOUND, {"Cache-Control": NO_STORE})
            headers = self._cache_headers(call, asked)
            if etag_matches(request.headers.get("if-none-match"), headers["ETag"]):
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
            parameters = self._parameters(asked)
            data = self._find_data(self._execute(call, parameters), asked)
            return self._show(data, asked, parameters, request, headers)
        except PageFailed as failed:
            return _render_failure(request, failed.code, failed.message, failed.status)
        except RequestErrors as errors:
            return _render_failure(request, errors.code.value, errors.errors[0].message, errors.code.status)
        except RequestRejected:
            raise
        except Exception as failure:
            payload: Any = report_failure(failure, call.request_id)
            error = payload["errors"][0]
            code = error.get("extensions", {}).get("code", "")
            return _render_failure(request, code, error["message"], failure_status(failure), retry_headers(failure))

    def _parameters(self, asked: PageRequest) -> RequestParameters:
        variables = self._page.build_variables(asked) | asked.moment.variables
        return _name_document(find_document(self._page.name, asked.moment), variables)

    def _cache_headers(self, call: OperationCall, asked: PageRequest) -> dict[str, str]:
        """Return the headers of a page, with an ETag of all that it depends on: the request, the record, our files."""
        with self._operations.open_context(call.connection) as context:
            version = cache_version(context)
        key = msgspec.json.encode((asked, version, compute_version()), order="deterministic")
        etag = f'W/"{sha256(key).hexdigest()[:32]}"'
        is_past = isinstance(asked.moment.at, int)
        return {
            "ETag": etag,
            "Cache-Control": PAST_CACHE_CONTROL if is_past else PRESENT_CACHE_CONTROL,
            "Vary": VARY,
            "Content-Language": asked.language,
            # Of a 304, too: a browser updates the headers of the page that it has by those of the response.
            "Content-Security-Policy": _POLICY,
        }

    def _execute(self, call: OperationCall, parameters: RequestParameters) -> dict[str, Any]:
        response: dict[str, Any] = msgspec.json.decode(self._operations.respond(call, parameters))
        return response

    def _find_data(self, response: Mapping[str, Any], asked: PageRequest) -> dict[str, Any]:
        """Return the root fields of the page's document, whatever moment they are nested in; raises PageFailed."""
        data = response.get("data") or {}
        for _ in asked.moment.parameters:
            data = next(iter(data.values()), None) or {}
        subject = self._page.subject
        is_incomplete = not data or None in data.values()
        if is_incomplete and (errors := response.get("errors")):
            raise _failure_of(errors[0])
        if subject and data.get(subject) is None:
            raise page_not_found()
        return data

    def _execute_other(self, call: OperationCall, name: str, variables: dict[str, Any]) -> Mapping[str, Any]:
        return self._execute(call, _name_document(load_document(name), variables)).get("data") or {}

    def _show(
        self,
        data: dict[str, Any],
        asked: PageRequest,
        parameters: RequestParameters,
        request: Request,
        headers: Mapping[str, str],
    ) -> Response:
        words = build_words(asked.language)
        charts = self._page.build_charts(data, asked, words)
        if name := request.query_params.get("csv"):
            return _csv_response(charts, name, headers)
        meta = data["meta"]
        values = {
            **data,
            **self._page.build_values(data, asked, words),
            "request": asked,
            "charts": {each.name: each for each in charts},
            "languages": LANGUAGES,
            "cite": partial(_cite, asked=asked, meta=meta),
            "json_link": _link_json(parameters),
        }
        return Response(
            render(self._page.name, asked.language, values),
            media_type=f"{HTML}; charset=utf-8",
            headers=headers,
        )


def _name_document(document: str, variables: dict[str, Any]) -> RequestParameters:
    return RequestParameters(query=document, variables=variables, document_id=document_id(document))


def _link_json(parameters: RequestParameters) -> str:
    """Return the address at which a program gets what a page shows."""
    variables = msgspec.json.encode(parameters.variables).decode()
    return f"/graphql?{urlencode({'documentId': parameters.document_id, 'variables': variables})}"


def _cite(title: Markup, asked: PageRequest, meta: Mapping[str, Any]) -> Citation:
    recorded_at = datetime.fromisoformat(meta["recordedAt"]) if meta["recordedAt"] else None
    url = asked.origin + asked.link_at(meta["position"])
    return Citation(title.unescape().strip(), url, meta["position"], meta["rootHash"], recorded_at)


def _failure_of(error: Mapping[str, Any]) -> PageFailed:
    code = error.get("extensions", {}).get("code", "")
    status = HTTPStatus.NOT_FOUND if code == ReadErrorCode.BAD_POSITION.value else HTTPStatus.BAD_REQUEST
    return PageFailed(code, error["message"], status)


def _csv_response(charts: list[Chart], name: str, headers: Mapping[str, str]) -> Response:
    chart = next((each for each in charts if each.name == name), None)
    if chart is None:
        raise page_not_found()
    return Response(
        chart.to_csv(),
        media_type="text/csv; charset=utf-8",
        headers={**headers, "Content-Disposition": f'attachment; filename="{chart.name}.csv"'},
    )


def _render_failure(
    request: Request, code: str, message: str, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a page that says what failed and what to do; it needs no data."""
    try:
        asked = PageRequest.of(request, ())
    except RequestRejected:
        asked = PageRequest.of(Request({**request.scope, "query_string": b""}), ())
    values = {"code": code, "message": message, "status": status, "request": asked, "languages": LANGUAGES}
    return Response(
        render("failure", asked.language, values),
        status_code=status,
        media_type=f"{HTML}; charset=utf-8",
        headers={**(headers or {}), "Cache-Control": NO_STORE, "Vary": VARY, "Content-Security-Policy": _POLICY},
    )


def show_missing(request: Request, rejected: RequestRejected) -> Response:
    """Return the response to a request for an address that does not exist: a page for a browser."""
    if prefer_over_json(HTML, request.headers.get("accept")) == HTML:
        return _render_failure(request, rejected.code.value, "", rejected.status)
    return rejection_response(rejected)


async def _serve_static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC or request.url.path != static_path(name):
        return Response(status_code=HTTPStatus.NOT_FOUND)
    return Response(load_static(name), headers={"Content-Type": STATIC[name], "Cache-Control": _FOREVER})


def build_routes(operations: OperationService) -> list[BaseRoute]:
    """Return the routes of all pages and of what they load."""
    endpoints: dict[str, Respond] = {page.path: PageEndpoint(page, operations).respond for page in PAGES}
    endpoints["/"] = serve_index(endpoints["/"])
    pages = [Route(path, respond, methods=["GET"]) for path, respond in endpoints.items()]
    return [*pages, Route("/static/{version}/{name}", _serve_static, methods=["GET"])]
