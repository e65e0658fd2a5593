"""Authentication: from a request's Authorization header to the account that it acts as; and the log of refusals."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ogpgraph.auth.issuer_errors import TokenRejected
from ogpgraph.clock import Clock
from ogpgraph.domain.errors import RefusalCode
from ogpgraph.host import find_network
from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.storage.accounts import (
    TOKEN_PREFIX,
    AccountStore,
    Credential,
    InvalidToken,
    LoginCredential,
    TokenCredential,
)

if TYPE_CHECKING:
    from ogpgraph.auth.oidc import Issuer

log = structlog.stdlib.get_logger(__name__)
MAX_TOKEN_LENGTH = 8_192
LINES_PER_MINUTE = 300
SCHEME = "bearer"


@dataclass(frozen=True)
class Caller:
    """The client of a request: its address, and its account with the credential, if it sent one."""

    account: str | None = None
    address: str = ""
    credential: Credential | None = None


class AuthenticationFailed(Exception):
    """The Authorization header identifies no account. The reason is in the log only, where no attacker can read it."""


class RefusalLog:
    """Logs refusals, at most LINES_PER_MINUTE of each address, and counts all of them by operation and code."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._lines = RateLimiter(LINES_PER_MINUTE, clock)

    def record(self, operation: str, code: RefusalCode, *, address: str, **details: object) -> None:
        """Count one refusal of an operation, and log it with details about the caller."""
        with self._lock:
            self._counts[operation, code] += 1
        with suppress(RateLimitExceeded):
            self._lines.charge([find_network(address)])
            log.warning("refused", operation=operation, code=code, address=address, **details)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return (operation, code) → the number of refusals since the process started."""
        with self._lock:
            return dict(self._counts)


class Authenticator:
    """Identifies callers by their tokens.

    It may block, since it reads the database: call it in a worker thread. It waits for no issuer.
    """

    def __init__(
        self, accounts: AccountStore, clock: Clock, refusals: RefusalLog, issuer: Issuer | None = None
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._refusals = refusals
        self._issuer = issuer

    def identify(self, authorization: str | None, *, address: str, request_id: str) -> Caller:
        """Return the caller; without an Authorization header, one without an account, who may only read.

        Raises AuthenticationFailed for every other header, KeysUnavailable if the issuer's keys cannot be fetched, and
        KeysAwaited while they are.
        """
        if authorization is None:
            return Caller(address=address)
        try:
            return self._authenticate(authorization, address)
        except (InvalidToken, TokenRejected) as error:
            self._refusals.record(
                "token", RefusalCode.UNAUTHENTICATED, reason=str(error), address=address, request_id=request_id
            )
            raise AuthenticationFailed from None  # without the cause, which a traceback would reveal

    def _authenticate(self, authorization: str, address: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        # The length is checked before anything is decoded or hashed, since anybody may send such a header.
        if scheme.lower() != SCHEME or not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidToken("malformed")
        if token.startswith(TOKEN_PREFIX):
            account = self._accounts.authenticate_token(token, self._clock())
            return Caller(account, address, TokenCredential.parse(token))
        if self._issuer is None:
            raise InvalidToken("there is no issuer")
        login = LoginCredential(self._issuer.name, self._issuer.verify(token))
        linked = self._accounts.find_linked_account(login.issuer, login.subject)
        if linked is None:
            raise InvalidToken("linked to no account")
        return Caller(linked, address, login)
