from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from ogpgraph.cli.follow import FeedCursor, FeedRejected, format_entry, stream_entries
from ogpgraph.settings import Settings
from ogpgraph.system import migrate, open_system
from tests.conftest import DatabaseFactory
from tests.support.server import OGPGRAPH
from tests.support.writers import change_title, register_commitment
from tests.web.live.clients import run_live_server

pytestmark = pytest.mark.slow


def test_following_resumes_when_the_server_is_restarted(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        with run_live_server(Settings(database=url)) as address:
            cursor = FeedCursor("0")
            entries = stream_entries(address, cursor)
            assert [next(entries)["position"] for _ in range(2)] == [1, 2]
        change_title(writer, "FR0001", "Recorded while no server ran")
        with run_live_server(Settings(database=url), port=int(address.rpartition(":")[2])):
            assert next(entries)["position"] == 3


def test_entries_are_printed_as_text_or_as_json(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with run_live_server(Settings(database=url)) as address, open_system(url) as writer:
        register_commitment(writer, "FR0001")
        command = [OGPGRAPH, "follow", address, "--after", "1"]
        entry: dict[str, Any] = json.loads(read_first_line([*command, "--json", "--kind", "CommitmentRegistered"]))
        assert entry["position"] == 2
        assert read_first_line(command).split()[2:] == format_entry(entry).plain.split()[2:]


def test_a_rejection_is_one_line_and_exit_code_1(new_database: DatabaseFactory) -> None:
    url = new_database()
    migrate(url)
    with run_live_server(Settings(database=url)) as address:
        command = [OGPGRAPH, "follow", address, "--after", "9"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == "rejected: BAD_POSITION: position 9 is past the head, which is 0\n"


def test_entry_that_cannot_be_read_is_printed_with_its_errors_and_the_next_ones_follow(
    new_database: DatabaseFactory,
) -> None:
    url = new_database()
    migrate(url)
    with open_system(url) as writer:
        register_commitment(writer, "FR0001")
        with writer.database.write() as transaction:
            transaction.execute("update event set recorded_at = '2001-01-01T00:00:00.000000Z' where position = 1")
    with run_live_server(Settings(database=url)) as address:
        entries = stream_entries(address, FeedCursor(after="0"))
        damaged, following = next(entries), next(entries)
    assert damaged["position"] == 1
    assert damaged["errors"][0]["extensions"]["code"] == "CORRUPT_EVENT"
    assert "position 1" in format_entry(damaged).plain
    assert following["position"] == 2


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:abc", "127.0.0.1:8000", "http://", "ftp://127.0.0.1", "http://[bad"]
)
def test_an_invalid_address_is_rejected_without_a_request(address: str) -> None:
    with pytest.raises(FeedRejected, match="a server's address is like"):
        next(stream_entries(address, FeedCursor("0")))


def read_first_line(command: list[str]) -> str:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()
    return line


def test_control_characters_that_a_server_sends_are_shown() -> None:
    hostile = "\x1b[2J\n9 CommitmentRevised\u202e"
    entry = {"position": 1, "recordedAt": hostile, "kind": hostile, "cause": hostile, "actor": hostile}
    entry |= {"subject": {"__typename": hostile}, "changes": [{"path": hostile}]}
    for each in (entry, {"position": 1, "errors": [{"message": hostile}]}):
        assert not set(format_entry(each).plain) & set("\x1b\n\u202e")
