"""What a server does when its disk fails: `python -m bench.disk_failures [LAST] [--first N] [--scenario N]`.

A full disk (ENOSPC) and a failing one (EIO) are injected at every operation that writes to the files of the database,
from the first (1) to the LAST (300), once or for as long as the request lasts, while a client writes; and EIO at every
one that reads, while it writes and reads in turn: a write has readers read again what they have in memory. The report
counts the responses by code, what was acknowledged and is not in the log afterwards (it has to be 0), and after how
many failures a later request succeeded without a restart.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from ogpgraph.domain.roles import Role
from ogpgraph.system import migrate, open_system
from tests.auth.client import issue_token
from tests.graphql.mutations.client import open_account
from tests.support.disk_faults import FOR_EVER, DiskFaults
from tests.support.server import run_server
from tests.support.writers import register_commitment

COMMITMENTS = 20
MAX_REQUESTS = 400
"""The requests within which the operation of an index is reached."""
RECOVERY_ATTEMPTS = 5
WRITE = """mutation($input: ReviseCommitmentInput!) {
  reviseCommitment(input: $input) { errors { code } entries { position } }
}"""
READ = "{ commitments(first: 20) { nodes { code title history(last: 3) { nodes { recordedAt } } } } }"


class Scenario(NamedTuple):
    """One way in which the disk fails."""

    name: str
    error: int
    operations: int
    is_read: bool = False


SCENARIOS = (
    Scenario("ENOSPC once, writing", errno.ENOSPC, 1),
    Scenario("ENOSPC from then on, writing", errno.ENOSPC, FOR_EVER),
    Scenario("EIO once, writing", errno.EIO, 1),
    Scenario("EIO from then on, writing", errno.EIO, FOR_EVER),
    Scenario("EIO once, reading and writing", errno.EIO, 1, is_read=True),
)


class Run:
    """The requests of one scenario, and what became of them."""

    def __init__(self, http: httpx.Client, faults: DiskFaults, scenario: Scenario) -> None:
        self._http = http
        self._faults = faults
        self._scenario = scenario
        self._number = 0
        self.acknowledged: list[tuple[str, str]] = []
        self.outcomes: Counter[str] = Counter()
        self.recovered = self.failed = 0

    def inject(self, index: int) -> None:
        """Send requests until one meets the failure of an index, then until one succeeds."""
        self._faults.fail(
            self._scenario.error, first=index, count=self._scenario.operations, reads=self._scenario.is_read
        )
        for _ in range(MAX_REQUESTS):
            outcome = self._send()
            if self._faults.failed:
                self.outcomes[outcome] += 1
                break
        if not self._faults.stop():
            return
        self.failed += 1
        self.recovered += any(self._send() == "OK" for _ in range(RECOVERY_ATTEMPTS))

    def _send(self) -> str:
        self._number += 1
        if self._scenario.is_read and self._number % 2:
            return _outcome(self._http.post("/graphql", json={"query": READ}))
        code, title = f"FR{self._number % COMMITMENTS:04}", f"{self._scenario.name}: {self._number}"
        variables = {"input": {"commitment": code, "title": title, "idempotencyKey": f"write-{self._number}"}}
        response = self._http.post("/graphql", json={"query": WRITE, "variables": variables})
        outcome = _outcome(response)
        if outcome in ("OK", "RECORDED_BUT_NOT_SHOWN"):
            self.acknowledged.append((code, title))
        return outcome


def _outcome(response: httpx.Response) -> str:
    """Return the code of the first error of a response, OK without one."""
    body = response.json()
    if "errors" in body:
        code: str = body["errors"][0]["extensions"]["code"]
        return code
    refused = ((body["data"] or {}).get("reviseCommitment") or {}).get("errors")
    return f"refused: {refused[0]['code']}" if refused else "OK"


def count_lost(url: str, acknowledged: list[tuple[str, str]]) -> int:
    """Return how many acknowledged titles are not in the log, or more than once."""
    recorded: Counter[tuple[str, str]] = Counter()
    with open_system(url) as system:
        with system.read_session() as session:
            head = session.at_head()
            streams = {f"FR{n:04}": head.find_by_code("commitment", f"FR{n:04}") for n in range(COMMITMENTS)}
        for code, commitment in streams.items():
            assert commitment is not None
            for event in system.executor.events(commitment.id):
                reference = getattr(event.facts.get("title/en"), "text", None)
                recorded[code, reference or ""] += 1
        return sum(recorded[code, system.executor.create_reference(title)[0]] != 1 for code, title in acknowledged)


@contextmanager
def serve(folder: Path, faults: DiskFaults) -> Iterator[tuple[str, httpx.Client]]:
    """Serve a new record; yields its URL and a client that may write."""
    url = f"sqlite:///{folder}/record.db"
    migrate(url)
    with open_system(url) as system:
        for number in range(COMMITMENTS):
            register_commitment(system, f"FR{number:04}")
        token = issue_token(system, open_account(system, Role.ADMINISTRATOR))
    environment = faults.environment | {
        "OGPGRAPH_WRITES_PER_MINUTE": "1000000",
        "OGPGRAPH_COST_PER_MINUTE": "1000000000",
    }
    with (
        run_server(url, folder / "log", environment=environment) as server,
        httpx.Client(
            base_url=server.wait_until_ready(), headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as client,
    ):
        yield url, client


def main() -> None:
    """Run all scenarios and print the report; exits with 1 if anything acknowledged was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.disk_failures")
    parser.add_argument("last", type=int, nargs="?", default=300)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--scenario", type=int, choices=range(1, len(SCENARIOS) + 1), help="only one of the scenarios")
    options = parser.parse_args()
    lost = 0
    for scenario in SCENARIOS[options.scenario - 1 :][:1] if options.scenario else SCENARIOS:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
            faults = DiskFaults(Path(name))
            with serve(Path(name), faults) as (url, client):
                run = Run(client, faults, scenario)
                for index in range(options.first, options.last + 1):
                    run.inject(index)
            lost_here = count_lost(url, run.acknowledged)
        lost += lost_here
        print(
            f"{scenario.name}: {run.failed} failures, {run.recovered} recovered, {len(run.acknowledged)} acknowledged"
        )
        print(f"  {lost_here} lost; responses {dict(run.outcomes.most_common())}", flush=True)
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
