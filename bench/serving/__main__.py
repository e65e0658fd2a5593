"""Measures how fast GraphQL is served, beside other servers with the same data.

    make bench ARGS="--servers ogpgraph-sqlite,floor --operations Q1,Q2 --scenarios idle,writes --rounds 3"

docs/measuring.md says what is measured, and how.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from bench.serving.comparison import verify_all
from bench.serving.fleet import REFERENCES, SERVERS, Fleet, run_fleet
from bench.serving.measuring import Measurement, Plan, Scenario, Session
from bench.serving.operations import VARIABLE_SETS, Operation
from bench.serving.processes import read_usage
from bench.serving.report import (
    RESULTS,
    Result,
    ServerFacts,
    caveats,
    describe_environment,
    print_result,
    write_result,
)
from bench.serving.summary import summarize

E = TypeVar("E", bound=Enum)
WIDTH = 200
"""The columns of the tables where the output is not a terminal."""


def main() -> None:
    arguments = _parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that the servers end with it
    console = Console(width=None if Console().is_terminal else WIDTH, highlight=False, markup=False)
    with tempfile.TemporaryDirectory(prefix="ogpgraph-bench-") as name:
        folder = Path(name)
        with run_fleet(arguments.servers, arguments.operations, arguments.scale, folder) as fleet:
            compared = {operation: sets[: arguments.verify] for operation, sets in fleet.variables.items()}
            for line in verify_all(fleet.running, compared):
                console.print(line)
            result = measure(fleet, arguments, folder)
    print_result(result, console)
    for path in write_result(result, arguments.keep or RESULTS):
        console.print(f"written to {path}", soft_wrap=True)


def measure(fleet: Fleet, arguments: argparse.Namespace, folder: Path) -> Result:
    """Measure a fleet as the command line says; each measurement is shown on standard error when it is made.

    What was measured until Ctrl-C is the result, too.
    """
    facts = [
        ServerFacts(
            name=server.name,
            start_seconds=process.start_seconds,
            resident_mb=read_usage(process.pid).resident_bytes / 2**20,
        )
        for server, process in fleet.running
    ]
    plan = Plan(
        operations=arguments.operations,
        scenarios=arguments.scenarios,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        writes_per_second=arguments.writes_per_second,
        variables=fleet.variables,
        known=fleet.known,
    )
    environment = describe_environment(plan, arguments.scale)
    measurements: list[Measurement] = []
    progress = Console(stderr=True, highlight=False, markup=False)

    def report(measurement: Measurement) -> None:
        measurements.append(measurement)
        progress.print(
            f"round {measurement.round + 1}: {measurement.operation} {measurement.scenario.lower()} "
            f"{measurement.server} {measurement.load.per_second:,.0f}/s, p50 {measurement.load.p50_ms:.1f} ms"
        )

    with suppress(KeyboardInterrupt):
        Session(plan, fleet.running, fleet.workers, folder).measure_all(report)
    return Result(
        environment=environment,
        caveats=caveats(),
        servers=facts,
        summaries=summarize(measurements, Scenario.IDLE.name, REFERENCES),
        measurements=measurements,
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--servers", type=_some_of(SERVERS), default=SERVERS)
    parser.add_argument("--operations", type=_members_of(Operation), default=tuple(Operation))
    parser.add_argument("--scenarios", type=_members_of(Scenario), default=tuple(Scenario))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--writes-per-second", type=float, default=100)
    parser.add_argument(
        "--verify", type=int, default=VARIABLE_SETS, metavar="SETS", help="compare the answers to these"
    )
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
