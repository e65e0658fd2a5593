"""A TCP proxy in front of a PostgreSQL server that can lose the reply to a COMMIT, as a network does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path

BYTES = 65_536


class Proxy:
    """Forwards connections to a server's socket, and drops the reply to a COMMIT on request."""

    def __init__(self, server_socket: Path) -> None:
        self._server_socket = server_socket
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lost = 0
        self._lose = threading.Event()
        self._sockets: list[socket.socket] = [self._listener]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def lose_next_reply(self) -> None:
        """Cut the connection on which the next COMMIT is sent, after the server has executed it."""
        self._lose.set()

    def close(self) -> None:
        """Stop forwarding."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server_socket))
                self._sockets += [client, server]
                cut = threading.Event()
                for arguments in ((client, server, cut, True), (server, client, cut, False)):
                    thread = threading.Thread(target=self._forward, args=arguments, daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _forward(self, source: socket.socket, target: socket.socket, cut: threading.Event, is_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(BYTES):
                if is_client and self._lose.is_set() and b"commit\x00" in data:  # the whole statement
                    self._lose.clear()
                    cut.set()
                if not is_client and cut.is_set():
                    self.lost += 1
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
