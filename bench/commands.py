"""Measures how many commands a second are acknowledged, each after its sync: in the process, and over HTTP.

    python -m bench.commands sqlite [--rounds 5] [--seconds 1] [--commitments 200]
    python -m bench.commands postgresql://…/one postgresql://…/other     (two empty databases)

Everything is measured in turns, on the same machine and in the same run: appends of the eventsourcing library alone,
commands of one thread, commands of eight threads, which are saved in groups, and mutations of one and of eight clients.
Each is a command that gives a commitment another title; those of the process are authorized and projected, too.
Only the ratios are meaningful on a busy machine: medians of those of each round.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import os
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console
from rich.table import Table

from bench.serving.operations import MUTATIONS, Dialect, RequestBody
from bench.serving.processes import Process, read_usage
from bench.serving.servers import OgpgraphServer
from bench.serving.writer import has_errors
from ogpgraph.application.command_runner import CommandRequest, run_command
from ogpgraph.domain import account as account_commands
from ogpgraph.domain.commands import COMMANDS
from ogpgraph.domain.roles import Role
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.storage.payload import decompress_payload
from ogpgraph.system import System, migrate, open_system
from tests.support.writers import command_context, register_commitment

CLIENTS = 8
Work = Callable[[int], object]
"""Does one piece of work; called with a number that no other call gets."""
_numbers = itertools.count(1)


class Rate(NamedTuple):
    """How much was done in a second, the 99th percentile of its latency, and the processor time that each took."""

    per_second: float
    p99_ms: float
    cpu_ms: float


class Measurement(NamedTuple):
    """What is measured: the work of each thread, and the processor time used so far by the process that does it."""

    name: str
    works: Sequence[Work]
    cpu_seconds: Callable[[], float]


def measure(measurement: Measurement, seconds: float) -> Rate:
    """Do work in threads for some seconds."""
    latencies: list[float] = []
    until = time.perf_counter() + seconds

    def repeat(work: Work) -> None:
        while (began := time.perf_counter()) < until:
            work(next(_numbers))
            latencies.append(time.perf_counter() - began)

    threads = [threading.Thread(target=repeat, args=(work,)) for work in measurement.works]
    began, cpu_began = time.perf_counter(), measurement.cpu_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed, cpu = time.perf_counter() - began, measurement.cpu_seconds() - cpu_began
    ordered = sorted(latencies)
    return Rate(len(ordered) / elapsed, ordered[int(len(ordered) * 0.99)] * 1000, cpu / len(ordered) * 1000)


# What is measured


def library_recorder(url: str, folder: Path) -> ApplicationRecorder:
    """Return the library's own recorder, on the same engine."""
    if url.startswith("sqlite:"):
        recorder: SQLiteApplicationRecorder | PostgresApplicationRecorder = SQLiteApplicationRecorder(
            SQLiteDatastore(str(folder / "library.db"))
        )
    else:
        parameters = conninfo_to_dict(url)
        recorder = PostgresApplicationRecorder(
            PostgresDatastore(
                dbname=str(parameters["dbname"]),
                host=str(parameters.get("host", "127.0.0.1")),
                port=str(parameters.get("port", "5432")),
                user=str(parameters.get("user", "postgres")),
                password=str(parameters.get("password", "")),
                originator_id_type="text",
            ),
            events_table_name="library_events",
        )
    recorder.create_table()
    return recorder


def library_work(system: System, recorder: ApplicationRecorder) -> Work:
    """Return an append of one event of the usual length by the library alone."""
    with system.database.read() as transaction:
        stored = transaction.fetch_value("select payload from event order by position desc limit 1")
    payload = decompress_payload(bytes(stored))
    return lambda number: recorder.insert_events([StoredEvent(f"stream-{number}", 1, "CommitmentRevised.1", payload)])


def command_work(system: System, account: str, codes: Sequence[str]) -> Work:
    """Return a command that gives a commitment another title."""
    declaration = COMMANDS["reviseCommitment"]

    def work(number: int) -> object:
        sent = {"commitment": random.choice(codes), "title": f"Title {number}"}
        request = CommandRequest(declaration=declaration, sent=sent)
        context = CommandContext(actor=account, role="reader", time=datetime.now(UTC))
        return system.execute(context, lambda uow: run_command(uow, request))

    return work


def mutation_work(connection: http.client.HTTPConnection, token: str, codes: Sequence[str]) -> Work:
    """Return a mutation that does the same, over a connection of its own."""
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Bearer {token}"}
    document = MUTATIONS[Dialect.OGPGRAPH]

    def work(number: int) -> None:
        body = RequestBody(document, {"code": random.choice(codes), "title": f"Title {number}"}).encode()
        connection.request("POST", "/graphql", body, headers)
        if has_errors(connection.getresponse().read()):
            raise RuntimeError("a mutation was refused")

    return work


@contextmanager
def connect(process: Process) -> Iterator[http.client.HTTPConnection]:
    """Open a connection that sends at once what is written."""
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=60)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield connection
    finally:
        connection.close()


def open_administrator(uow: UnitOfWork) -> str:
    account = account_commands.open_account(uow)
    account_commands.grant_rights(uow, account, Role.ADMINISTRATOR)
    return account.id


@contextmanager
def open_measurements(urls: Sequence[str], folder: Path, codes: Sequence[str]) -> Iterator[list[Measurement]]:
    """Prepare two databases, of this process and of a server, and what is measured on them."""
    for url in urls:
        migrate(url)
        with open_system(url) as system:
            for code in codes:
                register_commitment(system, code)
    server = OgpgraphServer("ogpgraph", folder, urls[1])
    server.create_token()
    with ExitStack() as stack:
        system = stack.enter_context(open_system(urls[0]))
        with system.read_session() as session:  # loads the model, which commands then advance, as in a server
            session.state  # noqa: B018
        account = system.execute(command_context(), open_administrator).result or ""
        recorder = library_recorder(urls[0], folder)
        process = stack.enter_context(server.start())
        connections = [stack.enter_context(connect(process)) for _ in range(CLIENTS)]
        mutations = [mutation_work(connection, server.token, codes) for connection in connections]
        command = command_work(system, account, codes)

        def server_seconds() -> float:
            return read_usage(process.pid).cpu_seconds

        yield [
            Measurement("appends of the library alone", [library_work(system, recorder)], time.process_time),
            Measurement("commands, 1 thread", [command], time.process_time),
            Measurement(f"commands, {CLIENTS} threads", [command] * CLIENTS, time.process_time),
            Measurement("mutations, 1 client", mutations[:1], server_seconds),
            Measurement(f"mutations, {CLIENTS} clients", mutations, server_seconds),
        ]


# The report

RATIOS = (
    ("commands of 1 thread / appends of the library", 1, 0, "≥ 0.5"),
    (f"commands of {CLIENTS} threads / appends of the library", 2, 0, ""),
    (f"mutations of {CLIENTS} clients / commands of {CLIENTS} threads", 4, 2, "≥ 0.6"),
    (f"mutations of {CLIENTS} clients / of 1 client", 4, 3, "≥ 1"),
)
"""What is divided by what, and the target."""


def report(names: Sequence[str], rounds: Sequence[Sequence[Rate]]) -> None:
    """Print the medians of all rounds, and those of their ratios."""
    table = Table(title=f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, medians of {len(rounds)} rounds")
    for column in ("measurement", "per second", "p99 ms", "CPU ms"):
        table.add_column(column)
    for name, rates in zip(names, zip(*rounds, strict=True), strict=True):
        table.add_row(name, *(f"{median(values):,.1f}" for values in zip(*rates, strict=True)))
    console = Console()
    console.print(table)
    for name, numerator, denominator, target in RATIOS:
        ratio = median(each[numerator].per_second / each[denominator].per_second for each in rounds)
        console.print(f"{name}: {ratio:.2f} {target and f'({target})'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("databases", nargs="+", help="`sqlite`, or the URLs of two empty databases of PostgreSQL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--commitments", type=int, default=200)
    arguments = parser.parse_args()
    codes = [f"ZA{number:04}" for number in range(arguments.commitments)]
    with tempfile.TemporaryDirectory() as name:
        urls = arguments.databases
        if urls == ["sqlite"]:
            urls = [f"sqlite:///{name}/{each}.db" for each in ("commands", "server")]
        with open_measurements(urls, Path(name), codes) as measurements:
            for each in measurements:
                measure(each, arguments.seconds / 2)  # warm
            rounds = [[measure(each, arguments.seconds) for each in measurements] for _ in range(arguments.rounds)]
    report([each.name for each in measurements], rounds)


if __name__ == "__main__":
    main()
