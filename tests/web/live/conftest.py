from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ogpgraph.system import System, open_system
from tests.support.server import run_server
from tests.support.writers import change_title, register_commitment


class LiveServer(NamedTuple):
    """A serving process, and a system of the test's process that writes to the same database."""

    address: str
    writer: System


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose log begins with ten entries about one commitment; tests append to it."""
    folder = tmp_path_factory.mktemp("live")
    url = f"sqlite:///{folder / 'log.db'}"
    with run_server(url, folder / "log.txt") as server:
        address = server.wait_until_ready()
        with open_system(url) as writer:
            register_commitment(writer, "FR0001")
            for number in range(8):
                change_title(writer, "FR0001", f"Title {number}")
            yield LiveServer(address, writer)


@pytest.fixture
def address(live_server: LiveServer) -> str:
    return live_server.address


@pytest.fixture
def writer(live_server: LiveServer) -> System:
    return live_server.writer
