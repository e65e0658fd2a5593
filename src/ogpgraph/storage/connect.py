"""The choice of the engine by the scheme of a database's URL."""

from __future__ import annotations

from ogpgraph.storage.database import Database, DatabaseError
from ogpgraph.storage.sqlite import SQLiteDatabase


def open_database(url: str) -> Database:
    """Return the database of a URL; raises DatabaseError for an unknown scheme."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return SQLiteDatabase(url)
    if scheme in ("postgresql", "postgres"):
        from ogpgraph.storage.postgres import PostgresDatabase  # noqa: PLC0415 - psycopg is an optional dependency

        return PostgresDatabase(url)
    raise DatabaseError(f"a database URL begins with sqlite:/// or postgresql://, not with {scheme}:")
