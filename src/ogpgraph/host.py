"""Hosts as requests and settings name them: a name or an IP address, and perhaps a port."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET6, inet_ntop
from typing import Final

Network = IPv4Network | IPv6Network
IPV6_PREFIX: Final = 64
"""The bits of an IPv6 address that belong to a network: whoever has one address of it has all of them."""
_DEFAULT_PORTS: Final = (80, 443)
_MAX_PORT: Final = 65_535
_HOST: Final = re.compile(
    r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::(?P<port>[0-9]{0,5}))?"
)


@dataclass(frozen=True, slots=True)
class Host:
    """A host: a name in lower case or an IP address, and perhaps a port.

    As a pattern, the name `*` means all, and one that begins with `*.` all that end with the rest.
    """

    name: str
    port: int | None = None

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"

    def includes(self, other: Host) -> bool:
        """Return whether this, as a pattern, means another host; without a port it means all of them."""
        has_default_port = other.port is None and self.port in _DEFAULT_PORTS  # which browsers leave out
        if self.port not in (None, other.port) and not has_default_port:
            return False
        return other.name.endswith(self.name[1:]) if self.name.startswith("*") else self.name == other.name

    @property
    def cannot_be_rebound(self) -> bool:
        """Return whether no DNS server can give the name another address: it is one, or means the loopback one."""
        try:
            return bool(ip_address(self.name))
        except ValueError:
            return self.name == "localhost" or self.name.endswith(".localhost")


ANY_HOST: Final = Host("*")


def parse_host(text: str) -> Host:
    """Return the host that a `Host` header names (RFC 9110, 7.2). Raises ValueError."""
    found = _HOST.fullmatch(text.lower())
    if not found or int(found["port"] or 0) > _MAX_PORT:
        raise ValueError("neither a name nor an address")
    name = _format_v6(IPv6Address(found["v6"])) if found["v6"] else found["name"]
    return Host(name, int(found["port"] or 0) or None)


def _format_v6(address: IPv6Address) -> str:
    """Return the canonical text of an address (RFC 5952): `str` writes a mapped IPv4 address so from Python 3.13 on."""
    return inet_ntop(AF_INET6, address.packed)


def parse_host_pattern(text: str) -> Host:
    """Return the pattern that a setting names; a name in any script becomes that of DNS. Raises ValueError."""
    if text == "*":
        return ANY_HOST
    if text.startswith("*."):
        suffix = parse_host_pattern(text.removeprefix("*."))
        if suffix.name.startswith("*"):
            raise ValueError("a second asterisk")
        return Host(f"*.{suffix.name}", suffix.port)
    ascii_text = text if text.isascii() else text.encode("idna").decode()
    is_bare_v6 = ascii_text.count(":") > 1 and not ascii_text.startswith("[")
    return parse_host(f"[{ascii_text}]" if is_bare_v6 else ascii_text)


def is_loopback(address: str) -> bool:
    """Return whether an address, or `localhost`, is one of the loopback interface."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address == "localhost"
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


@lru_cache(maxsize=10_000)
def find_network(address: str) -> str:
    """Return the network of an IPv6 address; another address, or what is none, as it is."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    return str(parsed.ipv4_mapped or ip_network((int(parsed), IPV6_PREFIX), strict=False))
