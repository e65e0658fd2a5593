"""HTTP connections as cheap as possible, from any address of this machine, so that the server is what is measured."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import NamedTuple, Self

SERVER_ADDRESS = "127.0.0.1"
_BUFFER_BYTES = 1 << 20
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3})")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_POSITION = re.compile(rb"\r\nx-position: (\d+)\r\n", re.IGNORECASE)


class Answer(NamedTuple):
    """The status of a response, the position that its header names (0 without one), and its body."""

    status: int
    position: int
    body: bytes


class Connection:
    """One connection, which sends a request once the response to the one before has arrived."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, source: str) -> Self:
        """Connect from an address of this machine; raises OSError."""
        streams = await asyncio.open_connection(SERVER_ADDRESS, port, local_addr=(source, 0), limit=_BUFFER_BYTES)
        return cls(*streams)

    async def request(self, request: bytes) -> Answer:
        """Send a request and return its response; raises OSError and EOFError if the server closes the connection."""
        self.writer.write(request)
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        status, length, position = (found.search(head) for found in (_STATUS, _LENGTH, _POSITION))
        assert status, head
        body = await self.reader.readexactly(int(length[1]) if length else 0)
        return Answer(int(status[1]), int(position[1]) if position else 0, body)

    def close(self) -> None:
        """Close the connection at once."""
        self.writer.transport.abort()


def encode_post(query: str, variables: Mapping[str, object] | None = None, token: str | None = None) -> bytes:
    """Return a request for an operation."""
    body = json.dumps({"query": query, **({"variables": variables} if variables else {})}).encode()
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{authorization}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def encode_get(path: str) -> bytes:
    """Return a request for a path."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
