from __future__ import annotations

from collections.abc import Iterator

import pytest

from ogpgraph.system import System
from tests.graphql.mutations.client import SampleSystem, open_sample_system


@pytest.fixture
def sample(system: System) -> SampleSystem:
    return SampleSystem(system)


@pytest.fixture(scope="session")
def unchanged_sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleSystem]:
    """A sample for tests whose mutations are all refused, so that none of them sees another's changes."""
    with open_sample_system(tmp_path_factory.mktemp("sample")) as shared:
        yield shared
