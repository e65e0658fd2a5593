"""SQLite on a disk that fails: typed errors, recovery, and checkpoints whose failure is not hidden."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.disk_faults import COMPILER, FOR_EVER, DiskFaults

pytestmark = [pytest.mark.slow, pytest.mark.skipif(COMPILER is None, reason="failures are injected by a C library")]

_PROGRAM = """
import sys
from ogpgraph.storage.connect import open_database
database = open_database(sys.argv[1])
for line in sys.stdin:
    if line == "checkpoint\\n":
        database._checkpoint_due_at = 0.0
    try:
        with database.write() as transaction:
            transaction.execute("update log set redaction_version = redaction_version + 1")
            number = transaction.fetch_value("select redaction_version from log")
        print("stored", number, flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
"""


class Writer:
    """A process that adds one to a stored number at each call."""

    def __init__(self, url: str, faults: DiskFaults) -> None:
        self.log: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=faults.environment,
        )

    def write(self, kind: str = "write") -> str:
        """Return what the write led to; after one of the kind `checkpoint`, a checkpoint is due."""
        assert self.process.stdin
        assert self.process.stdout
        print(kind, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        while line.startswith("20"):  # a line of the log
            self.log.append(line)
            line = self.process.stdout.readline()
        return line.strip()


@pytest.fixture
def faults(tmp_path: Path) -> DiskFaults:
    return DiskFaults(tmp_path)


@pytest.fixture
def writer(url: str, faults: DiskFaults) -> Iterator[Writer]:
    writer = Writer(url, faults)
    assert writer.write() == "stored 1"
    yield writer
    writer.process.kill()
    writer.process.communicate()


@pytest.mark.parametrize(("error", "name"), [(errno.ENOSPC, "StorageFull"), (errno.EIO, "DiskFailure")])
def test_failures_are_typed_and_writing_goes_on_after_them(
    writer: Writer, faults: DiskFaults, error: int, name: str
) -> None:
    faults.fail(error)
    assert [writer.write(), writer.write()] == [name, name]
    faults.stop()
    assert writer.write() == "stored 2"


def test_failed_sync_fails_one_commit_and_not_all_later_ones(writer: Writer, faults: DiskFaults) -> None:
    faults.fail(first=2, count=1)  # the sync after the write
    assert writer.write() == "DiskFailure"
    assert faults.stop() == 1
    assert [writer.write(), writer.write()] == ["stored 2", "stored 3"]


def test_failed_checkpoint_is_logged_and_loses_no_commit(writer: Writer, faults: DiskFaults) -> None:
    faults.fail(first=4, count=FOR_EVER)  # write and sync of the commit, sync of the WAL, then the database itself
    assert writer.write("checkpoint") == "stored 2"
    assert writer.write() == "DiskFailure"
    assert faults.stop() > 0
    assert writer.write() == "stored 3"
    assert any("a checkpoint failed" in line for line in writer.log)
