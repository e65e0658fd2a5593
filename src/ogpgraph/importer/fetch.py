"""Fetches one published page, politely: who we are is said, robots.txt is obeyed, nothing unchanged is sent again.

No link is followed; a redirect only within the same host. Size and time are limited, and addresses that are not of
the public internet are refused unless they are allowed.
"""

from __future__ import annotations

import http.client
import re
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from typing import cast
from urllib.parse import quote, unquote, urljoin, urlsplit

from ogpgraph import __version__
from ogpgraph.importer.safe_connect import (
    Address,
    Deadline,
    DeadlineSocket,
    FetchError,
    Resolve,
    connect,
    is_public,
    resolve_host,
    wrap_tls,
)

AGENT = "ogpgraph"
USER_AGENT = f"{AGENT}/{__version__} (importer of open government commitments; fetches single pages for its operator)"
DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_REDIRECTS = 3
MAX_ROBOTS_BYTES = 512 * 1024

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
class FetchedPage:
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
class _Response:
    status: int
    reason: str
    headers: Message
    data: bytes


class Fetcher:
    """Fetches pages one at a time, and reads each site's robots.txt once."""

    def __init__(
        self,
        *,
        limit_bytes: int,
        allow_private: bool = False,
        seconds: float = DEFAULT_TIMEOUT_SECONDS,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._limit_bytes = limit_bytes
        self._allow_private = allow_private
        self._seconds = seconds
        self._resolve = resolve
        self._robots: dict[str, str] = {}

    def fetch(self, url: str, known: Validators | None = None) -> FetchedPage:
        """Return a page, unchanged ones without their bytes; raises NotFetched."""
        target = _parse_url(url)
        deadline = Deadline.within(self._seconds)
        for _ in range(MAX_REDIRECTS + 1):
            self._check_robots(target, deadline)
            raw_response = self._get(target, deadline, self._limit_bytes, _conditional_headers(known))
            if raw_response.status not in _REDIRECTS:
                return _interpret_response(target, raw_response, known)
            target = _follow_redirect(target, raw_response)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _check_robots(self, target: _Target, deadline: Deadline) -> None:
        if target.origin not in self._robots:
            self._robots[target.origin] = self._fetch_robots(target, deadline)
        if not is_allowed_by_robots(self._robots[target.origin], AGENT, target.path):
            raise FetchError(f"the robots.txt of {target.host} forbids {target.path}")

    def _fetch_robots(self, target: _Target, deadline: Deadline) -> str:
        place = _Target(target.scheme, target.host, target.port, "/robots.txt")
        for _ in range(MAX_REDIRECTS + 1):
            raw_response = self._get(place, deadline, MAX_ROBOTS_BYTES, {})
            if raw_response.status in _REDIRECTS:
                place = _follow_redirect(place, raw_response)
            elif 200 <= raw_response.status < 300:
                return raw_response.data.decode("utf-8", "replace")
            elif 400 <= raw_response.status < 500 and raw_response.status != 429:
                return ""  # there is none: everything is allowed
            else:
                raise FetchError(
                    f"the robots.txt of {target.host} cannot be read ({raw_response.status}): nothing is fetched"
                )
        raise FetchError(f"the robots.txt of {target.host} is behind more than {MAX_REDIRECTS} redirects")

    def _get(self, target: _Target, deadline: Deadline, limit_bytes: int, conditions: dict[str, str]) -> _Response:
        try:
            connection = connect(
                target.host, target.port, deadline, resolve=self._resolve, may_connect=self._may_connect
            )
            with closing(connection):
                if target.scheme == "https":
                    connection = wrap_tls(connection, target.host)
                with closing(connection):
                    return _send_request(target, DeadlineSocket(connection, deadline), limit_bytes, conditions)
        except TimeoutError as error:
            raise FetchError(f"{target.host} took longer than {deadline.seconds:g} seconds") from error
        except OSError as error:
            raise FetchError(f"{target.host}: {error.strerror or error}") from error
        except (http.client.HTTPException, zlib.error) as error:
            told = _sanitize(str(error) or type(error).__name__)
            raise FetchError(f"{target.host} does not answer as a web server does: {told}") from error

    def _may_connect(self, address: Address) -> bool:
        return self._allow_private or is_public(address)


def _parse_url(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
    except (ValueError, UnicodeError) as error:
        raise FetchError(f"this is no address of the web: {error}") from error
    if parts.scheme not in _PORTS or not host or re.search(r"[\x00-\x20\x7f]", url):
        raise FetchError("this is no address of the web: it has to begin with http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise FetchError("an address with a user's name or password is not fetched")
    path = quote(parts.path or "/", safe="/%:;=@&+$,!~*'()") + (f"?{_quote_query(parts.query)}" if parts.query else "")
    return _Target(parts.scheme, host.decode(), port or _PORTS[parts.scheme], path)


def _quote_query(query: str) -> str:
    return quote(query, safe="/%:;=@&+$,!~*'()?")


def _follow_redirect(target: _Target, raw_response: _Response) -> _Target:
    onward = _parse_url(urljoin(target.url, _sanitize(raw_response.headers.get("Location") or "")))
    if onward.host.removeprefix("www.") != target.host.removeprefix("www."):
        raise FetchError(f"{target.host} redirects to another host: {onward.url}")
    return onward


def _conditional_headers(known: Validators | None) -> dict[str, str]:
    given = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
    return {name: value for name, value in given.items() if value}


def _interpret_response(target: _Target, raw_response: _Response, known: Validators | None) -> FetchedPage:
    validators = Validators(_read_validator(raw_response, "ETag"), _read_validator(raw_response, "Last-Modified"))
    if raw_response.status == 304 and known:
        return FetchedPage(target.url, None, known)
    if raw_response.status != 200:
        later = raw_response.headers.get("Retry-After")
        again = f", and asks to come back later (Retry-After: {_sanitize(later)})" if later else ""
        raise FetchError(f"{target.host} answers {raw_response.status} {_sanitize(raw_response.reason)}{again}")
    if (
        kind := raw_response.headers.get_content_type() if raw_response.headers.get("Content-Type") else ""
    ) not in _TYPES:
        raise FetchError(f"this is {kind}, not a page of text or HTML")
    return FetchedPage(target.url, raw_response.data, validators)


def _read_validator(raw_response: _Response, name: str) -> str | None:
    value = raw_response.headers.get(name)
    return value if value and len(value) <= 200 and not _UNPRINTABLE.search(value) else None


def _sanitize(text: str) -> str:
    return _UNPRINTABLE.sub("?", text)[:200]


def _send_request(
    target: _Target, connection: DeadlineSocket, limit_bytes: int, conditions: dict[str, str]
) -> _Response:
    """Return what a server answers to one question, of at most so many bytes, unpacked ones counted too."""
    asking = http.client.HTTPConnection(target.host, target.port)
    asking.sock = connection  # the one that was checked, with the few methods that are used
    headers = {"User-Agent": USER_AGENT, "Accept": "text/html, text/plain", "Accept-Encoding": "gzip"}
    asking.request(
        "GET", target.path, headers={"Host": _host_header(target), "Connection": "close", **headers, **conditions}
    )
    raw_response = asking.getresponse()
    length = raw_response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit_bytes:
        raise FetchError(f"{int(length):,} bytes are more than the limit of {limit_bytes:,}")
    data = _read_body(raw_response, limit_bytes) if raw_response.status < 300 else b""
    return _Response(raw_response.status, raw_response.reason, cast(Message, raw_response.headers), data)


def _host_header(target: _Target) -> str:
    return target.origin.partition("://")[2]


def _read_body(raw_response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    coding = (raw_response.headers.get("Content-Encoding") or "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"it is packed by {_sanitize(coding)}, which was not asked for")
    unpacking = None if coding == "identity" else zlib.decompressobj(_GZIP)
    data = bytearray()
    received = 0
    while chunk := raw_response.read(_CHUNK):
        received += len(chunk)
        data += unpacking.decompress(chunk, limit_bytes - len(data) + 1) if unpacking else chunk
        if max(len(data), received) > limit_bytes:
            raise FetchError(f"more than the limit of {limit_bytes:,} bytes")
    length = raw_response.headers.get("Content-Length", "")
    if (unpacking and not unpacking.eof) or (length.isdecimal() and received < int(length)):
        raise FetchError("it was cut off before its end")
    return bytes(data)


@dataclass
class _Group:
    """The rules for some agents: whether each allows, and for which paths."""

    agents: list[str] = field(default_factory=list)
    rules: list[tuple[bool, str]] = field(default_factory=list)


def is_allowed_by_robots(robots: str, agent: str, path: str) -> bool:
    """Tell whether a robots.txt lets an agent, by its product's name, have a path (query included)."""
    groups = list(_parse_groups(robots))
    ours = [group for group in groups if agent.casefold() in group.agents]
    rules = [rule for group in ours or [each for each in groups if "*" in each.agents] for rule in group.rules]
    wanted = _normalize_path(path)
    matching = [(len(pattern), allowed) for allowed, pattern in rules if _matches(pattern, wanted)]
    return max(matching, default=(0, True))[1]


def _parse_groups(robots: str) -> Iterator[_Group]:
    group = _Group()
    for line in robots.lstrip("\ufeff").splitlines():
        name, _, value = line.partition("#")[0].partition(":")
        key, value = name.strip().casefold(), value.strip()
        if key == "user-agent":
            if group.rules:
                yield group
                group = _Group()
            group.agents.append(value.casefold())
        elif key in ("allow", "disallow") and value and group.agents:
            group.rules.append((key == "allow", _normalize_path(value)))
    yield group


def _normalize_path(path: str) -> str:
    return quote(unquote(path), safe="/*$?=&:;,+@!~'()")


def _matches(pattern: str, path: str) -> bool:
    """Tell whether a path begins as a pattern says, in which `*` is anything and `$` at its end the path's end."""
    ends = pattern.endswith("$")
    first, *parts = (pattern[:-1] if ends else pattern).split("*")
    if not path.startswith(first):
        return False
    if not parts:
        return not ends or path == first
    at = len(first)
    for part in parts[:-1] if ends else parts:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not ends or (path.endswith(parts[-1]) and len(path) - len(parts[-1]) >= at)
