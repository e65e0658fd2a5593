"""The queries and mutations of a WebSocket, which the `OperationService` of the process executes like those of HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.requests import HTTPConnection
from starlette.types import Scope

from ogpgraph.auth.authentication import AuthenticationFailed, Caller
from ogpgraph.auth.issuer_errors import KeysUnavailable
from ogpgraph.storage.database import StorageFailure
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.fair_queue import Client
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.middleware import caller_rejection, client_address
from ogpgraph.web.operation_service import OperationCall, OperationService, client_of
from ogpgraph.web.request import RequestParameters


class SocketRequests:
    """Executes the queries and mutations of one WebSocket, each with an id of its own.

    `authorization` is that of the connection. It is checked for each of them, as for each HTTP request: a token that
    was revoked meanwhile has no effect, even before the connection is closed.
    """

    def __init__(
        self,
        operations: OperationService,
        credential_recheck: CredentialRecheck,
        new_id: Callable[[], str],
        scope: Scope,
    ) -> None:
        self._operations = operations
        self._credential_recheck = credential_recheck
        self._new_id = new_id
        self._scope = scope
        self.authorization: str | None = None
        self.client = client_of(HTTPConnection(scope))

    def sign_in(self, authorization: str, caller: Caller) -> None:
        """Act for a caller from now on: a browser can send its token only after the WebSocket is open."""
        self.authorization = authorization
        self.client = Client.of(caller.address, caller.account)

    async def find_document(self, parameters: RequestParameters) -> tuple[RequestParameters, bool]:
        """Return the parameters with the text of their document, and whether they ask for a subscription.

        Raises:
            RequestRejected, RequestErrors: as `OperationService.find_document` does.
        """
        return await self._operations.scheduler.run(
            self.client, self._find_document, parameters, deadline=self.start_deadline()
        )

    def start_deadline(self) -> Deadline:
        """Return the deadline of an operation that begins now."""
        return self._operations.start_deadline()

    @asynccontextmanager
    async def respond(self, parameters: RequestParameters, deadline: Deadline) -> AsyncIterator[bytes]:
        """Return the response to a query or mutation, whose document was found, to be sent within the context.

        Raises:
            RequestRejected: if the token is not valid any more; and as `OperationService.respond` does.
            RequestErrors: as `OperationService.respond` does.
        """
        request_id = self._new_id()
        state = {**self._scope.get("state", {}), "caller": await self._identify(), "request_id": request_id}
        connection = HTTPConnection({**self._scope, "state": state})
        call = OperationCall(connection, request_id, deadline, self._operations.cost_limit)
        with self._operations.held.hold(call.client.network) as holding:
            response = await self._operations.in_turn(call, self._operations.respond, call, parameters)
            holding.add(len(response))
            yield response

    def _find_document(self, parameters: RequestParameters) -> tuple[RequestParameters, bool]:
        found = self._operations.find_document(parameters)
        return found, self._operations.is_subscription(found)

    async def _identify(self) -> Caller:
        address = client_address(self._scope)
        if self.authorization is None:
            return Caller(address=address)
        try:
            return await self._credential_recheck.identify(self.authorization, address)
        except (AuthenticationFailed, KeysUnavailable, StorageFailure) as failure:
            raise caller_rejection(failure) from None
