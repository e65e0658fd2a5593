"""The demonstration in a database of its own, and questions to it as a client asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ogpgraph.demo.loading import load_demo
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import migrate, open_system

Ask = Callable[[str], dict[str, Any]]


def demo_in(folder: Path) -> str:
    """Return the URL of a database in a folder that holds the demonstration."""
    url = f"sqlite:///{folder}/demo.db"
    migrate(url)
    load_demo(url)
    return url


@contextmanager
def asking(url: str) -> Iterator[Ask]:
    """Give a function that answers a query; it fails on any error."""
    schema = build_schema()

    with open_system(url) as system:

        def ask(query: str) -> dict[str, Any]:
            with system.reading() as reading:
                result = schema.execute_sync(query, context_value=Context(reading, "test"))
            assert not result.errors, result.errors
            assert result.data is not None
            return result.data

        yield ask
