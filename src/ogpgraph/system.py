"""The composition root: opens and closes the parts of the program, in order, and hands each what it needs."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ogpgraph.application import Act, Receipt, Register, Session
from ogpgraph.clock import Clock, system_clock
from ogpgraph.readmodel.dump import digest
from ogpgraph.readmodel.follower import Follower, Progress
from ogpgraph.readmodel.model import Reading, ReadModel
from ogpgraph.storage import identity, texts
from ogpgraph.storage.database import Database, open_database
from ogpgraph.storage.log import EventLog

T = TypeVar("T")
KEY_BYTES = 32


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

    def record(self, act: Act, commands: Callable[[Session], T]) -> Receipt[T]:
        """Run commands in one session, store what they say, and bring the read model up to it."""
        receipt = self.register.record(act, commands)
        self.follower.catch_up()
        return receipt

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Open a reading of everything that is in the log, another process's latest events included."""
        with self.database.read() as transaction:
            behind = self.follower.is_behind(transaction)
        if behind:
            self.follower.catch_up()
        with self.model.reading() as reading:
            yield reading

    def digest(self) -> str:
        """Return the SHA-256 of the read model's canonical dump."""
        with self.database.read() as transaction:
            return digest(transaction)

    def rebuild(self, progress: Progress | None = None) -> int:
        """Make the read model again from the log; returns the position reached."""
        return self.follower.rebuild(progress)


def migrate(database_url: str, *, clock: Clock = system_clock, new_id: Callable[[], str] = random_id) -> None:
    """Make the tables of a database, and give its log an identity, unless they are there."""
    database = open_database(database_url)
    try:
        EventLog(database, clock).create_table()
        database.create(texts.CREATE_TABLE)
        identity.create_identity(database, new_id, random_key)
        follower = Follower(database, EventLog(database, clock))
        follower.create_tables()
        if follower.is_outdated():
            follower.rebuild()
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
        yield System(database, log, register, Follower(database, log), ReadModel(database, who, clock))
    finally:
        database.close()
