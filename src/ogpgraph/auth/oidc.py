"""Tokens of an OpenID Connect issuer: good if signed by one of its present keys, meant for us, and not expired."""

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
"""An unknown key id makes the keys be fetched anew, though not more often than this."""
REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]


class TokenRejected(Exception):
    """A token that this issuer did not give for us, or that is no longer good; the message is for the log only."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had at the moment."""


class KeySource(Protocol):
    """Where an issuer's keys are found."""

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key of an id; raises jwt.PyJWKClientError where there is none, after looking again."""
        ...


class KeyFile:
    """An issuer's keys in a file (a JSON Web Key Set), read again whenever the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[tuple[int, int], jwt.PyJWKSet] | None = None
        self._lock = threading.Lock()

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key of an id; raises jwt.PyJWKClientError where there is none, KeysUnavailable without a file."""
        for key in self._keys().keys:
            if key.key_id == kid and key.public_key_use in ("sig", None):
                return key
        raise jwt.PyJWKClientError("no key of that id")

    def _keys(self) -> jwt.PyJWKSet:
        with self._lock:
            try:
                status = self._path.stat()
                stamp = (status.st_mtime_ns, status.st_size)
                if self._read is None or self._read[0] != stamp:
                    self._read = stamp, jwt.PyJWKSet.from_json(self._path.read_text("utf-8"))
            except (OSError, ValueError, jwt.PyJWTError) as error:
                raise KeysUnavailable(f"{self._path}: {error}") from error
            return self._read[1]


class Issuer:
    """An issuer whose tokens are good here, if they are meant for us."""

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
        """Return who a token says it is (`sub`); raises WrongToken and KeysUnavailable."""
        try:
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
            # Not there, or what is there are no keys (an error page, say): not the fault of who shows a token.
            raise KeysUnavailable(str(error)) from error


def open_key_source(place: str, *, cooldown_seconds: float = COOLDOWN_SECONDS) -> KeySource:
    """Return the keys at an address (`https://…`), fetched and kept, or in a file."""
    if place.startswith(("https://", "http://")):
        return jwt.PyJWKClient(
            place, lifespan=KEY_LIFESPAN_SECONDS, timeout=FETCH_TIMEOUT_SECONDS, cooldown_duration=cooldown_seconds
        )
    return KeyFile(Path(place))
