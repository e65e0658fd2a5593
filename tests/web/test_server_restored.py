"""A server whose database was replaced by an older backup serves it read-only, until it is started with consent."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from ogpgraph.system import migrate, open_system
from tests.support.server import OGPGRAPH, post_query, run_server
from tests.support.writers import change_title, register_commitment

pytestmark = [pytest.mark.slow, pytest.mark.long]
PAGE = Path(__file__).parent.parent / "importer" / "pages" / "examples" / "budget_en.txt"


def run_import(url: str) -> subprocess.CompletedProcess[str]:
    command = [OGPGRAPH, "import", str(PAGE), "--database", url]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_restored_backup_is_reported_and_read_only_until_it_is_accepted(tmp_path: Path) -> None:
    database, backup = tmp_path / "log.db", tmp_path / "backup.db"
    url = f"sqlite:///{database}"
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
    shutil.copy(database, backup)
    with open_system(url) as system:
        change_title(system, "FR0001", "Lost")
    shutil.copy(backup, database)

    with run_server(url, tmp_path / "server.log") as server:
        address = server.wait_until_ready()
        history = httpx.get(f"{address}/ready", timeout=60).json()["details"]["history"]
        assert (history["code"], history["readOnly"]) == ("OTHER_HISTORY", True)
        assert "was 3, and it has 2 entries" in history["message"]
        assert post_query(address, "{ meta { position } }").json()["data"]["meta"]["position"] == 2
        assert any(record.get("code") == "OTHER_HISTORY" for record in server.log)
    refused = run_import(url)
    assert refused.returncode == 1
    assert "--accept-history" in refused.stderr

    with run_server(url, tmp_path / "server.log", "--accept-history") as server:
        address = server.wait_until_ready()
        assert "history" not in httpx.get(f"{address}/ready", timeout=60).json()["details"]
    assert run_import(url).returncode == 0
    with run_server(url, tmp_path / "server.log") as server:
        address = server.wait_until_ready()
        assert "history" not in httpx.get(f"{address}/ready", timeout=60).json()["details"]
