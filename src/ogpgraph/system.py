"""The composition root: opens and closes the parts of the program, in order, and hands each what it needs."""

from __future__ import annotations

import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from ogpgraph.application import CommandContext, CommandExecutor, Receipt, UnitOfWork
from ogpgraph.clock import Clock, system_clock
from ogpgraph.readmodel.poller import ProjectionPoller
from ogpgraph.readmodel.projection import ProgressCallback, ProjectionRunner, ProjectionStatus
from ogpgraph.readmodel.projection_failure import ProjectionFailure
from ogpgraph.readmodel.read_session import ReadModel, ReadSession
from ogpgraph.readmodel.rebuild import Rebuild
from ogpgraph.readmodel.tables import compute_digest
from ogpgraph.storage import accounts, event_log, texts
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, DatabaseError
from ogpgraph.storage.event_log import AppendCheck, EventLog
from ogpgraph.storage.sqlite import has_wal_reset_bug, parse_sqlite_url

log = structlog.stdlib.get_logger(__name__)
T = TypeVar("T")
KEY_BYTES = 32
WAIT_INTERVAL_SECONDS = 0.1
MAX_LAG_SECONDS = 10.0
"""A read model that has been behind for longer is no accident of the moment."""


class PositionNotReached(Exception):
    """The read model has not come to a position within the time allowed."""

    def __init__(self, wanted: int, head: int, stop: ProjectionFailure | None) -> None:
        why = f": {stop.message}" if stop else ""
        super().__init__(f"position {wanted} is not reached, the head is {head}{why}")
        self.head = head


def generate_id() -> str:
    """Return a new opaque id."""
    return uuid.uuid4().hex


def generate_key() -> bytes:
    """Return a new secret key."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True)
class System:
    """The opened program: what writes, what follows, what reads."""

    database: Database
    log: EventLog
    executor: CommandExecutor
    projection: ProjectionRunner
    model: ReadModel
    accounts: accounts.AccountStore
    poller: ProjectionPoller
    clock: Clock

    def execute(
        self, context: CommandContext, commands: Callable[[UnitOfWork], T], check: AppendCheck | None = None
    ) -> Receipt[T]:
        """Run commands in one session, store what they say, and bring the read model up to it."""
        receipt = self.executor.execute(context, commands, check)
        if receipt.positions:
            try:
                self.projection.catch_up(to=receipt.positions[-1])
            except DatabaseError:
                # What is recorded is recorded; whoever follows next brings the read model up to it.
                log.warning("the read model could not be brought up to a save", exc_info=True)
        return receipt

    @contextmanager
    def read_session(self, *, at_least: int = 0, timeout_seconds: float = 0) -> Iterator[ReadSession]:
        """Open a reading of everything that is in the log, another process's latest events included.

        Raises NotReached when the read model has not come to `at_least` within the time allowed.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._current_session() as reading:
                if reading.head >= at_least:
                    yield reading
                    return
            if (left := deadline - time.monotonic()) <= 0:
                raise PositionNotReached(at_least, reading.head, self.projection.failure)
            self.projection.notifier.wait_for(at_least, min(left, WAIT_INTERVAL_SECONDS))

    @contextmanager
    def _current_session(self) -> Iterator[ReadSession]:
        with self.model.session() as reading:
            if not reading.is_behind:
                yield reading
                return
        self.projection.catch_up()
        with self.model.session() as reading:
            yield reading

    def projection_status(self) -> ProjectionStatus:
        """Return where the read model stands, without moving it."""
        with self.database.read() as transaction:
            return self.projection.status(transaction)

    def readiness_problems(self) -> list[str]:
        """Return why this process should not be sent requests; nothing where it may."""
        stands = self.projection_status()
        problems = [f"the follower stopped: {stands.failure.code}"] if stands.failure else []
        if stands.oldest_pending_at and self._age(stands.oldest_pending_at) > MAX_LAG_SECONDS:
            problems.append(f"the read model has been behind for more than {MAX_LAG_SECONDS:g} seconds")
        problems += [problem] if (problem := self.poller.find_problem()) else []
        return problems

    def _age(self, recorded_at: str) -> float:
        return (self.clock() - datetime.fromisoformat(recorded_at)).total_seconds()

    def unmasked_text(self, reference: str) -> str | None:
        """Return a wording as it came in, personal data and all: for reading it again, never for an answer."""
        with self.database.read() as transaction:
            return texts.read_unmasked(transaction, reference)

    def unmasked_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → wording as it came in, without those not kept: for comparing, never for an answer."""
        with self.database.read() as transaction:
            return texts.read_unmasked_many(transaction, references)

    def digest(self) -> str:
        """Return the SHA-256 of the read model's canonical dump."""
        with self.database.read() as transaction:
            return compute_digest(transaction)

    def rebuild(self, progress: ProgressCallback | None = None) -> int:
        """Make the read model again from the log while it goes on being read; returns the position reached.

        Raises RebuildStopped, with the old one in place.
        """
        return Rebuild(self.database, self.log).run(progress)


def migrate(
    database_url: str,
    *,
    clock: Clock = system_clock,
    new_id: Callable[[], str] = generate_id,
    progress: ProgressCallback | None = None,
) -> None:
    """Make the tables of a database, and give its log an identity, unless they are there.

    A read model that another version of the program made is made again. Any number of processes may do this at once.
    """
    database = open_database(database_url)
    try:
        log = EventLog(database, clock)
        follower = ProjectionRunner(database, log)
        log.create_table()
        event_log.create_log_identity(database, new_id, generate_key)
        database.apply_ddl(accounts.CREATE_TABLES)
        follower.create_tables()
        if follower.is_outdated():
            Rebuild(database, log).run(progress)
        # Renamed last: until then a server of the former program goes on reading its tables.
        texts.create_text_table(database)
    finally:
        database.close()


def database_exists(database_url: str) -> bool:
    """Return whether there is a database to open: a `sqlite:` URL may name a file that is still to be created."""
    return not database_url.startswith("sqlite:") or parse_sqlite_url(database_url).exists()


def unsafe_sqlite_version(database_url: str) -> str | None:
    """Return SQLite's version where several writing processes may corrupt the database with it, else None."""
    return sqlite3.sqlite_version if database_url.startswith("sqlite:") and has_wal_reset_bug() else None


def require_migrated(database_url: str) -> None:
    """Raise TablesMissing or DatabaseError unless the tables are there and made by this version of the program."""
    database = open_database(database_url)
    try:
        with database.read_autocommit() as transaction:
            event_log.read_log_identity(transaction)
        if ProjectionRunner(database, EventLog(database, system_clock)).is_outdated():
            raise DatabaseError("another version made the read model: run `ogpgraph migrate`")
    finally:
        database.close()


@contextmanager
def open_system(
    database_url: str, *, clock: Clock = system_clock, new_id: Callable[[], str] = generate_id
) -> Iterator[System]:
    """Open a migrated database; everything is closed again at the end."""
    database = open_database(database_url)
    try:
        log = EventLog(database, clock)
        with database.read_autocommit() as transaction:
            log_identity = event_log.read_log_identity(transaction)
        executor = CommandExecutor(log, texts.TextReferencer(log_identity.text_key), new_id)
        follower = ProjectionRunner(database, log)
        yield System(
            database,
            log,
            executor,
            follower,
            ReadModel(database, log_identity, clock, follower),
            accounts.AccountStore(database),
            ProjectionPoller(database, follower),
            clock,
        )
    finally:
        database.close()
