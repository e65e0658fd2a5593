"""The public keys of an OpenID Connect issuer, in a file or at a URL.

Keys at a URL are fetched in a thread of their own: whoever needs one that is not known yet learns that it is awaited,
and blocks no thread meanwhile. At most one fetch runs at a time, whatever tokens arrive.
"""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple, Protocol
from urllib.parse import urlsplit

import jwt
import structlog

from ogpgraph import __version__
from ogpgraph.auth.issuer_errors import FETCH_SECONDS, KeysAwaited, KeysUnavailable, UnknownKey

KEY_LIFESPAN_SECONDS: Final = 300.0
"""Keys that were fetched longer ago are not used any more: the issuer may have withdrawn them."""
REFRESH_AFTER_SECONDS: Final = 150.0
"""Keys that were fetched longer ago are used, and fetched again meanwhile."""
COOLDOWN_SECONDS: Final = 30.0
"""A token with an unknown key id makes the keys be fetched again, but not so soon after a fetch that succeeded."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""After a fetch that failed there is a pause, which doubles with each further failure up to this."""
MAX_KEYS_BYTES: Final = 262_144
_CHUNK_BYTES: Final = 16_384
_CONTENT_TYPES: Final = ("application/json", "application/jwk-set+json")

log = structlog.stdlib.get_logger(__name__)


class KeySource(Protocol):
    """A source of an issuer's keys. All threads may use it."""

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with an id; raises UnknownKey, KeysUnavailable and KeysAwaited. Waits for no network."""
        ...


class KeyFile:
    """An issuer's keys in a file (a JSON Web Key Set), which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: tuple[tuple[int, int], jwt.PyJWKSet] | None = None
        self._lock = threading.Lock()

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with an id; raises UnknownKey, and KeysUnavailable without a valid file."""
        return _find_key(self._keys(), kid)

    def _keys(self) -> jwt.PyJWKSet:
        with self._lock:
            try:
                status = self._path.stat()  # cheap enough for every token, and an operator need not restart us
                version = (status.st_mtime_ns, status.st_size)
                if self._cached is None or self._cached[0] != version:
                    self._cached = version, jwt.PyJWKSet.from_json(self._path.read_text("utf-8"))
            except (OSError, ValueError, jwt.PyJWTError) as error:
                raise KeysUnavailable(f"{self._path}: {error}") from error
            return self._cached[1]


class FetchedKeys(NamedTuple):
    """Keys, and when they were fetched."""

    keys: jwt.PyJWKSet
    at: float


class KeyUrl:
    """An issuer's keys at a URL. `clock` gives seconds that never go back."""

    def __init__(
        self,
        url: str,
        *,
        cooldown_seconds: float = COOLDOWN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._cooldown_seconds = cooldown_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._fetched: FetchedKeys | None = None
        self._running: Future[None] | None = None
        self._paused_until = clock()
        self._failures = 0

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with an id; raises UnknownKey, KeysUnavailable and KeysAwaited."""
        with self._lock:
            now = self._clock()
            current = self._fetched if self._fetched and now < self._fetched.at + KEY_LIFESPAN_SECONDS else None
            if current is None:
                raise self._await_keys(now) or KeysUnavailable("the last fetch failed")
            try:
                key = _find_key(current.keys, kid)
            except UnknownKey:
                if awaited := self._await_keys(now):
                    raise awaited from None
                raise
            if now >= current.at + REFRESH_AFTER_SECONDS:
                self._await_keys(now)
            return key

    def _await_keys(self, now: float) -> KeysAwaited | None:
        """Have the keys fetched, if no fetch is running; returns None during a pause."""
        if self._running is None:
            if now < self._paused_until:
                return None
            self._running = Future()
            threading.Thread(target=self._fetch, args=(self._running,), name="issuer keys", daemon=True).start()
        return KeysAwaited(self._running)

    def _fetch(self, running: Future[None]) -> None:
        keys: jwt.PyJWKSet | None = None
        try:
            keys = fetch_keys(self._url)
        except KeysUnavailable as failure:
            log.warning("the issuer's keys cannot be fetched", url=self._url, reason=str(failure))
        except Exception:
            log.exception("the issuer's keys cannot be fetched", url=self._url)
        with self._lock:
            now = self._clock()
            if keys is None:
                pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
                self._failures = min(self._failures + 1, 10)
            else:
                pause, self._failures, self._fetched = self._cooldown_seconds, 0, FetchedKeys(keys, now)
            self._paused_until = now + pause
            self._running = None
        running.set_result(None)


def fetch_keys(url: str) -> jwt.PyJWKSet:
    """Return the keys at a URL, of a JSON response of bounded size and without a redirect; raises KeysUnavailable."""
    request = urllib.request.Request(  # noqa: S310 - the settings admit https only, and http to this machine
        url, headers={"Accept": ", ".join(_CONTENT_TYPES), "User-Agent": f"ogpgraph/{__version__}"}
    )
    until = time.monotonic() + FETCH_SECONDS
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=FETCH_SECONDS) as response:
            content_type = response.headers.get_content_type()
            if content_type not in _CONTENT_TYPES:
                raise KeysUnavailable(f"the response is {content_type}, not JSON")
            return jwt.PyJWKSet.from_json(_read(response, until).decode("utf-8"))
    except (OSError, http.client.HTTPException, ValueError, AttributeError, TypeError, jwt.PyJWTError) as error:
        # The two errors of Python's own are PyJWT's for JSON that is no set of keys.
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it is the response, and would keep the connection open
        raise KeysUnavailable(f"{type(error).__name__}: {error}") from error


def _read(response: http.client.HTTPResponse, until: float) -> bytes:
    body = b""
    while chunk := response.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_KEYS_BYTES:
            raise KeysUnavailable(f"the response has more than {MAX_KEYS_BYTES:,} bytes")
        if time.monotonic() > until:
            raise KeysUnavailable(f"the response took longer than {FETCH_SECONDS:g} s")
    return body


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the keys are at the address that the operator trusts, or nowhere."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        return None


def _find_key(keys: jwt.PyJWKSet, kid: str) -> jwt.PyJWK:
    for key in keys.keys:
        if key.key_id == kid and key.public_key_use in ("sig", None):
            return key
    raise UnknownKey("there is no key with this id")


def open_key_source(location: str) -> KeySource:
    """Return the keys at a URL, or in a file."""
    return KeyUrl(location) if urlsplit(location).scheme in ("https", "http") else KeyFile(Path(location))
