"""What every resolver of one request shares: one reading of the record, with the head pinned."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import strawberry

from ogpgraph.application import CommandContext, Receipt, UnitOfWork
from ogpgraph.auth.authentication import Caller, RefusalLog
from ogpgraph.domain.errors import RateLimited, Refusal, Unauthenticated
from ogpgraph.domain.event import Idempotency
from ogpgraph.rate_limit import RateLimiter, RateLimitExceeded
from ogpgraph.readmodel.snapshot import ReadSession, Snapshot
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System

T = TypeVar("T")


@dataclass
class Context:
    """The reading of a request, the version of the schema it is answered with, and the way to write.

    After a write the reading is another one: opened anew, with the head pinned behind what was written.
    """

    session: ReadSession
    schema_version: str
    write_access: WriteAccess | None = None

    def head(self) -> Snapshot:
        """Return the record as it stands: the head, pinned when the request began."""
        return self.session.at_head()


Info = strawberry.Info[Context, Any]


@dataclass(frozen=True)
class WriteAccess:
    """The way to write of one request; `open_sessions` holds the one reading that the request has open."""

    system: System
    caller: Caller
    request_id: str
    budget: RateLimiter
    refusals: RefusalLog
    open_sessions: ExitStack

    def require_account(self) -> str:
        """Return the account that writes; raises Unauthenticated for a reader, and RateLimited."""
        if self.caller.account is None:
            self._charge(f"address {self.caller.address}")
            raise Unauthenticated("only known accounts may write: send a token as `Authorization: Bearer …`")
        self._charge(f"address {self.caller.address}", self.caller.account)
        return self.caller.account

    def _charge(self, *keys: str) -> None:
        try:
            self.budget.charge(keys)
        except RateLimitExceeded as exceeded:
            raise RateLimited(exceeded.wait_seconds) from None

    def now(self) -> datetime:
        """Return the present moment."""
        return self.system.model.clock()

    def hash_request(self, key: str, canonical: str) -> Idempotency:
        """Return a key with the hash of what is asked; keyed, so that nobody can guess short wordings from it."""
        return Idempotency(key, self.system.executor.create_reference(canonical)[0])

    def execute(self, context: CommandContext, commands: Callable[[UnitOfWork], T]) -> Receipt[T]:
        """Run commands in one session. The open reading is given back first: nobody waits for a second connection."""
        self.open_sessions.close()
        return self.system.execute(context, commands, self._recheck_credential)

    def _recheck_credential(self, transaction: Transaction) -> None:
        credential, account = self.caller.credential, self.caller.account
        if credential is None or account is None:
            return
        if not self.system.accounts.is_still_valid(transaction, credential, account, self.now()):
            raise Unauthenticated("the token opens nothing any more: it expired or was revoked")

    def reopen_session(self) -> ReadSession:
        """Open a new reading, in place of the one before."""
        self.open_sessions.close()
        return self.open_sessions.enter_context(self.system.read_session())

    def log_refusal(self, mutation: str, refusal: Refusal) -> None:
        """Leave a trace of a refusal."""
        self.refusals.record(
            mutation,
            refusal.code,
            account=self.caller.account,
            address=self.caller.address,
            request_id=self.request_id,
        )
