"""Rejected requests, and how errors are reported to clients and operators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import structlog
from graphql import GraphQLError


class RequestRejected(Exception):
    """The request cannot be served as sent: `status` is the answer's, whatever media type the client asked for."""

    def __init__(self, status: int, message: str, *, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


def bad_request(message: str) -> RequestRejected:
    """400: what was sent is no GraphQL request."""
    return RequestRejected(400, message, code="BAD_REQUEST")


def budget_exhausted(wait_seconds: int) -> RequestRejected:
    """429: the operation costs more than the client has left for the moment."""
    return RequestRejected(
        429,
        f"The budget for the moment is spent; this fits in it again in {wait_seconds} s. `extensions.cost` says what "
        "each operation takes.",
        code="BUDGET_EXHAUSTED",
        headers={"Retry-After": str(wait_seconds)},
    )


def error_payload(message: str, **extensions: object) -> dict[str, object]:
    """The body of an answer that is one error: a GraphQL response without `data`."""
    return {"errors": [{"message": message, "extensions": extensions}]}


log = structlog.stdlib.get_logger(__name__)

INTERNAL_ERROR_MESSAGE = "Internal error"
INTERNAL_ERROR_CODE = "INTERNAL"


def format_error(error: GraphQLError, *, code: str | None = None) -> dict[str, object]:
    """The error as the response says it, with `code` in its extensions unless it brings its own."""
    payload: dict[str, object] = {**error.formatted}
    extensions = {"code": code, **(error.extensions or {})} if code else error.extensions
    return {**payload, "extensions": extensions} if extensions else payload


def format_errors(errors: Sequence[GraphQLError], request_id: str) -> list[dict[str, object]]:
    """The errors of an execution as the response says them; those that nobody meant to raise are masked and logged."""
    _log_unexpected([error for error in errors if not _is_expected(error)], request_id)
    return [format_error(error if _is_expected(error) else _mask(error, request_id)) for error in errors]


def report_internal_error(failure: Exception, request_id: str) -> dict[str, object]:
    """The whole response where something failed outside of any field. Logs it."""
    log.error("request failed", request_id=request_id, exc_info=failure)
    return error_payload(INTERNAL_ERROR_MESSAGE, code=INTERNAL_ERROR_CODE, requestId=request_id)


def log_aborted_response(failure: Exception, request_id: str) -> None:
    """Log a failure that came when the response had begun, too late to be told."""
    log.error("response broken off", request_id=request_id, exc_info=failure)


def _is_expected(error: GraphQLError) -> bool:
    return error.original_error is None or isinstance(error.original_error, GraphQLError)


def _mask(error: GraphQLError, request_id: str) -> GraphQLError:
    extensions = {"code": INTERNAL_ERROR_CODE, "requestId": request_id}
    return GraphQLError(
        INTERNAL_ERROR_MESSAGE, error.nodes, error.source, error.positions, error.path, extensions=extensions
    )


def _log_unexpected(errors: Iterable[GraphQLError], request_id: str) -> None:
    """One line with a traceback for each field and kind of error, however many items of a list it befell."""
    seen: dict[tuple[str, type[object]], list[GraphQLError]] = {}
    for error in errors:
        field = ".".join(step for step in error.path or () if isinstance(step, str))
        seen.setdefault((field, type(error.original_error)), []).append(error)
    for (field, _), alike in seen.items():
        log.error(
            "resolver failed", request_id=request_id, field=field, times=len(alike), exc_info=alike[0].original_error
        )
