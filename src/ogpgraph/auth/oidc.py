"""Tokens of an OpenID Connect issuer: valid if signed with one of its current keys, issued for us, and not expired."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import jwt

from ogpgraph.settings import SIGNATURE_ALGORITHMS

KEY_LIFESPAN_SECONDS = 300
FETCH_TIMEOUT_SECONDS = 5
COOLDOWN_SECONDS = 30
"""A token with an unknown key id makes the keys be fetched again, but not more often than this."""
REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]


class TokenRejected(Exception):
    """The token is not one that the issuer issued for us, or has expired; the message is for the log only."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be fetched at the moment."""


class KeySource(Protocol):
    """A source of an issuer's keys: a file, or PyJWT's client for a URL."""

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with an id; raises jwt.PyJWKClientError if there is none after reading the keys again."""
        ...


class KeyFile:
    """An issuer's keys in a file (a JSON Web Key Set), which is read again whenever it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: tuple[tuple[int, int], jwt.PyJWKSet] | None = None
        self._lock = threading.Lock()

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key with an id; raises jwt.PyJWKClientError if there is none, KeysUnavailable without the file."""
        for key in self._keys().keys:
            if key.key_id == kid and key.public_key_use in ("sig", None):
                return key
        raise jwt.PyJWKClientError("there is no key with this id")

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


class Issuer:
    """An issuer whose tokens are accepted if their audience is ours.

    Only asymmetric algorithms are possible. With a shared secret, or with `none`, anybody who can check a token could
    forge one.
    """

    def __init__(
        self, name: str, *, audience: str, keys: KeySource, algorithms: Sequence[str], skew_seconds: float
    ) -> None:
        if not algorithms or not set(algorithms) <= set(SIGNATURE_ALGORITHMS):
            raise ValueError(f"tokens may be signed with {', '.join(SIGNATURE_ALGORITHMS)} only")
        self.name = name
        self._audience = audience
        self._keys = keys
        self._algorithms = list(algorithms)
        self._skew_seconds = skew_seconds

    def verify(self, token: str) -> str:
        """Return the subject (`sub`) of a valid token; raises TokenRejected and KeysUnavailable."""
        try:
            # The algorithm is checked before a key is fetched: an unsigned token must not cause requests to the issuer.
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self._algorithms:
                raise TokenRejected("algorithm not allowed")
            claims = jwt.decode(
                token,
                self._key(str(header.get("kid"))),
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self.name,
                leeway=self._skew_seconds,
                options={"require": REQUIRED_CLAIMS},
            )
        except jwt.PyJWTError as error:
            raise TokenRejected(type(error).__name__) from error
        return str(claims["sub"])

    def _key(self, kid: str) -> jwt.PyJWK:
        try:
            return self._keys.get_signing_key(kid)
        except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, ValueError) as error:
            # The file or server is missing or returned something else, such as an error page: not the client's fault.
            raise KeysUnavailable(str(error)) from error


def open_key_source(location: str, *, cooldown_seconds: float = COOLDOWN_SECONDS) -> KeySource:
    """Return the keys at a URL, which are fetched and cached, or in a file."""
    if location.startswith(("https://", "http://")):
        return jwt.PyJWKClient(
            location, lifespan=KEY_LIFESPAN_SECONDS, timeout=FETCH_TIMEOUT_SECONDS, cooldown_duration=cooldown_seconds
        )
    return KeyFile(Path(location))
