from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ogpgraph.storage.head_file import HeadFile, RememberedHead


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
def test_a_file_that_cannot_be_read_is_as_none_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    file = HeadFile(tmp_path / "log.head")
    file.path.write_bytes(content)
    assert file.read() is None
    file.remember(head(1))
    assert file.read() == head(1)


def test_a_folder_that_is_missing_hinders_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = HeadFile(tmp_path / "missing" / "log.head")
    for position in (1, 2):
        file.remember(head(position))
    file.close()
    assert file.read() is None
    assert capsys.readouterr().out.count("cannot be remembered") == 1
