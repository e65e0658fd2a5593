"""GraphQL over WebSocket (graphql-transport-ws): what one operation does wrong ends only that one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ogpgraph.auth.authentication import AuthenticationFailed
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.storage.event_log import LogIdentity
from ogpgraph.web.authentication import caller_of, client_address
from ogpgraph.web.errors import RequestRejected
from ogpgraph.web.live.connection_limits import ConnectionLimits, ConnectionSlot
from ogpgraph.web.live.credential_recheck import CredentialRecheck
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.subscriptions import log_payload
from ogpgraph.web.live.websocket_operation import MessageWriter, SubscriptionOperation

PROTOCOL: Final = "graphql-transport-ws"
INIT_TIMEOUT_SECONDS: Final = 10.0
MAX_OPERATIONS: Final = 100
CLOSE_FORBIDDEN: Final = 4403
CLOSE_TOO_MANY: Final = 4429
CLOSE_TRY_AGAIN_LATER: Final = 1013
_REASON_CHARACTERS: Final = 120
_MESSAGE_DECODER = msgspec.json.Decoder(dict[str, Any])


class CloseConnection(Exception):
    """The protocol was broken, or one may not be connected: the socket closes with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:_REASON_CHARACTERS]


class WebSocketEndpoint:
    """The WebSocket endpoint `/graphql`."""

    def __init__(
        self,
        hub: Callable[[], Hub],
        identity: Callable[[], LogIdentity],
        connection_limits: ConnectionLimits,
        credential_recheck: CredentialRecheck,
    ) -> None:
        self._hub = hub
        self._identity = identity
        self._connection_limits = connection_limits
        self._credential_recheck = credential_recheck

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            await self._serve(socket)
        except CloseConnection as closed:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(closed.code, closed.reason)
        except (WebSocketDisconnect, TimeoutError):
            pass  # whoever was there has gone, or reads no more

    async def _serve(self, socket: WebSocket) -> None:
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            raise CloseConnection(4406, "Subprotocol not acceptable")
        caller = caller_of(socket)
        try:
            slot = self._connection_limits.acquire(caller.address, caller.account)
        except RequestRejected as refused:
            await socket.accept(PROTOCOL)
            raise CloseConnection(CLOSE_TOO_MANY, refused.message) from None
        connection = WebSocketConnection(socket, self._hub(), self._identity(), self._credential_recheck, slot)
        try:
            await socket.accept(PROTOCOL)
            await connection.serve()
        finally:
            connection.end()


class WebSocketConnection:
    """One socket and the operations that run on it; all that it holds is given back at its end."""

    def __init__(
        self,
        socket: WebSocket,
        hub: Hub,
        identity: LogIdentity,
        credential_recheck: CredentialRecheck,
        slot: ConnectionSlot,
    ) -> None:
        self._socket = socket
        self._out = MessageWriter(socket)
        self._hub = hub
        self._identity = identity
        self._credential_recheck = credential_recheck
        self._slot = slot
        self._watches: list[Callable[[], None]] = []
        self._running: dict[str, SubscriptionOperation] = {}
        self._closing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer messages until the client goes; raises CloseConnection."""
        self._watch(self._socket.headers.get("authorization"))
        try:
            async with asyncio.timeout(INIT_TIMEOUT_SECONDS):
                greeting = await self._receive_init()
        except TimeoutError:
            raise CloseConnection(4408, "Connection initialisation timeout") from None
        await self._acknowledge(greeting.get("payload"))
        while True:
            await self._handle(await self._receive_message())

    def end(self) -> None:
        """End everything that runs; nothing is awaited, so a disconnect cannot cut it off."""
        for operation in self._running.values():
            operation.stop()
        for unwatch in self._watches:
            unwatch()
        self._slot.release()

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
                    raise CloseConnection(4401, "Unauthorized")
                case _:
                    raise CloseConnection(4400, "Invalid message")

    async def _acknowledge(self, payload: object) -> None:
        """Find out whose token the greeting has, if it has one, and tell which log this is."""
        if payload is not None and not isinstance(payload, dict):
            raise CloseConnection(4400, "The payload of connection_init is an object")
        for name, value in (payload or {}).items():
            if name.lower() == "authorization":
                await self._identify(value)
        await self._out.send_message(type="connection_ack", payload=log_payload(self._identity, await self._hub.head()))

    async def _identify(self, authorization: object) -> None:
        if not isinstance(authorization, str):
            raise CloseConnection(CLOSE_FORBIDDEN, "The token opens nothing")
        try:
            caller = await self._credential_recheck.identify(authorization, client_address(self._socket.scope))
            if caller.account is not None:
                self._slot.assign_account(caller.account)
        except AuthenticationFailed:
            raise CloseConnection(CLOSE_FORBIDDEN, "The token opens nothing") from None
        except KeysUnavailable:
            raise CloseConnection(CLOSE_TRY_AGAIN_LATER, "Nobody can sign in at the moment") from None
        except RequestRejected as refused:
            raise CloseConnection(CLOSE_TOO_MANY, refused.message) from None
        self._watch(authorization)

    def _watch(self, authorization: str | None) -> None:
        if authorization is not None:
            self._watches.append(
                self._credential_recheck.watch(authorization, client_address(self._socket.scope), self._refuse)
            )

    def _refuse(self) -> None:
        """Close, since the token that one came with opens nothing any more."""
        for operation in self._running.values():
            operation.stop()
        self._closing = asyncio.create_task(self._close(CLOSE_FORBIDDEN, "The token opens nothing any more"))

    async def _close(self, code: int, reason: str) -> None:
        with suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(code, reason)

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                self._subscribe(*_operation(message))
            case "complete":
                self._complete(message.get("id"))
            case "ping":
                await self._pong(message)
            case "pong":
                pass
            case "connection_init":
                raise CloseConnection(4429, "Too many initialisation requests")
            case _:
                raise CloseConnection(4400, "Invalid message")

    def _subscribe(self, identifier: str, payload: dict[str, Any]) -> None:
        if identifier in self._running:
            raise CloseConnection(4409, f"Subscriber for {identifier} already exists")
        operation = SubscriptionOperation(identifier, self._out, self._hub, self._identity, self._remove_operation)
        full = len(self._running) >= MAX_OPERATIONS
        self._running[identifier] = operation
        if full:
            message = f"A socket carries at most {MAX_OPERATIONS} operations."
            operation.reject(RequestRejected(429, message, code="TOO_MANY_OPERATIONS"))
        else:
            operation.start(payload)

    def _remove_operation(self, identifier: str) -> None:
        self._running.pop(identifier, None)

    def _complete(self, identifier: object) -> None:
        operation = self._running.pop(identifier, None) if isinstance(identifier, str) else None
        if operation is not None:
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
            raise CloseConnection(4400, "Messages are text")
        try:
            words = _MESSAGE_DECODER.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            raise CloseConnection(4400, "Messages are JSON objects") from None
        if not isinstance(words.get("type"), str):
            raise CloseConnection(4400, "A message needs a type")
        return words


def _operation(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    identifier, payload = message.get("id"), message.get("payload")
    if not isinstance(identifier, str) or not identifier:
        raise CloseConnection(4400, "A subscription needs an id")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise CloseConnection(4400, "A subscription needs a payload with a query")
    return identifier, payload
