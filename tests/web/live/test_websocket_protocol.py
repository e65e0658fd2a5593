from __future__ import annotations

import asyncio
import socket

import pytest
from websockets.frames import Frame, Opcode

from ogpgraph.web.connection_timeouts import WriteTimeoutMixin
from ogpgraph.web.live.websocket_protocol import ReceiveQueue, encode_frame_header

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
def test_frames_equal_those_of_the_websockets_library(length: int) -> None:
    text = b"x" * length
    assert encode_frame_header(length) + text == Frame(Opcode.TEXT, text).serialize(mask=False)


class FloodingProtocol(WriteTimeoutMixin):
    """Writes more than all buffers on the way hold, to a client that reads nothing."""

    write_timeout_seconds = 0.3

    def __init__(self, lost: asyncio.Future[float]) -> None:
        self.loop = asyncio.get_running_loop()
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(bytes(50_000_000))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost.set_result(self.loop.time())


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    loop = asyncio.get_running_loop()
    lost: asyncio.Future[float] = loop.create_future()
    server = await loop.create_server(lambda: FloodingProtocol(lost), "127.0.0.1", 0)
    async with server:
        began = loop.time()
        with socket.create_connection(server.sockets[0].getsockname()[:2]):
            async with asyncio.timeout(60):
                assert await lost - began >= 0.3


async def test_a_receive_queue_keeps_the_order_and_survives_a_cancelled_receiver() -> None:
    queue = ReceiveQueue()
    cancelled = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    receiving = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    for code in (1, 2, 3):
        queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": None})
    assert [(await receiving)["code"], (await queue.get())["code"]] == [1, 2]  # type: ignore[typeddict-item]  # a disconnect
    assert not queue.empty()
    assert (await queue.get())["code"] == 3  # type: ignore[typeddict-item]  # likewise
    assert queue.empty()
