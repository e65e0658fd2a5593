"""The transfer of a record into an empty database of either engine, from a backup or from another database.

Until it is complete the log has a format of its own, which every program refuses to open. A transfer that was
interrupted goes on where it stopped: the texts and events that are stored are not stored again. At the end all rows
are read again and compared with the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, takewhile
from typing import Any

from ogpgraph.storage.database import (
    Database,
    DatabaseError,
    ProgressCallback,
    Transaction,
    UniqueViolation,
    iter_chunks,
)
from ogpgraph.storage.log_identity import LOG_FORMAT, UNFINISHED_FORMAT
from ogpgraph.storage.record import (
    EVENT,
    LOG,
    LOGIN,
    PERSON,
    STORED_TEXT,
    TABLES,
    TOKEN,
    RecordRow,
    RecordVerifier,
    Summary,
    Table,
    decode_row,
    read_record,
    read_table,
)

BATCH_ROWS = 500
"""How many rows one transaction stores; an interrupted transfer repeats at most these."""
_REPLACED_TABLES = (PERSON, LOGIN, TOKEN)
_SELECT_LOG = "select format, id from log"
_UPDATE_LOG = "update log set format = :format, id = :id"
_COMPLETE_LOG = f"update log set format = :format, {', '.join(f'{name} = :{name}' for name in LOG.columns)}"  # noqa: S608 - ours
_SELECT_HEAD = "select max(position) from event"
_SELECT_TEXTS = "select reference from stored_text where reference in :references"


class TransferRefused(DatabaseError):
    """The database cannot take the record, or did not: the message says what to do."""


def is_unfinished(database: Database) -> bool:
    """Return whether a transfer into a database was interrupted."""
    if not database.has_table(LOG.name):
        return False
    rows = database.query("select * from log")  # a log of an old format has no column of that name
    return bool(rows) and dict(rows[0]).get("format") == UNFINISHED_FORMAT


class Transfer:
    """One transfer into a database that has the tables."""

    def __init__(self, database: Database, log_id: str, total: int) -> None:
        self._database = database
        self._log_id = log_id
        self._total = total
        self._head = 0
        self._is_resumed = False
        self._identity: RecordRow | None = None

    def begin(self) -> None:
        """Reserve the database, or go on with a transfer that was interrupted; raises TransferRefused."""
        with self._database.append() as transaction:
            row = transaction.fetch_one(_SELECT_LOG)
            self._is_resumed = row is not None and row["format"] == UNFINISHED_FORMAT
            if self._is_resumed and row is not None and row["id"] != self._log_id:
                raise TransferRefused(
                    f"{self._database.name} holds an unfinished transfer of another log: restore that one to its end, "
                    "or create another database"
                )
            if not self._is_resumed:
                _require_empty(transaction, self._database.name)
            transaction.execute(_UPDATE_LOG, format=UNFINISHED_FORMAT, id=self._log_id)
            for table in _REPLACED_TABLES:
                transaction.execute(f"delete from {table.name}")  # noqa: S608 - our own tables' names
            self._head = transaction.fetch_value(_SELECT_HEAD) or 0

    def store(self, rows: Iterable[RecordRow], progress: ProgressCallback | None = None) -> Summary:
        """Store the rows that are not there yet, each verified; returns the summary of all. Raises DamagedRow."""
        done, verifier = 0, RecordVerifier()
        for table, batch in _iter_batches(row for row in rows if verifier.add(row)):
            if table is LOG:
                (self._identity,) = batch
            else:
                self._store_batch(table, batch)
            done += len(batch)
            if progress:
                progress(done, self._total)
        return verifier.summarize()

    def verify(self, summary: Summary, progress: ProgressCallback | None = None) -> None:
        """Read everything that is stored again; raises TransferRefused unless it is the record of the source."""
        with self._database.read_log() as transaction:
            stored = summarize_record(read_record(transaction), self._total, progress)
        if (table := stored.find_difference(summary)) is not None:
            raise TransferRefused(
                f"{self._database.name}: {table} is not what the source holds, because something else wrote to the "
                "database or the transfer that was interrupted was of another state: create another database"
            )

    def complete(self) -> None:
        """Give the log its identity: from here on the database can be used."""
        if self._identity is None:
            raise TransferRefused("the source has no identity of its log")
        with self._database.append() as transaction:
            transaction.continue_numbering(EVENT.name, "position")
            transaction.execute(_COMPLETE_LOG, format=LOG_FORMAT, **self._identity.values)

    def _store_batch(self, table: Table, batch: Sequence[RecordRow]) -> None:
        # A commit that a failing machine loses is stored by the next attempt; the last one, of the identity, is synced.
        try:
            with self._database.write(durable=False) as transaction:
                missing = self._select_missing(transaction, table, batch)
                transaction.insert(table.name, list(table.columns), [row.stored_values() for row in missing])
        except UniqueViolation as error:
            raise TransferRefused(
                f"{self._database.name}: something else writes the same rows, perhaps another restore or copy: wait "
                "for it, or create another database"
            ) from error

    def _select_missing(
        self, transaction: Transaction, table: Table, batch: Sequence[RecordRow]
    ) -> Sequence[RecordRow]:
        if table is EVENT:
            return [row for row in batch if row.values["position"] > self._head]
        if table is not STORED_TEXT or not self._is_resumed:
            return batch
        stored: set[Any] = set()
        for chunk in iter_chunks([row.values["reference"] for row in batch]):
            stored.update(row["reference"] for row in transaction.fetch_all(_SELECT_TEXTS, references=chunk))
        return [row for row in batch if row.values["reference"] not in stored]


def copy_events(source: Transaction, target: Database, last: int) -> None:
    """Copy the events up to a position of the log into an empty database."""
    rows = takewhile(lambda row: row["position"] <= last, read_table(source, EVENT))
    for table, batch in _iter_batches(decode_row(EVENT, row) for row in rows):
        with target.write(durable=False) as transaction:
            transaction.insert(table.name, list(table.columns), [row.stored_values() for row in batch])


def summarize_record(rows: Iterable[RecordRow], total: int, progress: ProgressCallback | None = None) -> Summary:
    """Return the summary of rows, each verified; raises DamagedRow."""
    verifier = RecordVerifier()
    for _ in track_rows((row for row in rows if verifier.add(row)), total, progress):
        pass
    return verifier.summarize()


def track_rows(rows: Iterable[RecordRow], total: int, progress: ProgressCallback | None = None) -> Iterator[RecordRow]:
    """Yield rows and report how many there were."""
    done = 0
    for done, row in enumerate(rows, start=1):
        if progress and done % BATCH_ROWS == 0:
            progress(done, total)
        yield row
    if progress:
        progress(done, total)


def _require_empty(transaction: Transaction, database: str) -> None:
    for name in TABLES:
        if name != LOG.name and transaction.fetch_one(f"select 1 as found from {name} limit 1"):  # noqa: S608 - ours
            raise TransferRefused(
                f"{database} is not empty ({name} has rows): name a database that does not exist yet, or an empty one"
            )


def _iter_batches(rows: Iterable[RecordRow]) -> Iterator[tuple[Table, list[RecordRow]]]:
    """Yield rows of one table at a time."""
    for table, group in groupby(rows, key=lambda row: row.table.name):
        batch: list[RecordRow] = []
        for row in group:
            batch.append(row)
            if len(batch) == BATCH_ROWS:
                yield TABLES[table], batch
                batch = []
        if batch:
            yield TABLES[table], batch
