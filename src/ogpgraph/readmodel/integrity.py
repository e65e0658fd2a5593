"""The check of the read model: compares its rows with those of a fresh projection of the same events.

And the read model as a witness: it holds the root at each entry, so it tells which events the log has lost since.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ogpgraph.readmodel.tables import DUMPED_TABLES, dump_table
from ogpgraph.storage.database import Transaction
from ogpgraph.storage.integrity import Fault
from ogpgraph.storage.merkle import Frontier
from ogpgraph.storage.record import EVENT

MAX_FAULTS = 20
"""The rows of a table that are named; one damaged event can change thousands."""
_SELECT_MISSING_EVENTS = """
    select e.log_position from entry e left join event v on v.position = e.log_position
    where v.position is null order by e.position"""
_SELECT_LEAVES = """
    select v.position, v.leaf, e.root from event v left join entry e on e.log_position = v.position
    where v.position <= (select max(log_position) from entry) order by v.position"""
_KEY_LENGTHS = {"term": 2, "tag": 4, "path_set": 2}
"""How many columns of a dumped row are its key, where not one."""


class DumpedReadModel:
    """The rows of a read model, in files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, transaction: Transaction) -> Iterator[Fault]:
        """Write all rows; yields a fault for each table that cannot be read to its end. Raises OSError."""
        for table in DUMPED_TABLES:
            last = b"the beginning"
            with gzip.open(self._folder / table, "wb", 1) as file:
                try:
                    for line in dump_table(transaction, table):
                        file.write(line)
                        last = line
                except OSError:  # of the file that is written
                    raise
                except Exception as error:  # whatever the engine or the decoder makes of a damaged row
                    yield Fault(table, "", f"cannot be read after {_describe_row(last)}: {type(error).__name__}")

    def read(self, table: str) -> Iterator[bytes]:
        """Yield the lines of a table."""
        with gzip.open(self._folder / table) as file:
            yield from file


def compare_with_projection(dumped: DumpedReadModel, fresh: Transaction) -> Iterator[Fault]:
    """Yield the rows that differ from those of a fresh projection, up to a limit for each table."""
    for table in DUMPED_TABLES:
        for number, fault in enumerate(_compare_table(table, dumped.read(table), dump_table(fresh, table))):
            if number == MAX_FAULTS:
                yield Fault(table, "", "and more rows")
                break
            yield fault


def find_missing_events(transaction: Transaction) -> Iterator[Fault]:
    """Yield the events that the read model has entries of and the log lacks, up to a limit."""
    for number, row in enumerate(transaction.stream(_SELECT_MISSING_EVENTS)):
        if number == MAX_FAULTS:
            yield Fault(EVENT.name, "", "and more rows")
            return
        yield Fault(EVENT.name, str(row["log_position"]), "it is missing, and the read model has its entry")


def find_replaced_event(transaction: Transaction) -> Iterator[Fault]:
    """Yield the first event after which the log has another root than the entries of the read model hold."""
    frontier = Frontier()
    for row in transaction.stream(_SELECT_LEAVES):
        frontier = frontier.append(bytes(row["leaf"]))
        if frontier.root() != row["root"]:
            yield Fault(EVENT.name, str(row["position"]), "it is not the event of which the read model has the entry")
            return


def _compare_table(table: str, actual: Iterable[bytes], expected: Iterable[bytes]) -> Iterator[Fault]:
    actual_rows, expected_rows = iter(actual), iter(expected)
    one, other = next(actual_rows, None), next(expected_rows, None)
    while one is not None or other is not None:
        if one == other:
            one, other = next(actual_rows, None), next(expected_rows, None)
            continue
        key = _read_key(table, one) if one else None
        expected_key = _read_key(table, other) if other else None
        if one and other and key == expected_key:
            yield Fault(table, _describe_key(key), "it is not what its events give")
            one, other = next(actual_rows, None), next(expected_rows, None)
        elif one and (expected_key is None or _is_before(key, expected_key)):
            yield Fault(table, _describe_key(key), "there is no event that gives it")
            one = next(actual_rows, None)
        else:
            yield Fault(table, _describe_key(expected_key), "it is missing")
            other = next(expected_rows, None)


def _read_key(table: str, line: bytes) -> list[Any]:
    key: list[Any] = msgspec.json.decode(line, type=list[Any])[1 : 1 + _KEY_LENGTHS.get(table, 1)]
    return key


def _is_before(key: list[Any] | None, other: list[Any]) -> bool:
    try:
        return key is not None and key < other
    except TypeError:  # a damaged key of another type
        return True


def _describe_key(key: list[Any] | None) -> str:
    return " ".join(str(part).encode(errors="replace").decode() for part in key or ())


def _describe_row(line: bytes) -> str:
    try:
        _table, key, *_ = msgspec.json.decode(line, type=list[Any])
    except (ValueError, msgspec.MsgspecError):
        return line.decode(errors="replace")
    return str(key)
