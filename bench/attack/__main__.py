"""Measures what one client notices of the attacks of another, compared with the same run without the attack.

    python -m bench.attack [NAME …] [--seconds 5] [--rounds 2] [--database sqlite:///…] [--program ogpgraph]

Each attack gets a server of its own, on a copy of the database, with the settings' defaults. Phases with the attack
and without it alternate. The attacker is a process of its own and connects from 127.0.0.2; the other client, this
process, connects from 127.0.0.1, sends `{ meta { position } }` every 25 ms whether the last one was answered or not,
a write every 0.6 s, and the probes, and follows the plain feed by server-sent events and over a WebSocket.

The targets: a median of at most 10 ms and a 99th percentile of 300 ms for the query, 200 ms from sending a write to
its arrival at both feeds (the 90th percentile), 1 s for the slowest probe, 150 MB more memory than without the
attack, and no write refused. Exits with 1 if one is missed. On a busy machine the phases without the attack miss
them, too: they are in the table beside the others.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from bench.attack.attacks import ATTACKS, Attack
from bench.attack.client import Client, Observations
from bench.data import database
from bench.servers import PROGRAM, RunningServer, run_ogpgraph

WARM_UP_SECONDS, SETTLE_SECONDS = 2.0, 60.0
MEDIAN_MS, P99_MS, FEED_MS, PROBE_MS, MEMORY_MB = 10, 300, 200, 1_000, 150


class Figures(NamedTuple):
    """The figures of all phases of one kind."""

    median: float
    p99: float
    feed: float
    probe: float
    memory: float
    refused: int


class Outcome(NamedTuple):
    """One attack with its figures, those without it, and the most frequent answers to the attacker."""

    name: str
    attack: Attack
    without: Figures
    beside: Figures
    answers: str

    @property
    def misses(self) -> list[str]:
        """Return the names of the targets that were missed."""
        checks = {
            "median": self.beside.median <= MEDIAN_MS,
            "p99": self.beside.p99 <= P99_MS,
            "feed": self.beside.feed <= FEED_MS,
            "probe": self.beside.probe <= PROBE_MS,
            "memory": self.beside.memory - self.without.memory <= MEMORY_MB,
            "refused": not self.beside.refused,
        }
        return [name for name, is_met in checks.items() if not is_met]


async def measure(name: str, server: RunningServer, token: str, seconds: float, rounds: int) -> Outcome:
    """Observe a server with and without an attack, in turns."""
    without, beside, answers = [], [], ""
    async with Client(server.pid, server.port, token) as client:
        await client.observe(WARM_UP_SECONDS)
        for _ in range(rounds):
            without.append(await client.observe(seconds))
            attacker = await _start_attacker(name, server.port, seconds)
            beside.append(await client.observe(seconds))
            answers = await _stop_attacker(attacker)
            await client.settle(SETTLE_SECONDS)
    return Outcome(name, ATTACKS[name], _summarize(without), _summarize(beside), answers)


async def _start_attacker(name: str, port: int, seconds: float) -> asyncio.subprocess.Process:
    arguments = ("-m", "bench.attack.attacker", name, str(port), str(seconds))
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def _stop_attacker(process: asyncio.subprocess.Process) -> str:
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        return "?"
    return ", ".join(f"{number} × {answer}" for answer, number in json.loads(output))


def _summarize(phases: Sequence[Observations]) -> Figures:
    queries = sorted(each for phase in phases for each in phase.queries)
    feeds = sorted(each for phase in phases for each in phase.feeds) or [float("nan")]
    return Figures(
        median=_quantile(queries, 0.5),
        p99=_quantile(queries, 0.99),
        feed=_quantile(feeds, 0.9),
        probe=max(each for phase in phases for each in phase.probes),
        memory=max(phase.peak_bytes for phase in phases) / 1e6,
        refused=sum(phase.refused for phase in phases),
    )


def _quantile(ordered: Sequence[float], fraction: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))]


@contextmanager
def copy_database(url: str, program: str) -> Iterator[tuple[str, str]]:
    """Copy a database; yields the copy's URL, and the token of an account that may write."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "attacked.db")
        shutil.copyfile(url.removeprefix("sqlite:///"), file)
        copy = f"sqlite:///{file}"
        _run(program, "migrate", "--database", copy)
        account = _run(program, "account", "create", "--role", "administrator", "--database", copy)
        token = _run(program, "account", "token", account, "--database", copy)
        yield copy, token


def _run(program: str, *arguments: str) -> str:
    finished = subprocess.run((program, *arguments), check=True, capture_output=True, text=True)
    return finished.stdout.split()[-1] if finished.stdout.split() else ""


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print the table; each figure without the attack → beside it."""
    table = Table("attack", "median ms", "p99 ms", "feed ms", "probe ms", "memory MB", "refused", "answers", "missed")
    for each in outcomes:
        figures = [
            f"{before:.{digits}f} → {after:.{digits}f}"
            for before, after, digits in zip(each.without, each.beside, (1, 0, 0, 0, 0, 0), strict=True)
        ]
        table.add_row(f"{each.name} {each.attack.description}", *figures, each.answers, " ".join(each.misses))
    Console(width=None if sys.stdout.isatty() else 180).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"attacks, by default all: {', '.join(ATTACKS)}")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--database", default=None)
    parser.add_argument("--program", default=PROGRAM)
    arguments = parser.parse_args()
    outcomes = []
    with copy_database(arguments.database or database(), arguments.program) as (url, token):
        for name in arguments.names or ATTACKS:
            with run_ogpgraph(url, program=arguments.program, environment=ATTACKS[name].environment) as server:
                outcome = measure(name, server, token, arguments.seconds, arguments.rounds)
                outcomes.append(uvloop.run(outcome))
            missed = " ".join(outcomes[-1].misses)
            print(f"{name}: {f'missed {missed}' if missed else 'met'}", file=sys.stderr)
    print_outcomes(outcomes)
    sys.exit(any(each.misses for each in outcomes))


if __name__ == "__main__":
    main()
