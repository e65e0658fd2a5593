"""The audits of npm `graphql-http`, by which servers compare how well they follow GraphQL over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.tools import NEEDS_TOOLS, find_node

pytestmark = NEEDS_TOOLS

SCRIPT = Path(__file__).with_name("graphql_http.mjs")
NUMBER_OF_AUDITS = 61


def test_a_server_passes_all_audits(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    command = [find_node(SCRIPT.parent), str(SCRIPT), f"{server.address}/graphql"]
    completed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    results = json.loads(completed.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == NUMBER_OF_AUDITS
    with capsys.disabled():
        sys.stdout.write(f"\n{len(results)} audits passed\n")
