"""A subscription on a socket, in the moments between its steps."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket

from ogpgraph.web.errors import bad_request
from ogpgraph.web.live.hub import Hub
from ogpgraph.web.live.websocket_operation import MessageWriter, SubscriptionOperation

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_one_that_ends_before_its_first_step_says_nothing_and_leaves_nothing_behind() -> None:
    said: list[Message] = []

    async def heard() -> Message:
        raise AssertionError("nobody listens")

    async def send(message: Message) -> None:
        said.append(message)

    socket = WebSocket({"type": "websocket"}, heard, send)
    operation = SubscriptionOperation("1", MessageWriter(socket), cast(Hub, None), cast(Any, None), lambda _: None)
    operation.reject(bad_request("no subscription"))
    operation.stop()
    await asyncio.sleep(0)
    del operation
    gc.collect()  # what was never awaited would warn now
    assert said == []
