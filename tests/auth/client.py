"""A real server on its own port, and requests to it."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import uvicorn

from ogpgraph.clock import system_clock
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.system import System, open_system
from tests.graphql.mutations.client import MutationClient, mutation_document


@contextmanager
def run_server(settings: Settings) -> Iterator[httpx.Client]:
    """Run a server on the settings' migrated database; yields a client."""
    app = create_app(SystemLifespan(lambda: open_system(settings.database)), settings)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def issue_token(system: System, writer: MutationClient, days: float = 1) -> str:
    """Return a new token of a writer's account."""
    assert writer.account is not None
    lifetime = timedelta(days=days)
    return system.accounts.issue_token(
        writer.account, now=system_clock(), lifetime=lifetime, random_hex=secrets.token_hex
    )


def authorization_header(token: str) -> dict[str, str]:
    """Return the Authorization header with a token."""
    return {"Authorization": f"Bearer {token}"}


def post_mutation(client: httpx.Client, token: str | None, mutation: str, **sent: Any) -> httpx.Response:
    """Send one mutation and return the response."""
    body = {"query": mutation_document(mutation), "variables": {"input": sent}}
    return client.post("/graphql", json=body, headers=authorization_header(token) if token else {})


def execute_mutation(client: httpx.Client, token: str | None, mutation: str, **sent: Any) -> Any:
    """Send one mutation and return its payload."""
    response = post_mutation(client, token, mutation, **sent)
    assert response.status_code == 200, response.text
    body = response.json()
    assert "errors" not in body, body
    return body["data"][mutation]
