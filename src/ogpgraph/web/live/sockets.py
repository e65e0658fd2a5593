"""GraphQL over WebSocket: the graphql-transport-ws protocol, in which what one operation does wrong ends only that one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any, Final

import anyio
import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ogpgraph.web.live.hub import Hub, NoSuchPosition, TooSlow
from ogpgraph.web.masking import told
from ogpgraph.web.parameters import from_body
from ogpgraph.web.prepared import RequestErrors
from ogpgraph.web.refused import Refused

PROTOCOL: Final = "graphql-transport-ws"
INIT_SECONDS: Final = 10.0
WRITE_SECONDS: Final = 30.0
MOST_OPERATIONS: Final = 100
_WORDS = msgspec.json.Decoder(dict[str, Any])


class Closed(Exception):
    """The protocol was broken: the socket closes with a code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Sockets:
    """The WebSocket endpoint `/graphql`."""

    def __init__(self, hub: Callable[[], Hub]) -> None:
        self._hub = hub

    async def __call__(self, socket: WebSocket) -> None:
        if PROTOCOL not in socket.scope.get("subprotocols", ()):
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        connection = Connection(socket, self._hub())
        try:
            await connection.serve()
        except Closed as closed:
            with suppress(RuntimeError):
                await socket.close(closed.code, closed.reason)
        except (WebSocketDisconnect, TimeoutError):
            pass  # whoever was there has gone, or reads no more
        finally:
            connection.end()


class Connection:
    """One socket and the operations that run on it."""

    def __init__(self, socket: WebSocket, hub: Hub) -> None:
        self._socket = socket
        self._hub = hub
        self._running: dict[str, asyncio.Task[None]] = {}
        self._acknowledged = False

    async def serve(self) -> None:
        """Answer messages until the client goes; raises Closed."""
        try:
            await asyncio.wait_for(self._greet(), INIT_SECONDS)
        except TimeoutError:
            raise Closed(4408, "Connection initialisation timeout") from None
        while True:
            await self._handle(await self._received())

    def end(self) -> None:
        """End everything that runs; nothing is awaited, so a disconnect cannot cut it off."""
        for task in self._running.values():
            task.cancel()

    async def _greet(self) -> None:
        while not self._acknowledged:
            message = await self._received()
            match message["type"]:
                case "connection_init":
                    self._acknowledged = True
                    await self._send({"type": "connection_ack"})
                case "ping":
                    await self._pong(message)
                case "pong":
                    pass
                case "subscribe":
                    raise Closed(4401, "Unauthorized")
                case _:
                    raise Closed(4400, "Invalid message")

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
            raise Closed(4409, f"Subscriber for {identifier} already exists"[:123])
        self._running[identifier] = asyncio.create_task(self._run(identifier, payload))

    def _complete(self, identifier: object) -> None:
        task = self._running.pop(identifier, None) if isinstance(identifier, str) else None
        if task is not None:
            task.cancel()

    async def _run(self, identifier: str, payload: dict[str, Any]) -> None:
        try:
            await self._follow(identifier, payload)
            await self._send({"id": identifier, "type": "complete"})
        except RequestErrors as wrong:
            await self._fail(identifier, [told(error, code=wrong.code) for error in wrong.errors])
        except Refused as refused:
            await self._fail(identifier, [{"message": refused.message, "extensions": {"code": refused.code}}])
        except NoSuchPosition as wrong:
            await self._fail(identifier, [{"message": str(wrong), "extensions": {"code": "BAD_POSITION"}}])
        except TooSlow as slow:
            code = {"code": "TOO_SLOW", "position": slow.position}
            await self._fail(identifier, [{"message": str(slow), "extensions": code}])
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass  # the socket is gone, and with it everyone who could be told
        finally:
            self._running.pop(identifier, None)

    async def _follow(self, identifier: str, payload: dict[str, Any]) -> None:
        if len(self._running) > MOST_OPERATIONS:
            raise Refused(429, f"A socket carries at most {MOST_OPERATIONS} operations.", code="TOO_MANY_OPERATIONS")
        topic = await self._hub.topics.topic(from_body(msgspec.json.encode(payload)))
        head = b'{"id":' + msgspec.json.encode(identifier) + b',"type":"next","payload":'
        async with aclosing(self._hub.follow(topic, topic.after)) as items:
            async for item in items:
                if item.payload is not None:
                    await self._send_text((head + item.payload + b"}").decode())

    async def _fail(self, identifier: str, errors: list[dict[str, Any]]) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            await self._send({"id": identifier, "type": "error", "payload": errors})

    async def _pong(self, message: dict[str, Any]) -> None:
        payload = message.get("payload")
        await self._send({"type": "pong", **({"payload": payload} if payload is not None else {})})

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

    async def _send(self, message: dict[str, Any]) -> None:
        await self._send_text(msgspec.json.encode(message).decode())

    async def _send_text(self, text: str) -> None:
        with anyio.fail_after(WRITE_SECONDS):
            await self._socket.send_text(text)


def _operation(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    identifier, payload = message.get("id"), message.get("payload")
    if not isinstance(identifier, str) or not identifier:
        raise Closed(4400, "A subscription needs an id")
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise Closed(4400, "A subscription needs a payload with a query")
    return identifier, payload
