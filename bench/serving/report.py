"""What a run prints and writes: tables with their caveats, a machine-readable file and a chart."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.serving.chart import Bar, Group, draw_bars
from bench.serving.load import describe_generator
from bench.serving.measuring import Measurement, Plan, Scenario
from bench.serving.operations import Operation
from bench.serving.summary import Spread, Summary
from tests.support.postgres import find_binaries

RESULTS = Path(__file__).parents[1] / "results"
CAVEATS = """
Ratios are medians of the ratios of paired rounds, so they differ a little from quotients of the figures: of requests in
a second, and in brackets of the other's processor time for a request to that of this server. [a–b] is the least and the
greatest of the rounds.

All servers, the database and the load generator share one machine. What else runs there moves all figures, the ratios
less.

Each connection sends its next request when the response is complete: latencies include waiting behind the others.

Processor time with writes includes that of the mutations. A server that acknowledges fewer than were due was measured
with that many.

ogpgraph runs with its authentication, limits, costs, ETags and CORS; only what one client may send within a minute is
raised. The peers have none of these, keep no history but their table of entries, and answer for no past position.

The floor answers ready bytes and knows nothing else: no server in Python behind uvicorn can be faster.
"""
"""What a reader has to know to judge the figures; one paragraph each."""


def caveats() -> list[str]:
    """Return the caveats, each on one line."""
    return [each.replace("\n", " ") for each in CAVEATS.strip().split("\n\n")]


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A server as it was when it was ready."""

    name: str
    start_seconds: float
    resident_mb: float


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """When, where and with what a run was made."""

    date: str
    commit: str
    cores: int
    processor: str
    load_average: float
    generator: str
    versions: dict[str, str]
    scale: int
    commitments: int
    entries: int
    rounds: int
    seconds: float
    writes_per_second: float


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A run: what the file beside the chart contains."""

    environment: Environment
    caveats: Sequence[str]
    servers: Sequence[ServerFacts]
    summaries: Sequence[Summary]
    measurements: Sequence[Measurement]

    @property
    def rounds(self) -> int:
        """Return how many rounds each figure is from, at least: a run may be ended before all are made."""
        return min((each.rounds for each in self.summaries), default=0)


def read_versions() -> dict[str, str]:
    """Return the versions of what the figures depend on."""
    packages = ("strawberry-graphql", "graphql-core", "uvicorn", "uvloop", "httptools", "msgspec")
    npm: dict[str, str] = json.loads((Path(__file__).parent / "package.json").read_text())["dependencies"]
    tools = {"postgresql": find_binaries().parent.name.removeprefix("pginstall"), "sqlite": sqlite3.sqlite_version}
    return {"python": platform.python_version(), **{name: version(name) for name in packages}, **tools, **npm}


def read_commit() -> str:
    """Return the commit of the checkout, with `+` where files are changed."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+", "--abbrev=10"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def describe_environment(plan: Plan, scale: int) -> Environment:
    """Return the environment of a run that begins now."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return Environment(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=read_commit(),
        cores=os.cpu_count() or 0,
        processor=processor or platform.machine(),
        load_average=os.getloadavg()[0],
        generator=describe_generator(),
        versions=read_versions(),
        scale=scale,
        commitments=len(plan.known.commitments),
        entries=plan.known.entries,
        rounds=plan.rounds,
        seconds=plan.seconds,
        writes_per_second=plan.writes_per_second,
    )


def print_result(result: Result, console: Console) -> None:
    """Print the tables and the caveats."""
    environment = result.environment
    console.print(
        f"{environment.date}, commit {environment.commit}, {environment.cores} × {environment.processor}, load "
        f"{environment.load_average:.1f} before; {environment.commitments:,} commitments, {environment.entries:,} "
        f"entries; {result.rounds} rounds of {environment.seconds:g} s; {environment.generator}"
    )
    for each in result.servers:
        console.print(f"  {each.name}: ready after {each.start_seconds:.1f} s with {each.resident_mb:.0f} MB")
    for scenario in Scenario:
        if summaries := [each for each in result.summaries if each.scenario == scenario.name]:
            console.print(_build_table(scenario, summaries))
    for caveat in result.caveats:
        console.print(f"- {caveat}")


def _build_table(scenario: Scenario, summaries: Sequence[Summary]) -> Table:
    references = list(dict.fromkeys(name for each in summaries for name in each.ratios))
    has_writes = any(each.writes_per_second is not None for each in summaries)
    table = Table(title=f"{scenario.name.lower()}: {scenario.value}", title_justify="left")
    for column in ("", "server", "req/s [rounds]", "p50 ms", "p99 ms", "max ms", "CPU ms", "MB", "errors"):
        table.add_column(column, justify="left" if column in ("", "server") else "right")
    for reference in references:
        table.add_column(f"× {reference.lower()} (CPU)", justify="right")
    if has_writes:
        table.add_column("writes/s (p50/p99 ms)", justify="right")
    operation = ""
    for each in summaries:
        table.add_row(
            each.operation if each.operation != operation else "",
            each.server,
            format_spread(each.per_second, 0),
            *(f"{figure:.1f}" for figure in (each.p50_ms, each.p99_ms, each.max_ms)),
            f"{each.cpu_ms:.2f}",
            f"{each.resident_mb:.0f}",
            str(each.errors) if each.errors else "",
            *(format_ratios(each, reference) for reference in references),
            *([format_writes(each)] if has_writes else []),
        )
        operation = each.operation
    return table


def format_spread(spread: Spread, digits: int) -> str:
    """Return a median with its least and greatest."""
    return f"{spread.median:,.{digits}f} [{spread.least:,.{digits}f}–{spread.greatest:,.{digits}f}]"


def format_ratios(summary: Summary, reference: str) -> str:
    """Return the ratio of the rates, and in brackets that of the processor time, with three significant digits."""
    rate, cpu = summary.ratios.get(reference), summary.cpu_ratios.get(reference)
    return f"{rate.median:.3g}" + (f" ({cpu.median:.3g})" if cpu else "") if rate else ""


def format_writes(summary: Summary) -> str:
    """Return the rate and the latencies of the writes, and how many were refused."""
    if summary.writes_per_second is None:
        return ""
    refused = f", {summary.writes_refused} refused" if summary.writes_refused else ""
    return f"{summary.writes_per_second:.0f} ({summary.write_p50_ms:.0f}/{summary.write_p99_ms:.0f}){refused}"


def write_result(result: Result, folder: Path) -> tuple[Path, Path]:
    """Write the machine-readable file and the chart; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"serving-{result.environment.date[:16].replace(':', '')}"
    data, chart = folder / f"{stem}.json", folder / f"{stem}.svg"
    data.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1))
    chart.write_text(draw_chart(result))
    return data, chart


def draw_chart(result: Result) -> str:
    """Return a chart of the requests in a second, idle and with writes."""
    groups = [
        Group(f"{operation.name}: {operation.value}", tuple(_bars(result.summaries, operation)))
        for operation in Operation
        if any(each.operation == operation.name for each in result.summaries)
    ]
    environment = result.environment
    subtitle = (
        f"{environment.date[:10]}, {environment.cores} × {environment.processor}, {environment.entries:,} entries, "
        f"medians of {result.rounds} rounds, commit {environment.commit}"
    )
    return draw_bars("Requests per second (logarithmic)", subtitle, groups)


def _bars(summaries: Sequence[Summary], operation: Operation) -> list[Bar]:
    shown = {Scenario.IDLE.name: "", Scenario.WRITES.name: " with writes"}
    return [
        Bar(f"{each.server}{shown[each.scenario]}", each.per_second.median, is_ours=each.server.startswith("ogpgraph"))
        for each in summaries
        if each.operation == operation.name and each.scenario in shown
    ]
