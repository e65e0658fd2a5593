"""Reading the body of a request: as much as is allowed, in the time that is allowed."""

import anyio
import msgspec
from starlette.requests import Request

from ogpgraph.web.media import JSON, says_utf8, split_parameters
from ogpgraph.web.refused import Refused, malformed

# What is left of a refused body is not worth reading: the connection goes.
_CLOSE = {"Connection": "close"}


class BodyLimits(msgspec.Struct, frozen=True):
    """How large a body may be and how long it may take to arrive."""

    max_bytes: int = 262_144
    deadline_seconds: float = 15.0


async def read_json_body(request: Request, limits: BodyLimits) -> bytes:
    """The whole body of a request that says it is JSON.

    Raises:
        Refused: 415 for another type, encoding or charset; 413 for more bytes than allowed, however many were
            announced; 408 if they do not arrive in time; 400 for a length that is no number.
        ClientDisconnect: if the client went away before the end.
    """
    _require_json(request)
    _require_announced_length(request, limits.max_bytes)
    try:
        with anyio.fail_after(limits.deadline_seconds):
            return await _read(request, limits.max_bytes)
    except TimeoutError:
        raise Refused(408, "The body did not arrive in time.", code="REQUEST_TIMEOUT", headers=_CLOSE) from None


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
    return bytes(body)


def _require_json(request: Request) -> None:
    media_type, parameters = split_parameters(request.headers.get("content-type", ""))
    if media_type != JSON or not says_utf8(parameters):
        raise _unsupported("Send `Content-Type: application/json` (in UTF-8).", {"Accept-Post": JSON})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise _unsupported("Send the body without a content encoding.", {"Accept-Encoding": "identity"})


def _require_announced_length(request: Request, max_bytes: int) -> None:
    announced = request.headers.get("content-length", "0")
    if not (announced.isascii() and announced.isdigit()):
        raise malformed("`Content-Length` is no number.")
    if len(announced) > len(str(max_bytes)) + 20 or int(announced) > max_bytes:
        raise _too_large(max_bytes)


def _unsupported(message: str, headers: dict[str, str]) -> Refused:
    return Refused(415, message, code="UNSUPPORTED_MEDIA_TYPE", headers=headers)


def _too_large(max_bytes: int) -> Refused:
    return Refused(413, f"The body has more than {max_bytes} bytes.", code="PAYLOAD_TOO_LARGE", headers=_CLOSE)
