"""Rejected requests, and how errors are reported: to clients without internal details, to operators with all of them.

Every error that leaves the server is formatted here, with a code of which `error_codes` has a description; the status
of a response is that of its code. A GraphQL error that a resolver raised on purpose reaches the client with its message
and code, a failure of the storage with its code and what can be done. Any other exception is logged with its traceback
and replaced by "Internal error" and the id of the request, by which the log line is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.error_code import ErrorCode
from ogpgraph.readmodel.bookmark import OtherHistory
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.storage.database import StorageError, StorageFailure
from ogpgraph.web.error_codes import RequestErrorCode

JSON: Final = "application/json"
INTERNAL_ERROR_MESSAGE: Final = "Internal error"
QUEUE_RETRY_SECONDS: Final = 2

log = structlog.stdlib.get_logger(__name__)


class RequestRejected(Exception):
    """The request cannot be served as sent; `status` and `headers` are those of the response in any media type."""

    def __init__(self, code: ErrorCode, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """Return the status of the response."""
        return self.code.status


def bad_request(message: str) -> RequestRejected:
    """Return the rejection (400) of something that is not a GraphQL request."""
    return RequestRejected(RequestErrorCode.BAD_REQUEST, message)


def other_history(error: OtherHistory) -> RequestRejected:
    """Return the rejection (409) of a request that names a position of another history."""
    return RequestRejected(ReadErrorCode.OTHER_HISTORY, str(error))


def budget_exhausted(wait_seconds: int) -> RequestRejected:
    """Return the rejection (429) of an operation that costs more than its client has left at the moment."""
    return RequestRejected(
        RequestErrorCode.BUDGET_EXHAUSTED,
        f"The budget is spent for the moment; there will be enough for this operation in {wait_seconds} s. "
        "`extensions.cost` reports the cost of each operation.",
        headers={"Retry-After": str(wait_seconds)},
    )


def queue_full(who: str) -> RequestRejected:
    """Return the rejection (503) of an operation that there is no room for; `who` is the subject of a sentence."""
    return RequestRejected(
        RequestErrorCode.QUEUE_FULL,
        f"The server is busy: {who} as many operations waiting as may wait.",
        headers={"Retry-After": str(QUEUE_RETRY_SECONDS)},
    )


def response_too_large(max_bytes: int) -> RequestRejected:
    """Return the rejection (400) of an operation whose response has too many bytes."""
    return RequestRejected(
        RequestErrorCode.RESPONSE_TOO_LARGE,
        f"The response would have more than {max_bytes:,} bytes. Ask for smaller pages, or select fewer texts.",
    )


def deadline_exceeded() -> RequestRejected:
    """Return the rejection (504) of an operation that was not done in time."""
    return RequestRejected(RequestErrorCode.DEADLINE_EXCEEDED, "The operation took too long and was stopped.")


def json_response(status: int, payload: object, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response that names its charset."""
    return Response(msgspec.json.encode(payload), status, {"Content-Type": f"{JSON}; charset=utf-8", **(headers or {})})


ShowRejection = Callable[[Request, RequestRejected], Response]
"""Returns the response to a rejected request, as its client can read it."""


def rejection_response(rejected: RequestRejected) -> Response:
    """Return the JSON response to a rejected request."""
    return json_response(rejected.status, error_payload(rejected.message, code=rejected.code), rejected.headers)


def error_payload(message: str, *, code: ErrorCode, **extensions: object) -> dict[str, object]:
    """Return a response body with one error: a GraphQL response without `data`."""
    return {"errors": [{"message": message, "extensions": {"code": code, **extensions}}]}


def format_error(error: GraphQLError, *, code: ErrorCode) -> dict[str, object]:
    """Return an error as a member of `errors`, with `code` in its extensions unless it has its own."""
    # The only messages of graphql-core with a word of Python: variables that are null where that is not allowed.
    message = error.message.replace(" not to be None.", " not to be null.")
    return {**error.formatted, "message": message, "extensions": {"code": code, **(error.extensions or {})}}


def format_errors(errors: Sequence[GraphQLError], request_id: str) -> list[dict[str, object]]:
    """Return the errors of an execution as `errors`; unexpected ones are masked and logged.

    Expected ones without a code are graphql-core's, of variables that do not fit where they are used.
    """
    _log_unexpected([error for error in errors if not _is_expected(error)], request_id)
    reported = [error if _is_expected(error) else _mask(error, request_id) for error in errors]
    return [format_error(error, code=RequestErrorCode.BAD_USER_INPUT) for error in reported]


def find_storage_failure(errors: Iterable[GraphQLError]) -> StorageFailure | None:
    """Return a failure of the storage among the errors of an execution: the same request may succeed later."""
    originals = (error.original_error for error in errors)
    return next((each for each in originals if isinstance(each, StorageFailure)), None)


def failure_response(failure: Exception, request_id: str) -> Response:
    """Log a failure outside of any field, and return the JSON response to its request."""
    return json_response(failure_status(failure), report_failure(failure, request_id), retry_headers(failure))


def report_failure(failure: Exception, request_id: str) -> dict[str, object]:
    """Log a failure outside of any field, and return the response body for it."""
    if isinstance(failure, StorageError):
        log.error("request failed", request_id=request_id, code=failure.code, reason=str(failure))
    else:
        log.error("request failed", request_id=request_id, exc_info=failure)
    message, extensions = _describe(failure, request_id)
    return error_payload(message, code=_failure_code(failure), **extensions)


def failure_status(failure: Exception) -> int:
    """Return the status of the response to a failed request: 503 where the same request may succeed later."""
    return _failure_code(failure).status


def retry_headers(failure: Exception) -> dict[str, str]:
    """Return the header that says when the same request may succeed, if that is known."""
    seconds = failure.retry_after_seconds if isinstance(failure, StorageError) else None
    return {} if seconds is None else {"Retry-After": str(seconds)}


def storage_unavailable(failure: StorageFailure) -> RequestRejected:
    """Return the rejection (503) of a request that the storage cannot serve at the moment."""
    return RequestRejected(failure.code, failure.explanation, headers=retry_headers(failure))


def log_aborted_response(failure: Exception, request_id: str) -> None:
    """Log a failure after the start of the response, when the client can no longer be sent an error."""
    log.error("response aborted", request_id=request_id, exc_info=failure)


def _is_expected(error: GraphQLError) -> bool:
    return error.original_error is None or isinstance(error.original_error, GraphQLError)


def _mask(error: GraphQLError, request_id: str) -> GraphQLError:
    message, extensions = _describe(error.original_error, request_id)
    extensions = {"code": _failure_code(error.original_error), **extensions}
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, extensions=extensions)


def _failure_code(failure: Exception | None) -> ErrorCode:
    return failure.code if isinstance(failure, StorageError) else RequestErrorCode.INTERNAL


def _describe(failure: Exception | None, request_id: str) -> tuple[str, dict[str, object]]:
    """Return the message and the extensions by which a client is told of a failure, without the code."""
    if isinstance(failure, StorageError):
        is_retryable = failure.retry_after_seconds is not None
        return failure.explanation, {"retryable": is_retryable, "requestId": request_id}
    return INTERNAL_ERROR_MESSAGE, {"requestId": request_id}


def _log_unexpected(errors: Iterable[GraphQLError], request_id: str) -> None:
    """Log one line with a traceback for each field and type of error, however many items of a list it affects."""
    grouped: dict[tuple[str, type[object]], list[GraphQLError]] = {}
    for error in errors:
        field = ".".join(step for step in error.path or () if isinstance(step, str))
        grouped.setdefault((field, type(error.original_error)), []).append(error)
    for (field, _), group in grouped.items():
        failure, log_details = group[0].original_error, {"request_id": request_id, "field": field, "times": len(group)}
        if isinstance(failure, StorageError):
            log.error("resolver failed", **log_details, code=failure.code, reason=str(failure))
        else:
            log.error("resolver failed", **log_details, exc_info=failure)
