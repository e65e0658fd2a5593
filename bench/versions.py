"""Compare the speed of two checkouts: the same requests to both, interleaved, over the same record.

    python -m bench.versions ../before . [--rounds 9] [--seconds 0.5] [--members 110] [--commitments 6000] [--scale 0.1]

Each checkout makes a database of its own from the same seed, before anything is measured, because a log of another
format cannot be opened. Each round measures every operation once on each side, in alternating order: whatever else the
machine does affects both. Reported are the medians over the rounds, their ratio, and the spread of the rounds on either
side; an operation is slower only where its ratio lies above both 1.05 and the spread.

`import` reads a file of OGP's database (see `bench.growth.states`) into an empty database; `rebuild` replaces the rows
of the large one. Both run as commands, so they include what `--help` takes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

from bench.growth.states import State, build_states

QUERIES = {
    "Q1 one commitment": """{ commitment(code: "%s") { code title description milestones { number title status }
        ratings { indicator stage value statedAs }
        history(first: 20) { nodes { position kind recordedAt actor } } } }""",
    "Q2 100 nested": """{ commitments(first: 100, where: {cycle: {eq: 2015}}) { nodes { code title
        actionPlan { title member { name } } milestones { number title status }
        ratings { indicator stage value statedAs } } } }""",
    "Q3 facets": """{ commitments(where: {member: {region: {eq: "Europe"}}}) {
        facets(dimensions: [COMPLETION, POLICY_AREA], across: CYCLE) {
            dimension values { value count across { value count } } } } }""",
    "Q4 member tree": """{ members(first: 3) { nodes { name actionPlans { nodes { title commitments { nodes { code
        title milestones { number title } } } } } } } }""",
    "Q5 audit page": """{ entries(first: 100) { nodes { position kind recordedAt actor
        changes { path before after } } } }""",
}
ACCEPTED = 1.05
REGISTER = """mutation($code: String!, $plan: String!) { registerCommitment(input: {code: $code, actionPlan: $plan,
    title: "Open the register"}) { errors { message } } }"""
REVISE = """mutation($code: String!, $words: String!) { reviseCommitment(input: {commitment: $code,
    description: $words}) { errors { message } } }"""


class Server:
    """`ogpgraph serve` of one checkout over a copy of the database it makes, with one connection to it."""

    def __init__(self, checkout: Path, folder: Path, made: Path) -> None:
        self._program = str((checkout / ".venv/bin/ogpgraph").absolute())
        self._folder = folder
        for name in ("served", "rebuilt"):
            shutil.copy(made, folder / name)
        self.run("migrate", on="empty")
        account = self.run("account", "create", "--name", "Bench", "--role", "administrator").split()[0]
        self._token = self.run("account", "token", account).strip().splitlines()[-1]
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = int(listener.getsockname()[1])
        self.process = subprocess.Popen(
            [self._program, "serve", "--port", str(self._port)],
            env=self._environment("served"),
            stdout=subprocess.DEVNULL,
        )
        self._wait()
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)

    def run(self, *command: str, on: str = "served") -> str:
        """Run another command of the same checkout on one of its databases; returns what it prints."""
        return subprocess.run(
            [self._program, *command], env=self._environment(on), check=True, capture_output=True, text=True
        ).stdout

    def import_into_empty(self, state: State) -> None:
        """Import a file into a copy of the empty database."""
        file = self._folder / "state.csv"
        file.write_bytes(state.data)
        shutil.copy(self._folder / "empty", self._folder / "imported")
        self.run("import", str(file), "--observed", state.observed_on, on="imported")

    def post(self, query: str, **variables: str) -> dict[str, object]:
        """Return the data of an operation, which must have no errors."""
        body = json.dumps({"query": query, "variables": variables})
        headers = {"Content-Type": "application/json"}
        if query.startswith("mutation"):
            headers["Authorization"] = f"Bearer {self._token}"
        self._connection.request("POST", "/graphql", body, headers)
        answer: dict[str, dict[str, object]] = json.loads(self._connection.getresponse().read())
        if "errors" in answer or '"message"' in json.dumps(answer.get("data")):
            raise SystemExit(f"{query[:60]}: {json.dumps(answer)[:400]}")
        return answer["data"]

    def _environment(self, database: str) -> dict[str, str]:
        return {
            **os.environ,
            "OGPGRAPH_DATABASE": f"sqlite:///{self._folder / database}",
            "OGPGRAPH_LOG_LEVEL": "error",
            "OGPGRAPH_COST_PER_MINUTE": str(10**12),
            "OGPGRAPH_WRITES_PER_MINUTE": str(10**6),
        }

    def _wait(self) -> None:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise SystemExit("a server does not start")


@contextmanager
def servers(checkouts: list[Path], members: int, commitments: int) -> Iterator[list[Server]]:
    """A server of each checkout over the database that the checkout makes."""
    with ExitStack() as stack:
        running = []
        for checkout in checkouts:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            server = Server(checkout, folder, make_database(checkout, members, commitments))
            stack.callback(server.process.wait)
            stack.callback(server.process.terminate)
            running.append(server)
        yield running


def make_database(checkout: Path, members: int, commitments: int) -> Path:
    """Have a checkout make its database, unless it has one already; returns the file."""
    made = subprocess.run(
        [
            str((checkout / ".venv/bin/python").absolute()),
            "-c",
            f"from bench.data import database; print(database({members}, {commitments}))",
        ],
        cwd=checkout,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return Path(made.splitlines()[-1].removeprefix("sqlite:///"))


def operations(server: Server, state: State) -> dict[str, Callable[[], object]]:
    """Return what is measured on a server: reads, reads of a past position, writes, commands."""
    first = server.post("{ meta { position } commitments(first: 1) { nodes { code actionPlan { id } } } }")
    (node,) = first["commitments"]["nodes"]  # type: ignore[index] # a decoded response
    head = first["meta"]["position"]  # type: ignore[index] # a decoded response
    code, plan, numbers = node["code"], node["actionPlan"]["id"], count(5_000)
    prefix = code.rstrip("0123456789")
    reads: dict[str, Callable[[], object]] = {}
    for name, query in QUERIES.items():
        text = query.replace("%s", code)
        past = f"{{ at(position: {head - 7}) {text} }}"
        reads[name] = lambda text=text: server.post(text)  # type: ignore[misc] # bound per turn
        reads[f"{name[:2]} at a past position"] = lambda past=past: server.post(past)  # type: ignore[misc] # likewise
    return reads | {
        "register a commitment": lambda: server.post(REGISTER, code=f"{prefix}{next(numbers)}", plan=plan),
        "revise a commitment": lambda: server.post(REVISE, code=code, words=f"Revision {next(numbers)}"),
        "ogpgraph --help": lambda: server.run("--help"),
        "ogpgraph import": lambda: server.import_into_empty(state),
        "ogpgraph rebuild": lambda: server.run("rebuild", on="rebuilt"),
    }


def measure(call: Callable[[], object], seconds: float) -> float:
    """Return the median time of a call in milliseconds, over as many calls as fit into the time."""
    times, until = list[float](), time.monotonic() + seconds
    while not times or time.monotonic() < until:
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)


def compare(running: list[Server], state: State, rounds: int, seconds: float) -> bool:
    """Print the table; returns whether nothing is slower beyond the spread."""
    calls = [operations(server, state) for server in running]
    print(f"{'':28}{'before':>10}{'after':>10}{'ratio':>8}   spread of the rounds (before, after)")
    accepted = True
    for name in calls[0]:
        for call in calls:
            call[name]()
        times: list[list[float]] = [[], []]
        for number in range(rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                times[side].append(measure(calls[side][name], seconds))
        before, after = map(statistics.median, times)
        spread = max(max(each) / min(each) for each in times)
        slower = after / before > max(ACCEPTED, spread)
        accepted &= not slower
        ranges = ", ".join(f"{min(each):.2f}–{max(each):.2f}" for each in times)
        print(
            f"{name:28}{before:8.2f}ms{after:8.2f}ms{after / before:8.2f}   {ranges}{'  SLOWER' * slower}", flush=True
        )
    return accepted


def main() -> None:
    """Compare as the command line says; exits with 1 where something is slower."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("before", type=Path, help="a checkout with its .venv")
    parser.add_argument("after", type=Path, help="another one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--members", type=int, default=110)
    parser.add_argument("--commitments", type=int, default=6_000)
    parser.add_argument("--scale", type=float, default=0.1, help="the share of the rows of the file that is imported")
    arguments = parser.parse_args()
    state = build_states(arguments.scale)[0]
    with servers([arguments.before, arguments.after], arguments.members, arguments.commitments) as running:
        sys.exit(not compare(running, state, arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    main()
