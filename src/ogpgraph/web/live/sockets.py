"""GraphQL over WebSocket (graphql-transport-ws): what one operation does wrong ends only that one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ogpgraph.auth.identify import NotIdentified
from ogpgraph.auth.oidc import KeysUnavailable
from ogpgraph.storage.identity import Identity
from ogpgraph.web.authenticated import address_of, caller_of
from ogpgraph.web.live.cursors import about
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.operations import Operation, Out
from ogpgraph.web.live.places import Place, Places
from ogpgraph.web.live.tokens import Tokens
from ogpgraph.web.refused import Refused

PROTOCOL: Final = "graphql-transport-ws"
INIT_SECONDS: Final = 10.0
MOST_OPERATIONS: Final = 100
FORBIDDEN: Final = 4403
TOO_MANY: Final = 4429
TRY_AGAIN_LATER: Final = 1013
_REASON_CHARACTERS: Final = 120
_WORDS = msgspec.json.Decoder(dict[str, Any])


class Closed(Exception):
    """The protocol was broken, or one may not be connected: the socket closes with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason[:_REASON_CHARACTERS]


class Sockets:
    """The WebSocket endpoint `/graphql`."""

    def __init__(
        self, hub: Callable[[], Hub], identity: Callable[[], Identity], places: Places, tokens: Tokens
    ) -> None:
        self._hub = hub
        self._identity = identity
        self._places = places
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        try:
            await self._serve(socket)
        except Closed as closed:
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close(closed.code, closed.reason)
        except (WebSocketDisconnect, TimeoutError):
            pass  # whoever was there has gone, or reads no more

    async def _serve(self, socket: WebSocket) -> None:
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            raise Closed(4406, "Subprotocol not acceptable")
        caller = caller_of(socket)
        try:
            place = self._places.take(caller.address, caller.account)
        except Refused as refused:
            await socket.accept(PROTOCOL)
            raise Closed(TOO_MANY, refused.message) from None
        connection = Connection(socket, self._hub(), self._identity(), self._tokens, place)
        try:
            await socket.accept(PROTOCOL)
            await connection.serve()
        finally:
            connection.end()


class Connection:
    """One socket and the operations that run on it; all that it holds is given back at its end."""

    def __init__(self, socket: WebSocket, hub: Hub, identity: Identity, tokens: Tokens, place: Place) -> None:
        self._socket = socket
        self._out = Out(socket)
        self._hub = hub
        self._identity = identity
        self._tokens = tokens
        self._place = place
        self._watches: list[Callable[[], None]] = []
        self._running: dict[str, Operation] = {}
        self._closing: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer messages until the client goes; raises Closed."""
        self._watch(self._socket.headers.get("authorization"))
        try:
            async with asyncio.timeout(INIT_SECONDS):
                greeting = await self._greeting()
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        await self._let_in(greeting.get("payload"))
        while True:
            await self._handle(await self._received())

    def end(self) -> None:
        """End everything that runs; nothing is awaited, so a disconnect cannot cut it off."""
        for operation in self._running.values():
            operation.end()
        for unwatch in self._watches:
            unwatch()
        self._place.release()

    async def _greeting(self) -> dict[str, Any]:
        while True:
            message = await self._received()
            match message["type"]:
                case "connection_init":
                    return message
                case "ping":
                    await self._pong(message)
                case "pong":
                    pass
                case "subscribe":
                    raise Closed(4401, "Unauthorized")
                case _:
                    raise Closed(4400, "Invalid message")

    async def _let_in(self, payload: object) -> None:
        """Find out whose token the greeting has, if it has one, and tell which log this is."""
        if payload is not None and not isinstance(payload, dict):
            raise Closed(4400, "The payload of connection_init is an object")
        for name, value in (payload or {}).items():
            if name.lower() == "authorization":
                await self._identify(value)
        await self._out.say(type="connection_ack", payload=about(self._identity, await self._hub.head()))

    async def _identify(self, authorization: object) -> None:
        if not isinstance(authorization, str):
            raise Closed(FORBIDDEN, "The token opens nothing")
        try:
            caller = await self._tokens.caller(authorization, address_of(self._socket.scope))
            if caller.account is not None:
                self._place.of_account(caller.account)
        except NotIdentified:
            raise Closed(FORBIDDEN, "The token opens nothing") from None
        except KeysUnavailable:
            raise Closed(TRY_AGAIN_LATER, "Nobody can sign in at the moment") from None
        except Refused as refused:
            raise Closed(TOO_MANY, refused.message) from None
        self._watch(authorization)

    def _watch(self, authorization: str | None) -> None:
        if authorization is not None:
            self._watches.append(self._tokens.watch(authorization, address_of(self._socket.scope), self._refuse))

    def _refuse(self) -> None:
        """Close, since the token that one came with opens nothing any more."""
        for operation in self._running.values():
            operation.end()
        self._closing = asyncio.create_task(self._close(FORBIDDEN, "The token opens nothing any more"))

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
                raise Closed(4429, "Too many initialisation requests")
            case _:
                raise Closed(4400, "Invalid message")

    def _subscribe(self, identifier: str, payload: dict[str, Any]) -> None:
        if identifier in self._running:
            raise Closed(4409, f"Subscriber for {identifier} already exists")
        operation = Operation(identifier, self._out, self._hub, self._identity, self._forget)
        full = len(self._running) >= MOST_OPERATIONS
        self._running[identifier] = operation
        if full:
            message = f"A socket carries at most {MOST_OPERATIONS} operations."
            operation.refuse(Refused(429, message, code="TOO_MANY_OPERATIONS"))
        else:
            operation.begin(payload)

    def _forget(self, identifier: str) -> None:
        self._running.pop(identifier, None)

    def _complete(self, identifier: object) -> None:
        operation = self._running.pop(identifier, None) if isinstance(identifier, str) else None
        if operation is not None:
            operation.end()

    async def _pong(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        await self._out.say(type="pong", **({"payload": payload} if payload is not None else {}))

    async def _received(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        if text is None:
            raise Closed(4400, "Messages are text")
        try:
            words = _WORDS.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
            raise Closed(4400, "Messages are JSON objects") from None
        if not isinstance(words.get("type"), str):
            raise Closed(4400, "A message needs a type")
        return words


def _operation(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    identifier, payload = message.get("id"), message.get("payload")
    if not isinstance(identifier, str) or not identifier:
        raise Closed(4400, "A subscription needs an id")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise Closed(4400, "A subscription needs a payload with a query")
    return identifier, payload
