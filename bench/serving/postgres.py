"""The PostgreSQL server of a run, with the record for ogpgraph and its tables for the peers; made once and kept."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench.serving import tables
from bench.serving.client import Client
from bench.serving.processes import OGPGRAPH, clean_environment
from bench.serving.record import data_folder
from ogpgraph.readmodel.tables import PROJECTION_VERSION
from ogpgraph.storage.log_identity import LOG_FORMAT
from tests.support.postgres import Server

SETTINGS = (
    "-c fsync=on -c autovacuum=on -c shared_buffers=512MB -c effective_cache_size=2GB -c work_mem=16MB -c jit=off "
    "-c max_wal_size=2GB -c random_page_cost=1.1"
)
"""Commits are synced, as SQLite's are; compilation would only slow down queries that take milliseconds."""
OURS, PEERS = "ogpgraph", "peers"


class Cluster:
    """A running server with its databases."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server = Server(folder, SETTINGS)

    @property
    def pid(self) -> int:
        """Return the id of the process whose children do the work."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str) -> str:
        """Return the URL of a database, over the socket in the folder."""
        return f"postgresql:///{database}?host={self.folder}&user=postgres"

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the server until the end of the context."""
        self._server.start()
        try:
            yield
        finally:
            self._server.stop()


@contextmanager
def run_cluster(scale: int, record: str, port: int, folder: Path, *, is_ours_read: bool) -> Iterator[Cluster]:
    """Run a server in a folder; what it has is made from the record at a URL and its server at a port, if need be.

    Unless `is_ours_read`, our database in it may be of another version of the read model.
    """
    stem, digest = f"postgres-{scale}-format-{LOG_FORMAT}", _digest_tables()
    kept = data_folder() / f"{stem}-projection-{PROJECTION_VERSION}-tables-{digest}"
    if not kept.exists():
        former = next(data_folder().glob(f"{stem}-projection-*-tables-{digest}"), None)
        if former is None:
            _keep(kept, folder / "new", lambda cluster: _fill(cluster, record, port))
        elif is_ours_read:
            shutil.copytree(former, folder / "new" / "data", symlinks=True)
            _keep(kept, folder / "new", lambda cluster: _run_cli("migrate", "--database", cluster.url(OURS)))
        else:
            kept = former
    shutil.copytree(kept, folder / "data", symlinks=True)
    cluster = Cluster(folder)
    with cluster.run():
        yield cluster


def _digest_tables() -> str:
    """Return a digest of what the peers' tables are made from."""
    definitions = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.sql"))]
    definitions += [query.encode() for query in (tables.MEMBERS, tables.PLANS, tables.COMMITMENTS, tables.ENTRIES)]
    return hashlib.sha256(b"".join(definitions)).hexdigest()[:10]


def _keep(kept: Path, folder: Path, fill: Callable[[Cluster], None]) -> None:
    """Start a server in a folder, fill its databases, stop it and keep its data."""
    folder.mkdir(exist_ok=True)
    cluster = Cluster(folder)
    with cluster.run():
        fill(cluster)
        with psycopg.connect(cluster.url(OURS), autocommit=True) as connection:
            connection.execute("vacuum analyze")
    part = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    shutil.move(folder / "data", part)
    part.rename(kept)


def _fill(cluster: Cluster, record: str, port: int) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {OURS}")
        connection.execute(f"create database {PEERS}")
    with Client(port) as client:
        tables.copy_tables(client, cluster.url(PEERS))
    _run_cli("copy", record, cluster.url(OURS))


def _run_cli(*arguments: str) -> None:
    subprocess.run([OGPGRAPH, *arguments], check=True, env=clean_environment(), stdout=subprocess.DEVNULL)
