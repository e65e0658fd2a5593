"""A small HTTP client over one open connection: for what is verified before and checked after a measurement."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from bench.serving.load import Request
from bench.serving.operations import RequestBody

TIMEOUT_SECONDS = 120


class GraphQLError(Exception):
    """A server answered with errors, or not with a GraphQL response."""


class Response(NamedTuple):
    """The status, the body and the entity tag of a response."""

    status: int
    body: bytes
    etag: str


class Client:
    """One connection to a server, opened again where the server closed it; only for what may be sent twice."""

    def __init__(self, port: int, path: str = "/graphql") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()

    def send(self, request: Request) -> bytes:
        """Return the body of the response to a POST; raises GraphQLError for another status than 200."""
        response = self._send("POST", request.target, request.body, {"Content-Type": "application/json"})
        if response.status != http.client.OK:
            raise GraphQLError(f"{response.status}: {response.body[:400]!r}")
        return response.body

    def fetch(self, query: str, **variables: Any) -> Any:
        """Return the data of a response; raises GraphQLError where there are errors."""
        return decode_data(self.send(Request("POST", self._path, RequestBody(query, variables).encode())))

    def get(self, target: str, etag: str = "") -> Response:
        """Return the response to a GET."""
        return self._send("GET", target, None, {"If-None-Match": etag} if etag else {})

    def _send(self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]) -> Response:
        try:
            response = self._exchange(method, target, body, headers)
        except (ConnectionError, http.client.RemoteDisconnected):  # the server closed it for being idle
            self._connection.close()
            response = self._exchange(method, target, body, headers)
        return Response(response.status, response.read(), response.headers.get("ETag") or "")

    def _exchange(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        self._connection.request(method, target, body, {"Accept": "application/json", **headers})
        return self._connection.getresponse()


def decode_data(body: bytes) -> Any:
    """Return the data of a response; raises GraphQLError where there are errors."""
    response = json.loads(body)
    if response.get("errors") or response.get("data") is None:
        raise GraphQLError(str(response)[:600])
    return response["data"]


def get_target(path: str, body: RequestBody) -> str:
    """Return the target of the GET that asks for the same as a POST."""
    return f"{path}?{urlencode({'query': body.query, 'variables': json.dumps(body.variables)})}"
