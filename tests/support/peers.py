"""A process beside others on one database, which reads and writes when it is told to.

`python -m tests.support.peers URL` is that process: it reads a command from each line and answers with a line of JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from subprocess import PIPE, Popen

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.values import TextValue
from ogpgraph.readmodel.snapshot import Snapshot
from ogpgraph.system import System, open_system
from tests.support.writers import ROOT, change_title

READERS = 3
CODE = "FR0001"


class Peer:
    """A running process."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "tests.support.peers", url]
        self._process = Popen(command, cwd=ROOT, text=True, stdin=PIPE, stdout=PIPE)

    def write(self, title: str) -> int:
        """Change the title of the commitment; returns the position of the acknowledged entry."""
        return int(self._ask(f"write {title}"))

    def read(self) -> list[tuple[int, str]]:
        """Return the head and the title that each of several readers finds at once."""
        return [(head, title) for head, title in json.loads(self._ask("read"))]

    def close(self) -> None:
        self._process.communicate()

    def _ask(self, command: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def run_peers(url: str, number: int) -> Iterator[list[Peer]]:
    """Run several processes until the end of the context."""
    peers = [Peer(url) for _ in range(number)]
    try:
        yield peers
    finally:
        for peer in peers:
            peer.close()


def read_title(system: System) -> tuple[int, str | None]:
    """Return the head and the title of the commitment there, as a new session shows them."""
    with system.read_session() as session:
        snapshot = session.at_head()
        commitment = snapshot.find_by_code("commitment", CODE)
        assert commitment
        return session.head, read_title_of(snapshot, commitment)


def read_title_of(snapshot: Snapshot, commitment: Aggregate) -> str | None:
    """Return the title of a commitment."""
    value = commitment.value("title/en")
    assert isinstance(value, TextValue)
    return snapshot.text(commitment, "title/en", value.text)


def _run(url: str) -> None:
    with open_system(url) as system, system.poller.run(), ThreadPoolExecutor(READERS) as readers:
        for line in sys.stdin:
            command, _, title = line.rstrip("\n").partition(" ")
            if command == "write":
                answer: object = change_title(system, CODE, title).positions[-1]
            else:
                answer = list(readers.map(read_title, [system] * READERS))
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _run(sys.argv[1])
