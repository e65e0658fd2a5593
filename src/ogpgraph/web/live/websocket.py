"""GraphQL over WebSocket (graphql-transport-ws): the endpoint and the connection with its operations.

An error in an operation ends that operation only. A message that breaks the protocol closes the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ogpgraph.auth.authentication import AuthenticationFailed
from ogpgraph.auth.issuer_errors import KeysUnavailable
from ogpgraph.storage.database import StorageFailure
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.web.error_codes import CloseCode, RequestErrorCode
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.live.connection_limits import ConnectionLimits, ConnectionSlot
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.socket_requests import SocketRequests
from ogpgraph.web.live.subscriptions import log_payload
from ogpgraph.web.live.websocket_operation import MessageWriter, SocketOperation
from ogpgraph.web.middleware import caller_of, client_address

PROTOCOL: Final = "graphql-transport-ws"
INIT_TIMEOUT_SECONDS: Final = 10.0
MAX_OPERATIONS: Final = 100
_MAX_REASON_CHARACTERS: Final = 120  # a close frame holds 123 bytes
_MESSAGE_DECODER = msgspec.json.Decoder(dict[str, Any])


class CloseConnection(Exception):
    """The server closes the connection, with a close code of the protocol."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:_MAX_REASON_CHARACTERS]


class WebSocketEndpoint:
    """The WebSocket endpoint `/graphql`."""

    def __init__(
        self,
        hub: Callable[[], Hub],
        identity: Callable[[], LogIdentity],
        connection_limits: ConnectionLimits,
        credential_recheck: CredentialRecheck,
        requests: Callable[[Scope], SocketRequests],
    ) -> None:
        self._hub = hub
        self._identity = identity
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            await self._serve(socket)
        except CloseConnection as close:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(close.code, close.reason)
        except (WebSocketDisconnect, TimeoutError):
            pass  # the client is gone, or does not read

    async def _serve(self, socket: WebSocket) -> None:
        # A close code reaches the client only after the handshake was accepted.
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            raise CloseConnection(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
        caller = caller_of(socket)
        try:
            slot = self._connection_limits.acquire(caller.address, caller.account)
        except RequestRejected as rejected:
            await socket.accept(PROTOCOL)
            raise CloseConnection(CloseCode.TOO_MANY, rejected.message) from None
        requests = self._requests(socket.scope)
        connection = WebSocketConnection(
            socket, self._hub(), self._identity(), self._credential_recheck, slot, requests
        )
        try:
            await socket.accept(PROTOCOL)
            await connection.serve()
        except StorageFailure:
            raise CloseConnection(CloseCode.TRY_AGAIN_LATER, "The storage is not available at the moment") from None
        finally:
            connection.end()


class WebSocketConnection:
    """One connection and the operations that run on it; `end` releases all that it holds."""

    def __init__(
        self,
        socket: WebSocket,
        hub: Hub,
        identity: LogIdentity,
        credential_recheck: CredentialRecheck,
        slot: ConnectionSlot,
        requests: SocketRequests,
    ) -> None:
        self._socket = socket
        self._out = MessageWriter(socket)
        self._hub = hub
        self._identity = identity
        self._credential_recheck = credential_recheck
        self._slot = slot
        self._requests = requests
        self._unwatch: list[Callable[[], None]] = []
        self._operations: dict[str, SocketOperation] = {}
        self._closing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Handle messages until the client disconnects; raises CloseConnection."""
        self._requests.authorization = self._socket.headers.get("authorization")
        self._watch_credential(self._requests.authorization)
        try:
            async with asyncio.timeout(INIT_TIMEOUT_SECONDS):
                init = await self._receive_init()
        except TimeoutError:
            raise CloseConnection(CloseCode.INIT_TIMEOUT, "Connection initialisation timeout") from None
        await self._acknowledge(init.get("payload"))
        while True:
            await self._handle(await self._receive_message())

    def end(self) -> None:
        """End all operations. Awaits nothing, so a disconnect cannot interrupt it."""
        self._stop_operations()
        for unwatch in self._unwatch:
            unwatch()
        self._slot.release()

    # Initialisation

    async def _receive_init(self) -> dict[str, Any]:
        while True:
            message = await self._receive_message()
            match message["type"]:
                case "connection_init":
                    return message
                case "ping":
                    await self._pong(message)
                case "pong":
                    pass
                case "subscribe":
                    raise CloseConnection(CloseCode.UNAUTHORIZED, "Unauthorized")
                case _:
                    raise CloseConnection(CloseCode.BAD_REQUEST, "Invalid message")

    async def _acknowledge(self, payload: object) -> None:
        """Identify the caller, if the payload has a token, and acknowledge with a description of the log."""
        if payload is not None and not isinstance(payload, dict):
            raise CloseConnection(CloseCode.BAD_REQUEST, "The payload of connection_init must be an object")
        # Browsers cannot set headers of a WebSocket, so a token may be in the payload.
        for name, value in (payload or {}).items():
            if name.lower() == "authorization":
                await self._identify(value)
        await self._out.send_message(
            type="connection_ack", payload=log_payload(self._identity, await self._hub.head(self._requests.client))
        )

    async def _identify(self, authorization: object) -> None:
        if not isinstance(authorization, str):
            raise CloseConnection(CloseCode.FORBIDDEN, "The token is not valid")
        try:
            caller = await self._credential_recheck.identify(authorization, client_address(self._socket.scope))
            if caller.account is not None:
                self._slot.assign_account(caller.account)
        except AuthenticationFailed:
            raise CloseConnection(CloseCode.FORBIDDEN, "The token is not valid") from None
        except KeysUnavailable:
            raise CloseConnection(CloseCode.TRY_AGAIN_LATER, "Signing in is not possible at the moment") from None
        except RequestRejected as rejected:
            raise CloseConnection(CloseCode.TOO_MANY, rejected.message) from None
        self._requests.sign_in(authorization, caller)
        self._watch_credential(authorization)

    def _watch_credential(self, authorization: str | None) -> None:
        if authorization is not None:
            self._unwatch.append(
                self._credential_recheck.watch(
                    authorization, client_address(self._socket.scope), self._close_unauthenticated
                )
            )

    def _close_unauthenticated(self) -> None:
        self._stop_operations()
        self._closing = asyncio.create_task(self._close(CloseCode.FORBIDDEN, "The token is no longer valid"))

    async def _close(self, code: CloseCode, reason: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason)

    # Messages

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                self._subscribe(*_parse_subscribe(message))
            case "complete":
                self._complete(message.get("id"))
            case "ping":
                await self._pong(message)
            case "pong":
                pass
            case "connection_init":
                raise CloseConnection(CloseCode.TOO_MANY, "Too many initialisation requests")
            case _:
                raise CloseConnection(CloseCode.BAD_REQUEST, "Invalid message")

    def _subscribe(self, identifier: str, payload: dict[str, Any]) -> None:
        if identifier in self._operations:
            raise CloseConnection(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {identifier} already exists")
        is_full = len(self._operations) >= MAX_OPERATIONS
        operation = SocketOperation(
            identifier, self._out, self._hub, self._identity, self._requests, self._remove_operation
        )
        self._operations[identifier] = operation
        if is_full:
            message = f"A socket carries at most {MAX_OPERATIONS} operations."
            operation.reject(RequestRejected(RequestErrorCode.TOO_MANY_OPERATIONS, message))
        else:
            operation.start(payload)

    def _complete(self, identifier: object) -> None:
        operation = self._operations.pop(identifier, None) if isinstance(identifier, str) else None
        if operation is not None:
            operation.stop()

    def _remove_operation(self, identifier: str) -> None:
        self._operations.pop(identifier, None)

    def _stop_operations(self) -> None:
        for operation in self._operations.values():
            operation.stop()

    async def _pong(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        await self._out.send_message(type="pong", **({"payload": payload} if payload is not None else {}))

    async def _receive_message(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise CloseConnection(CloseCode.BAD_REQUEST, "Messages must be text")
        try:
            decoded = _MESSAGE_DECODER.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            raise CloseConnection(CloseCode.BAD_REQUEST, "Messages must be JSON objects") from None
        if not isinstance(decoded.get("type"), str):
            raise CloseConnection(CloseCode.BAD_REQUEST, "A message needs a type")
        return decoded


def _parse_subscribe(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the id and the payload of a subscribe message."""
    identifier, payload = message.get("id"), message.get("payload")
    if not isinstance(identifier, str) or not identifier:
        raise CloseConnection(CloseCode.BAD_REQUEST, "A subscription needs an id")
    if not isinstance(payload, dict) or not (isinstance(payload.get("query"), str) or _names_document(payload)):
        raise CloseConnection(CloseCode.BAD_REQUEST, "A subscription needs a payload with a query")
    return identifier, payload


def _names_document(payload: dict[str, Any]) -> bool:
    """Return whether a payload names its document by an id, or perhaps by a hash."""
    return payload.get("query") is None and ("documentId" in payload or "extensions" in payload)
