"""`ogpgraph demo` as a stranger runs it: a process of its own, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from ogpgraph.cli import main

COMMAND = [sys.executable, "-c", "from ogpgraph.cli import main; main()", "demo"]
PLAIN = {**os.environ, "TERM": "dumb", "COLUMNS": "80"}


def test_it_answers_three_queries_serves_them_and_stops_cleanly(tmp_path: Path) -> None:
    running = subprocess.Popen([*COMMAND, "--port", "0"], cwd=tmp_path, env=PLAIN, text=True, stdout=subprocess.PIPE)
    assert running.stdout
    with running:
        told = ""
        for line in running.stdout:
            told += line
            if line.startswith("Ask more at"):
                break
        (address,) = re.findall(r"^Ask more at (http://127\.0\.0\.1:\d+)/", told, re.MULTILINE)
        body = json.dumps({"query": "{ commitments(where: {starred: true}) { totalCount } }"}).encode()
        request = Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as response:
            assert json.load(response) == {"data": {"commitments": {"totalCount": 5}}}
        with urlopen(Request(address, headers={"Accept": "text/html"}), timeout=10) as page:
            assert b"query NowAndThen" in page.read()
        running.send_signal(signal.SIGINT)
    assert running.returncode == 0
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
