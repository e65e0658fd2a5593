from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.asking import Ask, asking, demo_in


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """Answers questions to the demonstration."""
    with asking(demo_in(tmp_path_factory.mktemp("demo"))) as asked:
        yield asked
