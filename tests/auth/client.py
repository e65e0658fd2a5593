"""A real server on its own port, and requests to it."""

from __future__ import annotations

import secrets
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
from tests.support.server import serve_in_thread


@contextmanager
def run_server(settings: Settings) -> Iterator[httpx.Client]:
    """Run a server on the settings' migrated database; yields a client."""
    app = create_app(SystemLifespan(lambda: open_system(settings.database)), settings)
    with (
        serve_in_thread(uvicorn.Config(app, log_config=None, access_log=False)) as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client,
    ):
        yield client


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
