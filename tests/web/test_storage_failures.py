"""A server whose storage fails: typed responses, reading that goes on, readiness, and recovery without a restart."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from ogpgraph.domain.roles import Role
from ogpgraph.storage.sqlite import parse_sqlite_url
from ogpgraph.system import migrate, open_system
from tests.auth.client import issue_token
from tests.graphql.mutations.client import open_account
from tests.support import postgres
from tests.support.disk_faults import COMPILER, DiskFaults
from tests.support.server import OGPGRAPH, run_server
from tests.support.writers import register_commitment

pytestmark = [pytest.mark.slow, pytest.mark.long]
NEEDS_COMPILER = pytest.mark.skipif(COMPILER is None, reason="failures are injected by a C library")
RECOVERY_SECONDS = 30.0

REVISE = """mutation($title: String!) { reviseCommitment(input: {commitment: "FR0001", title: $title}) {
  errors { message } commitment { title } } }"""
READ = '{ commitment(code: "FR0001") { title } meta { position } }'


class Client(NamedTuple):
    """A client of a server, with an account that may write."""

    http: httpx.Client

    def write(self, title: str) -> httpx.Response:
        return self.http.post("/graphql", json={"query": REVISE, "variables": {"title": title}})

    def read(self) -> httpx.Response:
        return self.http.post("/graphql", json={"query": READ})

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + RECOVERY_SECONDS
        while (response := httpx.get(f"{self.http.base_url}/ready", timeout=30)).status_code != 200:
            assert time.monotonic() < deadline, response.text
            time.sleep(0.2)

    def wait_until_not_ready(self) -> list[str]:
        """Return the problems that the server reports, which it has to within five seconds."""
        deadline = time.monotonic() + 5
        while (response := httpx.get(f"{self.http.base_url}/ready", timeout=30)).status_code == 200:
            assert time.monotonic() < deadline, "the server does not notice"
            time.sleep(0.2)
        problems: list[str] = response.json()["details"].get("problems", [])  # none where the check itself hangs
        return problems


def write_title(client: Client, title: str) -> None:
    assert client.write(title).json()["data"]["reviseCommitment"]["commitment"]["title"] == title


def prepare(url: str) -> dict[str, str]:
    """Record a commitment; returns the header of an account that may write."""
    migrate(url)
    with open_system(url) as system:
        register_commitment(system, "FR0001")
        token = issue_token(system, open_account(system, Role.ADMINISTRATOR))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def faults(tmp_path: Path) -> DiskFaults:
    return DiskFaults(tmp_path)


@pytest.fixture
def client(url: str, tmp_path: Path, faults: DiskFaults) -> Iterator[Client]:
    headers = prepare(url)
    with (
        run_server(url, tmp_path / "log", environment=faults.environment) as server,
        httpx.Client(base_url=server.wait_until_ready(), headers=headers, timeout=30) as http,
    ):
        yield Client(http)


def failure_of(response: httpx.Response) -> dict[str, Any]:
    """Return the extensions of the first error of a response."""
    extensions: dict[str, Any] = response.json()["errors"][0]["extensions"]
    return extensions


@NEEDS_COMPILER
@pytest.mark.parametrize(("error", "code"), [(errno.ENOSPC, "STORAGE_FULL"), (errno.EIO, "STORAGE_UNAVAILABLE")])
def test_failing_writes_are_typed_and_reading_goes_on(
    client: Client, faults: DiskFaults, error: int, code: str
) -> None:
    assert client.write("Before").json()["data"]["reviseCommitment"]["commitment"]["title"] == "Before"
    faults.fail(error)
    response = client.write("Lost")
    assert (response.status_code, failure_of(response)["code"], failure_of(response)["retryable"]) == (503, code, True)
    assert int(response.headers["Retry-After"]) > 0
    assert client.read().json()["data"]["commitment"]["title"] == "Before"
    assert client.wait_until_not_ready() == [f"writing fails: {code}"]
    faults.stop()
    assert client.write("After").json()["data"]["reviseCommitment"]["commitment"]["title"] == "After"
    client.wait_until_ready()


@NEEDS_COMPILER
def test_reader_gets_what_is_projected_where_the_disk_is_full_after_an_event(
    client: Client, faults: DiskFaults
) -> None:
    before = client.read().json()["data"]["meta"]["position"]
    for first in range(1, 60):  # until the event is stored, and its rows are not
        faults.fail(errno.ENOSPC, first=first)
        response = client.write("Stored")
        if failure_of(response)["code"] == "RECORDED_BUT_NOT_SHOWN":
            break
        faults.stop()
        # A full disk may show in a sync only, which fails with the same error as that of a broken disk.
        assert failure_of(response)["code"] in ("STORAGE_FULL", "STORAGE_UNAVAILABLE")
    else:
        pytest.fail("no operation was between the event and its rows")
    response = client.read()
    assert (response.status_code, response.json()["extensions"]["behind"]) == (200, True)
    assert response.json()["data"] == {"commitment": {"title": "Open the budget"}, "meta": {"position": before}}
    faults.stop()
    deadline = time.monotonic() + RECOVERY_SECONDS
    while "behind" in (response := client.read()).json()["extensions"]:
        assert time.monotonic() < deadline
    assert response.json()["data"] == {"commitment": {"title": "Stored"}, "meta": {"position": before + 1}}


@NEEDS_COMPILER
def test_removed_database_is_reported_and_used_again_once_it_is_back(url: str, client: Client) -> None:
    file = parse_sqlite_url(url)
    file.rename(file.with_suffix(".away"))
    for response in (client.read(), client.write("Lost")):
        assert (response.status_code, failure_of(response)["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert str(file) not in response.text
    assert "reading fails: STORAGE_UNAVAILABLE" in client.wait_until_not_ready()
    file.with_suffix(".away").rename(file)
    client.wait_until_ready()
    assert client.write("After").json()["data"]["reviseCommitment"]["commitment"]["title"] == "After"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_whose_database_was_replaced_serves_the_new_one(url: str, tmp_path: Path, workers: int) -> None:
    """What was not checkpointed of the former file must not get into the new one, and stays beside it."""
    headers, file, other = prepare(url), parse_sqlite_url(url), tmp_path / "other.db"
    with run_server(url, tmp_path / "log", "--workers", str(workers)) as server:
        address = server.wait_until_ready(workers)
        with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
            write_title(Client(http), "Of the former file")
        subprocess.run([OGPGRAPH, "copy", url, f"sqlite:///{other}"], check=True, capture_output=True, timeout=120)
        with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
            write_title(Client(http), "Lost")
        wal = file.with_name(file.name + "-wal").read_bytes()
        file.rename(tmp_path / "former.db")
        other.rename(file)
        server.wait_until_ready(2 * workers)
        with httpx.Client(base_url=address, headers=headers, timeout=30) as http:
            assert Client(http).read().json()["data"]["commitment"]["title"] == "Of the former file"
            refused = Client(http).write("Refused").json()["data"]["reviseCommitment"]["errors"]
            assert refused[0]["message"].startswith("OTHER_HISTORY: ")  # an acknowledged title is not in the new one
        assert server.stop()[0] == 0
    assert file.with_name(file.name + "-wal-former").read_bytes() == wal
    checked = subprocess.run([OGPGRAPH, "check", "--database", url], check=False, capture_output=True, timeout=120)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.postgres
def test_stopped_database_server_is_reported_and_used_again_once_it_runs(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    database_server = postgres.Server(tmp_path_factory.mktemp("postgres"))
    database_server.start()
    try:
        headers = prepare(database_server.url)
        with (
            run_server(database_server.url, tmp_path / "log") as server,
            httpx.Client(base_url=server.wait_until_ready(), headers=headers, timeout=60) as http,
        ):
            client = Client(http)
            database_server.stop()
            client.wait_until_not_ready()
            for response in (client.read(), client.write("Lost")):
                assert (response.status_code, failure_of(response)["code"]) == (503, "STORAGE_UNAVAILABLE")
            database_server.start()
            client.wait_until_ready()
            assert client.write("After").json()["data"]["reviseCommitment"]["commitment"]["title"] == "After"
    finally:
        with suppress(RuntimeError):  # it is stopped already
            database_server.stop("immediate")
