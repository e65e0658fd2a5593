"""Who is it: from the header that a request comes with to the account that it acts as."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass

import structlog

from ogpgraph.auth.oidc import Issuer, TokenRejected
from ogpgraph.clock import Clock
from ogpgraph.storage.accounts import (
    TOKEN_PREFIX,
    AccountStore,
    Credential,
    InvalidToken,
    LoginCredential,
    TokenCredential,
)

MAX_TOKEN_LENGTH = 8_192
SCHEME = "bearer"


@dataclass(frozen=True)
class Caller:
    """Who asks: an account, or nobody that is known, from which address, and by what the account was opened."""

    account: str | None = None
    address: str = ""
    credential: Credential | None = None


class AuthenticationFailed(Exception):
    """The token opens nothing. Why is in the log; whoever showed it learns no more than this."""


class Authenticator:
    """Finds the account that a token opens. May block: it asks the database, and an issuer for its keys."""

    def __init__(
        self, accounts: AccountStore, clock: Clock, refusals: RefusalLog, issuer: Issuer | None = None
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._refusals = refusals
        self._issuer = issuer

    def identify(self, authorization: str | None, *, address: str, request_id: str) -> Caller:
        """Return who asks, by the Authorization header; without one they are a reader whom nobody knows.

        Raises NotIdentified for any header that opens nothing, and KeysUnavailable where the issuer cannot be asked.
        """
        if authorization is None:
            return Caller(address=address)
        try:
            return self._caller(authorization, address)
        except (InvalidToken, TokenRejected) as why:
            self._refusals.record("token", "UNAUTHENTICATED", why=str(why), address=address, request_id=request_id)
            raise AuthenticationFailed from None

    def _caller(self, authorization: str, address: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != SCHEME or not token or len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidToken("malformed")
        if token.startswith(TOKEN_PREFIX):
            return Caller(
                self._accounts.authenticate_token(token, self._clock()), address, TokenCredential.parse(token)
            )
        if self._issuer is None:
            raise InvalidToken("no issuer is trusted")
        login = LoginCredential(self._issuer.name, self._issuer.verify(token))
        account = self._accounts.find_linked_account(login.issuer, login.subject)
        if account is None:
            raise InvalidToken("acts as no account")
        return Caller(account, address, login)


log = structlog.stdlib.get_logger(__name__)


class RefusalLog:
    """Logs refusals and counts them by what was refused and why."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def record(self, what: str, code: str, **about: object) -> None:
        """Log and count a refusal: of what, with which code, and what is known of who asked."""
        with self._lock:
            self._counts[what, code] += 1
        log.warning("refused", what=what, code=code, **about)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return how often each (what, code) was refused since the process began."""
        with self._lock:
            return dict(self._counts)
