"""The version of a PostgreSQL database: which transactions had ended at a moment.

It is what the server calls a snapshot. To ask for it takes one round trip and reads no table. Two of them tell which
transactions ended in between, so a process knows whether these are all its own.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

import psycopg
from psycopg.pq import ExecStatus

from ogpgraph.storage.database import ConnectionLost, StorageUnavailable

SELECT_TRANSACTION: Final = b"select pg_current_xact_id_if_assigned() as number"
"""Selects the number of the transaction that selects it; null while it has written nothing."""
MAX_ENDED: Final = 1_000
"""Where more transactions ended in between, it is not looked which ones."""
MAX_KNOWN: Final = 10_000
POLL_MILLISECONDS: Final = 1_000
# The backend is another one after the server has restarted, of which a connection pooler need not tell.
_ASK: Final = b"select pg_current_snapshot(), pg_backend_pid()"


class TransactionCommit(NamedTuple):
    """A committed transaction of this process, by the number that the server gave it."""

    number: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self | None:
        """Return the commit of a transaction that selected `SELECT_TRANSACTION`; None if it has written nothing."""
        return None if row["number"] is None else cls(int(row["number"]))

    def follows(self, before: object) -> bool:  # noqa: ARG002 - the interface
        """Return False: a version would have to be read to know that."""
        return False


class PostgresVersion(NamedTuple):
    """Which transactions had ended, as `pg_current_snapshot()` tells: `xmin:xmax:` and those in progress.

    Numbers mean the same transactions only in versions of one era: a server that fails may forget the last ones.
    """

    era: int
    snapshot: bytes

    def find_ended_since(self, former: PostgresVersion) -> frozenset[int] | None:
        """Return the transactions that had ended by then and not by a former version; None if that is not known."""
        if self == former:
            return frozenset()
        if self.era != former.era:
            return None
        (end, in_progress), (former_end, former_in_progress) = _parse(self.snapshot), _parse(former.snapshot)
        if end - former_end > MAX_ENDED:
            return None
        began = former_in_progress.union(range(former_end, end))
        return frozenset(number for number in began - in_progress if number < end)


def _parse(snapshot: bytes) -> tuple[int, frozenset[int]]:
    """Return the number from which on no transaction had ended, and those below it that were in progress."""
    _, end, in_progress = snapshot.split(b":")
    return int(end), frozenset(map(int, in_progress.split(b","))) if in_progress else frozenset()


class KnownTransactions:
    """The commits that its owner knows of, as `KnownCommits` says: all of a version, and some of this process since."""

    def __init__(self) -> None:
        self._version: PostgresVersion | None = None
        self._since = set[int]()

    def begin(self, version: Any) -> None:
        """Know of all commits up to a version, and of no later one."""
        self._version = version
        self._since.clear()

    def add(self, commit: Any) -> bool:
        """Know of a commit of this process, too; returns True, as `covers` tells of those before it."""
        if len(self._since) >= MAX_KNOWN:  # nobody has asked for long
            self.begin(None)
        self._since.add(commit.number)
        return True

    def covers(self, version: Any) -> bool:
        """Return whether no other transaction had ended by a version."""
        if self._version is None:
            return False
        ended = version.find_ended_since(self._version)
        if ended is None or not ended <= self._since:
            return False
        if ended:
            self._since -= ended
            self._version = version
        return True


class Era:
    """The number of the present era, which all channels of a process share."""

    def __init__(self) -> None:
        self.number = 0


class PostgresVersionChannel:
    """A connection that only asks for the version, as `VersionChannel` says. Not for several threads at once."""

    def __init__(self, connect: Callable[[str], psycopg.Connection[Any]], era: Era) -> None:
        """Connect, and begin a new era; raises StorageUnavailable."""
        try:
            self._connection = connect("ogpgraph version")
        except psycopg.Error as error:
            raise StorageUnavailable(str(error)) from error
        self._pgconn = self._connection.pgconn
        self._file: int = self._pgconn.socket
        self._era = era
        self._backend = b""
        self._asked_in = 0
        self._answer: PostgresVersion | None = None
        era.number += 1

    def fileno(self) -> int:
        """Return the file descriptor that becomes readable with an answer."""
        return self._file

    @property
    def is_closed(self) -> bool:
        """Whether its connection was closed on this side."""
        return self._connection.closed

    def send(self) -> None:
        """Ask for the version; raises ConnectionLost."""
        self._asked_in = self._era.number
        try:
            self._pgconn.send_query(_ASK)
            is_left = self._pgconn.flush()
        except psycopg.Error as error:
            raise ConnectionLost(str(error)) from error
        if is_left:  # with so few bytes
            raise ConnectionLost("the server reads nothing")

    def receive(self) -> PostgresVersion | None:
        """Return the answer; None while it is not here, and where nothing was asked. Raises ConnectionLost."""
        try:
            self._pgconn.consume_input()
            while not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is None:
                    answer, self._answer = self._answer, None
                    return answer
                self._answer = self._decode(result)
        except psycopg.Error as error:
            raise ConnectionLost(str(error)) from error
        return None

    def read(self) -> PostgresVersion:
        """Ask for the version and wait for the answer; raises ConnectionLost."""
        self.send()
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while (version := self.receive()) is None:
            poll.poll(POLL_MILLISECONDS)
        return version

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()

    def _decode(self, result: Any) -> PostgresVersion:
        if result.status != ExecStatus.TUPLES_OK:
            raise ConnectionLost(result.error_message.decode(errors="replace"))
        snapshot, backend = result.get_value(0, 0), result.get_value(0, 1)
        if self._backend and backend != self._backend:
            self._era.number += 1
            self._asked_in = self._era.number
        self._backend = backend
        return PostgresVersion(self._asked_in, snapshot)
