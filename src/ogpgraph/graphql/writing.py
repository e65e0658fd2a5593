"""What a mutation writes with: who asks, how often they may, and the system that records."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ogpgraph.application import Act, Receipt, Session
from ogpgraph.auth.budget import Budget
from ogpgraph.auth.identify import Caller
from ogpgraph.auth.refusals import Refusals
from ogpgraph.domain.errors import Refusal, Unauthenticated
from ogpgraph.domain.event import Idempotency
from ogpgraph.readmodel.model import Reading
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System

T = TypeVar("T")


@dataclass(frozen=True)
class Writing:
    """The way to write of one request; `readings` holds the one reading that the request has open."""

    system: System
    caller: Caller
    request_id: str
    budget: Budget
    refusals: Refusals
    readings: ExitStack

    def admit(self) -> str:
        """Return the account that writes; raises Unauthenticated for a reader, and RateLimited."""
        if self.caller.account is None:
            self.budget.spend(f"address {self.caller.address}")
            raise Unauthenticated("only known accounts may write: send a token as `Authorization: Bearer …`")
        self.budget.spend(f"address {self.caller.address}", self.caller.account)
        return self.caller.account

    def moment(self) -> datetime:
        """Return the present moment."""
        return self.system.model.clock()

    def idempotency(self, key: str, canonical: str) -> Idempotency:
        """Return a key with the hash of what is asked; keyed, so that nobody can guess short wordings from it."""
        return Idempotency(key, self.system.register.salted(canonical)[0])

    def record(self, act: Act, commands: Callable[[Session], T]) -> Receipt[T]:
        """Run commands in one session. The open reading is given back first: nobody waits for a second connection."""
        self.readings.close()
        return self.system.record(act, commands, self._check)

    def _check(self, transaction: Transaction) -> None:
        credential, account = self.caller.credential, self.caller.account
        if credential is None or account is None:
            return
        if not self.system.accounts.still_opens(transaction, credential, account, self.moment()):
            raise Unauthenticated("the token opens nothing any more: it expired or was revoked")

    def reading(self) -> Reading:
        """Open a new reading, in place of the one before."""
        self.readings.close()
        return self.readings.enter_context(self.system.reading())

    def note(self, mutation: str, refusal: Refusal) -> None:
        """Leave a trace of a refusal."""
        self.refusals.note(
            mutation,
            refusal.code,
            account=self.caller.account,
            address=self.caller.address,
            request_id=self.request_id,
        )
