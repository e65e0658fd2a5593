"""How the server is configured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from uvicorn.importer import import_from_string

from ogpgraph.server import configure_server
from ogpgraph.settings import Settings
from ogpgraph.system import migrate
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol


def test_the_server_limits_the_time_for_headers_and_does_not_trust_proxies_by_default() -> None:
    """uvicorn by default trusts every local process to name a client's address, and waits for headers for ever."""
    config = configure_server(Settings(), Starlette)
    assert config.http is HeaderTimeoutProtocol
    assert config.proxy_headers is False


def test_the_documented_application_factory_creates_the_application(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    documentation = (Path(__file__).parents[1] / "docs" / "production.md").read_text("utf-8")
    named = set(re.findall(r"[\w.]+:create\w+", documentation))
    assert named == {"ogpgraph.server:create_app_from_environment"}
    url = f"sqlite:///{tmp_path}/log.db"
    migrate(url)
    monkeypatch.setattr("ogpgraph.server.application.configure_logging", lambda *_: None)
    monkeypatch.setenv("OGPGRAPH_DATABASE", url)
    with TestClient(import_from_string(named.pop())()) as client:
        assert client.get("/ready").status_code == 200
