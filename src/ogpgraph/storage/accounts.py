"""The account store: persons, logins and tokens, which are deleted and changed and so must not be in the log.

A token consists of `ogp_`, a prefix by which it is looked up, and 32 random bytes, of which only the SHA-256 is stored.
Rights are not here: they are events, and apply to the past as recorded.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from ogpgraph.clock import format_timestamp
from ogpgraph.storage.database import Database, DatabaseError, Row, Transaction

TOKEN_PREFIX = "ogp_"  # noqa: S105 - not a secret: people and secret scanners recognize a token by it
PREFIX_LENGTH = 12
SECRET_LENGTH = 64
LAST_USE_RESOLUTION = timedelta(minutes=1)
"""The last use of a token is written at most this often: otherwise every request would wait for the writer's lock."""
LAST_USE_LOCK_SECONDS = 0.5
MAX_READ_TOKENS = 1_000
"""So many rows of tokens are kept, until anything is committed that may have changed one."""
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

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class TokenRow:
    """A stored token, without the secret."""

    prefix: str
    account: str
    label: str | None
    created_at: str
    expires_at: str
    revoked_at: str | None
    last_used_at: str | None


@dataclass(frozen=True)
class Person:
    """The person behind an account."""

    account: str
    name: str | None
    email: str | None


@dataclass(frozen=True)
class TokenCredential:
    """A token, identified by its prefix."""

    prefix: str

    @classmethod
    def parse(cls, token: str) -> TokenCredential:
        """Return the credential of a token."""
        return cls(_split_token(token)[0])


@dataclass(frozen=True)
class LoginCredential:
    """A login at an OpenID Connect issuer."""

    issuer: str
    subject: str


Credential = TokenCredential | LoginCredential


class InvalidToken(Exception):
    """The token is not valid; the message gives the reason, for the operator's log and never for the client."""


class AccountStore:
    """Stores persons, logins and tokens.

    `find_epoch` returns what stays the same while no row of them can have changed, None where that is not known. So
    long the rows of tokens that were read are used again.
    """

    def __init__(self, database: Database, find_epoch: Callable[[], int | None] = lambda: None) -> None:
        self._database = database
        self._find_epoch = find_epoch
        self._known: tuple[int | None, dict[str, Row]] = None, {}
        self._use_lock = threading.Lock()
        self._uses: dict[str, datetime] = {}

    # People

    def set_person(self, account: str, name: str | None, email: str | None) -> None:
        """Set the person behind an account."""
        with self._database.write() as transaction:
            transaction.execute("delete from person where account = :account", account=account)
            transaction.execute(
                "insert into person (account, name, email) values (:account, :name, :email)",
                account=account,
                name=name,
                email=email,
            )

    def erase_person(self, account: str) -> None:
        """Erase the name and e-mail address behind an account, its logins, and the labels of its tokens.

        The account, its rights and its tokens stay. Raises LockTimeout as `Database.erase` does.
        """
        with self._database.erase() as transaction:
            transaction.execute("update person set name = null, email = null where account = :account", account=account)
            transaction.execute("delete from login where account = :account", account=account)
            transaction.execute("update token set label = null where account = :account", account=account)

    def list_people(self) -> dict[str, Person]:
        """Return account → the person behind it, in the order of the accounts."""
        with self._database.read() as transaction:
            rows = transaction.fetch_all("select account, name, email from person order by account")
        return {row["account"]: Person(row["account"], row["name"], row["email"]) for row in rows}

    # Logins at an issuer

    def link(self, issuer: str, subject: str, account: str) -> None:
        """Link a login to an account; raises UniqueViolation where it is linked already."""
        with self._database.write() as transaction:
            transaction.execute(
                "insert into login (issuer, login_subject, account) values (:issuer, :subject, :account)",
                issuer=issuer,
                subject=subject,
                account=account,
            )

    def unlink(self, account: str) -> None:
        """Remove all logins of an account. After the return, no command of theirs is recorded any more."""
        # Under the log's lock, which every append holds while it checks the credential.
        with self._database.append() as transaction:
            transaction.execute("delete from login where account = :account", account=account)

    def find_linked_account(self, issuer: str, subject: str) -> str | None:
        """Return the account that a login is linked to, or None."""
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
        """Create a token of an account and return it: it cannot be shown again, as only its hash is stored."""
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
        """Return the account of a token and record its use, if it can be recorded; raises InvalidToken."""
        prefix, secret = _split_token(token)
        row = self._find_token(prefix)
        # Compared also where the prefix is unknown, so that the time taken does not reveal which prefixes exist.
        if not hmac.compare_digest(_hash(secret), row["hash"] if row else _hash("")) or row is None:
            raise InvalidToken("wrong")
        if row["revoked_at"] is not None:
            raise InvalidToken("revoked")
        if row["expires_at"] <= format_timestamp(now):
            raise InvalidToken("expired")
        self._record_use(row, now)
        account: str = row["account"]
        return account

    def _find_token(self, prefix: str) -> Row | None:
        """Return the row of a token, as it is at a moment after the call; None if there is none."""
        epoch, (known_in, known) = self._find_epoch(), self._known
        if epoch is not None and epoch == known_in and prefix in known:
            return known[prefix]
        with self._database.read() as transaction:
            row = transaction.fetch_one("select * from token where prefix = :prefix", prefix=prefix)
        if row is not None and epoch is not None:
            if epoch != known_in or len(known) >= MAX_READ_TOKENS:
                self._known = epoch, {prefix: row}
            else:
                known[prefix] = row
        return row

    def is_still_valid(self, transaction: Transaction, credential: Credential, account: str, now: datetime) -> bool:
        """Return whether a credential is valid for an account; under the log's lock it stays so until the commit."""
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
        """Record the use of a token, at most once a minute; a failure is only logged: no reader needs a write."""
        if row["last_used_at"] is not None and row["last_used_at"] > format_timestamp(now - LAST_USE_RESOLUTION):
            return
        with self._use_lock:
            if (before := self._uses.get(row["prefix"])) is not None and before > now - LAST_USE_RESOLUTION:
                return  # another request does it, or could not
            self._uses[row["prefix"]] = now
        try:
            with self._database.write(durable=False, lock_seconds=LAST_USE_LOCK_SECONDS) as transaction:
                transaction.execute(
                    "update token set last_used_at = :now where prefix = :prefix",
                    now=format_timestamp(now),
                    prefix=row["prefix"],
                )
        except DatabaseError as error:
            log.warning("the last use of a token was not recorded", reason=str(error))

    def list_tokens(self, account: str) -> list[TokenRow]:
        """Return the tokens of an account, oldest first."""
        with self._database.read() as transaction:
            rows = transaction.fetch_all(
                "select prefix, account, label, created_at, expires_at, revoked_at, last_used_at from token "
                "where account = :account order by created_at, prefix",
                account=account,
            )
        return [TokenRow(**{name: row[name] for name in TokenRow.__dataclass_fields__}) for row in rows]

    def revoke_tokens(self, account: str, *, now: datetime, prefix: str | None = None) -> int:
        """Revoke one token of an account, or all of them; returns how many were not revoked before.

        After the return, no command with them is recorded any more: a command that is just being stored is waited for.
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


def parse_prefix(token: str) -> str:
    """Return the prefix of a token, or of what a list shows of one: `ogp_7307ef38a522…`."""
    return _split_token(token.strip())[0].rstrip("….")


def _split_token(token: str) -> tuple[str, str]:
    prefix, _, secret = token.removeprefix(TOKEN_PREFIX).partition("_")
    return prefix, secret


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
