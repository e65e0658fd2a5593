"""What may go wrong with a token of an OpenID Connect issuer.

It is apart from what verifies tokens and keys: the library for that is imported only where there is an issuer.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

FETCH_SECONDS: Final = 5.0
"""How long fetching the keys of an issuer takes at most."""


class TokenRejected(Exception):
    """The token is not one that the issuer issued for us, or has expired; the message is for the log only."""


class UnknownKey(Exception):
    """The issuer has no key with this id."""


class KeysUnavailable(Exception):
    """The issuer's keys cannot be read or fetched at the moment."""


class KeysAwaited(Exception):
    """The issuer's keys are being fetched; `fetched` is done once that has succeeded or failed, and has no result."""

    def __init__(self, fetched: Future[None]) -> None:
        super().__init__("the issuer's keys are being fetched")
        self.fetched = fetched
