"""What must stay out of the log: who is behind an account, how they sign in, and the hashes of their tokens.

A token is `ogp_`, a prefix to look it up by, and 32 random bytes of which only the SHA-256 is kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from ogpgraph.clock import format_timestamp
from ogpgraph.storage.database import Database, Row, Transaction

TOKEN_PREFIX = "ogp_"  # noqa: S105 - how a token begins, so that people and scanners know one when they see it
PREFIX_LENGTH = 12
SECRET_LENGTH = 64
LAST_USE_RESOLUTION = timedelta(minutes=1)
CREATE_TABLES = """
create table if not exists person (
  account text primary key,
  name text,
  email text
);
create table if not exists login (
  issuer text not null,
  login_subject text not null,
  account text not null,
  primary key (issuer, login_subject)
);
create table if not exists token (
  prefix text primary key,
  hash text not null,
  account text not null,
  label text,
  created_at text not null,
  expires_at text not null,
  revoked_at text,
  last_used_at text
);
create index if not exists token_account on token (account)
"""
_SELECT_LINKED_ACCOUNT = "select account from login where issuer = :issuer and login_subject = :subject"


@dataclass(frozen=True)
class TokenRow:
    """What is kept of a token: never the token."""

    prefix: str
    account: str
    label: str | None
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None


@dataclass(frozen=True)
class Person:
    """Who is behind an account."""

    account: str
    name: str | None
    email: str | None


@dataclass(frozen=True)
class TokenCredential:
    """A token, by what it is looked up by."""

    prefix: str

    @classmethod
    def parse(cls, token: str) -> TokenCredential:
        """Return the token that somebody shows."""
        return cls(_split_token(token)[0])


@dataclass(frozen=True)
class LoginCredential:
    """Somebody whom an issuer knows."""

    issuer: str
    subject: str


Credential = TokenCredential | LoginCredential


class InvalidToken(Exception):
    """A token that opens nothing; the message says why, for the log and never for whoever showed it."""


class AccountStore:
    """The door to names, logins and tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # People

    def set_person(self, account: str, name: str | None, email: str | None) -> None:
        """Keep who is behind an account."""
        with self._database.write() as transaction:
            transaction.execute("delete from person where account = :account", account=account)
            transaction.execute(
                "insert into person (account, name, email) values (:account, :name, :email)",
                account=account,
                name=name,
                email=email,
            )

    def list_people(self) -> dict[str, Person]:
        """Return account → who is behind it, in the order of the ids."""
        with self._database.read() as transaction:
            rows = transaction.fetch_all("select account, name, email from person order by account")
        return {row["account"]: Person(row["account"], row["name"], row["email"]) for row in rows}

    # Logins at an issuer

    def link(self, issuer: str, subject: str, account: str) -> None:
        """Let somebody whom an issuer knows act as an account; raises UniqueViolation where they act as one already."""
        with self._database.write() as transaction:
            transaction.execute(
                "insert into login (issuer, login_subject, account) values (:issuer, :subject, :account)",
                issuer=issuer,
                subject=subject,
                account=account,
            )

    def unlink(self, account: str) -> None:
        """Let nobody whom an issuer knows act as an account any more: from here on, nothing they send is recorded."""
        with self._database.append() as transaction:
            transaction.execute("delete from login where account = :account", account=account)

    def find_linked_account(self, issuer: str, subject: str) -> str | None:
        """Return the account that somebody whom an issuer knows acts as, or None."""
        with self._database.read() as transaction:
            found: str | None = transaction.fetch_value(_SELECT_LINKED_ACCOUNT, issuer=issuer, subject=subject)
        return found

    # Tokens

    def issue_token(
        self,
        account: str,
        *,
        now: datetime,
        lifetime: timedelta,
        random_hex: Callable[[int], str],
        label: str | None = None,
    ) -> str:
        """Return a new token of an account: shown this once, since only its hash is kept."""
        prefix = random_hex(PREFIX_LENGTH // 2)
        secret = random_hex(SECRET_LENGTH // 2)
        with self._database.write() as transaction:
            transaction.execute(
                "insert into token (prefix, hash, account, label, created_at, expires_at) "
                "values (:prefix, :hash, :account, :label, :created_at, :expires_at)",
                prefix=prefix,
                hash=_hash(secret),
                account=account,
                label=label,
                created_at=format_timestamp(now),
                expires_at=format_timestamp(now + lifetime),
            )
        return f"{TOKEN_PREFIX}{prefix}_{secret}"

    def authenticate_token(self, token: str, now: datetime) -> str:
        """Return the account that a token opens, noting its use; raises InvalidToken."""
        prefix, secret = _split_token(token)
        with self._database.read() as transaction:
            row = transaction.fetch_one("select * from token where prefix = :prefix", prefix=prefix)
        # Compared even where there is no such prefix, so that time tells nothing of which prefixes exist.
        if not hmac.compare_digest(_hash(secret), row["hash"] if row else _hash("")) or row is None:
            raise InvalidToken("wrong")
        if row["revoked_at"] is not None:
            raise InvalidToken("revoked")
        if row["expires_at"] <= format_timestamp(now):
            raise InvalidToken("expired")
        self._record_use(row, now)
        account: str = row["account"]
        return account

    def is_still_valid(self, transaction: Transaction, credential: Credential, account: str, now: datetime) -> bool:
        """Tell whether what opened an account opens it in a transaction too; under the log's lock it stays so."""
        if isinstance(credential, LoginCredential):
            return bool(
                transaction.fetch_value(_SELECT_LINKED_ACCOUNT, issuer=credential.issuer, subject=credential.subject)
                == account
            )
        row = transaction.fetch_one(
            "select revoked_at, expires_at from token where prefix = :prefix", prefix=credential.prefix
        )
        return row is not None and row["revoked_at"] is None and row["expires_at"] > format_timestamp(now)

    def _record_use(self, row: Row, now: datetime) -> None:
        if row["last_used_at"] is not None and row["last_used_at"] > format_timestamp(now - LAST_USE_RESOLUTION):
            return
        with self._database.write() as transaction:
            transaction.execute(
                "update token set last_used_at = :now where prefix = :prefix",
                now=format_timestamp(now),
                prefix=row["prefix"],
            )

    def list_tokens(self, account: str) -> list[TokenRow]:
        """Return what is kept of an account's tokens, oldest first."""
        with self._database.read() as transaction:
            rows = transaction.fetch_all(
                "select prefix, account, label, created_at, expires_at, revoked_at, last_used_at from token "
                "where account = :account order by created_at, prefix",
                account=account,
            )
        return [TokenRow(**{name: row[name] for name in TokenRow.__dataclass_fields__}) for row in rows]

    def revoke_tokens(self, account: str, *, now: datetime, prefix: str | None = None) -> int:
        """Revoke one token of an account, or all of them; returns how many were open until now.

        From here on nothing that is sent with them is recorded: who is writing at this moment is waited for.
        """
        with self._database.append() as transaction:
            rows = transaction.fetch_all(
                "select prefix from token where account = :account and revoked_at is null", account=account
            )
            revocable = [row["prefix"] for row in rows if prefix in (None, row["prefix"])]
            for each in revocable:
                transaction.execute(
                    "update token set revoked_at = :now where prefix = :prefix", now=format_timestamp(now), prefix=each
                )
        return len(revocable)


def _split_token(token: str) -> tuple[str, str]:
    prefix, _, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
    return prefix, secret


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
