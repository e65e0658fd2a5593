"""What the measurements measure with: fresh processes, and the bytes of a database by table and index."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import ParamSpec, TypeVar

from ogpgraph.storage.sqlite import parse_sqlite_url
from ogpgraph.system import open_system

P = ParamSpec("P")
T = TypeVar("T")

_PRELOADED = ["ogpgraph.importer.run", "tests.graphql.mutations.client"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)
_SQLITE_USAGE = "select name, sum(pgsize) from dbstat group by name"
_POSTGRES_USAGE = (
    "select relname as name, pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) as bytes "
    "from pg_class where relkind in ('r', 'i') and relnamespace = current_schema()::regnamespace"
)


# Fresh processes


def run_cold(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a function of a module, called in a new process; raises RuntimeError where that failed.

    The process is forked from a server that has only imported the program: what the function times is the work of a
    process that has just started, without the second that the imports take.
    """
    receiver, sender = _context.Pipe(duplex=False)
    process = _context.Process(target=_send_result, args=(sender, function, args, kwargs))
    process.start()
    sender.close()
    try:
        result: T = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} failed in a fresh process") from None
    finally:
        process.join()
        receiver.close()
    return result


def _send_result(
    sender: Connection, function: Callable[..., T], args: tuple[object, ...], kwargs: dict[str, object]
) -> None:
    sender.send(function(*args, **kwargs))


# Bytes


@dataclass(frozen=True)
class DiskUsage:
    """The bytes of a database in all, of each table and index, and those of the events' payloads as stored."""

    total: int
    by_name: dict[str, int]
    events: int
    payloads: int

    def format_lines(self) -> list[str]:
        """Return a line for each table and index, the largest first."""
        largest = sorted(self.by_name.items(), key=lambda item: -item[1])
        return [f"  {size:>13,}  {size / self.total:6.1%}  {name}" for name, size in largest if size]


def measure_disk_usage(url: str) -> DiskUsage:
    """Return the disk usage of a database that no process has open; on SQLite after a checkpoint, without a WAL."""
    if url.startswith("sqlite:"):
        return _measure_sqlite(parse_sqlite_url(url))
    with open_system(url) as system, system.database.read() as transaction:
        by_name = {row["name"]: int(row["bytes"]) for row in transaction.fetch_all(_POSTGRES_USAGE)}
        events = int(transaction.fetch_value("select count(*) from event"))
        payloads = int(transaction.fetch_value("select sum(length(payload)) from event") or 0)
    return DiskUsage(sum(by_name.values()), by_name, events, payloads)


def measure_file(url: str) -> int:
    """Return the size of a SQLite file after a checkpoint, with its WAL if there is one left."""
    file = parse_sqlite_url(url)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)").fetchall()
    return sum(each.stat().st_size for each in (file, Path(f"{file}-wal")) if each.exists())


def _measure_sqlite(file: Path) -> DiskUsage:
    total = measure_file(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        by_name = dict(connection.execute(_SQLITE_USAGE))
        events, payloads = connection.execute(
            "select count(*), coalesce(sum(length(payload)), 0) from event"
        ).fetchone()
        free = connection.execute("pragma freelist_count").fetchone()[0]
        page = connection.execute("pragma page_size").fetchone()[0]
    return DiskUsage(total, by_name | {"(free pages)": free * page}, events, payloads)
