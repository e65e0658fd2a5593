"""Two workers of one server: whatever one of them has acknowledged, both show from then on, however they answer."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest

from ogpgraph.clock import system_clock
from ogpgraph.domain.account import grant_rights, open_account
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.system import open_system
from tests.conftest import BOTH_ENGINES
from tests.support.server import run_server
from tests.support.writers import command_context, register_commitment

pytestmark = [BOTH_ENGINES, pytest.mark.slow]

CHECKS = [10, pytest.param(5_000, marks=pytest.mark.long)]
"""Before a release ten thousand on each engine: half of them alone, half while others write."""
WORKERS = 2
MAX_CONNECTIONS = 200
UNLIMITED = {"OGPGRAPH_WRITES_PER_MINUTE": "1000000", "OGPGRAPH_COST_PER_MINUTE": "1000000000000"}
WRITE = """mutation($code: String!, $title: String!) {
    reviseCommitment(input: {commitment: $code, title: $title}) { errors { message } } }"""
TITLE = 'query Title { commitment(code: "FR0001") { title } }'
READS = {
    "a commitment": TITLE,
    "a list": "query List { found: commitments(first: 1) { nodes { title } } meta { position } }",
    "counts": "query Count { commitments { facets(dimensions: [MEMBER]) { values { count } } nodes { title } } }",
    "its history": 'query Log { commitment(code: "FR0001") { history(last: 1) { nodes { changes { after } } } } }',
}


class Answer(NamedTuple):
    """A response, and the worker that gave it: the beginning of the ids of its requests."""

    status: int
    data: Any
    etag: str
    position: int
    worker: str


class Client:
    """One worker: a connection to it, and another one where the server has closed that because it was idle."""

    def __init__(self, address: str) -> None:
        self._address = urlsplit(address)
        self._connection, self.worker = self._connect()

    def post(self, query: str, token: str = "", **variables: str) -> Answer:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        body = json.dumps({"query": query, "variables": variables})
        return self._exchange("POST", "/graphql", headers, body)

    def get(self, query: str, etag: str = "") -> Answer:
        headers = {"If-None-Match": etag} if etag else {}
        return self._exchange("GET", _target(query), headers, None)

    def close(self) -> None:
        self._connection.close()

    def _exchange(self, method: str, target: str, headers: dict[str, str], body: str | None) -> Answer:
        try:
            return _exchange(self._connection, method, target, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError):
            self._reconnect()
            return _exchange(self._connection, method, target, headers, body)

    def _reconnect(self) -> None:
        for _ in range(MAX_CONNECTIONS):
            self._connection.close()
            self._connection, worker = self._connect()
            if worker == self.worker:
                return
        raise AssertionError("the worker accepts no connection any more")

    def _connect(self) -> tuple[http.client.HTTPConnection, str]:
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=60)
        return connection, _exchange(connection, "GET", _target("{ __typename }"), {}, None).worker


def _target(query: str) -> str:
    return f"/graphql?{urlencode({'query': query})}"


def _exchange(
    connection: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str], body: str | None
) -> Answer:
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    content, found = response.read(), response.headers
    data = json.loads(content) if content else None
    assert response.status in {200, 304}, content
    assert data is None or "errors" not in data, data
    return Answer(response.status, data, found["ETag"] or "", int(found["X-Position"]), found["X-Request-Id"][:16])


def connect_to_both(address: str, opened: ExitStack) -> list[Client]:
    """Return a connection to each worker: any of them accepts a new one."""
    clients: dict[str, Client] = {}
    for _ in range(MAX_CONNECTIONS):
        client = opened.enter_context(closing(Client(address)))
        clients.setdefault(client.worker, client)
        if len(clients) == WORKERS:
            return list(clients.values())
    raise AssertionError("one worker accepts no connection")


def record_sample(url: str) -> str:
    """Register two commitments; returns a token of an administrator."""

    def create_account(uow: UnitOfWork) -> str:
        account = open_account(uow)
        grant_rights(uow, account, Role.ADMINISTRATOR, ())
        return account.id

    with open_system(url) as system:
        register_commitment(system, "FR0001")
        register_commitment(system, "FR0002")
        account = system.execute(command_context(), create_account).result
        assert account
        return system.accounts.issue_token(
            account, now=system_clock(), lifetime=timedelta(days=1), random_hex=secrets.token_hex
        )


@contextmanager
def write_meanwhile(address: str, token: str, *, is_busy: bool) -> Iterator[None]:
    """Have others change another commitment through both workers, if the server is busy."""
    stop, failures = threading.Event(), list[BaseException]()

    def write() -> None:
        with ExitStack() as opened:
            clients = connect_to_both(address, opened)
            for number in count():
                if stop.is_set():
                    return
                try:
                    clients[number % WORKERS].post(WRITE, token, code="FR0002", title=f"Other {number}")
                except BaseException as failure:
                    failures.append(failure)
                    raise

    thread = threading.Thread(target=write)
    if is_busy:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if is_busy:
            thread.join()
    assert not failures


def find_titles(value: Any) -> set[str]:
    """Return the texts in a response that are titles of the first commitment."""
    if isinstance(value, str):
        return {value} if value.startswith("Title") else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return set[str]().union(*map(find_titles, parts))


@pytest.mark.parametrize(
    "is_busy", [pytest.param(False, id="alone", marks=pytest.mark.long), pytest.param(True, id="others-write")]
)
@pytest.mark.parametrize("checks", CHECKS)
def test_both_workers_show_at_once_what_either_has_acknowledged(
    url: str, tmp_path: Path, checks: int, *, is_busy: bool
) -> None:
    token = record_sample(url)
    environment = {**os.environ, **UNLIMITED}
    with ExitStack() as opened:
        server = opened.enter_context(
            run_server(url, tmp_path / "log", "--workers", str(WORKERS), environment=environment)
        )
        address = server.wait_until_ready(workers=WORKERS)
        clients = connect_to_both(address, opened)
        opened.enter_context(write_meanwhile(address, token, is_busy=is_busy))
        etags = ["" for _ in clients]
        for number in range(checks):
            title = f"Title {number}"
            written = clients[number % WORKERS].post(WRITE, token, code="FR0001", title=title)
            assert written.data["data"]["reviseCommitment"] == {"errors": []}
            for kind, query in READS.items():
                for client in clients[number // WORKERS % WORKERS :] + clients[: number // WORKERS % WORKERS]:
                    read = client.post(query)
                    assert (kind, find_titles(read.data)) == (kind, {title})
                    assert read.position >= written.position
            for place, client in enumerate(clients):
                changed = client.get(TITLE, etags[place])
                assert (changed.status, find_titles(changed.data)) == (200, {title})
                again = client.get(TITLE, changed.etag)
                assert again.status == 304 or (is_busy and find_titles(again.data) == {title})
                etags[place] = again.etag
