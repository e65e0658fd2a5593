from __future__ import annotations

import json
import subprocess
from pathlib import Path

from ogpgraph.cli_follow import Cursor, entries, line_of
from ogpgraph.system import migrate, open_system
from tests.conftest import NewDatabase
from tests.support.serving import OGPGRAPH, serving
from tests.support.writing import register, retitle


def test_following_goes_on_where_it_was_when_the_server_comes_back(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    migrate(url)
    with serving(url, tmp_path / "first") as server, open_system(url) as writer:
        address = server.wait_until_ready()
        register(writer, "FR0001")
        cursor = Cursor(0)
        followed = entries(address, cursor)
        assert [next(followed)["position"] for _ in range(2)] == [1, 2]
        server.stop()
        retitle(writer, "FR0001", "Written while nobody served")
        with serving(url, tmp_path / "second", "--port", address.rpartition(":")[2]) as again:
            again.wait_until_ready()
            assert next(followed)["position"] == 3


def test_a_terminal_sees_lines_and_a_program_json(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    migrate(url)
    with serving(url, tmp_path / "log") as server, open_system(url) as writer:
        address = server.wait_until_ready()
        register(writer, "FR0001")
        command = [OGPGRAPH, "follow", address, "--after", "1"]
        assert _first_line(command).split()[2:] == line_of(_entry(_first_line([*command, "--json"]))).plain.split()[2:]
        assert _entry(_first_line([*command, "--json", "--kind", "CommitmentRegistered"]))["position"] == 2


def test_a_refusal_is_one_line_and_exit_code_1(new_database: NewDatabase, tmp_path: Path) -> None:
    with serving(new_database(), tmp_path / "log") as server:
        command = [OGPGRAPH, "follow", server.wait_until_ready(), "--after", "9"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == "refused: position 9 is past the head of this log, which is 0\n"


def _first_line(command: list[str]) -> str:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    return line


def _entry(line: str) -> dict[str, object]:
    entry: dict[str, object] = json.loads(line)
    return entry
