"""Answers requests of those who sign in: as the endpoint does, in one turn of a worker thread, past the middleware.

Who sends them is identified anew for each of them, in the same thread before anything else. The scheduler has to know
the client before that: it is the one that was identified when a request with the same headers came.
"""

from __future__ import annotations

from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.issuer_errors import KeysAwaited, KeysUnavailable
from ogpgraph.storage.database import StorageFailure
from ogpgraph.web.endpoint import GraphQLEndpoint
from ogpgraph.web.errors import failure_response, rejection_response
from ogpgraph.web.identification import IdentifyCaller
from ogpgraph.web.middleware import caller_rejection


class OtherCaller(Exception):
    """The headers are another caller's by now, for example because a login was linked to another account."""


class SignedAnswers:
    """Answers requests whose caller and media type are known by their headers."""

    def __init__(self, endpoint: GraphQLEndpoint, identify: IdentifyCaller) -> None:
        self._endpoint = endpoint
        self._identify = identify

    async def respond(
        self, request: Request, caller: Caller, authorization: str, media_type: str, encoded: bytes
    ) -> Response | None:
        """Return the response to a request, of which the body was read; None if the application has to answer it.

        The id of the request is in its state. Nothing has happened where this returns None.
        """
        state = request.scope["state"]
        state["caller"] = caller
        identify = partial(self._require_caller, caller, authorization, state["request_id"])
        try:
            with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
                return await self._endpoint.respond_to(request, media_type, encoded, before=identify)
        except (AuthenticationFailed, StorageFailure) as failure:
            return rejection_response(caller_rejection(failure))
        except (OtherCaller, KeysAwaited, KeysUnavailable):
            del state["caller"]
            return None
        except Exception as failure:  # nothing else stands between this and the server
            return failure_response(failure, state["request_id"])

    def _require_caller(self, caller: Caller, authorization: str, request_id: str) -> None:
        """Raise OtherCaller unless an Authorization header still identifies a caller; raises as `IdentifyCaller`."""
        if self._identify(authorization, caller.address, request_id) != caller:
            raise OtherCaller
