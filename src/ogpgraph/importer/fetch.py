"""Fetches single published pages: identifies itself, obeys robots.txt, and does not transfer unchanged pages again.

Redirects are followed within the same host and port, links never. Size and time are limited. Addresses outside the
public internet are refused, so that a URL, or a redirect of a server, cannot reach services of the network it runs in.
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
from ogpgraph.importer.file_formats import describe_excess
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
"""The product's name, by which a robots.txt may address it."""
USER_AGENT = f"{AGENT}/{__version__} (importer of open government commitments; fetches single pages for its operator)"
DEFAULT_TIMEOUT_SECONDS = 30.0
MAX_REDIRECTS = 3
MAX_ROBOTS_BYTES = 512 * 1024

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_CONTENT_TYPES = frozenset(("text/html", "application/xhtml+xml", "text/plain", ""))
_PORTS = {"http": 80, "https": 443}
_CHUNK_BYTES = 65_536
_GZIP_WINDOW = 31  # zlib's code for a gzip header and the largest window
_MAX_QUOTED_HEADER = 200
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True)
class Validators:
    """The headers of a response by which its server determines later whether the page changed."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class FetchedPage:
    """A fetched page; `url` is that after redirects, `data` is None where the page is unchanged."""

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
        port = "" if self.has_default_port else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def has_default_port(self) -> bool:
        return self.port == _PORTS[self.scheme]

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
    """Fetches pages one at a time, and the robots.txt of each site once."""

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

    def fetch(self, url: str, validators: Validators | None = None) -> FetchedPage:
        """Return a page, without its bytes where its server says that `validators` still hold. Raises FetchError."""
        target = _parse_url(url)
        deadline = Deadline.within(self._seconds)
        for _ in range(MAX_REDIRECTS + 1):
            self._check_robots(target, deadline)
            # Each target is checked: a redirect may lead to a path that robots.txt disallows.
            response = self._get(target, deadline, self._limit_bytes, _conditional_headers(validators))
            if response.status not in _REDIRECTS:
                return _interpret_response(target, response, validators)
            target = _follow_redirect(target, response)
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def _check_robots(self, target: _Target, deadline: Deadline) -> None:
        if target.origin not in self._robots:
            self._robots[target.origin] = self._fetch_robots(target, deadline)
        if not is_allowed_by_robots(self._robots[target.origin], AGENT, target.path):
            raise FetchError(f"the robots.txt of {target.host} forbids {target.path}")

    def _fetch_robots(self, target: _Target, deadline: Deadline) -> str:
        robots = _Target(target.scheme, target.host, target.port, "/robots.txt")
        for _ in range(MAX_REDIRECTS + 1):
            response = self._get(robots, deadline, MAX_ROBOTS_BYTES, {})
            if response.status in _REDIRECTS:
                robots = _follow_redirect(robots, response)
            elif 200 <= response.status < 300:
                return response.data.decode("utf-8", "replace")
            elif 400 <= response.status < 500 and response.status != 429:
                return ""  # RFC 9309: where there is none, everything is allowed
            else:
                # RFC 9309: where it cannot be reached, everything is disallowed.
                raise FetchError(
                    f"the robots.txt of {target.host} cannot be read ({response.status}): nothing is fetched"
                )
        raise FetchError(f"the robots.txt of {target.host} is behind more than {MAX_REDIRECTS} redirects")

    def _get(self, target: _Target, deadline: Deadline, limit_bytes: int, conditions: dict[str, str]) -> _Response:
        try:
            connection = connect(
                target.host, target.port, deadline, resolve=self._resolve, may_connect=self._may_connect
            )
            with closing(connection):
                # TLS wraps the connection to the checked address; the certificate is verified for the host's name.
                if target.scheme == "https":
                    connection = wrap_tls(connection, target.host)
                with closing(connection):
                    return _send_request(target, DeadlineSocket(connection, deadline), limit_bytes, conditions)
        except TimeoutError as error:
            raise FetchError(f"{target.host} took longer than {deadline.seconds:g} seconds") from error
        except OSError as error:
            raise FetchError(f"{target.host}: {error.strerror or error}") from error
        except (http.client.HTTPException, zlib.error) as error:
            detail = _sanitize(str(error) or type(error).__name__)
            raise FetchError(f"{target.host} does not answer as a web server does: {detail}") from error

    def _may_connect(self, address: Address) -> bool:
        return self._allow_private or is_public(address)


def _parse_url(url: str) -> _Target:
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".").encode("idna" if not (parts.hostname or "").isascii() else "ascii")
    except (ValueError, UnicodeError):
        # Without the error's message and itself: both repeat parts of the URL, which may be a password.
        raise FetchError("this is no URL of a page: its host or port cannot be read") from None
    if parts.scheme not in _PORTS or not host or re.search(r"[\x00-\x20\x7f]", url):
        raise FetchError("this is no URL of a page: it has to begin with http:// or https:// and a host")
    # The part before "@" is often meant to be taken for the host.
    if parts.username is not None or parts.password is not None:
        raise FetchError("a URL with a user's name or password is not fetched")
    path = quote(parts.path or "/", safe="/%:;=@&+$,!~*'()") + (f"?{_quote_query(parts.query)}" if parts.query else "")
    return _Target(parts.scheme, host.decode(), port or _PORTS[parts.scheme], path)


def _quote_query(query: str) -> str:
    return quote(query, safe="/%:;=@&+$,!~*'()?")


def _follow_redirect(target: _Target, response: _Response) -> _Target:
    redirected = _parse_url(urljoin(target.url, _sanitize(response.headers.get("Location") or "")))
    if redirected.host.removeprefix("www.") != target.host.removeprefix("www."):
        raise FetchError(f"{target.host} redirects to another host: {redirected.url}")
    # Another port is another service, which may be meant for the machine itself.
    if redirected.port != target.port and not (redirected.has_default_port and target.has_default_port):
        raise FetchError(f"{target.host} redirects to another port: {redirected.url}")
    return redirected


def _conditional_headers(validators: Validators | None) -> dict[str, str]:
    if validators is None:
        return {}
    headers = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in headers.items() if value}


def _interpret_response(target: _Target, response: _Response, validators: Validators | None) -> FetchedPage:
    if response.status == 304 and validators:
        return FetchedPage(target.url, None, validators)
    if response.status != 200:
        retry_after = response.headers.get("Retry-After")
        later = f", and asks to retry later (Retry-After: {_sanitize(retry_after)})" if retry_after else ""
        raise FetchError(f"{target.host} answers {response.status} {_sanitize(response.reason)}{later}")
    # get_content_type() would return text/plain where the header is missing.
    content_type = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
    if content_type not in _CONTENT_TYPES:
        raise FetchError(f"this is {content_type}, not a page of text or HTML")
    new = Validators(_read_validator(response, "ETag"), _read_validator(response, "Last-Modified"))
    return FetchedPage(target.url, response.data, new)


def _read_validator(response: _Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value if value and len(value) <= _MAX_QUOTED_HEADER and not _UNPRINTABLE.search(value) else None


def _sanitize(text: str) -> str:
    """Return a text from a server as it may be printed on a terminal."""
    return _UNPRINTABLE.sub("?", text)[:_MAX_QUOTED_HEADER]


def _send_request(
    target: _Target, connection: DeadlineSocket, limit_bytes: int, conditions: dict[str, str]
) -> _Response:
    """Return the response to one request, with at most `limit_bytes` of body, before and after decompression."""
    http_connection = http.client.HTTPConnection(target.host, target.port)
    http_connection.sock = connection  # http.client must not connect itself: the address of this one was checked
    headers = {"User-Agent": USER_AGENT, "Accept": "text/html, text/plain", "Accept-Encoding": "gzip"}
    http_connection.request(
        "GET", target.path, headers={"Host": _host_header(target), "Connection": "close", **headers, **conditions}
    )
    raw = http_connection.getresponse()
    length = raw.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) > limit_bytes:
        raise FetchError(describe_excess(int(length), limit_bytes))
    data = _read_body(raw, limit_bytes) if raw.status < 300 else b""
    return _Response(raw.status, raw.reason, cast(Message, raw.headers), data)


def _host_header(target: _Target) -> str:
    return target.origin.partition("://")[2]


def _read_body(raw: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    encoding = (raw.headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"the body is encoded as {_sanitize(encoding)}, which was not requested")
    decompressor = None if encoding == "identity" else zlib.decompressobj(_GZIP_WINDOW)
    data = bytearray()
    received = 0
    while chunk := raw.read(_CHUNK_BYTES):
        received += len(chunk)
        # One byte more than is left of the limit is enough to exceed it, however far a chunk would expand.
        data += decompressor.decompress(chunk, limit_bytes - len(data) + 1) if decompressor else chunk
        if max(len(data), received) > limit_bytes:
            raise FetchError(f"more than the limit of {limit_bytes:,} bytes")
    length = raw.headers.get("Content-Length", "")
    if (decompressor and not decompressor.eof) or (length.isdecimal() and received < int(length)):
        raise FetchError("the body was cut off before its end")
    return bytes(data)


# robots.txt (RFC 9309)


@dataclass
class _Group:
    """The rules for some agents, as pairs: whether the rule allows, and the pattern of paths it is for."""

    agents: list[str] = field(default_factory=list)
    rules: list[tuple[bool, str]] = field(default_factory=list)


def is_allowed_by_robots(robots: str, agent: str, path: str) -> bool:
    """Return whether a robots.txt allows an agent, given by its product's name, to fetch a path with its query."""
    groups = list(_parse_groups(robots))
    own = [group for group in groups if agent.casefold() in group.agents]
    rules = [rule for group in own or [each for each in groups if "*" in each.agents] for rule in group.rules]
    normalized = _normalize_path(path)
    # The longest pattern decides; of two as long, the one that allows.
    matching = [(len(pattern), allowed) for allowed, pattern in rules if _matches(pattern, normalized)]
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
    """Return whether a path begins with a pattern, in which `*` is any text and a final `$` the end of the path.

    Not a regular expression: a robots.txt with many `*` could make one take exponential time.
    """
    ends = pattern.endswith("$")
    first, *parts = (pattern[:-1] if ends else pattern).split("*")
    if not path.startswith(first):
        return False
    if not parts:
        return not ends or path == first
    position = len(first)
    for part in parts[:-1] if ends else parts:
        found = path.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return not ends or (path.endswith(parts[-1]) and len(path) - len(parts[-1]) >= position)
