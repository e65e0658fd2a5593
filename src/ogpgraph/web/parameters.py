"""What a client asks: the parameters of one GraphQL request, decoded strictly from a JSON body or from a URL."""

import json
import math
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from ogpgraph.web.refused import Refused, malformed

# Deeper nesting has no use here, and recursion over it would end in the interpreter's limit somewhere behind.
DEEPEST: Final = 64
_PARAMETERS: Final = ("query", "documentId", "operationName", "variables", "extensions")
_MOST_URL_FIELDS: Final = 32


class Parameters(msgspec.Struct, frozen=True):
    """One request: a document or the id of one, which of its operations to run, and with what."""

    query: str
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


def from_body(body: bytes) -> Parameters:
    """The request in a JSON body; members it does not know are passed over, as the specification asks.

    Raises:
        Refused: 400, if the body is not strict JSON in UTF-8, is no object, or a parameter has the wrong type.
    """
    if not body:
        raise malformed("The body is empty: send a JSON object with `query`.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.") from None
    decoded = _strict_json(text, "The body")
    if isinstance(decoded, list):
        raise Refused(400, "Batches are not taken: send one operation per request.", code="BATCHING_NOT_SUPPORTED")
    if not isinstance(decoded, dict):
        raise malformed("The body must be a JSON object with `query`.")
    return _parameters(decoded)


def from_url(query_string: bytes) -> Parameters:
    """The request in a URL, whose `variables` and `extensions` are JSON; an empty value counts as none.

    Raises:
        Refused: 400, if it is not UTF-8, says a parameter twice, or a parameter is malformed.
    """
    try:
        pairs = parse_qsl(query_string.decode("ascii"), errors="strict", max_num_fields=_MOST_URL_FIELDS)
    except UnicodeDecodeError:
        raise malformed("The query string is not percent-encoded UTF-8.") from None
    except ValueError:
        raise malformed("The query string has too many fields.") from None
    given = _once(pair for pair in pairs if pair[0] in _PARAMETERS)
    _require_plain(given)
    return _parameters({name: _from_text(name, text) for name, text in given.items()})


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise malformed(f"`{name}` is given twice.")
        given[name] = text
    return given


def _from_text(name: str, text: str) -> object:
    return _strict_json(text, f"`{name}`") if name in {"variables", "extensions"} else text


def _parameters(given: dict[str, Any]) -> Parameters:
    query, document_id = given.get("query"), given.get("documentId")
    if document_id is not None and not isinstance(document_id, str):
        raise malformed("`documentId` must be a string.")
    if document_id and query:
        raise malformed("`query` and `documentId` are both given: send one of them.")
    if not document_id and (not isinstance(query, str) or not query):
        raise malformed("`query` is missing: it must be a string, a GraphQL document; or name one by `documentId`.")
    name = given.get("operationName")
    if name is not None and not isinstance(name, str):
        raise malformed("`operationName` must be a string.")
    variables, extensions = _object(given, "variables"), _object(given, "extensions")
    return Parameters(query or "", document_id or None, name or None, variables, extensions)


def _object(given: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = given.get(name)
    if value is not None and not isinstance(value, dict):
        raise malformed(f"`{name}` must be an object.")
    return value


def _strict_json(text: str, what: str) -> object:
    """The value that the text says; what Python's reader lets through against the standard is refused."""
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise malformed(f"{what} is not JSON: {error}.") from None
    except ValueError as error:  # from the hooks below, or an integer of thousands of digits
        raise malformed(f"{what} is not acceptable JSON: {error}.") from None
    except RecursionError:
        raise malformed(f"{what} is nested too deeply.") from None
    _require_plain(value)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object says a key twice")
    return members


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_no_constant, parse_float=_finite
)


def _require_plain(value: object) -> None:
    """Refuse what no part behind could store or say again: deep nesting, and text that is not Unicode or has a NUL."""
    layer = [value]
    for _ in range(DEEPEST):
        if not all(_is_plain(item) for item in layer if isinstance(item, str)):
            raise malformed("A string has a NUL or half of a surrogate pair.")
        layer = [part for item in layer for part in _parts(item)]
        if not layer:
            return
    raise malformed(f"Values are nested more than {DEEPEST} levels deep.")


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list) else ()


def _is_plain(text: str) -> bool:
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))
