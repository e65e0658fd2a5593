"""Fixtures of several packages: a database on either engine, a clock and ids that a test controls."""

from __future__ import annotations

import gc
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from psycopg import sql

from ogpgraph.clock import Clock
from ogpgraph.graphql.compiled.operation import CompiledOperations
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database
from ogpgraph.system import System, migrate, open_system
from tests.search.corpus import record_corpus
from tests.support.postgres import run_postgres

# A test may take a while on a busy machine, and examples share a fixture where each makes a database of its own.
# Half as many examples as usual: other ones each time, and `make test-long` tries many more.
settings.register_profile(
    "ogpgraph",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("long", settings.get_profile("ogpgraph"), max_examples=2_000)
settings.load_profile("ogpgraph")

YOUNG_OBJECTS = 10_000
"""So many new objects begin a search for garbage: Python's usual number is for smaller programs."""

BOTH_ENGINES = pytest.mark.engines("sqlite", "postgres")
ONLY_SQLITE = pytest.mark.engines("sqlite")
ONLY_POSTGRES = pytest.mark.engines("postgres")


def pytest_configure() -> None:
    """Have all operations executed by graphql-core where the environment has servers do it: `.ci/run` runs both ways.

    Applications in the process of a test have their own settings, and many documents are executed without any.
    """
    if os.environ.get("OGPGRAPH_EXECUTION") == "graphql-core":
        CompiledOperations.find = lambda *_arguments: None  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of compiled operations where there are none."""
    if os.environ.get("OGPGRAPH_EXECUTION") == "graphql-core":
        for item in items:
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip("operations are executed by graphql-core"))


def pytest_collection_finish() -> None:
    """Leave the million objects of the collected tests out of the search for garbage, a fifth of a test's time else."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each engine that the closest `engines` marker names: of its function, class or module."""
    marker = metafunc.definition.get_closest_marker("engines")
    if marker and "engine" in metafunc.fixturenames:
        on_engines = [pytest.param(engine, marks=_MARKS_OF_ENGINE.get(engine, ())) for engine in marker.args]
        metafunc.parametrize("engine", on_engines)


_MARKS_OF_ENGINE = {"postgres": pytest.mark.postgres}


@pytest.fixture(autouse=True)
def restore_logging() -> Iterator[None]:
    """Restore the configuration of logging after a test: its handler may write to a stream that the test closes."""
    root, config = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**config)


class TickingClock:
    """A clock that goes on by one step whenever it is asked; a test may set it, back too."""

    def __init__(self, step: timedelta = timedelta(seconds=1)) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)
        self.step = step

    def __call__(self) -> datetime:
        now, self.now = self.now, self.now + self.step
        return now


class DatabaseFactory(Protocol):
    """Gives the URL of a database, the same for the same name.

    It is empty when first asked for, or already has the tables of a log, but no identity of one.
    """

    def __call__(self, name: str = "log", *, with_tables: bool = False) -> str: ...


class SystemFactory(Protocol):
    """Opens a migrated system, closed when the test ends; a second one of the same name is on the same database."""

    def __call__(self, name: str = "log", *, clock: Clock | None = None) -> System: ...


@pytest.fixture
def engine() -> str:
    """The engine of the test's databases; `BOTH_ENGINES` asks for each."""
    return "sqlite"


@pytest.fixture
def clock() -> TickingClock:
    return TickingClock()


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"{next(numbers):06}"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def corpus_database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a SQLite database with the corpus of the search, made once for all tests, which only read it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('corpus') / 'log.db'}"
    migrate(url)
    with open_system(url) as system:
        record_corpus(system)
    return url


@pytest.fixture(scope="session")
def corpus_system(corpus_database: str) -> Iterator[System]:
    """The database of the corpus, opened."""
    with open_system(corpus_database) as system:
        yield system


@pytest.fixture
def new_database(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[DatabaseFactory]:
    with create_databases(engine, tmp_path, request) as create:
        yield create


@contextmanager
def create_databases(engine: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[DatabaseFactory]:
    """Give databases of an engine, which exist as long as the context; those of SQLite are in the folder."""
    if engine == "sqlite":
        yield DatabaseFiles(folder, request)
        return
    databases = ServerDatabases(request)
    yield databases
    databases.drop()


class DatabaseFiles:
    """Databases of SQLite in a folder."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._request = request

    def __call__(self, name: str = "log", *, with_tables: bool = False) -> str:
        path = self._folder / f"{name}.db"
        if with_tables and not path.exists():
            shutil.copy(self._request.getfixturevalue("sqlite_tables"), path)
        return f"sqlite:///{path}"


class ServerDatabases:
    """Databases on the PostgreSQL server of the tests, which has them until they are dropped."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._server: str = request.getfixturevalue("postgres_server")
        self._made: dict[str, str] = {}

    def __call__(self, name: str = "log", *, with_tables: bool = False) -> str:
        if name not in self._made:
            template = self._request.getfixturevalue("postgres_tables") if with_tables else "template1"
            self._made[name] = execute_statement(
                self._server, f"create database {{}} template {template} strategy file_copy"
            )
        return self._made[name]

    def drop(self) -> None:
        for url in self._made.values():
            execute_statement(self._server, "drop database {} with (force)", url)


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the tables of a log that has no identity yet: to copy it is faster than to create them."""
    path = tmp_path_factory.mktemp("tables") / "log.db"
    migrate(f"sqlite:///{path}")
    _forget_identity(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """The name of a database on the server as `sqlite_tables` is one."""
    url = execute_statement(postgres_server, "create database {}")
    migrate(url)
    _forget_identity(url)
    return _database_name(url)


def _forget_identity(url: str) -> None:
    with closing(open_database(url)) as database, database.write() as transaction:
        transaction.execute("delete from log")


_databases = count(1)


def execute_statement(server: str, statement: str, url: str | None = None) -> str:
    """Run a statement on one of the test's databases, by default on a new one; returns its URL."""
    name = _database_name(url) if url else f"ogpgraph_test_{next(_databases)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))
    return re.sub(r"^(\w+://[^/?]*)/[^?]*", rf"\1/{name}", server)


def _database_name(url: str) -> str:
    return re.sub(r"^\w+://[^/?]*/([^?]*).*", r"\1", url)


@pytest.fixture
def url(new_database: DatabaseFactory) -> str:
    """The URL of a migrated database."""
    url = new_database(with_tables=True)
    migrate(url)
    return url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The migrated database, opened."""
    database = open_database(url)
    yield database
    database.close()


@pytest.fixture
def make_system(
    new_database: DatabaseFactory, clock: TickingClock, new_id: Callable[[], str]
) -> Iterator[SystemFactory]:
    usual = clock
    with ExitStack() as opened:

        def make(name: str = "log", *, clock: Clock | None = None) -> System:
            url = new_database(name, with_tables=True)
            migrate(url, clock=clock or usual, new_id=new_id)
            return opened.enter_context(open_system(url, clock=clock or usual, new_id=new_id))

        yield make


@pytest.fixture
def system(make_system: SystemFactory) -> System:
    return make_system()
