"""The parameters of one GraphQL request, decoded strictly from a JSON body or from a URL."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import anyio
import msgspec
from starlette.requests import Request

from ogpgraph.web.content_negotiation import JSON, allows_utf8, split_media_type
from ogpgraph.web.errors import RequestRejected, bad_request

# Deeper nesting has no use here, and recursion over it would end in the interpreter's limit somewhere behind.
MAX_NESTING_DEPTH: Final = 64
_PARAMETER_NAMES: Final = ("query", "documentId", "operationName", "variables", "extensions")
_MAX_URL_FIELDS: Final = 32


class RequestParameters(msgspec.Struct, frozen=True):
    """One request: a document or the id of one, which of its operations to run, and with what."""

    query: str
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def parse_json_body(body: bytes) -> RequestParameters:
    """The request in a JSON body; members it does not know are passed over, as the specification asks.

    Raises:
        RequestRejected: 400, if the body is not strict JSON in UTF-8, is no object, or a parameter has the wrong type.
    """
    if not body:
        raise bad_request("The body is empty: send a JSON object with `query`.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise bad_request("The body is not UTF-8.") from None
    decoded = _decode_strict_json(text, "The body")
    if isinstance(decoded, list):
        raise RequestRejected(
            400, "Batches are not taken: send one operation per request.", code="BATCHING_NOT_SUPPORTED"
        )
    if not isinstance(decoded, dict):
        raise bad_request("The body must be a JSON object with `query`.")
    return _build_parameters(decoded)


def parse_query_string(query_string: bytes) -> RequestParameters:
    """The request in a URL, whose `variables` and `extensions` are JSON; an empty value counts as none.

    Raises:
        RequestRejected: 400, if it is not UTF-8, says a parameter twice, or a parameter is malformed.
    """
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=_MAX_URL_FIELDS)
    except UnicodeDecodeError:
        raise bad_request("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise bad_request("The query string has too many fields.") from None
    given = _reject_duplicates(pair for pair in pairs if pair[0] in _PARAMETER_NAMES)
    _require_plain(given)
    return _build_parameters({name: _decode_parameter(name, text) for name, text in given.items()})


def _reject_duplicates(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise bad_request(f"`{name}` is given twice.")
        given[name] = text
    return given


def _decode_parameter(name: str, text: str) -> object:
    return _decode_strict_json(text, f"`{name}`") if name in {"variables", "extensions"} else text


def _build_parameters(given: dict[str, Any]) -> RequestParameters:
    query, document_id = given.get("query"), given.get("documentId")
    if document_id is not None and not isinstance(document_id, str):
        raise bad_request("`documentId` must be a string.")
    if document_id and query:
        raise bad_request("`query` and `documentId` are both given: send one of them.")
    if not document_id and (not isinstance(query, str) or not query):
        raise bad_request("`query` is missing: it must be a string, a GraphQL document; or name one by `documentId`.")
    name = given.get("operationName")
    if name is not None and not isinstance(name, str):
        raise bad_request("`operationName` must be a string.")
    variables, extensions = _optional_object(given, "variables"), _optional_object(given, "extensions")
    return RequestParameters(query or "", document_id or None, name or None, variables, extensions)


def _optional_object(given: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_request(f"`{name}` must be an object.")
    return value


def _decode_strict_json(text: str, what: str) -> object:
    """The value that the text says; what Python's reader lets through against the standard is refused."""
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise bad_request(f"{what} is not JSON: {error}.") from None
    except ValueError as error:  # from the hooks below, or an integer of thousands of digits
        raise bad_request(f"{what} is not acceptable JSON: {error}.") from None
    except RecursionError:
        raise bad_request(f"{what} is nested too deeply.") from None
    _require_plain(value)
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object says a key twice")
    return members


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _parse_finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant, parse_float=_parse_finite_float
)


def _require_plain(value: object) -> None:
    """Refuse what no part behind could store or say again: deep nesting, and text that is not Unicode or has a NUL."""
    layer = [value]
    for _ in range(MAX_NESTING_DEPTH):
        if not all(_is_plain(item) for item in layer if isinstance(item, str)):
            raise bad_request("A string has a NUL or half of a surrogate pair.")
        layer = [part for item in layer for part in _child_values(item)]
        if not layer:
            return
    raise bad_request(f"Values are nested more than {MAX_NESTING_DEPTH} levels deep.")


def _child_values(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list) else ()


def _is_plain(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


# What is left of a refused body is not worth reading: the connection goes.
_CLOSE_CONNECTION = {"Connection": "close"}


class BodyLimits(msgspec.Struct, frozen=True):
    """How large a body may be and how long it may take to arrive."""

    max_bytes: int = 262_144
    deadline_seconds: float = 15.0


async def read_json_body(request: Request, limits: BodyLimits) -> bytes:
    """The whole body of a request that says it is JSON.

    Raises:
        RequestRejected: 415 for another type, encoding or charset; 413 for more bytes than allowed, however many were
            announced; 408 if they do not arrive in time; 400 for a length that is no number.
        ClientDisconnect: if the client went away before the end.
    """
    _require_json(request)
    _require_announced_length(request, limits.max_bytes)
    try:
        with anyio.fail_after(limits.deadline_seconds):
            return await _read_body(request, limits.max_bytes)
    except TimeoutError:
        raise RequestRejected(
            408, "The body did not arrive in time.", code="REQUEST_TIMEOUT", headers=_CLOSE_CONNECTION
        ) from None


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _require_json(request: Request) -> None:
    media_type, parameters = split_media_type(request.headers.get("content-type", ""))
    if media_type != JSON or not allows_utf8(parameters):
        raise _unsupported("Send `Content-Type: application/json` (in UTF-8).", {"Accept-Post": JSON})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("Send the body without a content encoding.", {"Accept-Encoding": "identity"})


def _require_announced_length(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()):
        raise bad_request("`Content-Length` is no number.")
    if len(announced) > len(str(max_bytes)) + 20 or int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _unsupported(message: str, headers: dict[str, str]) -> RequestRejected:
    return RequestRejected(415, message, code="UNSUPPORTED_MEDIA_TYPE", headers=headers)


def _too_large(max_bytes: int) -> RequestRejected:
    return RequestRejected(
        413, f"The body has more than {max_bytes} bytes.", code="PAYLOAD_TOO_LARGE", headers=_CLOSE_CONNECTION
    )
