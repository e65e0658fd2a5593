"""Fetches one published page, politely: who we are is said, robots.txt is obeyed, nothing unchanged is sent again.

No link is followed; a redirect only within the same host. Size and time are limited, and addresses that are not of
the public internet are refused unless they are allowed.
"""

from __future__ import annotations

import http.client
import re
import zlib
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from typing import cast
from urllib.parse import quote, urljoin, urlsplit

from ogpgraph import __version__
from ogpgraph.importer.connecting import (
    Address,
    Deadline,
    NotFetched,
    Resolve,
    Timed,
    connect,
    is_public,
    resolved,
    secured,
)
from ogpgraph.importer.robots import allows

AGENT = "ogpgraph"
USER_AGENT = f"{AGENT}/{__version__} (importer of open government commitments; fetches single pages for its operator)"
SECONDS = 30.0
MOST_REDIRECTS = 3
ROBOTS_BYTES = 512 * 1024

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TYPES = frozenset(("text/html", "application/xhtml+xml", "text/plain", ""))
_PORTS = {"http": 80, "https": 443}
_CHUNK = 65_536
_GZIP = 31  # zlib's number for a gzip header and the largest window
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Validators:
    """What a server gave with a page so that it can tell later whether the page changed."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A page as its server gave it, from the address it came from in the end; no bytes where it is unchanged."""

    url: str
    data: bytes | None
    validators: Validators


@dataclass(frozen=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def origin(self) -> str:
        return self.url.removesuffix(self.path)


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: Message
    data: bytes


def is_url(text: str) -> bool:
    """Tell an address of the web from the name of a file."""
    return bool(re.match(r"https?://", text, re.IGNORECASE))


class Fetcher:
    """Fetches pages one at a time, and reads each site's robots.txt once."""

    def __init__(
        self, *, limit_bytes: int, allow_private: bool = False, seconds: float = SECONDS, resolve: Resolve = resolved
    ) -> None:
        self._limit_bytes = limit_bytes
        self._allow_private = allow_private
        self._seconds = seconds
        self._resolve = resolve
        self._robots: dict[str, str] = {}

    def fetch(self, url: str, known: Validators | None = None) -> Fetched:
        """Return a page, unchanged ones without their bytes; raises NotFetched."""
        target = _target(url)
        deadline = Deadline.within(self._seconds)
        for _ in range(MOST_REDIRECTS + 1):
            self._obey_robots(target, deadline)
            answer = self._get(target, deadline, self._limit_bytes, _conditions(known))
            if answer.status not in _REDIRECTS:
                return _fetched(target, answer, known)
            target = _redirected(target, answer)
        raise NotFetched(f"more than {MOST_REDIRECTS} redirects")

    def _obey_robots(self, target: _Target, deadline: Deadline) -> None:
        if target.origin not in self._robots:
            self._robots[target.origin] = self._robots_of(target, deadline)
        if not allows(self._robots[target.origin], AGENT, target.path):
            raise NotFetched(f"the robots.txt of {target.host} forbids {target.path}")

    def _robots_of(self, target: _Target, deadline: Deadline) -> str:
        place = _Target(target.scheme, target.host, target.port, "/robots.txt")
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._get(place, deadline, ROBOTS_BYTES, {})
            if answer.status in _REDIRECTS:
                place = _redirected(place, answer)
            elif 200 <= answer.status < 300:
                return answer.data.decode("utf-8", "replace")
            elif 400 <= answer.status < 500 and answer.status != 429:
                return ""  # there is none: everything is allowed
            else:
                raise NotFetched(
                    f"the robots.txt of {target.host} cannot be read ({answer.status}): nothing is fetched"
                )
        raise NotFetched(f"the robots.txt of {target.host} is behind more than {MOST_REDIRECTS} redirects")

    def _get(self, target: _Target, deadline: Deadline, limit_bytes: int, conditions: dict[str, str]) -> _Answer:
        try:
            connection = connect(
                target.host, target.port, deadline, resolve=self._resolve, may_connect=self._may_connect
            )
            with closing(connection):
                if target.scheme == "https":
                    connection = secured(connection, target.host)
                with closing(connection):
                    return _asked(target, Timed(connection, deadline), limit_bytes, conditions)
        except TimeoutError as error:
            raise NotFetched(f"{target.host} took longer than {deadline.seconds:g} seconds") from error
        except OSError as error:
            raise NotFetched(f"{target.host}: {error.strerror or error}") from error
        except (http.client.HTTPException, zlib.error) as error:
            told = _printable(str(error) or type(error).__name__)
            raise NotFetched(f"{target.host} does not answer as a web server does: {told}") from error

    def _may_connect(self, address: Address) -> bool:
        return self._allow_private or is_public(address)


def _target(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
    except (ValueError, UnicodeError) as error:
        raise NotFetched(f"this is no address of the web: {error}") from error
    if parts.scheme not in _PORTS or not host or re.search(r"[\x00-\x20\x7f]", url):
        raise NotFetched("this is no address of the web: it has to begin with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise NotFetched("an address with a user's name or password is not fetched")
    path = quote(parts.path or "/", safe="/%:;=@&+$,!~*'()") + (f"?{_query(parts.query)}" if parts.query else "")
    return _Target(parts.scheme, host.decode(), port or _PORTS[parts.scheme], path)


def _query(query: str) -> str:
    return quote(query, safe="/%:;=@&+$,!~*'()?")


def _redirected(target: _Target, answer: _Answer) -> _Target:
    onward = _target(urljoin(target.url, _printable(answer.headers.get("Location") or "")))
    if onward.host.removeprefix("www.") != target.host.removeprefix("www."):
        raise NotFetched(f"{target.host} redirects to another host: {onward.url}")
    return onward


def _conditions(known: Validators | None) -> dict[str, str]:
    given = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
    return {name: value for name, value in given.items() if value}


def _fetched(target: _Target, answer: _Answer, known: Validators | None) -> Fetched:
    validators = Validators(_validator(answer, "ETag"), _validator(answer, "Last-Modified"))
    if answer.status == 304 and known:
        return Fetched(target.url, None, known)
    if answer.status != 200:
        later = answer.headers.get("Retry-After")
        again = f", and asks to come back later (Retry-After: {_printable(later)})" if later else ""
        raise NotFetched(f"{target.host} answers {answer.status} {_printable(answer.reason)}{again}")
    if (kind := answer.headers.get_content_type() if answer.headers.get("Content-Type") else "") not in _TYPES:
        raise NotFetched(f"this is {kind}, not a page of text or HTML")
    return Fetched(target.url, answer.data, validators)


def _validator(answer: _Answer, name: str) -> str | None:
    value = answer.headers.get(name)
    return value if value and len(value) <= 200 and not _UNPRINTABLE.search(value) else None


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)[:200]


def _asked(target: _Target, connection: Timed, limit_bytes: int, conditions: dict[str, str]) -> _Answer:
    """Return what a server answers to one question, of at most so many bytes, unpacked ones counted too."""
    asking = http.client.HTTPConnection(target.host, target.port)
    asking.sock = connection  # the one that was checked, with the few methods that are used
    headers = {"User-Agent": USER_AGENT, "Accept": "text/html, text/plain", "Accept-Encoding": "gzip"}
    asking.request("GET", target.path, headers={"Host": _host(target), "Connection": "close", **headers, **conditions})
    response = asking.getresponse()
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit_bytes:
        raise NotFetched(f"{int(length):,} bytes are more than the limit of {limit_bytes:,}")
    data = _body(response, limit_bytes) if response.status < 300 else b""
    return _Answer(response.status, response.reason, cast(Message, response.headers), data)


def _host(target: _Target) -> str:
    return target.origin.partition("://")[2]


def _body(response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    coding = (response.headers.get("Content-Encoding") or "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise NotFetched(f"it is packed by {_printable(coding)}, which was not asked for")
    unpacking = None if coding == "identity" else zlib.decompressobj(_GZIP)
    data = bytearray()
    received = 0
    while chunk := response.read(_CHUNK):
        received += len(chunk)
        data += unpacking.decompress(chunk, limit_bytes - len(data) + 1) if unpacking else chunk
        if max(len(data), received) > limit_bytes:
            raise NotFetched(f"more than the limit of {limit_bytes:,} bytes")
    length = response.headers.get("Content-Length", "")
    if (unpacking and not unpacking.eof) or (length.isdecimal() and received < int(length)):
        raise NotFetched("it was cut off before its end")
    return bytes(data)
