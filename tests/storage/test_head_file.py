from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ogpgraph.storage.clock_guard import ClockReading
from ogpgraph.storage.head_file import INTERVAL_SECONDS, HeadFile, HeadUnreadable, RememberedHead, _lock_folder


def head(position: int, log_id: str = "log") -> RememberedHead:
    return RememberedHead(log_id, position, f"{position:064x}")


def test_a_position_is_remembered_and_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "log.head"
    file, other = HeadFile(path), HeadFile(path)
    assert file.read() is None
    file.remember(head(5))
    assert other.read() == head(5)
    other.remember(head(4))
    assert other.read() == head(5)
    other.remember(head(6))
    other.close()
    file.close()
    assert file.read() == head(6)
    file.replace(head(2))
    assert file.read() == head(2)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_positions_that_follow_quickly_are_remembered_within_a_second(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "log.head")
    for position in range(1, 30):
        file.remember(head(position))
    deadline = time.monotonic() + 30
    while file.read() != head(29):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_writer_waits_for_the_disk_while_a_thread_remembers(tmp_path: Path) -> None:
    now = [0.0]
    file = HeadFile(tmp_path / "log.head", monotonic=lambda: now[0])
    file.remember(head(1))
    now[0] = INTERVAL_SECONDS + 0.1
    file._start_timer()
    file._pending = head(2)
    with _lock_folder(tmp_path):  # the thread has begun, and cannot go on
        while file._timer is not None:
            time.sleep(0.01)
        writer = threading.Thread(target=file.remember, args=(head(3),), daemon=True)
        writer.start()
        writer.join(10)
        assert not writer.is_alive()
    file.close()
    assert file.read() == head(3)


def test_threads_that_remember_at_once_leave_the_last_position(tmp_path: Path) -> None:
    files = [HeadFile(tmp_path / "log.head") for _ in range(4)]
    threads = [
        threading.Thread(target=lambda file=file, n=n: [file.remember(head(p)) for p in range(n, 100, 4)])
        for n, file in enumerate(files)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for file in files:
        file.close()
    assert files[0].read() == head(99)


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"logId": 1}', b"\xff"])
def test_a_file_that_cannot_be_read_is_an_error_and_only_replaced_on_purpose(tmp_path: Path, content: bytes) -> None:
    file = HeadFile(tmp_path / "log.head")
    file.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(HeadUnreadable, match=str(file.path)):
            file.read()
        file.remember(head(1))
    file.replace(head(1))
    assert file.read() == head(1)


def test_the_reading_of_the_clock_is_kept_and_a_file_without_one_is_read(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "log.head")
    reading = ClockReading("run", datetime(2026, 1, 1, tzinfo=UTC))
    file.replace(msgspec.structs.replace(head(1), clock=reading))
    assert file.read() == RememberedHead("log", 1, head(1).root, reading)
    file.path.write_bytes(b'{"logId":"log","position":1,"root":"%064x"}' % 1)
    assert file.read() == head(1)


def test_a_folder_that_is_missing_hinders_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = HeadFile(tmp_path / "missing" / "log.head")
    for position in (1, 2):
        file.remember(head(position))
    file.close()
    assert file.read() is None
    assert capsys.readouterr().out.count("cannot be remembered") == 1
