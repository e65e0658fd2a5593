"""What client and operator are told of an error: our own errors pass, all others are masked and logged."""

from collections.abc import Iterable, Sequence

import structlog
from graphql import GraphQLError

from ogpgraph.web.refused import error_payload

log = structlog.stdlib.get_logger(__name__)

MASKED = "Internal error"
CODE = "INTERNAL"


def told(error: GraphQLError, *, code: str | None = None) -> dict[str, object]:
    """The error as the response says it, with `code` in its extensions unless it brings its own."""
    payload: dict[str, object] = {**error.formatted}
    extensions = {"code": code, **(error.extensions or {})} if code else error.extensions
    return {**payload, "extensions": extensions} if extensions else payload


def told_or_masked(errors: Sequence[GraphQLError], request_id: str) -> list[dict[str, object]]:
    """The errors of an execution as the response says them; those that nobody meant to raise are masked and logged."""
    _log_unexpected([error for error in errors if not _is_meant(error)], request_id)
    return [told(error if _is_meant(error) else _masked(error, request_id)) for error in errors]


def internal_failure(failure: Exception, request_id: str) -> dict[str, object]:
    """The whole response where something failed outside of any field. Logs it."""
    log.error("request failed", request_id=request_id, exc_info=failure)
    return error_payload(MASKED, code=CODE, requestId=request_id)


def unfinished(failure: Exception, request_id: str) -> None:
    """Log a failure that came when the response had begun, too late to be told."""
    log.error("response broken off", request_id=request_id, exc_info=failure)


def _is_meant(error: GraphQLError) -> bool:
    return error.original_error is None or isinstance(error.original_error, GraphQLError)


def _masked(error: GraphQLError, request_id: str) -> GraphQLError:
    extensions = {"code": CODE, "requestId": request_id}
    return GraphQLError(MASKED, error.nodes, error.source, error.positions, error.path, extensions=extensions)


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
