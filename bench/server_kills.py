"""Kills a serving process during mutations over HTTP; checks that every acknowledged write is recorded once.

python -m bench.server_kills DATABASE_URL KILLS     (an empty database)
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx

from ogpgraph.domain.commitment import register_commitment
from ogpgraph.domain.unit_of_work import CommandContext
from ogpgraph.system import migrate, open_system

OGPGRAPH = str(Path(sys.executable).with_name("ogpgraph"))
PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"
CODES = ["FR0001", "FR0002", "FR0003", "FR0004"]
REVISE = """mutation ($input: ReviseCommitmentInput!) {
  reviseCommitment(input: $input) { entries { id } errors { code message } }
}"""
ENTRIES = (
    "query ($after: String) { entries(first: 100, after: $after) { nodes { id position } pageInfo { endCursor } } }"
)


class Client(threading.Thread):
    """Revises one commitment until stopped; repeats, with the same idempotency key, what was not acknowledged."""

    def __init__(self, code: str, token: str, stop: threading.Event) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self._code = code
        self._stop_event = stop
        self._client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=10)

    def run(self) -> None:
        while not self._stop_event.is_set():
            key = uuid.uuid4().hex
            variables = {"commitment": self._code, "title": f"Title {key}", "idempotencyKey": key}
            while not self._stop_event.is_set() and not self._post(variables):
                time.sleep(0.1)

    def _post(self, variables: dict[str, str]) -> bool:
        """Send the mutation; returns whether it was acknowledged."""
        body = {"query": REVISE, "variables": {"input": variables}}
        try:
            payload = self._client.post(f"{ADDRESS}/graphql", json=body).json()["data"]["reviseCommitment"]
        except (httpx.TransportError, KeyError, TypeError, ValueError):
            return False
        self.acknowledged += [entry["id"] for entry in payload["entries"]]
        return not payload["errors"]


def create_administrator_token(url: str) -> str:
    account = re.search(r"account-\w+", _ogpgraph("account", "create", "--role", "administrator", "--database", url))
    assert account
    token = re.search(r"ogp_\w+", _ogpgraph("account", "token", account.group(), "--database", url))
    assert token
    return token.group()


def start_server(url: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OGPGRAPH_WRITES_PER_MINUTE": "100000", "OGPGRAPH_LOG_LEVEL": "error"}
    command = [OGPGRAPH, "serve", "--database", url, "--port", str(PORT)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    for _ in range(600):
        try:
            if httpx.get(f"{ADDRESS}/ready", timeout=2).status_code == 200:
                return process
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def count_entries() -> Counter[str]:
    """Return entry id → number of occurrences; positions must have no gap."""
    entries: Counter[str] = Counter()
    after: str | None = None
    positions: list[int] = []
    while True:
        body = {"query": ENTRIES, "variables": {"after": after}}
        page = httpx.post(f"{ADDRESS}/graphql", json=body, timeout=30).json()["data"]["entries"]
        if not page["nodes"]:
            assert positions == list(range(1, len(positions) + 1)), "positions have a gap"
            return entries
        entries.update(node["id"] for node in page["nodes"])
        positions += [node["position"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]


def main(url: str, kills: int) -> None:
    migrate(url)
    with open_system(url) as system:
        act = CommandContext(actor="bench", role="publisher", time=datetime.now(UTC))
        system.execute(act, lambda uow: [register_commitment(uow, code, {"number": "1"}) for code in CODES])
    stop, token = threading.Event(), create_administrator_token(url)
    process = start_server(url)
    clients = [Client(code, token, stop) for code in CODES]
    for client in clients:
        client.start()
    for _ in range(kills):
        time.sleep(random.uniform(0.5, 1.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start_server(url)
    stop.set()
    for client in clients:
        client.join()
    entries = count_entries()
    process.terminate()
    acknowledged = [entry for client in clients for entry in client.acknowledged]
    missing, repeated = sum(each not in entries for each in acknowledged), sum(n > 1 for n in entries.values())
    print(
        f"{kills} kills, {len(acknowledged)} acknowledged, {missing} missing, {repeated} repeated; "
        f"exit code {process.wait()}"
    )
    print(_ogpgraph("rebuild", "--database", url).strip())


def _ogpgraph(*arguments: str) -> str:
    return subprocess.run([OGPGRAPH, *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
