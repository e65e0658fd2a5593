"""A client of the pages of the demonstration, without a server's process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from starlette.testclient import TestClient

from ogpgraph.demo.loader import load_demo
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import System, migrate, open_system

HTML = {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "en"}


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a database with the demonstration."""
    url = f"sqlite:///{tmp_path_factory.mktemp('site')}/demo.db"
    migrate(url)
    load_demo(url)
    return Settings(database=url)


@pytest.fixture(scope="session")
def demonstration(settings: Settings) -> Iterator[System]:
    """The system of the demonstration."""
    with open_system(settings.database) as system:
        yield system


@pytest.fixture(scope="session")
def client(demonstration: System) -> Iterator[TestClient]:
    """A browser's requests for the pages of the demonstration."""
    with browse(demonstration) as client:
        yield client


@contextmanager
def browse(system: System) -> Iterator[TestClient]:
    """Return a browser's requests for the pages of a record."""
    app = create_app(SystemLifespan(lambda: nullcontext(system)), Settings())
    with TestClient(app, base_url="http://localhost", headers=HTML) as client:
        yield client
