"""A request that HTTP itself turns away, and the shape in which every error is told."""

from collections.abc import Mapping


class Refused(Exception):
    """The request cannot be served as sent: `status` is the answer's, whatever media type the client asked for."""

    def __init__(self, status: int, message: str, *, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})


def malformed(message: str) -> Refused:
    """400: what was sent is no GraphQL request."""
    return Refused(400, message, code="BAD_REQUEST")


def error_payload(message: str, **extensions: object) -> dict[str, object]:
    """The body of an answer that is one error: a GraphQL response without `data`."""
    return {"errors": [{"message": message, "extensions": extensions}]}
