from __future__ import annotations

import json
import subprocess

import pytest

from ogpgraph.cli.feed import format_entry
from ogpgraph.cli.feed_client import FeedCursor, FeedRejected, stream_entries
from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system
from tests.conftest import DatabaseFactory
from tests.support.server import OGPGRAPH
from tests.support.writers import change_title, register_commitment
from tests.web.live.clients import run_live_server


def test_following_goes_on_where_it_was_when_the_server_comes_back(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        with run_live_server(Settings(database=url)) as address:
            cursor = FeedCursor(0)
            followed = stream_entries(address, cursor)
            assert [next(followed)["position"] for _ in range(2)] == [1, 2]
        change_title(writer, "FR0001", "Written while nobody served")
        with run_live_server(Settings(database=url), port=int(address.rpartition(":")[2])):
            assert next(followed)["position"] == 3


def test_a_terminal_sees_lines_and_a_program_json(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with run_live_server(Settings(database=url)) as address, open_system(url) as writer:
        register_commitment(writer, "FR0001")
        command = [OGPGRAPH, "follow", address, "--after", "1"]
        told = _entry(_first_line([*command, "--json", "--kind", "CommitmentRegistered"]))
        assert told["position"] == 2
        assert _first_line(command).split()[2:] == format_entry(told).plain.split()[2:]


def test_a_refusal_is_one_line_and_exit_code_1(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with run_live_server(Settings(database=url)) as address:
        command = [OGPGRAPH, "follow", address, "--after", "9"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == "refused: position 9 is past the head of this log, which is 0\n"


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc", "127.0.0.1:8000", "http://", "ftp://127.0.0.1", "http://[bad"]
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(FeedRejected, match="a server's address is like"):
        next(stream_entries(address, FeedCursor(0)))


def _first_line(command: list[str]) -> str:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    return line


def _entry(line: str) -> dict[str, object]:
    entry: dict[str, object] = json.loads(line)
    return entry
