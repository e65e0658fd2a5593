"""Who is it: from the header that a request comes with to the account that it acts as."""

from __future__ import annotations

from dataclasses import dataclass

from ogpgraph.auth.oidc import Issuer, WrongToken
from ogpgraph.auth.refusals import Refusals
from ogpgraph.clock import Clock
from ogpgraph.storage.accounts import TOKEN_PREFIX, Accounts, Credential, Login, Token, UnknownToken

LONGEST_TOKEN = 8_192
SCHEME = "bearer"


@dataclass(frozen=True)
class Caller:
    """Who asks: an account, or nobody that is known, from which address, and by what the account was opened."""

    account: str | None = None
    address: str = ""
    credential: Credential | None = None


class NotIdentified(Exception):
    """The token opens nothing. Why is in the log; whoever showed it learns no more than this."""


class Identifier:
    """Finds the account that a token opens. May block: it asks the database, and an issuer for its keys."""

    def __init__(self, accounts: Accounts, clock: Clock, refusals: Refusals, issuer: Issuer | None = None) -> None:
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
        except (UnknownToken, WrongToken) as why:
            self._refusals.note("token", "UNAUTHENTICATED", why=str(why), address=address, request_id=request_id)
            raise NotIdentified from None

    def _caller(self, authorization: str, address: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != SCHEME or not token or len(token) > LONGEST_TOKEN or not token.isascii():
            raise UnknownToken("malformed")
        if token.startswith(TOKEN_PREFIX):
            return Caller(self._accounts.account_of(token, self._clock()), address, Token.shown(token))
        if self._issuer is None:
            raise UnknownToken("no issuer is trusted")
        login = Login(self._issuer.name, self._issuer.subject_of(token))
        account = self._accounts.linked(login.issuer, login.subject)
        if account is None:
            raise UnknownToken("acts as no account")
        return Caller(account, address, login)
