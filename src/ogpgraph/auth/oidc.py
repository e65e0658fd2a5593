"""Tokens of an OpenID Connect issuer: valid if signed with one of its current keys, issued for us, and not expired."""

from __future__ import annotations

from collections.abc import Sequence

import jwt

from ogpgraph.auth.issuer_errors import TokenRejected, UnknownKey
from ogpgraph.auth.issuer_keys import KeySource
from ogpgraph.settings import SIGNATURE_ALGORITHMS

REQUIRED_CLAIMS = ["exp", "iss", "aud", "sub"]


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
        """Return the subject (`sub`) of a valid token; raises TokenRejected, KeysUnavailable and KeysAwaited."""
        try:
            # The algorithm is checked before a key is fetched: an unsigned token must not cause requests to the issuer.
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self._algorithms:
                raise TokenRejected("algorithm not allowed")
            claims = jwt.decode(
                token,
                self._keys.get_signing_key(str(header.get("kid"))),
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self.name,
                leeway=self._skew_seconds,
                options={"require": REQUIRED_CLAIMS},
            )
        except (jwt.PyJWTError, UnknownKey) as error:
            raise TokenRejected(type(error).__name__) from error
        return str(claims["sub"])
