"""How soon an entry reaches everybody who follows, beside other servers; and whether all of it arrives.

    python -m bench.live fan-out [--subscribers 1000] [--rounds 7] [--mercurius NODE_MODULES_FOLDER [--node PATH]]
    python -m bench.live latency [--entries 300] [--database postgresql://…]
    python -m bench.live churn [--connections 1000]
    python -m bench.live soak [--minutes 20] [--subscribers 200] [--database postgresql://…]

Servers run in processes of their own; subscribers and whoever writes share another, and the machine. What counts are
the ratios. Opening thousands of connections needs `ulimit -n` above their number.

`fan-out` compares with a stock Strawberry server (`bench/strawberry_live.py`) and, where one is given its packages,
with Mercurius on Node.js 22 or newer (`bench/live_mercurius.mjs`): `npm install mercurius fastify` in a folder of
one's own makes the folder `node_modules` that is given here.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import uvicorn
import uvloop

from bench.subscribers import Arrivals, Subscriber, connect_many
from ogpgraph.application.executor import CommandExecutor
from ogpgraph.domain.unit_of_work import CommandContext, Receipt, UnitOfWork
from ogpgraph.settings import Settings
from ogpgraph.storage.event_log import AppendCheck
from ogpgraph.system import System, migrate, open_system
from ogpgraph.web.live.websocket_protocol import WebSocketProtocol
from ogpgraph.web.server import SystemLifespan, create_app
from tests.support.writers import change_title, register_commitment

T = TypeVar("T")

OURS = (
    "subscription ($after: Position) { entries(after: $after) { position id kind recordedAt actor cause reason "
    "revision subject { __typename id } changes { path before after } } }"
)
STOCK = (
    "subscription { entries { position id kind recordedAt actor cause reason revision subject { typename id } "
    "changes { path before after } } }"
)
SETTLED_SECONDS = 1.5
COMMITMENTS = 200


@contextmanager
def run_ogpgraph(url: str, *options: str) -> Iterator[tuple[int, int]]:
    """Our server; gives its process id and its port."""
    command = [str(Path(sys.executable).with_name("ogpgraph")), "serve", "--port", "0", "--database", url, *options]
    with _run_server(command, {"OGPGRAPH_MAX_LIVE": "20000", "OGPGRAPH_MAX_LIVE_EACH": "20000"}) as found:
        yield found


@contextmanager
def run_strawberry() -> Iterator[tuple[int, int]]:
    """The stock server; gives its process id and its port."""
    uvicorn = str(Path(sys.executable).with_name("uvicorn"))
    with _run_server(
        [uvicorn, "bench.strawberry_live:app", "--port", "0", "--ws-per-message-deflate", "false"], {}
    ) as found:
        yield found


@contextmanager
def run_mercurius(node: str, modules: Path) -> Iterator[tuple[int, int]]:
    """The Mercurius server, with the packages of a folder `node_modules`; gives its process id and its port."""
    server = Path(__file__).with_name("live_mercurius.mjs")
    with _run_server([node, str(server), str(modules)], {"NODE_ENV": "production"}) as found:
        yield found


@contextmanager
def _run_server(command: list[str], environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    with tempfile.NamedTemporaryFile("r", suffix=".log") as log:
        with Path(log.name).open("w") as file:
            process = subprocess.Popen(
                command,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,  # so that its workers end with it
            )
        try:
            yield process.pid, _wait_for_port(Path(log.name), process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())
        if "startup complete" in text and (found := re.search(r"http://127.0.0.1:(\d+)", text)):
            return int(found[1])
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def count_sockets(pid: int) -> int:
    """Return how many sockets a process has open."""
    return sum("socket" in str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())


def post(port: int, path: str) -> bytes:
    """Send an empty POST; returns the answer's body."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        body: bytes = response.read()
        return body


@contextmanager
def open_single_commitment_log(url: str | None = None) -> Iterator[tuple[str, System]]:
    """A log with one commitment in it."""
    with tempfile.TemporaryDirectory() as folder:
        address = url or f"sqlite:///{folder}/log.db"
        migrate(address)
        with open_system(address) as writer:
            if not writer.projection_status().position:
                register_commitment(writer, "FR0001")
            yield address, writer


@dataclass
class MeasuredServer:
    """A server of the fan-out; `publish` returns an entry's position and when it was published, in seconds."""

    name: str
    pid: int
    port: int
    query: str
    publish: Callable[[int], Awaitable[tuple[int, float]]]
    arrivals: Arrivals = field(default_factory=Arrivals)
    kilobytes: float = 0
    took: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    async def connect(self, subscribers: int) -> list[Subscriber]:
        """Connect everybody, and note the memory that each takes once the server has warmed up."""
        warm = await connect_many(self.port, 20, self.query, Arrivals())
        await asyncio.sleep(SETTLED_SECONDS)
        before = resident_bytes(self.pid)
        connected = await connect_many(self.port, subscribers, self.query, self.arrivals)
        await asyncio.sleep(SETTLED_SECONDS)
        self.kilobytes = (resident_bytes(self.pid) - before) / subscribers / 1024
        for each in warm:
            assert each.transport is not None
            each.transport.close()
        return connected

    async def measure(self, round_: int, subscribers: int) -> None:
        """Publish an entry and wait until everybody has it; the first round only warms up."""
        spent = cpu_seconds(self.pid)
        position, published = await self.publish(round_)
        last = await self.arrivals.wait_for_all(position, subscribers)
        await asyncio.sleep(0.3)
        if round_:
            self.took.append((last - published) * 1000)
            self.cpu.append((cpu_seconds(self.pid) - spent) * 1e6 / subscribers)

    def print_result(self, subscribers: int) -> None:
        """Print what was measured."""
        print(
            f"{self.name:9} {subscribers} subscribers: last has it after {statistics.median(self.took):.1f} ms "
            f"(runs {[round(each, 1) for each in self.took]}), "
            f"server CPU {statistics.median(self.cpu):.0f} us each, {self.kilobytes:.1f} KB each"
        )


async def fan_out(subscribers: int, rounds: int, modules: Path | None, node: str) -> None:
    """Measure how long it takes until the last has an entry, on all servers in turn."""
    with ExitStack() as opened:
        sides = _start_servers(opened, modules, node)
        connected = [await each.connect(subscribers) for each in sides]
        for round_ in range(rounds + 1):
            for each in sides:
                await each.measure(round_, subscribers)
        del connected
    mine, *rivals = sides
    for each in sides:
        each.print_result(subscribers)
    for rival in rivals:
        ratios = [theirs / our for our, theirs in zip(mine.took, rival.took, strict=True)]
        runs = [round(each, 1) for each in ratios]
        print(f"ratio to {rival.name}: median {statistics.median(ratios):.1f} (runs {runs})")


def _start_servers(opened: ExitStack, modules: Path | None, node: str) -> list[MeasuredServer]:
    url, writer = opened.enter_context(open_single_commitment_log())

    async def recorded(round_: int) -> tuple[int, float]:
        receipt = await asyncio.to_thread(change_title, writer, "FR0001", f"Round {round_}")
        return receipt.positions[-1], time.perf_counter()

    sides = [MeasuredServer("ours", *opened.enter_context(run_ogpgraph(url)), OURS, recorded)]
    rivals = {"stock": run_strawberry()} | ({"mercurius": run_mercurius(node, modules)} if modules else {})
    for name, started in rivals.items():
        pid, port = opened.enter_context(started)
        sides.append(MeasuredServer(name, pid, port, STOCK, partial(_publish, port)))
    return sides


async def _publish(port: int, round_: int) -> tuple[int, float]:
    """Let a rival publish an entry. It tells the time itself, so that the request is not counted against it."""
    position = 100_000 + round_
    return position, float(await asyncio.to_thread(post, port, f"/publish?position={position}"))


async def latency(entries: int, database: str | None) -> None:
    """Measure the time from the commit of another process to a subscriber, and from one of the serving process.

    In between, work of a fixed size is timed in the same way: what the machine adds to it, it adds to the rest.
    """
    with open_single_commitment_log(database) as (url, writer):
        with run_ogpgraph(url) as (_, port):
            arrivals = Arrivals()
            await connect_many(port, 10, OURS, arrivals)
            await asyncio.sleep(SETTLED_SECONDS)
            await _measure_latency("another process", writer, arrivals, entries)
        await _same_process(url, entries)


async def _measure_latency(name: str, writer: System, arrivals: Arrivals, entries: int) -> None:
    timed = TimedExecutor(writer.executor)
    system = replace(writer, executor=timed)
    found, machine = [], []
    for number in range(entries):
        receipt = await asyncio.to_thread(change_title, system, "FR0001", f"{name} {number} {time.time()}")
        arrived = await arrivals.wait_for_all(receipt.positions[-1], 1)
        found.append((arrived - timed.committed) * 1000)
        await asyncio.sleep(random.uniform(0.005, 0.03))
        began = time.perf_counter()
        await asyncio.to_thread(_work)
        machine.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(random.uniform(0.005, 0.01))
    print(f"{name}: {_percentiles(found)}; the machine's own work: {_percentiles(machine)}")


class TimedExecutor(CommandExecutor):
    """An executor that notes when the log's transaction was last committed."""

    def __init__(self, executor: CommandExecutor) -> None:
        vars(self).update(vars(executor))
        self.committed = 0.0

    def execute(
        self, context: CommandContext, commands: Callable[[UnitOfWork], T], check: AppendCheck | None = None
    ) -> Receipt[T]:
        """Record, and note the time."""
        receipt = super().execute(context, commands, check)
        self.committed = time.perf_counter()
        return receipt


def _work() -> int:
    return sum(range(150_000))


async def _same_process(url: str, entries: int) -> None:
    with open_system(url) as system:
        app = create_app(SystemLifespan(lambda: _keep_open(system)), Settings())
        config = uvicorn.Config(
            app, port=0, log_config=None, access_log=False, ws=WebSocketProtocol, ws_per_message_deflate=False
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        arrivals = Arrivals()
        connected = await connect_many(port, 10, OURS, arrivals)
        await asyncio.sleep(SETTLED_SECONDS)
        await _measure_latency("same process", system, arrivals, entries)
        for each in connected:
            assert each.transport is not None
            each.transport.close()
        server.should_exit = True
        await serving


@contextmanager
def _keep_open(system: System) -> Iterator[System]:
    yield system


def _percentiles(found: list[float]) -> str:
    ordered = sorted(found)
    return (
        f"p50 {ordered[len(ordered) // 2]:.1f} ms, p99 {ordered[int(len(ordered) * 0.99)]:.1f} ms, "
        f"most {ordered[-1]:.1f} ms, {len(ordered)} entries"
    )


async def churn(connections: int) -> None:
    """Connect and disconnect again and again; say what is left of it."""
    with open_single_commitment_log() as (url, writer), run_ogpgraph(url) as (pid, port):
        for round_ in range(5):
            arrivals = Arrivals()
            subscribers = await connect_many(port, connections, OURS, arrivals)
            await asyncio.sleep(SETTLED_SECONDS)
            position = (await asyncio.to_thread(change_title, writer, "FR0001", f"Churn {round_}")).positions[-1]
            await arrivals.wait_for_all(position, connections)
            for number, each in enumerate(subscribers):
                assert each.transport is not None
                (each.transport.abort if number % 2 else each.transport.close)()
            await asyncio.sleep(SETTLED_SECONDS)
            print(
                f"after {(round_ + 1) * connections} connections: {resident_bytes(pid) / 2**20:.1f} MB, "
                f"{await asyncio.to_thread(count_sockets, pid)} sockets"
            )


async def soak(minutes: float, subscribers: int, database: str | None) -> None:
    """Follow for long while subscribers come and go, writers write and the server is killed; count what arrived."""
    ended = time.monotonic() + minutes * 60
    kills = 0
    with open_single_commitment_log(database) as (url, writer):
        stop = asyncio.Event()
        written = asyncio.create_task(_write_on(writer, stop))
        followers = [Follower() for _ in range(subscribers)]
        while time.monotonic() < ended:
            with run_ogpgraph(url, "--workers", "2") as (_, port):
                until = min(ended, time.monotonic() + random.uniform(15, 30))
                await _churned(followers, port, until)
            kills += 1  # leaving kills the server and its workers in mid-air
            for each in followers:
                each.gone()
        stop.set()
        head = await written
        with run_ogpgraph(url) as (_, last_port):
            await asyncio.gather(*(each.go_on(last_port) for each in followers))
            async with asyncio.timeout(120):
                while any(each.last < head for each in followers):
                    await asyncio.sleep(0.1)
                    for each in followers:
                        each.look()
        delivered = sum(len(each.positions) for each in followers)
        gaps = sum(each.gaps for each in followers)
        doubles = sum(each.doubles for each in followers)
        print(
            f"{minutes:g} minutes, {head} entries, {subscribers} subscribers, {kills} kills, "
            f"{sum(each.connects for each in followers)} connects: {delivered} of "
            f"{sum(head - each.begins for each in followers)} delivered, {gaps} gaps, {doubles} doubles"
        )
        if gaps or doubles:
            sys.exit(1)


class Follower:
    """A subscriber that goes on where it was, and checks that nothing is missing and nothing comes twice."""

    def __init__(self) -> None:
        self.begins = 2
        self.last = 2
        self.gaps = self.doubles = self.connects = 0
        self.positions: list[int] = []
        self._subscriber: Subscriber | None = None
        self._seen = 0

    @property
    def is_there(self) -> bool:
        return self._subscriber is not None and not self._subscriber.closed

    def look(self) -> None:
        """Take what came."""
        if self._subscriber is None:
            return
        for position in self._subscriber.positions[self._seen :]:
            if position <= self.last:
                self.doubles += 1
            elif position != self.last + 1:
                self.gaps += 1
            self.last = max(self.last, position)
            self.positions.append(position)
        self._seen = len(self._subscriber.positions)

    def gone(self) -> None:
        """Disconnect."""
        self.look()
        if self._subscriber is not None and self._subscriber.transport is not None:
            self._subscriber.transport.abort()
        self._subscriber, self._seen = None, 0

    async def go_on(self, port: int) -> None:
        """Connect and go on after the last entry; a server that is not there is left for later."""
        self.gone()
        try:
            (self._subscriber,) = await connect_many(port, 1, OURS, Arrivals(), self.last)
            self.connects += 1
        except (OSError, TimeoutError):
            self._subscriber = None


async def _churned(followers: list[Follower], port: int, until: float) -> None:
    while time.monotonic() < until:
        for each in followers:
            each.look()
        absent = [each for each in followers if not each.is_there]
        await asyncio.gather(*(each.go_on(port) for each in absent))
        for each in random.sample(followers, max(1, len(followers) // 20)):
            each.gone()
        await asyncio.sleep(0.3)


async def _write_on(writer: System, stop: asyncio.Event) -> int:
    number = 0
    while not stop.is_set():
        await asyncio.to_thread(_write, writer, number)
        number += 1
        await asyncio.sleep(random.choice([0.0, 0.01, 0.02, 0.2]))
    return writer.projection_status().position


def _write(writer: System, number: int) -> None:
    code = f"KE{number % COMMITMENTS:04}"
    if number < COMMITMENTS:
        register_commitment(writer, code)
    else:
        change_title(writer, code, f"Soak {number}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fan-out", "latency", "churn", "soak"])
    parser.add_argument("--subscribers", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mercurius", type=Path, default=None, metavar="NODE_MODULES_FOLDER")
    parser.add_argument("--node", default="node", metavar="PATH")
    parser.add_argument("--entries", type=int, default=300)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--database", default=None)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    match given.what:
        case "fan-out":
            uvloop.run(fan_out(given.subscribers or 1_000, given.rounds, given.mercurius, given.node))
        case "latency":
            uvloop.run(latency(given.entries, given.database))
        case "churn":
            uvloop.run(churn(given.connections))
        case _:
            uvloop.run(soak(given.minutes, given.subscribers or 200, given.database))


if __name__ == "__main__":
    main()
