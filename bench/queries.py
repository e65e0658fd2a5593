"""Measures five queries, compared with idiomatic Strawberry over the same record, with past positions and with a 304.

    python -m bench.queries [--rounds 7] [--seconds 0.7] [--members 110] [--commitments 6000]

Both servers run in processes of their own, and one client sends requests to them in turn over open connections. So a
busy machine slows both, and the ratios are meaningful. Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import cProfile
import http.client
import json
import os
import pstats
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import strawberry
from graphql import DocumentNode

from bench.data import COMMITMENTS, MEMBERS, database
from bench.filter_index import measure_filter_and_facets
from bench.strawberry_rows import build_rows
from ogpgraph.graphql.context import Context
from ogpgraph.graphql.executor import Executor, core_schema
from ogpgraph.graphql.schema import build_schema
from ogpgraph.system import System, open_system
from ogpgraph.web.document_cache import DocumentCache, DocumentLimits

OPERATIONS: dict[str, tuple[str, float]] = {
    "Q1 a commitment with everything below it": (
        """{ commitment(code: "%s") { code title description milestones { number title status }
        ratings { indicator stage value statedAs }
        history(first: 20) { nodes { position kind recordedAt actor } } } }""",
        1.5,
    ),
    "Q2 100 commitments with plans, milestones, ratings": (
        """{ commitments(first: 100, where: {cycle: {eq: 2015}}) { nodes { code title
        actionPlan { title member { name } } milestones { number title status }
        ratings { indicator stage value statedAs } } } }""",
        3.0,
    ),
    "Q3 facets of a region": (
        """{ commitments(where: {member: {region: {eq: "Europe"}}}) { facets(dimensions: [COMPLETION, POLICY_AREA],
        across: CYCLE) { dimension values { value count across { value count } } } } }""",
        1.5,
    ),
    "Q4 3 members, their plans, commitments, milestones": (
        """{ members(first: 3) { nodes { name actionPlans { nodes { title commitments { nodes { code title
        milestones { number title } } } } } } } }""",
        3.0,
    ),
    "Q5 100 entries of the log": (
        "{ entries(first: 100) { nodes { position kind recordedAt actor changes { path before after } } } }",
        1.5,
    ),
}


class Client:
    """One connection to one server."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._path = path

    def post(self, query: str) -> bytes:
        body = json.dumps({"query": query})
        return self._request("POST", self._path, body, {"Content-Type": "application/json"}, 200)

    def get(self, query: str, etag: str | None = None, **parameters: str) -> bytes:
        path = f"{self._path}?{urlencode({'query': query, **parameters})}"
        return self._request("GET", path, None, {"If-None-Match": etag} if etag else {}, 304 if etag else 200)

    def etag(self, query: str) -> str:
        self._connection.request("GET", f"{self._path}?{urlencode({'query': query})}")
        response = self._connection.getresponse()
        response.read()
        return response.headers["ETag"]

    def _request(self, method: str, path: str, body: str | None, headers: dict[str, str], status: int) -> bytes:
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != status:
            raise SystemExit(f"{response.status}: {content[:400]!r}")
        return content


@contextmanager
def run_servers(url: str) -> Iterator[tuple[Client, Client]]:
    """Run our server and the idiomatic one; yields a client of each."""
    ours, theirs = _find_free_port(), _find_free_port()
    environment = {**os.environ, "OGPGRAPH_DATABASE": url, "OGPGRAPH_LOG_LEVEL": "warning"}
    environment |= {"OGPGRAPH_PORT": str(ours), "OGPGRAPH_COST_PER_MINUTE": str(10**12)}
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.db"
        build_rows(url, rows)
        commands = [
            ([str(Path(sys.executable).parent / "ogpgraph"), "serve"], environment),
            ([sys.executable, "-m", "bench.strawberry_queries", str(rows), str(theirs)], dict(os.environ)),
        ]
        processes = [subprocess.Popen(command, env=variables) for command, variables in commands]
        try:
            for port in (ours, theirs):
                _wait_for(port)
            yield Client(ours, "/graphql"), Client(theirs, "/")
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(20)


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"no server listens on port {port}")


def measure_medians(calls: Mapping[str, Callable[[], object]], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median time of each call in milliseconds; the calls are made in turn, after a warm-up."""
    for call in calls.values():
        call()
        call()
    milliseconds: dict[str, list[float]] = {name: [] for name in calls}
    end = time.monotonic() + seconds * rounds
    while time.monotonic() < end or len(next(iter(milliseconds.values()))) < rounds:
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            milliseconds[name].append((time.perf_counter() - began) * 1_000)
    return {name: statistics.median(times) for name, times in milliseconds.items()}


def compare_operations(ours: Client, theirs: Client, code: str, rounds: int, seconds: float) -> bool:
    """Print the time of each operation on both servers; returns whether every target is met."""
    is_met = True
    print(f"{'':52} {'ours':>8} {'idiomatic':>10} {'ratio':>6}  target      size")
    for name, (query, target) in OPERATIONS.items():
        text = query.replace("%s", code)
        response, other = ours.post(text), theirs.post(text)
        _report_difference(name, json.loads(response)["data"], json.loads(other)["data"])
        calls = {"ours": partial(ours.post, text), "theirs": partial(theirs.post, text)}
        times = measure_medians(calls, rounds, seconds)
        ratio = times["theirs"] / times["ours"]
        is_met &= ratio >= target
        print(
            f"{name:52} {times['ours']:6.2f}ms {times['theirs']:8.2f}ms {ratio:5.1f}x  >= {target}x "
            f"{len(response):9,} B"
        )
    return is_met


def _report_difference(name: str, ours: Any, theirs: Any) -> None:
    if json.dumps(_normalize(ours), sort_keys=True) != json.dumps(_normalize(theirs), sort_keys=True):
        print(f"   note: the results of {name} differ")


def _normalize(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normalize(each) for key, each in value.items()}
    if isinstance(value, list):
        return sorted((_normalize(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def compare_past(ours: Client, head: int, rounds: int, seconds: float) -> bool:
    """Print the time of queries at a past position, after a warm-up; returns whether every target is met."""
    is_met = True
    for name, (query, _) in list(OPERATIONS.items())[1:4]:
        past = f"{{ at(position: {head - 7}) {query} }}"
        times = measure_medians({"now": partial(ours.post, query), "past": partial(ours.post, past)}, rounds, seconds)
        ratio = times["past"] / times["now"]
        is_met &= ratio <= 2
        print(f"{name[:2]} at a past position (warm) {times['past']:35.2f}ms {ratio:15.2f}x  <= 2.0x")
    return is_met


def compare_cached(ours: Client, rounds: int, seconds: float) -> bool:
    """Print the time of a 304 and of a 200; returns whether every target is met."""
    is_met = True
    for name in (
        "Q2 100 commitments with plans, milestones, ratings",
        "Q4 3 members, their plans, commitments, milestones",
    ):
        query = OPERATIONS[name][0]
        etag = ours.etag(query)
        calls = {"200": partial(ours.get, query), "304": partial(ours.get, query, etag)}
        times = measure_medians(calls, rounds, seconds)
        ratio = times["200"] / times["304"]
        is_met &= ratio >= 10
        print(f"{name[:2]} by GET: 200 {times['200']:.2f}ms, 304 {times['304']:.2f}ms {ratio:36.1f}x  >= 10.0x")
    return is_met


def print_profile(url: str, code: str) -> None:
    """Print the share of each part of the program in the time of each operation, executed in this process."""
    schema = build_schema()
    documents = DocumentCache(core_schema(schema), DocumentLimits())
    print("\nshares of the time of each operation (under a profiler, which exaggerates the share of small functions)")
    parts = ["SQL", "snapshot", "domain", "resolvers", "execution", "encoding", "other"]
    print(f"{'':4}" + "".join(f"{part:>11}" for part in parts))
    with open_system(url) as system:
        for name, (query, _) in OPERATIONS.items():
            document = documents.prepare(query.replace("%s", code)).document.ast
            for _ in range(2):
                _execute(system, schema, document)
            profiler = cProfile.Profile()
            for _ in range(5):
                profiler.runcall(_execute, system, schema, document)
            shares = _time_shares(pstats.Stats(profiler))
            print(f"{name[:2]:4}" + "".join(f"{shares.get(part, 0):10.0%} " for part in parts))


def _execute(system: System, schema: strawberry.Schema, document: DocumentNode) -> None:
    with system.read_session() as session:
        executor = Executor.prepare(schema, document)
        result = executor.run(Context(session, "1"), check_deadline=lambda: None)
    msgspec.json.encode(result.data)


def _time_shares(stats: Any) -> dict[str, float]:
    seconds: dict[str, float] = {}
    for (file, _, function), (_, _, own, _, _) in stats.stats.items():
        part = _part_of(file, function)
        seconds[part] = seconds.get(part, 0) + own
    total = sum(seconds.values())
    return {part: own / total for part, own in seconds.items()}


def _part_of(file: str, function: str) -> str:
    if "sqlite3" in function or "/storage/" in file:
        return "SQL"
    if "msgspec" in function and "encode" in function:
        return "encoding"
    for folder, part in (
        ("graphql/executor", "execution"),
        ("site-packages/graphql", "execution"),
        ("site-packages/strawberry", "execution"),
        ("/readmodel/", "snapshot"),
        ("/domain/", "domain"),
        ("ogpgraph/graphql/", "resolvers"),
    ):
        if folder in file:
            return part
    return "other"


def main() -> None:
    """Measure everything; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--commitments", type=int, default=COMMITMENTS)
    parser.add_argument("--profile-only", action="store_true")
    arguments = parser.parse_args()
    url, code = database(arguments.members, arguments.commitments), "AA0000"
    is_met = True
    if not arguments.profile_only:
        with run_servers(url) as (ours, theirs):
            head = int(json.loads(ours.post("{ meta { position } }"))["data"]["meta"]["position"])
            print(f"{arguments.members} members, {arguments.commitments} commitments, {head} entries\n")
            is_met &= compare_operations(ours, theirs, code, arguments.rounds, arguments.seconds)
            is_met &= compare_past(ours, head, arguments.rounds, arguments.seconds)
            is_met &= compare_cached(ours, arguments.rounds, arguments.seconds)
    is_met &= measure_filter_and_facets()
    print_profile(url, code)
    if not is_met:
        raise SystemExit("a target was missed")


if __name__ == "__main__":
    main()
