"""The composition root: opens and closes the parts of the program, in order, and hands each what it needs."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from ogpgraph.application import Act, Receipt, Register, Session
from ogpgraph.clock import Clock, system_clock
from ogpgraph.readmodel.dump import digest
from ogpgraph.readmodel.follower import Follower, Progress, Standpoint
from ogpgraph.readmodel.following import Following
from ogpgraph.readmodel.model import Reading, ReadModel
from ogpgraph.readmodel.rebuild import Rebuild
from ogpgraph.readmodel.stop import Stop
from ogpgraph.storage import accounts, identity, texts
from ogpgraph.storage.database import Database, DatabaseError, open_database
from ogpgraph.storage.log import Check, EventLog

log = structlog.stdlib.get_logger(__name__)
T = TypeVar("T")
KEY_BYTES = 32
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 10.0
"""A read model that has been behind for longer is no accident of the moment."""


class NotReached(Exception):
    """The read model has not come to a position within the time allowed."""

    def __init__(self, wanted: int, head: int, stop: Stop | None) -> None:
        why = f": {stop.message}" if stop else ""
        super().__init__(f"position {wanted} is not reached, the head is {head}{why}")
        self.head = head


def random_id() -> str:
    """Return a new opaque id."""
    return uuid.uuid4().hex


def random_key() -> bytes:
    """Return a new secret key."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True)
class System:
    """The opened program: what writes, what follows, what reads."""

    database: Database
    log: EventLog
    register: Register
    follower: Follower
    model: ReadModel
    accounts: accounts.Accounts
    following: Following
    clock: Clock

    def record(self, act: Act, commands: Callable[[Session], T], check: Check | None = None) -> Receipt[T]:
        """Run commands in one session, store what they say, and bring the read model up to it."""
        receipt = self.register.record(act, commands, check)
        if receipt.positions:
            try:
                self.follower.catch_up(to=receipt.positions[-1])
            except DatabaseError:
                # What is recorded is recorded; whoever follows next brings the read model up to it.
                log.warning("the read model could not be brought up to a save", exc_info=True)
        return receipt

    @contextmanager
    def reading(self, *, at_least: int = 0, patience_seconds: float = 0) -> Iterator[Reading]:
        """Open a reading of everything that is in the log, another process's latest events included.

        Raises NotReached when the read model has not come to `at_least` within the time allowed.
        """
        deadline = time.monotonic() + patience_seconds
        while True:
            with self._caught_up() as reading:
                if reading.head >= at_least:
                    yield reading
                    return
            if (left := deadline - time.monotonic()) <= 0:
                raise NotReached(at_least, reading.head, self.follower.stop)
            self.follower.wakeups.wait_for(at_least, min(left, LOOK_SECONDS))

    @contextmanager
    def _caught_up(self) -> Iterator[Reading]:
        with self.model.reading() as reading:
            if not reading.is_behind:
                yield reading
                return
        self.follower.catch_up()
        with self.model.reading() as reading:
            yield reading

    def standpoint(self) -> Standpoint:
        """Return where the read model stands, without moving it."""
        with self.database.read() as transaction:
            return self.follower.standpoint(transaction)

    def problems(self) -> list[str]:
        """Return why this process should not be sent requests; nothing where it may."""
        stands = self.standpoint()
        problems = [f"the follower stopped: {stands.stop.code}"] if stands.stop else []
        if stands.waiting_since and self._age(stands.waiting_since) > PATIENCE_SECONDS:
            problems.append(f"the read model has been behind for more than {PATIENCE_SECONDS:g} seconds")
        problems += [problem] if (problem := self.following.problem()) else []
        return problems

    def _age(self, recorded_at: str) -> float:
        return (self.clock() - datetime.fromisoformat(recorded_at)).total_seconds()

    def stored_text(self, reference: str) -> str | None:
        """Return a wording as it came in, personal data and all: for reading it again, never for an answer."""
        with self.database.read() as transaction:
            return texts.unmasked(transaction, reference)

    def stored_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, without those not kept: for comparing, never for an answer."""
        with self.database.read() as transaction:
            return texts.unmasked_many(transaction, references)

    def digest(self) -> str:
        """Return the SHA-256 of the read model's canonical dump."""
        with self.database.read() as transaction:
            return digest(transaction)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Make the read model again from the log while it goes on being read; returns the position reached.

        Raises RebuildStopped, with the old one in place.
        """
        return Rebuild(self.database, self.log).run(progress)


def migrate(
    database_url: str,
    *,
    clock: Clock = system_clock,
    new_id: Callable[[], str] = random_id,
    progress: Progress | None = None,
) -> None:
    """Make the tables of a database, and give its log an identity, unless they are there.

    A read model that another version of the program made is made again. Any number of processes may do this at once.
    """
    database = open_database(database_url)
    try:
        log = EventLog(database, clock)
        follower = Follower(database, log)
        log.create_table()
        follower.create_tables()
        texts.create_table(database)
        database.create(accounts.CREATE_TABLES)
        identity.create_identity(database, new_id, random_key)
        if follower.is_outdated():
            Rebuild(database, log).run(progress)
    finally:
        database.close()


def require_migrated(database_url: str) -> None:
    """Raise NoTables or DatabaseError unless the tables are there and made by this version of the program."""
    database = open_database(database_url)
    try:
        identity.read_identity(database)
        if Follower(database, EventLog(database, system_clock)).is_outdated():
            raise DatabaseError("another version made the read model: run `ogpgraph migrate`")
    finally:
        database.close()


@contextmanager
def open_system(
    database_url: str, *, clock: Clock = system_clock, new_id: Callable[[], str] = random_id
) -> Iterator[System]:
    """Open a migrated database; everything is closed again at the end."""
    database = open_database(database_url)
    try:
        log = EventLog(database, clock)
        who = identity.read_identity(database)
        register = Register(log, texts.TextKeeper(who.text_key), new_id)
        follower = Follower(database, log)
        yield System(
            database,
            log,
            register,
            follower,
            ReadModel(database, who, clock, follower),
            accounts.Accounts(database),
            Following(database, follower),
            clock,
        )
    finally:
        database.close()
