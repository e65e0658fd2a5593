"""Measures how soon an entry reaches all subscribers, compared with other servers, and checks that all entries arrive.

    python -m bench.live fan-out [--subscribers 1000] [--rounds 7] [--mercurius NODE_MODULES_FOLDER [--node PATH]]
    python -m bench.live latency [--entries 300] [--database postgresql://…]
    python -m bench.live churn [--connections 1000]
    python -m bench.live soak [--minutes 20] [--subscribers 200] [--database postgresql://…]

Servers run in processes of their own, the subscribers and the writer in this one, all on the same machine. So only the
ratios between servers are meaningful. For thousands of connections `ulimit -n` must exceed their number.

`fan-out` compares with a stock Strawberry server (`bench/strawberry_live.py`) and, with `--mercurius`, with Mercurius
on Node.js 22 or newer (`bench/live_mercurius.mjs`): run `npm install mercurius fastify` in a folder, and give its
`node_modules`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import uvicorn
import uvloop

from bench.servers import (
    RunningServer,
    count_sockets,
    cpu_seconds,
    post,
    resident_bytes,
    run_mercurius,
    run_ogpgraph,
    run_strawberry,
)
from bench.subscribers import Arrivals, ResumedStream, Subscriber, connect_many
from ogpgraph.application.command_group import FollowSaves, SaveFollower
from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.server import SystemLifespan, create_app
from ogpgraph.settings import Settings
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import Transaction
from ogpgraph.storage.event_log import AppendCheck
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from tests.support.writers import change_title, register_commitment

T = TypeVar("T")

OGPGRAPH_QUERY = (
    "subscription ($after: Position) { entries(after: $after) { position id kind recordedAt actor cause reason "
    "revision subject { __typename id } changes { path before after } } }"
)
OTHERS_QUERY = (
    "subscription { entries { position id kind recordedAt actor cause reason revision subject { typename id } "
    "changes { path before after } } }"
)
SETTLE_SECONDS = 1.5
"""The time after which connections are set up, or closed, and memory is steady."""
SOAK_COMMITMENTS = 200


@contextmanager
def open_log(url: str | None = None) -> Iterator[tuple[str, System]]:
    """Open a log with at least one commitment; yields its URL and a system that writes to it."""
    with tempfile.TemporaryDirectory() as folder:
        database = url or f"sqlite:///{folder}/log.db"
        migrate(database)
        with open_system(database) as writer:
            if not writer.projection_status().position:
                register_commitment(writer, "FR0001")
            yield database, writer


# Fan-out


@dataclass
class MeasuredServer:
    """A server and its measurements.

    `publish` lets it send an entry; returns the position of the entry and the time when it was published, in seconds.
    """

    name: str
    process: RunningServer
    query: str
    publish: Callable[[int], Awaitable[tuple[int, float]]]
    arrivals: Arrivals = field(default_factory=Arrivals)
    kilobytes_each: float = 0
    milliseconds: list[float] = field(default_factory=list)
    cpu_microseconds_each: list[float] = field(default_factory=list)

    async def connect(self, subscribers: int) -> list[Subscriber]:
        """Connect the subscribers, and measure the memory that each takes after a warm-up."""
        pid, port = self.process
        warm_up = await connect_many(port, 20, self.query, Arrivals())
        await asyncio.sleep(SETTLE_SECONDS)
        before = resident_bytes(pid)
        connected = await connect_many(port, subscribers, self.query, self.arrivals)
        await asyncio.sleep(SETTLE_SECONDS)
        self.kilobytes_each = (resident_bytes(pid) - before) / subscribers / 1024
        for subscriber in warm_up:
            subscriber.close()
        return connected

    async def measure(self, round_: int, subscribers: int) -> None:
        """Publish an entry and wait until all subscribers have it; round 0 is a warm-up."""
        cpu_before = cpu_seconds(self.process.pid)
        position, published = await self.publish(round_)
        last = await self.arrivals.wait_for_all(position, subscribers)
        await asyncio.sleep(0.3)
        if round_:
            self.milliseconds.append((last - published) * 1000)
            cpu = cpu_seconds(self.process.pid) - cpu_before
            self.cpu_microseconds_each.append(cpu * 1e6 / subscribers)

    def print_result(self, subscribers: int) -> None:
        """Print the medians of the rounds."""
        print(
            f"{self.name:9} {subscribers} subscribers: the last has it after {statistics.median(self.milliseconds):.1f}"
            f" ms (rounds {[round(each, 1) for each in self.milliseconds]}), "
            f"server CPU {statistics.median(self.cpu_microseconds_each):.0f} us each, {self.kilobytes_each:.1f} KB each"
        )


async def fan_out(subscribers: int, rounds: int, modules: Path | None, node: str) -> None:
    """Measure the time until the last of many subscribers has an entry, on each server in turn."""
    with ExitStack() as opened:
        servers = _start_servers(opened, modules, node)
        connected = [await server.connect(subscribers) for server in servers]
        for round_ in range(rounds + 1):
            for server in servers:
                await server.measure(round_, subscribers)
        del connected
    for server in servers:
        server.print_result(subscribers)
    ours, *others = servers
    for other in others:
        ratios = [theirs / our for our, theirs in zip(ours.milliseconds, other.milliseconds, strict=True)]
        print(f"ratio to {other.name}: median {statistics.median(ratios):.1f} (rounds {[round(r, 1) for r in ratios]})")


def _start_servers(opened: ExitStack, modules: Path | None, node: str) -> list[MeasuredServer]:
    url, writer = opened.enter_context(open_log())

    async def record(round_: int) -> tuple[int, float]:
        receipt = await asyncio.to_thread(change_title, writer, "FR0001", f"Round {round_}")
        return receipt.positions[-1], time.perf_counter()

    servers = [MeasuredServer("ogpgraph", opened.enter_context(run_ogpgraph(url)), OGPGRAPH_QUERY, record)]
    others = {"stock": run_strawberry()} | ({"mercurius": run_mercurius(node, modules)} if modules else {})
    for name, starting in others.items():
        process = opened.enter_context(starting)
        servers.append(MeasuredServer(name, process, OTHERS_QUERY, partial(_publish, process.port)))
    return servers


async def _publish(port: int, round_: int) -> tuple[int, float]:
    """Let another server publish an entry. It returns the time itself, so the request is not counted against it."""
    position = 100_000 + round_
    return position, float(await asyncio.to_thread(post, port, f"/publish?position={position}"))


# Latency


async def latency(entries: int, database: str | None) -> None:
    """Measure the time from a commit to a subscriber, for commits of another process and of the serving one.

    In between, a fixed amount of work is timed in the same way, which shows how much the machine adds.
    """
    with open_log(database) as (url, writer):
        with run_ogpgraph(url) as (_, port):
            arrivals = Arrivals()
            await connect_many(port, 10, OGPGRAPH_QUERY, arrivals)
            await asyncio.sleep(SETTLE_SECONDS)
            await _measure_latency("another process", writer, arrivals, entries)
        await _measure_same_process(url, entries)


async def _measure_same_process(url: str, entries: int) -> None:
    with open_system(url) as system:
        app = create_app(SystemLifespan(lambda: nullcontext(system)), Settings())
        config = uvicorn.Config(
            app, port=0, log_config=None, access_log=False, ws=WebSocketProtocol, ws_per_message_deflate=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        arrivals = Arrivals()
        connected = await connect_many(port, 10, OGPGRAPH_QUERY, arrivals)
        await asyncio.sleep(SETTLE_SECONDS)
        await _measure_latency("same process", system, arrivals, entries)
        for subscriber in connected:
            subscriber.close()
        server.should_exit = True
        await serving


async def _measure_latency(name: str, writer: System, arrivals: Arrivals, entries: int) -> None:
    executor = TimedExecutor(writer.executor)
    system = replace(writer, executor=executor)
    latencies, machine = [], []
    for number in range(entries):
        receipt = await asyncio.to_thread(change_title, system, "FR0001", f"{name} {number} {time.time()}")
        arrived = await arrivals.wait_for_all(receipt.positions[-1], 1)
        latencies.append((arrived - executor.committed) * 1000)
        await asyncio.sleep(random.uniform(0.005, 0.03))
        began = time.perf_counter()
        await asyncio.to_thread(_work)
        machine.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(random.uniform(0.005, 0.01))
    print(f"{name}: {_percentiles(latencies)}; the machine's own work: {_percentiles(machine)}")


class TimedExecutor(CommandExecutor):
    """An executor with the time of its last commit."""

    def __init__(self, executor: CommandExecutor) -> None:
        vars(self).update(vars(executor))
        self.committed = 0.0

    def execute(
        self,
        context: CommandContext,
        commands: Callable[[UnitOfWork], T],
        check: AppendCheck | None = None,
        *,
        follow_saves: FollowSaves | None = None,
    ) -> Receipt[T]:
        noted = partial(self._note, follow_saves) if follow_saves else None
        return super().execute(context, commands, check, follow_saves=noted)

    @contextmanager
    def _note(self, follow_saves: FollowSaves) -> Iterator[SaveFollower]:
        with follow_saves() as follower:
            yield TimedFollower(self, follower)


class TimedFollower:
    """Notes for its executor when saves are committed."""

    def __init__(self, executor: TimedExecutor, follower: SaveFollower) -> None:
        self._executor = executor
        self._follower = follower

    def project(self, transaction: Transaction, stored: StoredSaves) -> None:
        self._follower.project(transaction, stored)

    def follow(self, stored: StoredSaves) -> None:
        self._executor.committed = time.perf_counter()
        self._follower.follow(stored)


def _work() -> int:
    return sum(range(150_000))


def _percentiles(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    return (
        f"p50 {ordered[len(ordered) // 2]:.1f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms, "
        f"max {ordered[-1]:.1f} ms, {len(ordered)} entries"
    )


# Churn


async def churn(connections: int) -> None:
    """Connect and disconnect repeatedly; print the memory and the sockets that remain."""
    with open_log() as (url, writer), run_ogpgraph(url) as (pid, port):
        for round_ in range(5):
            arrivals = Arrivals()
            subscribers = await connect_many(port, connections, OGPGRAPH_QUERY, arrivals)
            await asyncio.sleep(SETTLE_SECONDS)
            position = (await asyncio.to_thread(change_title, writer, "FR0001", f"Churn {round_}")).positions[-1]
            await arrivals.wait_for_all(position, connections)
            for number, subscriber in enumerate(subscribers):
                if number % 2:
                    subscriber.abort()
                else:
                    subscriber.close()
            await asyncio.sleep(SETTLE_SECONDS)
            print(
                f"after {(round_ + 1) * connections} connections: {resident_bytes(pid) / 2**20:.1f} MB, "
                f"{await asyncio.to_thread(count_sockets, pid)} sockets"
            )


# Soak


async def soak(minutes: float, subscribers: int, database: str | None) -> None:
    """Write entries while subscribers reconnect and the server is killed.

    Prints the numbers of entries that were delivered, lost and repeated; exits with 1 if any was lost or repeated.
    """
    end = time.monotonic() + minutes * 60
    kills = 0
    with open_log(database) as (url, writer):
        stop = asyncio.Event()
        writing = asyncio.create_task(_write_until(writer, stop))
        streams = [ResumedStream(OGPGRAPH_QUERY) for _ in range(subscribers)]
        while time.monotonic() < end:
            with run_ogpgraph(url, "--workers", "2") as (_, port):
                await _reconnect_until(streams, port, min(end, time.monotonic() + random.uniform(15, 30)))
            kills += 1  # leaving the context kills the server and its workers
            for stream in streams:
                stream.disconnect()
        stop.set()
        head = await writing
        with run_ogpgraph(url) as (_, last_port):
            await asyncio.gather(*(stream.resume(last_port) for stream in streams))
            await _wait_for_head(streams, head)
    _print_soak(minutes, streams, head, kills)
    if any(stream.gaps or stream.repeated for stream in streams):
        sys.exit(1)


async def _reconnect_until(streams: list[ResumedStream], port: int, end: float) -> None:
    while time.monotonic() < end:
        for stream in streams:
            stream.check_new()
        await asyncio.gather(*(stream.resume(port) for stream in streams if not stream.is_connected))
        for stream in random.sample(streams, max(1, len(streams) // 20)):
            stream.disconnect()
        await asyncio.sleep(0.3)


async def _wait_for_head(streams: list[ResumedStream], head: int) -> None:
    async with asyncio.timeout(120):
        while any(stream.last < head for stream in streams):
            await asyncio.sleep(0.1)
            for stream in streams:
                stream.check_new()


async def _write_until(writer: System, stop: asyncio.Event) -> int:
    number = 0
    while not stop.is_set():
        await asyncio.to_thread(_write, writer, number)
        number += 1
        await asyncio.sleep(random.choice([0.0, 0.01, 0.02, 0.2]))
    return writer.projection_status().position


def _write(writer: System, number: int) -> None:
    code = f"KE{number % SOAK_COMMITMENTS:04}"
    if number < SOAK_COMMITMENTS:
        register_commitment(writer, code)
    else:
        change_title(writer, code, f"Soak {number}")


def _print_soak(minutes: float, streams: list[ResumedStream], head: int, kills: int) -> None:
    print(
        f"{minutes:g} minutes, {head} entries, {len(streams)} subscribers, {kills} kills, "
        f"{sum(stream.connects for stream in streams)} connects: "
        f"{sum(stream.received for stream in streams)} of {sum(head - stream.start for stream in streams)} delivered, "
        f"{sum(stream.gaps for stream in streams)} gaps, {sum(stream.repeated for stream in streams)} repeated"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurement", choices=["fan-out", "latency", "churn", "soak"])
    parser.add_argument("--subscribers", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mercurius", type=Path, default=None, metavar="NODE_MODULES_FOLDER")
    parser.add_argument("--node", default="node", metavar="PATH")
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--database", default=None)
    arguments = parser.parse_args()
    _, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard_limit, hard_limit))
    match arguments.measurement:
        case "fan-out":
            subscribers = arguments.subscribers or 1_000
            uvloop.run(fan_out(subscribers, arguments.rounds, arguments.mercurius, arguments.node))
        case "latency":
            uvloop.run(latency(arguments.entries, arguments.database))
        case "churn":
            uvloop.run(churn(arguments.connections))
        case _:
            uvloop.run(soak(arguments.minutes, arguments.subscribers or 200, arguments.database))


if __name__ == "__main__":
    main()
