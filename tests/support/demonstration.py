"""Fixtures for tests of other programs: a server of the demonstration, and an account that may write."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ogpgraph.demo.loader import load_demo
from ogpgraph.system import migrate
from tests.support.server import OGPGRAPH, Server, run_server

__all__ = ["database", "server", "token"]

# An audit finds what a request does, not how many of them the limits let pass.
UNLIMITED = {"OGPGRAPH_COST_PER_MINUTE": "1000000000000", "OGPGRAPH_WRITES_PER_MINUTE": "1000000"}


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with the demonstration."""
    url = f"sqlite:///{tmp_path_factory.mktemp('audits')}/log.db"
    migrate(url)
    load_demo(url)
    return url


@pytest.fixture(scope="session")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the demonstration whose rates are not limited."""
    log: Path = tmp_path_factory.mktemp("server") / "log.txt"
    with run_server(database, log, environment={**os.environ, **UNLIMITED}) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="session")
def token(database: str) -> str:
    """The token of an administrator."""
    account = run("account", "create", "--role", "administrator", "--database", database)
    return run("account", "token", account.split()[0], "--database", database).split()[-1]


def run(*arguments: str) -> str:
    """Run the command line; returns what it prints."""
    return subprocess.run([OGPGRAPH, *arguments], capture_output=True, text=True, check=True, timeout=60).stdout
