"""The floor: a bare ASGI application that answers each request body with ready bytes.

    python -m bench.serving.floor ANSWERS_FILE PORT

No server in Python behind uvicorn can be faster. A line of the file is a request body, a tab, and the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]


class Floor:
    """The application. It knows no other path, method or header than those of the benchmark."""

    def __init__(self, answers: Path) -> None:
        self._responses: dict[bytes, tuple[Message, Message]] = {}
        for line in answers.read_bytes().splitlines():
            request, _, answer = line.partition(b"\t")
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
            start: Message = {"type": "http.response.start", "status": 200, "headers": headers}
            self._responses[request] = start, {"type": "http.response.body", "body": answer}

    async def __call__(
        self,
        scope: Message,  # noqa: ARG002 - the interface
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        body, is_complete = b"", False
        while not is_complete:
            message = await receive()
            body += message.get("body", b"")
            is_complete = not message.get("more_body")
        for each in self._responses[body]:
            await send(each)


if __name__ == "__main__":
    uvicorn.run(
        Floor(Path(sys.argv[1])),
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        log_level="warning",
        access_log=False,
    )
