"""The read model's tables: a set that readers see, and, while a rebuild runs, a second one beside it.

The two differ in a prefix, so one text of definitions and one of statements serves both. What the
tables hold changes only with `PROJECTION`: then the set is made anew, never altered.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from ogpgraph.storage.database import Transaction

LIVE = ""
NEXT = "next_"
NAME = "main"
_TABLE = re.compile(r"create table if not exists (\w+)")
_INDEX = re.compile(r"create index if not exists (\w+) on (\w+)")


@cache
def _definitions() -> str:
    return files("ogpgraph.readmodel").joinpath("tables.sql").read_text()


def tables() -> list[str]:
    """Return the names of the tables, the follower's first: in this order whoever needs several takes them."""
    return sorted(_TABLE.findall(_definitions()), key=lambda table: table != "follower")


def script(prefix: str, build: int) -> str:
    """Return the definitions of a set. The names of its indexes are its own, since not every engine renames indexes."""
    prefixed = _TABLE.sub(rf"create table if not exists {prefix}\1", _definitions())
    return _INDEX.sub(rf"create index if not exists \1_{build} on {prefix}\2", prefixed)


def drop(transaction: Transaction, prefix: str) -> None:
    """Drop a set, what there is of it."""
    for table in tables():
        transaction.execute(f"drop table if exists {prefix}{table}")


def begin(transaction: Transaction, prefix: str, projection: int, build: int) -> None:
    """Give a set its follower's row, unless it has one."""
    transaction.execute(
        f"insert into {prefix}follower (name, projection, build, log_position, position, frontier) "
        "values (:name, :projection, :build, 0, 0, '') on conflict do nothing",
        name=NAME,
        projection=projection,
        build=build,
    )


def switch(transaction: Transaction) -> None:
    """Put the second set in the place of the first: for everyone else in one moment, when the transaction commits."""
    transaction.seize(tables())
    drop(transaction, LIVE)
    for table in tables():
        transaction.execute(f"alter table {NEXT}{table} rename to {table}")
