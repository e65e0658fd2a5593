"""One operation on a WebSocket. A subscription is replayed by a task, then written to the connection without one.

A task per idle subscription would cost memory and a wake-up for each entry. One is started again when the client does
not keep up, and when the operation ends with a message.
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

from ogpgraph.readmodel.bookmark import OtherHistory
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.storage.log_identity import LogIdentity
from ogpgraph.web.deadline import Deadline
from ogpgraph.web.document_cache import RequestErrors
from ogpgraph.web.errors import RequestRejected, error_payload, format_error, report_failure
from ogpgraph.web.live.batches import PositionBeyondHead
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.socket_requests import SocketRequests
from ogpgraph.web.live.subscribers import StreamFailed, StreamItem, Subscriber
from ogpgraph.web.live.subscriptions import require_same_log
from ogpgraph.web.live.websocket_protocol import SCOPE_EXTENSION, DirectWriter, WebSocketProtocol
from ogpgraph.web.request import RequestParameters, parse_json_body

WRITE_TIMEOUT_SECONDS: Final = 30.0


class MessageWriter:
    """Writes messages to a WebSocket: directly if the server supports it and the client keeps up, else through ASGI."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._protocol: WebSocketProtocol | None = socket.scope.get("extensions", {}).get(SCOPE_EXTENSION)

    @property
    def is_writable(self) -> bool:
        """Whether `write` may be called."""
        return self._protocol is not None and self._protocol.is_writable

    def write(self, *parts: bytes) -> None:
        """Write a message directly; only while `is_writable`."""
        assert self._protocol is not None
        self._protocol.write_text(*parts)

    def direct_writer(self, prefix: bytes) -> DirectWriter | None:
        """Return a writer of messages with a common prefix, None if the server does not support it."""
        return DirectWriter(self._protocol, prefix) if self._protocol is not None else None

    async def send(self, *parts: bytes) -> None:
        """Write a message as soon as possible; raises TimeoutError if the client does not read."""
        if self.is_writable:
            self.write(*parts)
            return
        with anyio.fail_after(WRITE_TIMEOUT_SECONDS):
            await self._socket.send_text(b"".join(parts).decode())

    async def send_message(self, **message: object) -> None:
        """Write a message of the protocol."""
        await self.send(msgspec.json.encode(message))


class SocketOperation:
    """An operation with its id on a WebSocket; calls `on_finished` when it ends by itself."""

    def __init__(
        self,
        identifier: str,
        out: MessageWriter,
        hub: Hub,
        identity: LogIdentity,
        requests: SocketRequests,
        on_finished: Callable[[str], object],
    ) -> None:
        self._identifier = identifier
        self._prefix = b'{"id":' + msgspec.json.encode(identifier) + b',"type":"next","payload":'
        self._out = out
        self._hub = hub
        self._identity = identity
        self._requests = requests
        self._on_finished = on_finished
        self._deadline: Deadline | None = None  # of a query or mutation
        self._subscriber: Subscriber | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, payload: dict[str, Any]) -> None:
        """Begin the operation that a client's message asks for."""
        self._run(partial(self._execute, payload))

    def reject(self, rejected: RequestRejected) -> None:
        """End the operation with an error instead of beginning it."""
        self._run(partial(_raise, rejected))

    def stop(self) -> None:
        """End the operation without a message. Awaits nothing, so a client's disconnect cannot interrupt it."""
        if self._deadline is not None:
            # Its thread notices. It is not abandoned: a mutation is recorded to its end, whoever waits for the result.
            self._deadline.cancel()
        elif self._task is not None:
            self._task.cancel()
        if self._subscriber is not None:
            self._hub.detach(self._subscriber)

    async def _execute(self, payload: dict[str, Any]) -> None:
        parameters, is_subscription = await self._requests.find_document(parse_json_body(msgspec.json.encode(payload)))
        require_same_log(self._identity, parameters.extensions)
        await (self._subscribe if is_subscription else self._respond)(parameters)

    async def _respond(self, parameters: RequestParameters) -> None:
        """Execute a query or mutation, and end."""
        self._deadline = self._requests.start_deadline()
        async with self._requests.respond(parameters, self._deadline) as response:
            if not self._deadline.is_cancelled:
                await self._out.send(self._prefix, response, b"}")
        if not self._deadline.is_cancelled:
            await self._finish(type="complete")

    async def _subscribe(self, parameters: RequestParameters) -> None:
        client = self._requests.client
        subscription = await self._hub.compile(client, parameters)
        self._subscriber = self._hub.attach(subscription, client)
        async with aclosing(self._hub.replay(self._subscriber, subscription.after)) as items:
            async for item in items:
                await self._out.send(*self._message_parts(item))
        await self._drain()

    async def _drain(self) -> None:
        """Send the pending items, at the speed at which the client reads."""
        subscriber = self._subscriber
        while subscriber is not None and (item := subscriber.pop()) is not None:
            await self._out.send(*self._message_parts(item))

    def _flush(self) -> None:
        """Write the pending items directly; the hub calls this for each entry of thousands of subscriptions."""
        subscriber, out = self._subscriber, self._out
        if self._task is not None or subscriber is None:
            return
        while subscriber.pending and out.is_writable:
            if (item := subscriber.pop()) is not None:
                out.write(*self._message_parts(item))
        if subscriber.pending or subscriber.failure or self._hub.is_closing:
            self._run(self._drain)

    def _message_parts(self, item: StreamItem) -> tuple[bytes, bytes, bytes]:
        assert item.payload is not None
        return self._prefix, item.payload, b"}"

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        if self._subscriber is not None:
            self._subscriber.direct_writer = None  # its messages would overtake those of the task
        self._task = asyncio.create_task(self._run_guarded(work))

    async def _run_guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            if self._hub.is_closing:
                await self._finish(type="complete")
                return
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            # The connection is closed, so no message can be sent; Starlette raises RuntimeError in this case.
            self._leave()
        except Exception as failure:
            if self._deadline is None or not self._deadline.is_cancelled:
                await self._finish(type="error", payload=format_failure(failure, self._identifier))
        else:
            # Nothing is awaited from the last `pop` to the flush, so an item that arrived in between is written by it.
            self._task = None
            if self._subscriber is not None:
                self._subscriber.wake = self._flush
                self._subscriber.direct_writer = self._out.direct_writer(self._prefix)
                self._flush()

    async def _finish(self, **message: object) -> None:
        self._leave()
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            await self._out.send_message(id=self._identifier, **message)

    def _leave(self) -> None:
        if self._subscriber is not None:
            self._hub.detach(self._subscriber)
        self._on_finished(self._identifier)


def format_failure(failure: Exception, identifier: str) -> list[Any]:
    """Return the errors with which an operation ends; an unexpected failure is logged and masked."""
    match failure:
        case RequestErrors():
            return [format_error(error, code=failure.code) for error in failure.errors]
        case RequestRejected():
            payload = error_payload(failure.message, code=failure.code)
        case OtherHistory():
            payload = error_payload(str(failure), code=ReadErrorCode.OTHER_HISTORY)
        case PositionBeyondHead():
            payload = error_payload(str(failure), code=ReadErrorCode.BAD_POSITION)
        case StreamFailed():
            payload = error_payload(str(failure), code=failure.code, **failure.extensions)
        case _:
            payload = report_failure(failure, f"subscription-{identifier}")
    errors: list[Any] = payload["errors"]  # type: ignore[assignment]  # a list
    return errors


async def _raise(rejected: RequestRejected) -> None:
    raise rejected
