from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.client import ExecuteQuery, create_demo_database, open_demo


@pytest.fixture(scope="module")
def execute_query(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExecuteQuery]:
    """Execute a query against the demonstration."""
    with open_demo(create_demo_database(tmp_path_factory.mktemp("demo"))) as execute:
        yield execute
