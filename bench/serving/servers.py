"""The servers that are measured: how each is started, and what it is sent."""

from __future__ import annotations

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.serving.client import Client, get_target
from bench.serving.load import Request
from bench.serving.operations import DOCUMENTS, Dialect, Operation, RequestBody, Variables, read_past
from bench.serving.processes import OGPGRAPH, Process, clean_environment, find_free_port, run_process

UNLIMITED = {
    "OGPGRAPH_COST_PER_MINUTE": str(10**12),
    "OGPGRAPH_WRITES_PER_MINUTE": str(10**6),
    "OGPGRAPH_LOG_LEVEL": "warning",
}
"""What one client may send within a minute is not what is measured; all other limits are the defaults."""
WORKERS_SUFFIX = "-workers"
"""How the name of a server with several processes ends."""
NODE_ENVIRONMENT = {
    "NODE_ENV": "production",
    "GRAPHILE_ENV": "production",
    "NODE_OPTIONS": "--max-old-space-size=8192",  # for the graph in memory at ten times the data
}
_ENTRY_CURSOR = "query($position: Position!) { entry(position: $position) { cursor } }"
_logs = count(1)


class Server(ABC):
    """A server of one kind on one database. `start` may be called repeatedly, for fresh processes."""

    dialect: Dialect
    path = "/graphql"
    token = ""
    can_write = True

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self._folder = folder

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """Return the command that serves on a port."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that the server is started with."""
        return {}

    @property
    def ready_path(self) -> str | None:
        """Return the path that answers 200 once the server is ready; None where listening is all there is."""
        return None

    @property
    def helper_pids(self) -> Sequence[int]:
        """Return other processes that work for this server and whose processor time counts: its database."""
        return ()

    @contextmanager
    def start(self) -> Iterator[Process]:
        """Run the server until the end of the context."""
        port = find_free_port()
        log = self._folder / f"{self.name}-{next(_logs)}.log"
        with run_process(self.command(port), port, log, self.environment, self.ready_path) as process:
            yield process

    def bodies(self, operation: Operation, variables: Sequence[Variables]) -> list[RequestBody]:
        """Return the requests of an operation with each set of variables."""
        return [RequestBody(DOCUMENTS[self.dialect][operation], each) for each in variables]

    def requests(self, operation: Operation, variables: Sequence[Variables]) -> list[Request]:
        """Return what the load generator sends for an operation."""
        return [Request("POST", self.path, each.encode()) for each in self.bodies(operation, variables)]


class OgpgraphServer(Server):
    """`ogpgraph serve` on a database of either engine."""

    dialect = Dialect.OGPGRAPH

    def __init__(self, name: str, folder: Path, url: str, *, workers: int = 1, helper_pids: Sequence[int] = ()) -> None:
        super().__init__(name, folder)
        self._url = url
        self._workers = workers
        self._helper_pids = helper_pids
        self._cursors: dict[int, str] = {}

    def command(self, port: int) -> list[str]:
        options = ["--database", self._url, "--port", str(port), "--workers", str(self._workers)]
        return [OGPGRAPH, "serve", *options]

    @property
    def environment(self) -> Mapping[str, str]:
        return UNLIMITED

    @property
    def ready_path(self) -> str:
        return "/ready"

    @property
    def helper_pids(self) -> Sequence[int]:
        return self._helper_pids

    def create_token(self) -> None:
        """Create an account that may write, and keep a token of it."""
        account = self._run_cli("account", "create", "--role", "ADMINISTRATOR").split()[-1]
        self.token = self._run_cli("account", "token", account).split()[-1]

    def with_workers(self, workers: int) -> OgpgraphServer:
        """Return a server with several processes on the same database."""
        name = f"{self.name}{WORKERS_SUFFIX}"
        other = OgpgraphServer(name, self._folder, self._url, workers=workers, helper_pids=self._helper_pids)
        other.token, other._cursors = self.token, self._cursors
        return other

    def _run_cli(self, *arguments: str) -> str:
        command = [OGPGRAPH, *arguments, "--database", self._url]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=clean_environment())
        if done.returncode:
            raise RuntimeError(f"ogpgraph {' '.join(arguments)} failed: {done.stderr or done.stdout}")
        return done.stdout

    def learn_cursors(self, port: int, positions: Sequence[int]) -> None:
        """Ask for the cursors of entries, which name in Q5 where the page ends; they are opaque."""
        with Client(port, self.path) as client:
            for position in positions:
                if position not in self._cursors:
                    self._cursors[position] = client.fetch(_ENTRY_CURSOR, position=position)["entry"]["cursor"]

    def bodies(self, operation: Operation, variables: Sequence[Variables]) -> list[RequestBody]:
        if operation is Operation.Q5:
            variables = [{"before": self._cursors[each["before"]]} for each in variables]
        return super().bodies(operation, variables)

    def past_requests(self, operation: Operation, variables: Sequence[Variables], position: int) -> list[Request]:
        """Return the requests of an operation at a past position."""
        return [
            Request("POST", self.path, RequestBody(read_past(query), {**values, "position": position}).encode())
            for query, values in self.bodies(operation, variables)
        ]

    def unchanged_requests(self, port: int, operation: Operation, variables: Sequence[Variables]) -> list[Request]:
        """Return requests by GET, each with the entity tag of its response: so each is answered with 304."""
        with Client(port, self.path) as client:
            targets = [get_target(self.path, each) for each in self.bodies(operation, variables)]
            return [Request("GET", target, etag=client.get(target).etag) for target in targets]


class Peer(Server):
    """Another server on the tables of the present record."""

    def __init__(
        self,
        name: str,
        folder: Path,
        dialect: Dialect,
        program: Sequence[str],
        url: str,
        helper_pids: Sequence[int],
    ) -> None:
        super().__init__(name, folder)
        self.dialect = dialect
        self._program = program
        self._url = url
        self._helper_pids = helper_pids

    def command(self, port: int) -> list[str]:
        return [*self._program, str(port), self._url]

    @property
    def environment(self) -> Mapping[str, str]:
        return NODE_ENVIRONMENT

    @property
    def helper_pids(self) -> Sequence[int]:
        return self._helper_pids


class FloorServer(Server):
    """The bare application that answers with the ready bytes of another server, which it asks for all answers."""

    dialect = Dialect.OGPGRAPH
    can_write = False

    def __init__(
        self, name: str, folder: Path, other: Server, port: int, variables: Mapping[Operation, Sequence[Variables]]
    ) -> None:
        super().__init__(name, folder)
        self._other = other
        self._answers = folder / "floor.answers"
        with Client(port, other.path) as client, self._answers.open("wb") as file:
            for operation, sets in variables.items():
                for request in other.requests(operation, sets):
                    file.write(request.body + b"\t" + client.send(request) + b"\n")

    def command(self, port: int) -> list[str]:
        return [sys.executable, "-m", "bench.serving.floor", str(self._answers), str(port)]

    def bodies(self, operation: Operation, variables: Sequence[Variables]) -> list[RequestBody]:
        return self._other.bodies(operation, variables)
