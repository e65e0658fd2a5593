"""Generated operations: whatever a client sends, the server answers, and not with an error of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.tools import NEEDS_TOOLS, find_tool

pytestmark = NEEDS_TOOLS

SECONDS = 60
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")


def test_no_generated_operation_causes_an_error_of_the_server(
    server: Server, token: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [find_tool("schemathesis"), "run", f"{server.address}/graphql", f"--header=Authorization: Bearer {token}"]
    options = [f"--max-time={SECONDS}", "--checks=has_no_server_error", "--warnings=off", "--no-color"]
    completed = subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=10 * SECONDS,
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent)},
    )
    summary = completed.stdout.rpartition("SUMMARY")[2]
    with capsys.disabled():
        sys.stdout.write(summary)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "Tested:" in summary
    assert "Errored:" not in summary
    assert [record for record in server.log if record["level"] == "error"] == []
