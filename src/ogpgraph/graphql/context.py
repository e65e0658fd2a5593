"""The context of an operation: what the transports pass to its resolvers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import strawberry

from ogpgraph.auth.authentication import Caller, RefusalLog
from ogpgraph.domain.errors import RateLimited, Refusal, Unauthenticated
from ogpgraph.domain.event import Idempotency
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.host import find_network
from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System

T = TypeVar("T")
_KEY_HASH_LENGTH = 32  # 128 bits: nobody finds another key with the same hash


class Outcome(NamedTuple):
    """What a call has returned or raised."""

    result: Any
    error: Exception | None = None

    @classmethod
    def of(cls, function: Callable[[], object]) -> Outcome:
        """Call a function."""
        try:
            return cls(function())
        except Exception as error:
            return cls(None, error)

    def get(self) -> Any:
        """Return the result; raises the error."""
        if self.error is not None:
            raise self.error
        return self.result


@dataclass
class Context:
    """The read session of an operation, and access to write if it is a request that may.

    All fields of an operation share the head of the session. A mutation replaces the session by one whose head
    includes the entries that it recorded.

    An operation `is_repeated` while it is executed once more from the beginning, except for its mutation, which it has
    one of.
    """

    session: ReadSession
    schema_version: str
    write_access: WriteAccess | None = None
    is_repeated: bool = False
    _outcome: Outcome | None = None

    def execute_once(self, mutation: Callable[[], T]) -> T:
        """Call a mutation, and return what it returns or raise what it raises; if it is repeated, without a call."""
        if not self.is_repeated or self._outcome is None:
            self._outcome = Outcome.of(mutation)
        result: T = self._outcome.get()
        return result

    @property
    def is_anonymous(self) -> bool:
        """Return whether the operation is nobody's in particular."""
        return self.write_access is None or self.write_access.caller.account is None

    def head(self) -> Snapshot:
        """Return the snapshot at the head of the session."""
        return self.session.at_head()


Info = strawberry.Info[Context, Any]


@dataclass(frozen=True)
class WriteAccess:
    """The means of a request to write, and the caller that it acts for.

    `sessions` holds the read session of the request, of which there is one at a time.
    """

    system: System
    caller: Caller
    request_id: str
    rate_limiter: RateLimiter
    refusals: RefusalLog
    sessions: ExitStack

    def require_account(self) -> str:
        """Return the account of the caller, and charge its rate limit.

        Whoever has no account is charged as such, by the address: it takes nothing from those with accounts there.

        Raises:
            Unauthenticated: if the caller has no account.
            RateLimited: if the account has written too much, or the address has sent too much without an account.
        """
        if self.caller.account is None:
            self._charge(f"nobody at {find_network(self.caller.address)}")
            raise Unauthenticated("writing needs an account: send its token as `Authorization: Bearer …`")
        self._charge(self.caller.account)
        return self.caller.account

    def _charge(self, key: str) -> None:
        try:
            self.rate_limiter.charge([key])
        except RateLimitExceeded as exceeded:
            raise RateLimited(exceeded.wait_seconds) from None

    def now(self) -> datetime:
        """Return the present time."""
        return self.system.model.clock()

    def hash_request(self, key: str, canonical: str) -> Idempotency:
        """Return the hash of an idempotency key with the hash of its request.

        Both are public, in the log. They are keyed, so that a short text cannot be found by trying. The client wrote
        the key, too: it may contain an address, so that no event has it.
        """
        create_reference = self.system.executor.create_reference
        hashed_key = create_reference(f"idempotency key\n{key}")[0][:_KEY_HASH_LENGTH]
        return Idempotency(hashed_key, create_reference(canonical)[0])

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Execute commands in a unit of work, and save their events."""
        # The read session is closed first. Otherwise each request would hold one database connection while it waits
        # for another, and as many requests as there are connections would wait for each other.
        self.sessions.close()
        return self.system.execute(context, commands, self._recheck_credential)

    def preview(self, context: CommandContext, commands: Callable[[UnitOfWork], object]) -> UnitOfWork:
        """Execute commands in a unit of work, and save nothing."""
        return self.system.executor.preview(context, commands)

    def _recheck_credential(self, transaction: Transaction) -> None:
        # In the transaction of the save: a token that was revoked after the request began records nothing.
        credential, account = self.caller.credential, self.caller.account
        if credential is None or account is None:
            return
        if not self.system.accounts.is_still_valid(transaction, credential, account, self.now()):
            raise Unauthenticated("the token has expired or was revoked")

    def reopen_session(self) -> ReadSession:
        """Open a new read session in place of the current one."""
        self.sessions.close()
        return self.sessions.enter_context(self.system.read_session())

    def log_refusal(self, mutation: str, refusal: Refusal) -> None:
        """Log the refusal of a mutation."""
        self.refusals.record(
            mutation,
            refusal.code,
            account=self.caller.account,
            address=self.caller.address,
            request_id=self.request_id,
        )
