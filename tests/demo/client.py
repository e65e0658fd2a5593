"""The demonstration in a database of its own, and questions to it as a client asks them."""

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
    """Return the URL of a database in a folder that holds the demonstration."""
    url = f"sqlite:///{folder}/demo.db"
    migrate(url)
    load_demo(url)
    return url


@contextmanager
def open_demo(url: str) -> Iterator[ExecuteQuery]:
    """Give a function that answers a query; it fails on any error."""
    schema = build_schema()

    with open_system(url) as system:

        def execute_query(query: str) -> dict[str, Any]:
            with system.read_session() as reading:
                result = schema.execute_sync(query, context_value=Context(reading, "test"))
            assert not result.errors, result.errors
            assert result.data is not None
            return result.data

        yield execute_query
