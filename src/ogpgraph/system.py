"""The composition root: opens and closes the parts of the program in order, and passes each the parts that it uses."""

from __future__ import annotations

import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from ogpgraph.application.aggregate_loader import AggregateLoader
from ogpgraph.application.executor import CommandExecutor
from ogpgraph.clock import Clock, system_clock
from ogpgraph.domain.aggregate import FOLD_VERSION
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.readmodel.batch_projection import ProjectionFailure
from ogpgraph.readmodel.bookmark import ANY_POSITION, Bookmark
from ogpgraph.readmodel.freshness import HeadReader
from ogpgraph.readmodel.history_guard import HistoryGuard
from ogpgraph.readmodel.model import Model
from ogpgraph.readmodel.model_loader import ModelLoader
from ogpgraph.readmodel.projection import (
    ProjectionRunner,
    ProjectionStatus,
    query_progress,
)
from ogpgraph.readmodel.projection_poller import ProjectionPoller
from ogpgraph.readmodel.read_model import ReadModel
from ogpgraph.readmodel.rebuild import Rebuild
from ogpgraph.readmodel.save_projection import SaveProjection
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.readmodel.tables import compute_digest
from ogpgraph.settings import Settings
from ogpgraph.storage import accounts, texts
from ogpgraph.storage.aggregate_cache import AggregateCache, create_aggregate_cache
from ogpgraph.storage.clock_guard import ClockGuard
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.damage import DamagedRecord
from ogpgraph.storage.database import Database, DatabaseError, ProgressCallback, StorageError
from ogpgraph.storage.event_log import AppendCheck, EventLog, create_log
from ogpgraph.storage.head_file import HeadFile
from ogpgraph.storage.log_identity import KEY_BYTES, LogIdentity, UnsupportedLogFormat, read_log_identity
from ogpgraph.storage.logged_event import CorruptEvent
from ogpgraph.storage.probe import StorageProbe, create_probe_table
from ogpgraph.storage.record import require_supported_log
from ogpgraph.storage.sqlite import has_wal_reset_bug, parse_sqlite_url

log = structlog.stdlib.get_logger(__name__)
T = TypeVar("T")
WAIT_INTERVAL_SECONDS = 0.1
MAX_LAG_SECONDS = 10.0
"""A read model that has been behind for longer is not just catching up: the process is not ready."""


class PositionNotReached(Exception):
    """The read model did not reach a position within the time allowed."""

    def __init__(self, position: int, head: int, failure: ProjectionFailure | None) -> None:
        reason = f": {failure.message}" if failure else ""
        super().__init__(f"position {position} is not reached, the head is {head}{reason}")
        self.head = head


def generate_id() -> str:
    """Return a new opaque id."""
    return uuid.uuid4().hex


def generate_key() -> bytes:
    """Return a new secret key."""
    return secrets.token_bytes(KEY_BYTES)


@dataclass(frozen=True)
class System:
    """The opened program: the write side (log, executor), the projection of its events, and the read side (model)."""

    database: Database
    log: EventLog
    executor: CommandExecutor
    projection: ProjectionRunner
    heads: HeadReader
    model: ReadModel
    accounts: accounts.AccountStore
    poller: ProjectionPoller
    loader: ModelLoader
    clock: Clock
    guard: HistoryGuard
    probe: StorageProbe

    def execute(
        self, context: CommandContext, commands: Callable[[UnitOfWork], T], check: AppendCheck | None = None
    ) -> Receipt[T]:
        """Run commands in one unit of work and project its events, so that the next read session shows them.

        `check` runs under the log's lock before the events are stored, and keeps them from being stored by raising.
        """
        return self.executor.execute(context, commands, check, follow_saves=self._project_saves)

    def _project_saves(self) -> AbstractContextManager[SaveProjection]:
        return SaveProjection.begin(self.projection, self.heads)

    @contextmanager
    def read_session(self, *, at_least: Bookmark = ANY_POSITION, timeout_seconds: float = 0) -> Iterator[ReadSession]:
        """Open a session that shows everything in the log, another process's latest events included.

        Where events cannot be projected, it shows those that are, and `is_behind` says so.

        Raises OtherHistory where the root of `at_least` is not that of this log, and PositionNotReached when the read
        model does not reach the position within the time allowed. A log that is shorter is one of another history.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            is_late = time.monotonic() >= deadline
            with self.model.session() as session:
                if session.head >= at_least.position or (is_late and at_least.root and not session.is_behind):
                    session.require(at_least)
                    yield session
                    return
            if is_late:
                raise PositionNotReached(at_least.position, session.head, self.projection.failure)
            remaining = max(0.0, deadline - time.monotonic())
            self.projection.notifier.wait_for(at_least.position, min(remaining, WAIT_INTERVAL_SECONDS))

    def projection_status(self) -> ProjectionStatus:
        """Return the status of the read model as it is, without catching up."""
        with self.database.read() as transaction:
            return self.projection.status(transaction)

    def readiness_problems(self) -> list[str]:
        """Return the reasons why this process should get no requests; empty where it is ready.

        It reads, and every few seconds it writes a tiny row.
        """
        try:
            with self.database.read() as transaction:
                read_log_identity(transaction)
                status = self.projection.status(transaction)
                damaged = self.model.damage.find(transaction)
                clock_problem = self.log.find_clock_problem(transaction)
        except UnsupportedLogFormat:  # the database was replaced; its name is not for everyone
            return ["the database holds no log that this program can read"]
        except StorageError as error:
            return [f"reading fails: {error.code}"]
        problems = [f"the projection stopped: {status.failure.code}"] if status.failure else []
        # A text that is damaged is missed where it is read, an event by all later commands on its aggregate.
        problems += [f"{each.code}: {each}" for each in damaged if isinstance(each, CorruptEvent)]
        if status.oldest_pending_at and self._age(status.oldest_pending_at) > MAX_LAG_SECONDS:
            problems.append(f"the read model has been behind for more than {MAX_LAG_SECONDS:g} seconds")
        problems += [f"{clock_problem.code}: {clock_problem}"] if clock_problem else []
        problems += [problem for problem in (self.poller.find_problem(), self.loader.find_problem()) if problem]
        if failure := self.probe.find_failure():
            code = failure.code if isinstance(failure, StorageError) else type(failure).__name__
            problems.append(f"writing fails: {code}")
        return problems

    def find_damage(self) -> list[DamagedRecord]:
        """Return the damaged records that this process has met and that are not repaired."""
        with self.database.read() as transaction:
            return self.model.damage.find(transaction)

    def _age(self, recorded_at: str) -> float:
        return (self.clock() - datetime.fromisoformat(recorded_at)).total_seconds()

    def unmasked_text(self, reference: str) -> str | None:
        """Return a stored text with its personal data: for parsing it again, never for a response."""
        with self.database.read() as transaction:
            return texts.read_unmasked(transaction, reference)

    def unmasked_texts(self, references: Iterable[str]) -> dict[str, str]:
        """Return reference → stored text with its personal data: for comparing it, never for a response."""
        with self.database.read() as transaction:
            return texts.read_unmasked_many(transaction, references)

    def digest(self) -> str:
        """Return the SHA-256 of the read model's canonical dump."""
        with self.database.read() as transaction:
            return compute_digest(transaction)

    def find_corrupt_texts(self) -> list[texts.CorruptText]:
        """Return the errors of all stored texts that do not match their references."""
        with self.database.read() as transaction:
            return list(texts.find_corrupt_texts(transaction))

    def rebuild(self, progress: ProgressCallback | None = None) -> int:
        """Rebuild the read model from the log while it is in use; returns the position reached.

        Raises RebuildStopped, with the former rows in place.
        """
        return Rebuild(self.database, self.log).run(progress)


def migrate(
    database_url: str,
    *,
    clock: Clock = system_clock,
    new_id: Callable[[], str] = generate_id,
    progress: ProgressCallback | None = None,
) -> None:
    """Create the tables of a database and the identity of its log, unless they exist.

    A read model that another version of the program wrote is rebuilt. Any number of processes may migrate at once; of
    several that rebuild, the last one succeeds and the others raise RebuildStopped. A database whose log has another
    format stays as it is: UnsupportedLogFormat is raised.
    """
    database = open_database(database_url)
    try:
        log = EventLog(database, clock)
        projection = ProjectionRunner(database, log)
        require_supported_log(database)
        create_log(database, new_id, generate_key)
        create_aggregate_cache(database)
        texts.create_text_table(database)
        create_probe_table(database)
        database.apply_ddl(accounts.CREATE_TABLES)
        projection.create_tables()
        if projection.is_outdated():
            Rebuild(database, log).run(progress)
    finally:
        database.close()


def database_exists(database_url: str) -> bool:
    """Return whether there is a database to open: a `sqlite:` URL may name a file that is still to be created."""
    return not database_url.startswith("sqlite:") or parse_sqlite_url(database_url).exists()


def unsafe_sqlite_version(database_url: str) -> str | None:
    """Return SQLite's version where several writing processes may corrupt the database with it, else None."""
    return sqlite3.sqlite_version if database_url.startswith("sqlite:") and has_wal_reset_bug() else None


def require_migrated(database_url: str) -> None:
    """Raise TablesMissing, UnsupportedLogFormat or DatabaseError unless this version has migrated the database."""
    database = open_database(database_url)
    try:
        require_supported_log(database)
        with database.read_autocommit() as transaction:
            read_log_identity(transaction)
        if ProjectionRunner(database, EventLog(database, system_clock)).is_outdated():
            raise DatabaseError("another version wrote the read model: run `ogpgraph migrate`")
    finally:
        database.close()


@contextmanager
def open_system(
    database_url: str,
    *,
    state: str = "",
    accept_history: bool = False,
    clock: Clock = system_clock,
    new_id: Callable[[], str] = generate_id,
    clock_guard: ClockGuard | None = None,
) -> Iterator[System]:
    """Open a migrated database; it is closed at the end of the context. Raises TablesMissing, UnsupportedLogFormat.

    A log that is not the one that was open before is read-only (`HistoryGuard`), unless its history is accepted.
    `state` is the folder in which the last acknowledged position is remembered, where there is no database file.
    Nothing is recorded while `clock` cannot be right, which is logged here; without a `clock_guard` it is compared with
    the log only.
    """
    database = open_database(database_url)
    history_guard: HistoryGuard | None = None
    try:
        require_supported_log(database)
        with database.read_autocommit() as transaction:
            log_identity = read_log_identity(transaction)
        clock_guard = clock_guard or ClockGuard()
        history_guard = HistoryGuard(find_head_file(database_url, state, log_identity.id), log_identity.id, clock_guard)
        _begin_clock_guard(clock_guard, clock, database, history_guard)
        event_log = EventLog(database, clock, clock_guard)
        system = _connect_parts(database, log_identity, event_log, history_guard, clock, new_id)
        _warn_about_clock(system)
        (history_guard.accept if accept_history else history_guard.check)(system.read_session)
        yield system
    finally:
        database.close()
        if history_guard is not None:
            history_guard.close()


def _connect_parts(
    database: Database,
    log_identity: LogIdentity,
    event_log: EventLog,
    history_guard: HistoryGuard,
    clock: Clock,
    new_id: Callable[[], str],
) -> System:
    """Return the parts of an open database, connected with one another."""
    loader = AggregateLoader(event_log, AggregateCache(database, FOLD_VERSION))
    text_reader = texts.TextReader()
    heads = HeadReader(database, partial(query_progress, database))
    executor = CommandExecutor(
        event_log,
        loader,
        texts.TextReferencer(log_identity.text_key),
        new_id,
        require_writable=history_guard.require_writable,
        keep_texts=text_reader.keep,
        count_reads=lambda: heads.reads,
    )
    model = Model(database)
    projection = ProjectionRunner(
        database,
        event_log,
        remember=history_guard.remember,
        follow=(model.follow, heads.follow),
        find_aggregate=loader.find,
    )
    read_model = ReadModel(database, log_identity, clock, projection, model, heads, text_reader, loader.begin_fill)
    return System(
        database,
        event_log,
        executor,
        projection,
        heads,
        read_model,
        accounts.AccountStore(database, heads.find_epoch),
        ProjectionPoller(database, projection, heads),
        ModelLoader(read_model),
        clock,
        history_guard,
        StorageProbe(database),
    )


def open_configured_system(settings: Settings, *, accept_history: bool = False) -> AbstractContextManager[System]:
    """Open a migrated database as the settings say, by the clock of this machine; otherwise as `open_system`."""
    clock_guard = ClockGuard(max_lag=settings.max_clock_lag, max_lead=settings.max_clock_lead)
    return open_system(settings.database, state=settings.state, accept_history=accept_history, clock_guard=clock_guard)


def find_head_file(database_url: str, state: str, log_id: str) -> HeadFile | None:
    """Return the file that remembers the log's last position, None where there is no place for one."""
    if database_url.startswith("sqlite:"):
        path = parse_sqlite_url(database_url)
        return HeadFile(path.with_name(f"{path.name}.head"))
    return HeadFile(Path(state) / f"{log_id}.head") if state else None


def _begin_clock_guard(guard: ClockGuard, clock: Clock, database: Database, history: HistoryGuard) -> None:
    server_time = database.read_clock()
    remembered = history.remembered.clock if history.remembered else None
    guard.begin([clock(), *([server_time] if server_time else [])], remembered)


def _warn_about_clock(system: System) -> None:
    with system.database.read_autocommit() as transaction:
        if problem := system.log.find_clock_problem(transaction):
            log.warning("the clock cannot be right", code=problem.code, reason=str(problem))
