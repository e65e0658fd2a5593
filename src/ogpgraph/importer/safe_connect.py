"""Connections to the public internet only: the address that was checked is the one connected to, within a deadline."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Protocol

from ogpgraph.importer.pages.extraction import UnreadableInput

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]

_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


class FetchError(UnreadableInput):
    """A page could not be had from its address; `reason` says why in one line."""


class Buffer(Protocol):
    """What bytes are received into."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Deadline:
    """When a whole fetch has to be done."""

    seconds: float
    end: float

    @classmethod
    def within(cls, seconds: float) -> Deadline:
        """Return the deadline that is some seconds away."""
        return cls(seconds, time.monotonic() + seconds)

    def remaining_seconds(self) -> float:
        """Return the seconds that are left; raises TimeoutError when none are."""
        remaining_seconds = self.end - time.monotonic()
        if remaining_seconds <= 0:
            raise TimeoutError
        return remaining_seconds


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, numbers in any notation included; raises NotFetched where it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise FetchError(f"there is no host {host}") from error
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def is_public(address: Address) -> bool:
    """Tell whether an address, and every one that it may stand for, is of the public internet."""
    if isinstance(address, IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(address in network for network in _EMBEDDING):
            inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.is_site_local or not all(is_public(each) for each in inner if each is not None):
            return False
        if address.ipv4_mapped is not None:
            return True
    return address.is_global and not address.is_multicast


def connect(
    host: str, port: int, deadline: Deadline, *, resolve: Resolve, may_connect: Callable[[Address], bool]
) -> socket.socket:
    """Return a connection to a host; raises NotFetched where one of its addresses is not allowed, and OSError."""
    addresses = resolve(host, port)
    for text in addresses:
        if not may_connect(ip_address(text)):
            raise FetchError(f"{host} is at {text}, which is not of the public internet (--allow-private lets it)")
    problem: OSError = ConnectionRefusedError(f"{host} has no address")
    for text in addresses:
        try:
            return socket.create_connection((text, port), timeout=deadline.remaining_seconds())
        except TimeoutError:
            raise
        except OSError as error:
            problem = error
    raise problem


def wrap_tls(connection: socket.socket, host: str) -> socket.socket:
    """Return a connection secured for a host whose certificate was checked; raises OSError."""
    return ssl.create_default_context().wrap_socket(connection, server_hostname=host)


class DeadlineSocket:
    """A connection as `http.client` uses it, on which everything together has to be done by a deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        self._connection.settimeout(self._deadline.remaining_seconds())
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file that reads what is received."""
        assert mode == "rb"
        return io.BufferedReader(_ReceivedBytes(self._connection, self._deadline))

    def close(self) -> None:
        """Leave closing to who connected: the answer is still being read."""


class _ReceivedBytes(io.RawIOBase):
    """The bytes received; each wait may take what is left of the time for all."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]  # the base names a type that has no name
        self._connection.settimeout(self._deadline.remaining_seconds())
        return self._connection.recv_into(buffer)  # type: ignore[arg-type]  # likewise
