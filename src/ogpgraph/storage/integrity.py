"""The check of the record: reads every row and says what is wrong with it; it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ogpgraph.personal import find_personal_data
from ogpgraph.storage.database import ProgressCallback, Transaction
from ogpgraph.storage.log_identity import KEY_BYTES
from ogpgraph.storage.record import (
    EVENT,
    LOG,
    STORED_TEXT,
    TABLES,
    DamagedRow,
    RecordRow,
    RecordVerifier,
    Table,
    decode_row,
    find_text_problems,
    read_table,
)
from ogpgraph.storage.texts import TextReferencer

InspectEvent = Callable[[dict[str, Any]], Iterable[str]]
"""Returns what else is wrong with a row of the log, whose leaf is right."""
_PROGRESS_ROWS = 500
_SELECT_SAVES_WITHOUT_COMMAND = (
    "select max(position) as position from event group by save having max(command) is null order by position"
)
_encoder = msgspec.json.Encoder()


class Fault(NamedTuple):
    """Something that is not as it was stored: the table, the key of the row if it is known, and what is wrong."""

    table: str
    key: str
    problem: str


class RecordCheck:
    """One check of all rows of the record, as a transaction sees them."""

    def __init__(self, transaction: Transaction, inspect: InspectEvent, total: int, progress: ProgressCallback) -> None:
        self._transaction = transaction
        self._inspect = inspect
        self._total = total
        self._progress = progress
        self._done = 0
        self._verifier = RecordVerifier()
        self._referencer: TextReferencer | None = None
        self._other_salts = 0
        self.stored_texts: set[bytes] = set()

    def find_faults(self) -> Iterator[Fault]:
        """Yield the faults of every table."""
        for table in TABLES.values():
            yield from self._check_table(table)
        if self._other_salts:
            yield Fault(LOG.name, "text_key", f"{self._other_salts} texts have salts that were not made with this key")

    def _check_table(self, table: Table) -> Iterator[Fault]:
        last = "the beginning"
        try:
            for row in read_table(self._transaction, table):
                self._done += 1
                if self._done % _PROGRESS_ROWS == 0:
                    self._progress(self._done, self._total)
                try:
                    record = decode_row(table, row)
                    last = record.key
                    record.encode()
                    problems = [*self._verifier.find_problems(record), *self._find_more(record)]
                except DamagedRow as damaged:
                    if table is EVENT:
                        self._verifier.pass_over(row)
                    yield Fault(table.name, damaged.key, damaged.problem)
                    continue
                for problem in problems:
                    yield Fault(table.name, record.key, problem)
        except Exception as error:  # whatever the engine makes of a damaged page
            yield Fault(table.name, "", f"cannot be read after {last}: {error}")

    def _find_more(self, row: RecordRow) -> Iterator[str]:
        if row.table is EVENT:
            yield from self._inspect(row.values)
        if row.table is STORED_TEXT:
            yield from self._check_text(row.values)
        if row.table is LOG:
            if len(row.values["text_key"]) != KEY_BYTES:
                yield f"its key has not {KEY_BYTES} bytes"
            self._referencer = TextReferencer(row.values["text_key"])

    def _check_text(self, text: dict[str, Any]) -> Iterator[str]:
        try:
            self.stored_texts.add(bytes.fromhex(text["reference"]))
        except ValueError:
            return  # that it does not match is said already
        is_whole = not any(find_text_problems(text))
        if is_whole and self._referencer and self._referencer.create_reference(text["content"])[1] != text["salt"]:
            self._other_salts += 1
        if _encoder.encode(find_personal_data(text["content"])).decode() != text["marks"]:
            yield "its marks are not those of the personal data in it"


def find_lost_commands(transaction: Transaction) -> Iterator[Fault]:
    """Yield the saves without the command that recorded them: a repetition of it would be recorded again."""
    for row in transaction.stream(_SELECT_SAVES_WITHOUT_COMMAND):
        yield Fault(EVENT.name, str(row["position"]), "it is the last one of a save that has lost its command")
