"""A database with the demonstration, and queries against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ogpgraph.demo.loader import load_demo
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import migrate, open_system

ExecuteQuery = Callable[[str], dict[str, Any]]


def create_demo_database(folder: Path) -> str:
    """Load the demonstration into a new database in a folder; returns its URL."""
    url = f"sqlite:///{folder}/demo.db"
    migrate(url)
    load_demo(url)
    return url


@contextmanager
def open_demo(url: str) -> Iterator[ExecuteQuery]:
    """Yield a function that returns the data of a query, which must have no errors."""
    schema = build_schema()

    with open_system(url) as system:

        def execute_query(query: str) -> dict[str, Any]:
            with system.read_session() as session:
                result = schema.execute_sync(query, context_value=Context(session, "test"))
            assert not result.errors, result.errors
            assert result.data is not None
            return result.data

        yield execute_query
