"""The request side of GraphQL over HTTP: which media type a client accepts, and which operation it asks for.

A request's parameters are decoded strictly, from a JSON body or from a URL: whatever gets past this module can be
stored, compared and encoded again. The HTTP endpoint and the live transports use it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import anyio
import msgspec
from starlette.requests import Request

from ogpgraph.web.error_codes import RequestErrorCode
from ogpgraph.web.errors import JSON, RequestRejected, bad_request
from ogpgraph.web.parameters import NO_PARAMETERS, Parameter, Parameters

GRAPHQL: Final = "application/graphql-response+json"
HTML: Final = "text/html"
EVENT_STREAM: Final = "text/event-stream"
_QUALITY: Final = re.compile(r"[01](?:\.[0-9]*)?|\.[0-9]+")
_FULLY_NAMED: Final = 2
"""The specificity of a media range that names a type and a subtype."""

MAX_NESTING_DEPTH: Final = 64
"""No input of the schema needs deeper nesting, and recursion over it would end at the interpreter's limit."""
MAX_VALUES: Final = 20_000
"""The most values in a JSON text, twice as many as the arguments of an operation may have."""
_BEFORE_VALUES: Final = ",[{"
_PIECE_CHARACTERS: Final = 32_768
_MAX_QUOTED_NAME: Final = 100
MAX_URL_BYTES: Final = 65_535
"""The longest URL, whatever its endpoint: what uvicorn's parser of URLs can take."""
# The rest of a rejected body is not read, so the connection cannot serve another request.
_CLOSE_CONNECTION: Final = {"Connection": "close"}


# -------------------------------------------------------------------------------------------------- content negotiation


def negotiate_graphql_media_type(accept: str | None) -> str:
    """Return `GRAPHQL` or `JSON`, whichever the `Accept` header prefers.

    Raises:
        RequestRejected: 406, if the header allows neither.
    """
    media_type = prefer_over_json(GRAPHQL, accept)
    if media_type is None:
        raise RequestRejected(RequestErrorCode.NOT_ACCEPTABLE, f"Responses come as {GRAPHQL} or {JSON}.")
    return media_type


def prefer_over_json(offer: str, accept: str | None) -> str | None:
    """Return `offer` if the header rates it above JSON, or as high and names it in full; else `JSON`.

    Without a header, or for `*/*`, that is JSON, which clients older than `GRAPHQL` expect. None if the header allows
    neither.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = list(_iter_media_ranges(accept))
    quality, specificity = _rate(offer, ranges)
    json_quality, _ = _rate(JSON, ranges)
    if quality > json_quality or (quality == json_quality > 0 and specificity == _FULLY_NAMED):
        return offer
    return JSON if json_quality > 0 else None


def prefers_over_graphql_response(offer: str, accept: str | None) -> bool:
    """Return whether the header rates `offer` above both media types of a response.

    Naming it is not enough: some clients send one header for all operations that names everything they can read.
    """
    ranges = list(_iter_media_ranges(accept or ""))
    return _rate(offer, ranges)[0] > max(_rate(GRAPHQL, ranges)[0], _rate(JSON, ranges)[0])


def split_media_type(text: str) -> tuple[str, dict[str, str]]:
    """Return a media type or range and its parameters in lower case: `a/b; charset="X"` → `a/b`, `{charset: x}`."""
    media_type, *pieces = (piece.strip() for piece in text.lower().split(";"))
    parameters = (piece.partition("=") for piece in pieces)
    return media_type, {name.strip(): value.strip().strip('"') for name, _, value in parameters}


def allows_utf8(parameters: dict[str, str]) -> bool:
    """Return whether a media type's parameters name UTF-8 or no charset."""
    return parameters.get("charset", "utf-8") in {"utf-8", "utf8"}


def _rate(offer: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """Return the quality that the most specific matching range gives an offer, and the specificity of that range."""
    patterns = ("*/*", offer.partition("/")[0] + "/*", offer)
    matches = [(patterns.index(media_range), quality) for media_range, quality in ranges if media_range in patterns]
    specificity, quality = max(matches, default=(0, 0.0))
    return quality, specificity


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an `Accept-Encoding` header allows gzip, and does not rate no encoding above it."""
    qualities = {coding: quality for coding, _, quality in _iter_choices(accept_encoding)}
    others = qualities.get("*", 0.0)
    gzip = qualities.get("gzip", qualities.get("x-gzip", others))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def _iter_media_ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Yield each media range with its quality, without those of another charset."""
    return ((name, quality) for name, parameters, quality in _iter_choices(accept) if allows_utf8(parameters))


def _iter_choices(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield what a header for negotiation lists, with its parameters and quality, without what is malformed."""
    for part in header.split(","):
        name, parameters = split_media_type(part)
        quality = parameters.get("q", "1")
        if _QUALITY.fullmatch(quality) and float(quality) <= 1:
            yield name, parameters, float(quality)


# ----------------------------------------------------------------------------------------------------------- parameters


class RequestParameters(msgspec.Struct, frozen=True):
    """The parameters of one request: a document or its id or hash, the operation in it, and its input.

    The hash is in the extensions, and the document is empty then.
    """

    query: str
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def parse_json_body(body: bytes) -> RequestParameters:
    """Return the parameters in a JSON body.

    Unknown members are ignored: the specification reserves them for its future, and clients send their own.

    Raises:
        RequestRejected: 400, if the body is not strict JSON in UTF-8, not an object, or a parameter has the wrong type.
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
            RequestErrorCode.BATCHING_NOT_SUPPORTED, "Batches are not supported: send one operation per request."
        )
    if not isinstance(decoded, dict):
        raise bad_request("The body must be a JSON object with `query`.")
    return _build_parameters(decoded)


def parse_query_string(query_string: bytes) -> RequestParameters:
    """Return the parameters in a URL, whose `variables` and `extensions` are JSON.

    Raises:
        RequestRejected: 400, if it is not UTF-8, or a parameter is unknown, repeated, empty or malformed.
    """
    return _build_parameters(_URL_PARAMETERS.parse(query_string))


def _parse_plain(text: str) -> str:
    _require_plain(text)
    return text


def _parse_json_parameter(name: str) -> Parameter:
    return Parameter(name, lambda text: _decode_strict_json(text, f"`{name}`"))


_URL_PARAMETERS: Final = Parameters(
    Parameter("query", _parse_plain),
    Parameter("documentId", _parse_plain),
    Parameter("operationName", _parse_plain, may_be_empty=True),  # which is to omit it, the specification says
    _parse_json_parameter("variables"),
    _parse_json_parameter("extensions"),
)


def _build_parameters(values: dict[str, Any]) -> RequestParameters:
    query, document_id = values.get("query"), values.get("documentId")
    if document_id is not None and not isinstance(document_id, str):
        raise bad_request("`documentId` must be a string.")
    if document_id and query:
        raise bad_request("`query` and `documentId` are both given: send one of them.")
    extensions = _optional_object(values, "extensions")
    is_named = bool(document_id or "persistedQuery" in (extensions or ()))
    if not (isinstance(query, str) and query) and not (is_named and query in (None, "")):
        raise bad_request("`query` is missing: it must be a string, a GraphQL document; or name one by `documentId`.")
    name = values.get("operationName")
    if name is not None and not isinstance(name, str):
        raise bad_request("`operationName` must be a string.")
    variables = _optional_object(values, "variables")
    return RequestParameters(query or "", document_id or None, name or None, variables, extensions)


def _optional_object(values: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = values.get(name)
    if value is not None and not isinstance(value, dict):
        raise bad_request(f"`{name}` must be an object.")
    return value


# ---------------------------------------------------------------------------------------------------------- strict JSON


def _decode_strict_json(text: str, source: str) -> object:
    """Return the value of a JSON text; what Python's decoder accepts beyond the standard is rejected."""
    _require_few_values(text, source)
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise bad_request(f"{source} is not JSON: {error}.") from None
    except ValueError as error:  # from the hooks below, or for an integer of thousands of digits
        raise bad_request(f"{source} is not acceptable JSON: {error}.") from None
    except RecursionError:
        raise bad_request(f"{source} is nested too deeply.") from None
    _require_plain(value)
    return value


def _require_few_values(text: str, source: str) -> None:
    """Reject more values than any operation may have, before a decoder stops the process for all of them.

    There is a comma or a bracket before each value but the first. An empty list or object counts as two.
    """
    if len(text) < 2 * MAX_VALUES:
        return  # most texts: a value takes two characters with what is before it
    count = 1
    for structure in _iter_structure(text):
        count += sum(map(structure.count, _BEFORE_VALUES))
        if count > MAX_VALUES:
            raise bad_request(f"{source} has more than {MAX_VALUES:,} values: send fewer.")


def _iter_structure(text: str) -> Iterator[str]:
    """Yield what is outside the strings of a JSON text, in pieces: each takes a fraction of a millisecond."""
    start, quotes = 0, 0
    while start < len(text):
        end = start + _PIECE_CHARACTERS
        while text[end - 1 : end] == "\\":
            end += 1  # so that what is escaped is in one piece with its backslash
        parts = text[start:end].replace(r"\\", "").replace(r"\"", "").split('"')
        yield "".join(parts[quotes % 2 :: 2])
        start, quotes = end, quotes + len(parts) - 1


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            printable = name[:_MAX_QUOTED_NAME].encode("utf-8", "backslashreplace").decode()
            raise ValueError(f"`{printable}` is given twice in one object")
        members[name] = value
    return members


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _parse_finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


# json and not msgspec: msgspec has no hook that could reject a duplicate key.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant, parse_float=_parse_finite_float
)


def _require_plain(value: object) -> None:
    """Reject deep nesting, and strings that no database or encoder accepts: with a NUL or a lone surrogate."""
    layer = [value]
    for _ in range(MAX_NESTING_DEPTH):
        if not all(_is_plain(item) for item in layer if isinstance(item, str)):
            raise bad_request(f"{_locate_not_plain(value)} has a NUL or half of a surrogate pair.")
        layer = [part for item in layer for part in _child_values(item)]
        if not layer:
            return
    raise bad_request(f"Values are nested more than {MAX_NESTING_DEPTH} levels deep.")


def _child_values(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list) else ()


def _locate_not_plain(value: object) -> str:
    """Return where the first string that is not plain is, which there has to be: `variables.where.code.in[0]`."""
    layer = [("", value)]
    while not (found := [path for path, item in layer if isinstance(item, str) and not _is_plain(item)]):
        layer = [child for path, item in layer for child in _named_children(path, item)]
    return f"A string at `{found[0][:_MAX_QUOTED_NAME]}`" if found[0] else "A string"


def _named_children(path: str, value: object) -> list[tuple[str, object]]:
    """Return the children of a value with their paths; a key of an object is at the path of the object."""
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        return [*((path, key) for key in value), *((f"{prefix}{key}", part) for key, part in value.items())]
    return [(f"{path}[{number}]", part) for number, part in enumerate(value)] if isinstance(value, list) else []


def _is_plain(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


# ----------------------------------------------------------------------------------------------------------------- body


class BodyLimits(msgspec.Struct, frozen=True):
    """The largest body in bytes, and the time within which it has to arrive."""

    max_bytes: int = 262_144
    deadline_seconds: float = 15.0


async def read_json_body(request: Request, limits: BodyLimits, hold: Callable[[int], None]) -> bytes:
    """Return the whole body of a request that is declared to be JSON.

    `hold` is told the bytes that are announced, so that a body without room is rejected unread; where none
    are announced, those that arrive.

    Raises:
        RequestRejected: 415 for another media type, charset or encoding; 413 if the body is too large; 408 if it does
            not arrive in time; 400 for a malformed length, and for parameters in the URL; what `hold` raises.
        ClientDisconnect: if the client disconnects before the end.
    """
    NO_PARAMETERS.parse(request.scope.get("query_string", b""))  # those of a POST are in its body
    require_json(request)
    announced = _read_content_length(request, limits.max_bytes)
    hold(announced)
    try:
        with anyio.fail_after(limits.deadline_seconds):
            return await _read_body(request, limits.max_bytes, _ignore if announced else hold)
    except TimeoutError:
        raise RequestRejected(
            RequestErrorCode.REQUEST_TIMEOUT, "The body did not arrive in time.", headers=_CLOSE_CONNECTION
        ) from None


async def _read_body(request: Request, max_bytes: int, hold: Callable[[int], None]) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        hold(len(chunk))
        body += chunk
        if len(body) > max_bytes:
            raise _body_too_large(max_bytes)
    return bytes(body)


def require_json(request: Request) -> None:
    """Raise RequestRejected (415) unless a request declares its body to be JSON in UTF-8, without an encoding."""
    media_type, parameters = split_media_type(request.headers.get("content-type", ""))
    if media_type != JSON or not allows_utf8(parameters):
        raise _unsupported_media_type("Send `Content-Type: application/json` (in UTF-8).", {"Accept-Post": JSON})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported_media_type("Send the body without a content encoding.", {"Accept-Encoding": "identity"})


def _ignore(_count: int) -> None:
    """Do nothing with bytes that are held already."""


def _read_content_length(request: Request, max_bytes: int) -> int:
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()):
        raise bad_request("`Content-Length` is not a number.")
    # The number of digits first: Python refuses to convert thousands of them.
    if len(announced) > len(str(max_bytes)) + 20 or int(announced) > max_bytes:
        raise _body_too_large(max_bytes)
    return int(announced)


def _unsupported_media_type(message: str, headers: dict[str, str]) -> RequestRejected:
    return RequestRejected(RequestErrorCode.UNSUPPORTED_MEDIA_TYPE, message, headers=headers)


def _body_too_large(max_bytes: int) -> RequestRejected:
    return RequestRejected(
        RequestErrorCode.PAYLOAD_TOO_LARGE, f"The body has more than {max_bytes} bytes.", headers=_CLOSE_CONNECTION
    )
