"""From which address a request comes: what proxies say of it counts only where the proxies are known."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network
_HEADER = "x-forwarded-for"


class Forwarded:
    """ASGI middleware that puts the client's address in the place of its proxy's.

    `X-Forwarded-For` is read from its end: each known proxy vouches for the address before its own. The first address
    that is no known proxy's is the client's, whatever is said before it.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if self._proxies and client and scope["type"] in ("http", "websocket"):
            address = self._client(client[0], Headers(scope=scope).getlist(_HEADER))
            scope = {**scope, "client": (address, client[1])}
        await self._app(scope, receive, send)

    def _client(self, peer: str, headers: Sequence[str]) -> str:
        told = [each.strip() for header in headers for each in header.split(",")]
        address = peer
        while told and self._is_proxy(address):
            said = _address(told.pop())
            if said is None:
                return address  # the proxy says something that is no address: it is all that is known
            address = str(said)
        return address

    def _is_proxy(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._proxies)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
