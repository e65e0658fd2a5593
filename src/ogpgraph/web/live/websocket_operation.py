"""One subscription on a socket: replayed by a task, then written straight into the socket, without any.

A task comes back when the client does not keep up, or when there is something to be told at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from functools import partial
from typing import Any, Final

import anyio
import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from ogpgraph.storage.event_log import LogIdentity
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import RequestRejected, format_error, report_internal_error
from ogpgraph.web.live.hub import Hub, PositionBeyondHead
from ogpgraph.web.live.subscribers import StreamItem, Subscriber, SubscriberTooSlow
from ogpgraph.web.live.subscriptions import require_same_log
from ogpgraph.web.live.websocket_protocol import SCOPE_EXTENSION, DirectWriter, WebSocketProtocol
from ogpgraph.web.request import parse_json_body

WRITE_SECONDS: Final = 30.0


class MessageWriter:
    """The way out of a socket: at once where the server offers that and the client keeps up, else by waiting."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._wire: WebSocketProtocol | None = socket.scope.get("extensions", {}).get(SCOPE_EXTENSION)

    @property
    def is_writable(self) -> bool:
        """Tell whether `write` may be used."""
        return self._wire is not None and self._wire.is_writable

    def write(self, *parts: bytes) -> None:
        """Write a message at once, while that is possible."""
        assert self._wire is not None
        self._wire.write_text(*parts)

    def direct_writer(self, prefix: bytes) -> DirectWriter | None:
        """Return the shortest way for messages that begin alike, where the server offers one."""
        return DirectWriter(self._wire, prefix) if self._wire is not None else None

    async def send(self, *parts: bytes) -> None:
        """Write a message as soon as possible; raises TimeoutError where the client does not read."""
        if self.is_writable:
            self.write(*parts)
            return
        with anyio.fail_after(WRITE_SECONDS):
            await self._socket.send_text(b"".join(parts).decode())

    async def send_message(self, **message: object) -> None:
        """Write a message of the protocol."""
        await self.send(msgspec.json.encode(message))


class SubscriptionOperation:
    """A subscription with its id; `over` is called when it has ended by itself."""

    def __init__(
        self, identifier: str, out: MessageWriter, hub: Hub, identity: LogIdentity, on_finished: Callable[[str], object]
    ) -> None:
        self._identifier = identifier
        self._prefix = b'{"id":' + msgspec.json.encode(identifier) + b',"type":"next","payload":'
        self._out = out
        self._hub = hub
        self._identity = identity
        self._on_finished = on_finished
        self._reader: Subscriber | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, payload: dict[str, Any]) -> None:
        """Do what a client asks for."""
        self._run(partial(self._follow, payload))

    def reject(self, refused: RequestRejected) -> None:
        """Tell the client that nothing is done for it."""
        self._run(partial(_raise, refused))

    def stop(self) -> None:
        """End it; nothing is awaited, so that a disconnect cannot cut it off."""
        if self._task is not None:
            self._task.cancel()
        if self._reader is not None:
            self._hub.detach(self._reader)

    async def _follow(self, payload: dict[str, Any]) -> None:
        asked = parse_json_body(msgspec.json.encode(payload))
        require_same_log(self._identity, asked.extensions)
        topic = await self._hub.compiler.compile(asked)
        self._reader = self._hub.attach(topic)
        async with aclosing(self._hub.replay(self._reader, topic.after)) as items:
            async for item in items:
                await self._out.send(*self._message(item))
        await self._drain()

    async def _drain(self) -> None:
        reader = self._reader
        while reader is not None and (item := reader.pop()) is not None:
            await self._out.send(*self._message(item))

    def _flush(self) -> None:
        """Write what waits; called for each entry, for thousands of subscriptions in turn."""
        reader, out = self._reader, self._out
        if self._task is not None or reader is None:
            return
        while reader.pending and out.is_writable:
            if (item := reader.pop()) is not None:
                out.write(*self._message(item))
        if reader.pending or reader.is_too_slow or self._hub.is_closing:
            self._run(self._drain)

    def _message(self, item: StreamItem) -> tuple[bytes, bytes, bytes]:
        assert item.payload is not None
        return self._prefix, item.payload, b"}"

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._reader is not None:
            self._reader.direct_writer = None  # nothing may overtake what the task is sending
        self._task = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            if self._hub.is_closing:
                await self._finish(type="complete")
                return
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            self._leave()  # the socket is gone, and with it everyone who could be told
        except Exception as failure:
            await self._finish(type="error", payload=format_failure(failure, self._identifier))
        else:
            # What came since the last look waits, and is written now; nothing was awaited in between.
            self._task = None
            if self._reader is not None:
                self._reader.wake = self._flush
                self._reader.direct_writer = self._out.direct_writer(self._prefix)
                self._flush()

    async def _finish(self, **message: object) -> None:
        self._leave()
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            await self._out.send_message(id=self._identifier, **message)

    def _leave(self) -> None:
        if self._reader is not None:
            self._hub.detach(self._reader)
        self._on_finished(self._identifier)


def format_failure(failure: Exception, identifier: str) -> list[Any]:
    """Return what a client is told when its operation fails; what nobody foresaw is logged and masked."""
    match failure:
        case RequestErrors():
            return [format_error(error, code=failure.code) for error in failure.errors]
        case RequestRejected():
            return [{"message": failure.message, "extensions": {"code": failure.code}}]
        case PositionBeyondHead():
            return [{"message": str(failure), "extensions": {"code": "BAD_POSITION"}}]
        case SubscriberTooSlow():
            return [{"message": str(failure), "extensions": {"code": "TOO_SLOW", "position": failure.position}}]
        case _:
            errors: list[Any] = report_internal_error(failure, f"subscription-{identifier}")["errors"]  # type: ignore[assignment]  # a list
            return errors


async def _raise(refused: RequestRejected) -> None:
    raise refused
