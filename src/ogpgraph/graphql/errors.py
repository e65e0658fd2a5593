"""The errors that a client is meant to handle, and their codes: those of fields, and those of limits of documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from typing import ParamSpec, TypeVar

from graphql import GraphQLError

from ogpgraph.domain.errors import RefusalCode
from ogpgraph.error_code import ErrorCode, Retry
from ogpgraph.readmodel.bookmark import OtherHistory
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.storage.damage import DamagedRecord

BoundT = TypeVar("BoundT", int, str, date)
P = ParamSpec("P")
T = TypeVar("T")

_SPLIT_DOCUMENT = "Split the document, or select less: see [Cost](clients.md#cost)."


class FieldErrorCode(ErrorCode):
    """The codes of errors of a field or of one of its arguments."""

    BAD_PAGE = (
        "BAD_PAGE",
        400,
        "The size of a page is out of range, or both `first` and `last` are given.",
        "Ask for a page within the limit.",
    )
    BAD_CURSOR = (
        "BAD_CURSOR",
        400,
        "A cursor is malformed, or of a list of another type or order.",
        "Use cursors only with the list and order that they come from.",
    )
    BAD_TIME = (
        "BAD_TIME",
        400,
        "A time or date is malformed, or a range of times is too long.",
        "Send times as RFC 3339 has them, such as `2026-11-22T12:00:00Z`, dates such as `2019-03-15`.",
    )
    UNKNOWN_VALUE = (
        "UNKNOWN_VALUE",
        400,
        "A filter names a word, a code or a path that nothing has and no vocabulary contains.",
        "Correct the spelling: `message` names the nearest value.",
    )
    RECORDED_BUT_NOT_SHOWN = (
        "RECORDED_BUT_NOT_SHOWN",
        500,
        "The mutation was recorded, but its result cannot be read, because the projection has stopped.",
        "Do not send it again. `meta { projector }` says when entries can be read.",
        Retry.OPERATOR,
    )


class DocumentErrorCode(ErrorCode):
    """The codes of documents that exceed a limit. Nothing is executed."""

    COST_EXCEEDED = (
        "COST_EXCEEDED",
        400,
        "The operation could take too long; `message` names the most expensive field or argument.",
        "Ask for smaller pages, simpler filters or fewer fields: see [Cost](clients.md#cost).",
    )
    TOO_MANY_VALUES = (
        "TOO_MANY_VALUES",
        400,
        "A list in an argument or a variable has too many values, or all of them together have.",
        "Send several operations: `message` names the list and how many values it may have.",
    )
    TOO_DEEP = ("TOO_DEEP", 400, "Fields are nested too deeply.", _SPLIT_DOCUMENT)
    TOO_MANY_TOKENS = ("TOO_MANY_TOKENS", 400, "The document is too long.", _SPLIT_DOCUMENT)
    TOO_MANY_FIELDS = (
        "TOO_MANY_FIELDS",
        400,
        "The document has too many fields, or too many that repeat another one.",
        _SPLIT_DOCUMENT,
    )
    TOO_MANY_ALIASES = ("TOO_MANY_ALIASES", 400, "The document has too many aliases.", _SPLIT_DOCUMENT)
    TOO_MANY_DIRECTIVES = ("TOO_MANY_DIRECTIVES", 400, "The document has too many directives.", _SPLIT_DOCUMENT)
    TOO_MANY_FRAGMENTS = (
        "TOO_MANY_FRAGMENTS",
        400,
        "The document has too many operations and fragments.",
        _SPLIT_DOCUMENT,
    )


class LimitExceeded(Exception):
    """An operation exceeds a limit. The message, for the client, names the limit; `code` is its error code."""

    def __init__(self, message: str, code: DocumentErrorCode) -> None:
        super().__init__(message)
        self.code = code


def keep_damage(read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of reading one field of an object that has several; damage is returned instead of raised.

    An error that is the value of a field is reported as the error of that field, so that the others of the object are
    complete. The field has to be nullable.
    """
    try:
        return read(*args, **kwargs)
    except DamagedRecord as damaged:
        return damaged  # type: ignore[return-value]  # graphql-core raises it where the field is selected


def client_error(message: str, code: ErrorCode) -> GraphQLError:
    """Return an error that a client receives with its message and code; other exceptions are reported as INTERNAL."""
    return GraphQLError(message, extensions={"code": code})


def require_distinct(argument: str, names: Sequence[str]) -> None:
    """Raise GraphQLError (INVALID) if a name occurs twice in a list where that says nothing."""
    repeated = next((name for name, number in Counter(names).items() if number > 1), None)
    if repeated is not None:
        raise client_error(f"`{argument}` has {repeated} twice", RefusalCode.INVALID)


def require_forward(
    first: BoundT | None, last: BoundT | None, code: ErrorCode, bounds: str = "`from` and `until`"
) -> None:
    """Raise GraphQLError for a range that ends before it begins: nothing is in it, and nobody means that."""
    if first is not None and last is not None and last < first:
        raise client_error(f"the range of {bounds} would end before it begins", code)


def other_history(error: OtherHistory) -> GraphQLError:
    """Return the error for a position of another history."""
    return client_error(str(error), ReadErrorCode.OTHER_HISTORY)
