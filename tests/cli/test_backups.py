"""`ogpgraph backup`, `restore` and `copy`."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from ogpgraph import maintenance
from tests.cli.conftest import RunCommand
from tests.importer.sample_pages import LIGHTHOUSE
from tests.support.records import fill_record, read_rows

SUMMARY = r"\d\d events and \d\d texts, position \d\d in the log, root [0-9a-f]{64}\n"


def test_a_backup_is_restored_and_copied(run: RunCommand, tmp_path: Path) -> None:
    run("import", LIGHTHOUSE)
    written = run("backup", "backup.gz")
    assert written.code == 0
    assert re.fullmatch(f"backup.gz: {SUMMARY}", written.out)
    restored = run("restore", "backup.gz", "--database", "sqlite:///restored.db")
    assert restored.out == written.out.replace("backup.gz", "sqlite:///restored.db")
    copied = run("copy", "sqlite:///restored.db", "sqlite:///copied.db")
    assert copied.out == written.out.replace("backup.gz", "sqlite:///copied.db")
    assert read_rows(f"sqlite:///{tmp_path}/copied.db") == read_rows(f"sqlite:///{tmp_path}/ogpgraph.db")
    assert "identical" in run("rebuild", "--database", "sqlite:///copied.db").out


def test_what_cannot_be_done_is_said_in_one_line(run: RunCommand) -> None:
    run("import", LIGHTHOUSE)
    assert run("backup", "backup.gz").code == 0
    for arguments, message in [
        (("backup", "backup.gz"), "BackupFileError: backup.gz exists: name another file, or replace it with --force"),
        (("backup", "none/backup.gz"), "cannot be written: No such file or directory"),
        (("backup", "other.gz", "--database", "sqlite:///none.db"), "does not exist"),
        (("restore", "none.gz"), "none.gz cannot be read: No such file or directory"),
        (("restore", "backup.gz"), "TransferRefused: ogpgraph.db is not empty"),
        (("copy", "sqlite:///none.db", "sqlite:///other.db"), "does not exist"),
        (("copy", "sqlite:///ogpgraph.db", "sqlite:///ogpgraph.db"), "is not empty"),
    ]:
        result = run(*arguments)
        assert (result.code, result.out) == (1, "")
        assert message in result.err
        assert result.err.count("\n") == 1


def test_check_names_each_fault_and_says_what_to_do(run: RunCommand, tmp_path: Path) -> None:
    run("import", LIGHTHOUSE)
    assert run("check") == (0, "sqlite:///ogpgraph.db: no faults\n", "")
    with closing(sqlite3.connect(tmp_path / "ogpgraph.db")) as connection, connection:
        connection.execute("update version set code = 'XX0001' where position = 3")
    result = run("check")
    assert result == (
        1,
        "version 3: it is not what its events give\n",
        "A damaged read model: run `ogpgraph rebuild`.\n",
    )
    run("rebuild")
    assert run("check").code == 0
    with closing(sqlite3.connect(tmp_path / "ogpgraph.db")) as connection, connection:
        connection.execute("update event set leaf = zeroblob(32) where position = 3")
    result = run("check")
    assert result.code == 1
    assert "event 3: it does not match its leaf hash\n" in result.out
    assert "ogpgraph restore" in result.err


def test_check_creates_nothing(run: RunCommand, tmp_path: Path) -> None:
    result = run("check")
    assert (result.code, result.out) == (1, "")
    assert "does not exist" in result.err
    assert not list(tmp_path.iterdir())


def test_a_restore_remembers_its_position_unless_another_history_is_remembered_beside_it(
    run: RunCommand, tmp_path: Path
) -> None:
    """A position that was acknowledged and is not in the backup is named, and not forgotten by restoring it."""
    run("import", LIGHTHOUSE)
    assert run("backup", "backup.gz").code == 0
    assert run("restore", "backup.gz", "--database", "sqlite:///new.db").err == ""
    head, new_head = tmp_path / "ogpgraph.db.head", tmp_path / "new.db.head"
    position = json.loads(head.read_bytes())["position"]
    assert json.loads(new_head.read_bytes())["position"] == position
    assert new_head.stat().st_mode & 0o777 == 0o600
    assert run("account", "create", "--name", "Ada", "--role", "reviewer").code == 0
    lost = json.loads(head.read_bytes())["position"]
    assert lost > position

    (tmp_path / "ogpgraph.db").unlink()
    restored = run("restore", "backup.gz")
    assert restored.code == 0
    assert f"It is read-only: the last acknowledged position of the log was {lost}" in restored.err
    assert json.loads(head.read_bytes())["position"] == lost
    assert "--accept-history" in run("account", "create", "--name", "Ada", "--role", "reviewer").err

    (tmp_path / "ogpgraph.db").unlink()
    assert run("restore", "backup.gz", "--accept-history").err == ""
    assert json.loads(head.read_bytes())["position"] == position
    assert run("account", "create", "--name", "Ada", "--role", "reviewer").code == 0


def test_a_command_that_is_terminated_leaves_no_copy_of_the_record_behind(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_record(f"sqlite:///{tmp_path}/ogpgraph.db")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = signal.getsignal(signal.SIGTERM)
    for work in ("summarize_record", "_compare_read_model"):  # when the copy is there
        monkeypatch.setattr(maintenance, work, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert run("backup", "backup.gz").code == 128 + signal.SIGTERM
    assert run("check").code == 128 + signal.SIGTERM
    assert [*tmp_path.glob("backup*"), *folder.iterdir()] == []
    assert signal.getsignal(signal.SIGTERM) is before
