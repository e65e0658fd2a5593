"""`ogpgraph demo` as a stranger runs it: a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from ogpgraph.cli import main

COMMAND = [sys.executable, "-c", "from ogpgraph.cli import main; main()", "demo"]
PLAIN = {**os.environ, "TERM": "dumb", "COLUMNS": "80"}


@contextmanager
def demonstration(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command on any free port until it has told everything; give the process and what it told."""
    command = [*COMMAND, "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=PLAIN, text=True, stdout=subprocess.PIPE) as running:
        assert running.stdout
        try:
            told = ""
            while "\nAsk more at" not in told and (line := running.stdout.readline()):
                told += line
            yield running, told
        finally:
            running.kill()  # nothing to kill where it stopped as it should


def test_it_answers_three_queries_serves_them_and_stops_cleanly(tmp_path: Path) -> None:
    with demonstration(tmp_path) as (running, told):
        (address,) = re.findall(r"^Ask more at (http://127\.0\.0\.1:\d+)/", told, re.MULTILINE)
        body = json.dumps({"query": "{ commitments(where: {starred: true}) { totalCount } }"}).encode()
        request = Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as response:
            assert json.load(response)["data"] == {"commitments": {"totalCount": 5}}
        with urlopen(Request(address, headers={"Accept": "text/html"}), timeout=10) as page:
            assert b"query NowAndThen" in page.read()
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=15) == 0
    assert re.findall(r"^(\d)\. ", told, re.MULTILINE) == ["1", "2", "3"]
    assert '"LIMITED"' in told
    assert (tmp_path / "ogpgraph-demo.db").exists()


def test_a_taken_port_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.argv", ["ogpgraph", "demo", "--port", str(port)])
        with pytest.raises(SystemExit) as stopped:
            main()
    assert stopped.value.code == 1
    told = capsys.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert f"port {port} of 127.0.0.1 is taken: choose another with --port" in line
    assert not list(tmp_path.iterdir())
