"""How the server is configured."""

from __future__ import annotations

import socket

import pytest
import uvicorn

from ogpgraph.settings import Settings
from ogpgraph.web.connection_timeouts import HeaderTimeoutProtocol
from ogpgraph.web.server import serve


def test_the_server_limits_the_time_for_headers_and_does_not_trust_proxies_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uvicorn by default trusts every local process to name a client's address, and waits for headers for ever."""
    configured: list[uvicorn.Config] = []
    monkeypatch.setattr("ogpgraph.web.server.configure_logging", lambda *_: None)
    monkeypatch.setattr("ogpgraph.web.server._run_one", lambda config, *_others: configured.append(config))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serve(Settings(), address=listener)
    (config,) = configured
    assert config.http is HeaderTimeoutProtocol
    assert config.proxy_headers is False
