from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from ogpgraph.web.errors import bad_request
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.websocket_operation import MessageWriter, SocketOperation

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_an_operation_stopped_before_its_task_ran_sends_nothing_and_leaves_no_coroutine() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("an operation receives nothing")

    async def send(message: Message) -> None:
        sent.append(message)

    socket = WebSocket({"type": "websocket"}, receive, send)
    operation = SocketOperation(
        "1", MessageWriter(socket), cast(Hub, None), cast(Any, None), cast(Any, None), lambda _: None
    )
    operation.reject(bad_request("no subscription"))
    operation.stop()
    await asyncio.sleep(0)
    del operation
    gc.collect()  # a coroutine that was never awaited would warn now
    assert sent == []
