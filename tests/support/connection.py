"""A connection whose requests are sent byte by byte, and several before the first response."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final, NamedTuple, Self


class Response(NamedTuple):
    """A response without the headers that differ each time: its date and its id."""

    status_line: bytes
    headers: list[bytes]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])


class Connection:
    """A connection to a server of HTTP/1.1; leaving its context closes it."""

    TIMEOUT_SECONDS: Final = 60

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=self.TIMEOUT_SECONDS)
        self._received = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._received.close()  # the socket stays open as long as its file
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send the pieces as one; does nothing if the server has closed the connection."""
        with suppress(ConnectionError):
            self.socket.sendall(b"".join(pieces))

    def receive(self) -> Response:
        """The next response.

        Raises:
            ConnectionError: the connection was closed before its end.
        """
        status_line = self._read_line()
        lines = list(iter(self._read_line, b"\r\n"))
        names = [line.split(b":")[0].lower() for line in lines]
        length = int(lines[names.index(b"content-length")].split(b":")[1]) if b"content-length" in names else 0
        kept = [line for line, name in zip(lines, names, strict=True) if name not in {b"date", b"x-request-id"}]
        return Response(status_line, kept, self._received.read(length))

    def is_closed(self) -> bool:
        """Whether the server closes the connection, now or soon, with nothing more sent."""
        try:
            return self._received.read(1) == b""
        except ConnectionResetError:
            return True

    def _read_line(self) -> bytes:
        line = self._received.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the server has closed the connection")
        return line
