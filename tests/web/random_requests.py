"""Random HTTP requests for random operations: with headers, media types, tokens, ids and hashes, and broken ones."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tests.graphql.random_operations import Operation


class RandomRequest(NamedTuple):
    """A request to `/graphql`."""

    method: str
    query: str
    headers: dict[str, str]
    body: bytes


class RandomRequests:
    """Makes requests for operations, as one of some callers; `etags` are those of responses so far."""

    def __init__(self, seed: int, tokens: list[str]) -> None:
        self._chance = random.Random(seed)
        self._authorizations = [*(None for _ in range(14)), "Bearer wrong", "Basic eDp5"]
        self._authorizations += [f"Bearer {each}" for each in tokens]
        self.etags: list[str] = ['"0"']
        self.bookmarks: list[tuple[str, str]] = [("1", "0" * 12)]

    def make(self, operation: Operation, variables: dict[str, Any]) -> RandomRequest:
        """Return a request for an operation; few are broken."""
        parameters: dict[str, Any] = {"query": operation.text}
        if variables or self._happens(0.5):
            parameters["variables"] = variables
        if operation.name:
            parameters["operationName"] = operation.name
        self._change_parameters(parameters)
        method = self._chance.choice(("POST", "POST", "POST", "GET", "GET", "HEAD"))
        body = b""
        if method == "POST":
            body = self._break(json.dumps(parameters).encode())
        query = (
            "" if body else urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in parameters.items()})
        )
        return RandomRequest(method, query, self._choose_headers(method), body)

    def _happens(self, probability: float) -> bool:
        return self._chance.random() < probability

    def _change_parameters(self, parameters: dict[str, Any]) -> None:
        text = str(parameters["query"])
        match self._chance.randint(0, 24):
            case 0:
                parameters["operationName"] = "Nothing"
            case 1 | 2:  # by its hash alone, as it was sent before
                del parameters["query"]
                parameters["extensions"] = _persisted(text)
            case 3:
                parameters["extensions"] = _persisted(text)
            case 4:
                parameters["extensions"] = {"other": 1}
            case 5:
                parameters["query"] = text[:-1]
            case 6:
                parameters["query"] = text.replace("position", "positron", 1)
            case 7:
                parameters["query"] = f"# {self._chance.random()}\n{text}"
            case 8:
                parameters["documentId"] = "sha256:" + "0" * 64
            case 9:
                parameters["variables"] = None

    def _break(self, body: bytes) -> bytes:
        match self._chance.randint(0, 39):
            case 0:
                return body[:-1]
            case 1:
                return b"[" + body + b"]"
            case 2:
                return body.replace(b"a", b"\xff", 1)
            case 3:
                return b" " + body + b"\n"
        return body

    def _choose_headers(self, method: str) -> dict[str, str]:
        choose = self._chance.choice
        optional: dict[str, str | None] = {
            "Accept": choose(_ACCEPTED),
            "Accept-Encoding": choose((None, None, "gzip", "identity", "br, gzip;q=0.5", "gzip;q=0")),
            "Authorization": choose(self._authorizations),
            "Content-Type": choose(_CONTENT_TYPES) if method == "POST" else None,
            "If-None-Match": choose((*self.etags[-5:], "*")) if self._happens(0.4) else None,
            "Origin": choose((None, None, "https://example.org", "null")),
            "X-Request-ID": f"request-{self._chance.randrange(10**9)}",
        }
        if self._happens(0.2):
            position, root = choose(self.bookmarks)
            optional |= {"X-At-Least-Position": choose((position, position, "x", "1"))}
            optional |= {"X-At-Least-Root": choose((None, root))}
        return {name: value for name, value in optional.items() if value is not None}


_ACCEPTED = (
    *["application/graphql-response+json", "application/json"] * 4,
    "application/graphql-response+json, application/json;q=0.9",
    "*/*",
    "text/event-stream",
    "text/html",
    None,
)
_CONTENT_TYPES = (
    *["application/json"] * 12,
    "application/json; charset=utf-8",
    "application/json; charset=latin-1",
    "text/plain",
)


def _persisted(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}
