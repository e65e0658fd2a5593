"""Content negotiation: which media type an answer gets, by the client's `Accept`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from starlette.responses import Response

from ogpgraph.web.errors import RequestRejected

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
HTML = "text/html"

_FULLY_NAMED = 2  # how specific a range is that names its type in full


def negotiate_graphql_media_type(accept: str | None) -> str:
    """`GRAPHQL` or `JSON`, whichever the header prefers.

    Raises:
        RequestRejected: 406, if the header allows neither.
    """
    media = prefer_over_json(GRAPHQL, accept)
    if media is None:
        raise RequestRejected(406, f"Answers come as {GRAPHQL} or {JSON}.", code="NOT_ACCEPTABLE")
    return media


def prefer_over_json(special: str, accept: str | None) -> str | None:
    """`special` if the header rates it above JSON, or as high and names it in full; else `JSON`.

    So a client that says nothing, or `*/*`, gets JSON: older clients expect it. None if the header allows neither.
    """
    if accept is None or not accept.strip():
        return JSON
    ranges = list(_ranges(accept))
    special_quality, specificity = _rating(special, ranges)
    json_quality, _ = _rating(JSON, ranges)
    if special_quality > json_quality or (special_quality == json_quality > 0 and specificity == _FULLY_NAMED):
        return special
    return JSON if json_quality > 0 else None


def prefers_over_graphql_response(special: str, accept: str | None) -> bool:
    """Whether the header rates `special` above both types that answers come as: some clients name all they can read."""
    ranges = list(_ranges(accept or ""))
    return _rating(special, ranges)[0] > max(_rating(GRAPHQL, ranges)[0], _rating(JSON, ranges)[0])


def _rating(offer: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """The quality that the most specific range matching the offer gives it, and how specific that range is."""
    patterns = ("*/*", offer.partition("/")[0] + "/*", offer)
    matches = [(patterns.index(media_range), quality) for media_range, quality in ranges if media_range in patterns]
    specificity, quality = max(matches, default=(0, 0.0))
    return quality, specificity


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """Each media range of the header with its quality; other charsets and what is unreadable are passed over."""
    for part in accept.lower().split(","):
        media_range, parameters = split_media_type(part)
        quality = _quality(parameters.get("q", "1"))
        if quality is not None and allows_utf8(parameters):
            yield media_range, quality


def split_media_type(text: str) -> tuple[str, dict[str, str]]:
    """A media type or range and its parameters, in lower case: `a/b; charset="X"` gives `a/b` and `{charset: x}`."""
    media, *pieces = (piece.strip() for piece in text.lower().split(";"))
    parameters = (piece.partition("=") for piece in pieces)
    return media, {name.strip(): value.strip().strip('"') for name, _, value in parameters}


def allows_utf8(parameters: dict[str, str]) -> bool:
    """Whether the parameters leave the charset open or say UTF-8."""
    return parameters.get("charset", "utf-8") in {"utf-8", "utf8"}


def _quality(text: str) -> float | None:
    try:
        quality = float(text)
    except ValueError:
        return None
    return quality if 0 <= quality <= 1 else None


def json_response(status: int, payload: object, headers: Mapping[str, str] | None = None) -> Response:
    """`payload` as a JSON response that says its charset."""
    return Response(msgspec.json.encode(payload), status, {"Content-Type": f"{JSON}; charset=utf-8", **(headers or {})})
