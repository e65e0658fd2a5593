"""Connections to the public internet only, within a deadline.

The address that was checked is the one connected to: the host's name is not resolved a second time, so that it cannot
resolve to another address after the check (DNS rebinding).
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from ogpgraph.importer.pages.extraction import UnreadableInput

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

_EMBEDDING_NETWORKS = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Networks whose addresses contain an IPv4 address in their last 32 bits: NAT64, and the deprecated IPv4-compatible."""


class FetchError(UnreadableInput):
    """A page could not be fetched; `reason` is one line for the person who imports it."""


@dataclass(frozen=True)
class Deadline:
    """The end of the time for a whole fetch, on the monotonic clock."""

    seconds: float
    end: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        """Return the deadline in so many seconds."""
        return cls(seconds, time.monotonic() + seconds)

    def remaining_seconds(self) -> float:
        """Return the seconds until the deadline; raises TimeoutError after it."""
        seconds = self.end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, or of an address in any notation; raises FetchError where it has none."""
    try:
        # The system's resolver takes the time it is configured to take; the deadline does not interrupt it.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise FetchError(f"there is no host {host}") from error
    return list(dict.fromkeys(str(socket_address[0]) for *_, socket_address in found))


def is_public(address: Address) -> bool:
    """Return whether an address, and any IPv4 address embedded in it, belongs to the public internet."""
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _EMBEDDING_NETWORKS):
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or not all(is_public(each) for each in inner if each is not None):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def connect(
    host: str, port: int, deadline: Deadline, *, resolve: Resolve, may_connect: Callable[[Address], bool]
) -> socket.socket:
    """Return a connection to a host; raises FetchError where one of its addresses is not allowed, and OSError."""
    addresses = resolve(host, port)
    # All are checked before the first connection: a host with one private address among others is not trusted.
    for text in addresses:
        if not may_connect(ip_address(text)):
            raise FetchError(f"{host} is at {text}, which is not in the public internet (--allow-private allows it)")
    problem: OSError = ConnectionRefusedError(f"{host} has no address")
    for text in addresses:
        try:
            return socket.create_connection((text, port), timeout=deadline.remaining_seconds())
        except TimeoutError:
            raise  # the deadline is for all addresses together
        except OSError as error:
            problem = error
    raise problem


def wrap_tls(connection: socket.socket, host: str) -> socket.socket:
    """Return the connection with TLS for a host whose certificate was verified; raises OSError."""
    return ssl.create_default_context().wrap_socket(connection, server_hostname=host)


class DeadlineSocket:
    """A socket with the methods that `http.client` uses, all of whose operations together end by a deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all bytes by the deadline."""
        self._connection.settimeout(self._deadline.remaining_seconds())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file of the received bytes."""
        assert mode == "rb"
        return io.BufferedReader(_ReceivedBytes(self._connection, self._deadline))

    def close(self) -> None:
        """Do nothing: http.client closes the socket before the body is read. The caller closes the connection."""


class _ReceivedBytes(io.RawIOBase):
    """The received bytes. A socket's own timeout is for each operation, so it is set anew before each."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base has a type without a name
        self._connection.settimeout(self._deadline.remaining_seconds())
        return self._connection.recv_into(buffer)
