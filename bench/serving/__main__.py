"""Measures how fast GraphQL is served, beside other servers with the same data.

    make bench ARGS="--servers ogpgraph-sqlite,floor --operations Q1,Q2 --scenarios idle,writes --rounds 3"

docs/measuring.md says what is measured, and how.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from enum import Enum
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from bench.serving.client import Client
from bench.serving.comparison import verify_all
from bench.serving.measuring import WORKERS, Measurement, Plan, Scenario, Session
from bench.serving.operations import Known, Operation, choose_variables
from bench.serving.processes import Process, read_usage
from bench.serving.record import copy_record, open_record
from bench.serving.report import (
    RESULTS,
    Result,
    ServerFacts,
    caveats,
    describe_environment,
    print_result,
    write_result,
)
from bench.serving.servers import FloorServer, OgpgraphServer, Server
from bench.serving.summary import summarize

E = TypeVar("E", bound=Enum)
WIDTH = 200
"""The columns of the tables where the output is not a terminal."""
SERVERS = ("ogpgraph-sqlite", "floor")
REFERENCES = ("postgraphile", "mercurius", "strawberry", "floor")
_KNOWN = """query($after: String) { meta { position } commitments(first: 100, after: $after) {
    nodes { code } pageInfo { hasNextPage endCursor } } }"""
_MEMBERS = """query($after: String) { members(first: 100, after: $after) { nodes { code }
    pageInfo { hasNextPage endCursor } } }"""


def main() -> None:
    arguments = _parse_arguments()
    console = Console(width=None if Console().is_terminal else WIDTH, highlight=False, markup=False)
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="ogpgraph-bench-")))
        result = run(arguments, folder, opened, console)
    print_result(result, console)
    for path in write_result(result, arguments.keep or RESULTS):
        console.print(f"written to {path}", soft_wrap=True)


def run(arguments: argparse.Namespace, folder: Path, opened: ExitStack, console: Console) -> Result:
    """Start the servers, verify that they agree, and measure them."""
    file = copy_record(open_record(arguments.scale), folder)
    ours = OgpgraphServer("ogpgraph-sqlite", folder, f"sqlite:///{file}")
    ours.create_token()
    running: list[tuple[Server, Process]] = [(ours, opened.enter_context(ours.start()))]
    port = running[0][1].port
    known = _learn(port)
    variables = {each: choose_variables(each, known) for each in arguments.operations}
    ours.learn_cursors(port, [each["before"] for each in variables.get(Operation.Q5, [])])
    if "floor" in arguments.servers:
        floor = FloorServer("floor", folder)
        floor.learn_answers(ours, port, variables)
        running.append((floor, opened.enter_context(floor.start())))
    for line in verify_all(running, variables):
        console.print(line)
    workers = OgpgraphServer("ogpgraph-sqlite-workers", folder, f"sqlite:///{file}", workers=WORKERS)
    workers.share_account(ours)
    facts = [
        ServerFacts(
            name=server.name,
            start_seconds=process.start_seconds,
            resident_mb=read_usage(process.pid).resident_bytes / 2**20,
        )
        for server, process in running
    ]
    environment = describe_environment(
        scale=arguments.scale,
        commitments=len(known.commitments),
        entries=known.entries,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        writes_per_second=arguments.writes_per_second,
    )
    plan = Plan(
        operations=arguments.operations,
        scenarios=arguments.scenarios,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        writes_per_second=arguments.writes_per_second,
        variables=variables,
        known=known,
    )
    measurements: list[Measurement] = []
    progress = Console(stderr=True, highlight=False, markup=False)

    def report(measurement: Measurement) -> None:
        measurements.append(measurement)
        progress.print(
            f"round {measurement.round + 1}: {measurement.operation} {measurement.scenario.lower()} "
            f"{measurement.server} {measurement.load.per_second:,.0f}/s, p50 {measurement.load.p50_ms:.1f} ms"
        )

    Session(plan, running, [workers], folder).measure_all(report)
    return Result(
        environment=environment,
        caveats=caveats(),
        servers=facts,
        summaries=summarize(measurements, Scenario.IDLE.name, REFERENCES),
        measurements=measurements,
    )


def _learn(port: int) -> Known:
    codes: dict[str, list[str]] = {"commitments": [], "members": []}
    with Client(port) as client:
        for name, query in (("commitments", _KNOWN), ("members", _MEMBERS)):
            after: str | None = None
            while True:
                page = client.fetch(query, after=after)[name]
                codes[name] += [node["code"] for node in page["nodes"]]
                after = page["pageInfo"]["endCursor"]
                if not page["pageInfo"]["hasNextPage"]:
                    break
        entries = int(client.fetch("{ meta { position } }")["meta"]["position"])
    return Known(codes["commitments"], codes["members"], entries)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--servers", type=_some_of(SERVERS), default=SERVERS)
    parser.add_argument("--operations", type=_members_of(Operation), default=tuple(Operation))
    parser.add_argument("--scenarios", type=_members_of(Scenario), default=tuple(Scenario))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--writes-per-second", type=float, default=100)
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the results here")
    return parser.parse_args()


def _some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(each.strip() for each in text.split(","))
        if unknown := sorted(set(chosen).difference(names)):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(names)}")
        return chosen

    return parse


def _members_of(kind: type[E]) -> Callable[[str], tuple[E, ...]]:
    names = {each.name.lower().replace("_", "-"): each for each in kind}
    parse_names = _some_of(tuple(names))
    return lambda text: tuple(names[each] for each in parse_names(text.lower()))


if __name__ == "__main__":
    main()
