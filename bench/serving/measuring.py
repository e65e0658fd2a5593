"""Measures the servers in turn: in each round every operation, in every scenario, on every server.

So whatever else the machine does slows all of them, and figures of one round can be compared with one another.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import msgspec

from bench.serving.client import Client
from bench.serving.load import Load, Request, apply_load, send_once, write_requests
from bench.serving.operations import Known, Operation, Variables
from bench.serving.processes import Process, read_usage
from bench.serving.servers import OgpgraphServer, Server
from bench.serving.writer import Writes

WARM_UP_SECONDS = 1.0
MAX_WARM_UPS = 8
WARM_RATIO = 0.95
"""A server is warm once a request takes at least this part of the processor time that it took in the second before."""
SETTLE_SECONDS = 0.5
"""How long a writer writes before its effect is measured."""
NEW_POSITIONS = 3
"""How many past positions are read for the first time in one measurement."""
PAST_SHARE = 0.9
"""Where in the log the past position is that is read repeatedly."""
WORKERS = 2


class Scenario(StrEnum):
    """What goes on while a server is measured; its value describes it."""

    IDLE = "nobody writes"
    WRITES = "mutations over HTTP to the same server, each of which adds an entry"
    PAST = "at one past position, warm"
    NEW_PAST = "one request at a past position that is read for the first time"
    COLD = "after a start, each set of variables once"
    UNCHANGED = "GET with If-None-Match, answered with 304"
    WORKERS = f"{WORKERS} worker processes"


OGPGRAPH_ONLY = {Scenario.PAST, Scenario.NEW_PAST, Scenario.UNCHANGED, Scenario.WORKERS}
"""Scenarios of what the peers do not have, or are not measured with."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement. Processor time is that of the server with its database, in ms for each request."""

    server: str
    operation: str
    scenario: str
    round: int
    load: Load
    cpu_ms: float
    resident_mb: float
    writes: Writes | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured, and for how long."""

    operations: Sequence[Operation]
    scenarios: Sequence[Scenario]
    rounds: int
    seconds: float
    writes_per_second: float
    variables: Mapping[Operation, Sequence[Variables]]
    known: Known


class Session:
    """The measurements of servers that are running."""

    def __init__(
        self, plan: Plan, running: Sequence[tuple[Server, Process]], workers: Sequence[Server], folder: Path
    ) -> None:
        self._plan = plan
        self._running = running
        self._workers = workers
        self._new_positions = _choose_positions(plan.known.entries)
        self._warm: set[tuple[str, Operation, Scenario]] = set()
        self._round = 0
        self._codes = folder / "codes.json"
        self._codes.write_text(json.dumps(list(plan.known.commitments)))

    def measure_all(self, report: Callable[[Measurement], None]) -> None:
        """Measure all rounds; each measurement is reported when it is made."""
        for number in range(self._plan.rounds):
            self._round = number
            for operation in self._plan.operations:
                for scenario in self._plan.scenarios:
                    if scenario is not Scenario.WORKERS:
                        self._measure_servers(operation, scenario, report)
            if Scenario.WORKERS in self._plan.scenarios:
                self._measure_workers(report)

    def _measure_servers(self, operation: Operation, scenario: Scenario, report: Callable[[Measurement], None]) -> None:
        turn = self._round % len(self._running)
        for server, process in (*self._running[turn:], *self._running[:turn]):
            if not takes_part(server, scenario):
                continue
            if scenario is Scenario.COLD:
                with server.start() as fresh:
                    report(self._measure(server, fresh, operation, scenario))
            else:
                report(self._measure(server, process, operation, scenario))

    def _measure_workers(self, report: Callable[[Measurement], None]) -> None:
        # They run only now: they would follow what is written to the others' database.
        for server in self._workers:
            with server.start() as process:
                self._warm = {each for each in self._warm if each[0] != server.name}
                for operation in self._plan.operations:
                    report(self._measure(server, process, operation, Scenario.WORKERS))

    def _measure(self, server: Server, process: Process, operation: Operation, scenario: Scenario) -> Measurement:
        variables = self._plan.variables[operation]
        writes: Writes | None = None
        with write_requests(self._requests(server, process, operation, scenario)) as requests:
            self._warm_up(server, process, operation, scenario, requests)
            with self._write(server, process, scenario) as finish:
                before = self._cpu_seconds(server, process)
                match scenario:
                    case Scenario.COLD:
                        load = send_once(process.port, requests)
                    case Scenario.NEW_PAST:
                        load = self._read_new_positions(server, process, operation, variables)
                    case _:
                        load = apply_load(process.port, requests, self._plan.seconds, first=self._round)
                cpu = self._cpu_seconds(server, process) - before
                writes = finish()
        return Measurement(
            server=server.name,
            operation=operation.name,
            scenario=scenario.name,
            round=self._round,
            load=load,
            cpu_ms=cpu / max(1, load.requests) * 1000,
            resident_mb=read_usage(process.pid).resident_bytes / 2**20,
            writes=writes,
        )

    def _requests(
        self, server: Server, process: Process, operation: Operation, scenario: Scenario
    ) -> Sequence[Request]:
        variables = self._plan.variables[operation]
        if isinstance(server, OgpgraphServer):
            if scenario is Scenario.PAST:
                return server.past_requests(operation, variables, int(self._plan.known.entries * PAST_SHARE))
            if scenario is Scenario.UNCHANGED:
                return server.unchanged_requests(process.port, operation, variables)
        return server.requests(operation, variables)

    def _warm_up(
        self, server: Server, process: Process, operation: Operation, scenario: Scenario, requests: Path
    ) -> None:
        key = (server.name, operation, scenario)
        if scenario in (Scenario.COLD, Scenario.NEW_PAST) or key in self._warm:
            return
        self._warm.add(key)
        send_once(process.port, requests)
        # Several processes have to be warm, each with its own caches: none is known by the connections that it has.
        former = self._warm_for_a_second(server, process, requests)
        for _ in range(MAX_WARM_UPS):
            taken = self._warm_for_a_second(server, process, requests)
            if taken >= WARM_RATIO * former:
                return
            former = taken

    def _warm_for_a_second(self, server: Server, process: Process, requests: Path) -> float:
        """Return the processor time of a request, in seconds."""
        before = self._cpu_seconds(server, process)
        load = apply_load(process.port, requests, WARM_UP_SECONDS)
        return (self._cpu_seconds(server, process) - before) / max(1, load.requests)

    def _read_new_positions(
        self, server: Server, process: Process, operation: Operation, variables: Sequence[Variables]
    ) -> Load:
        assert isinstance(server, OgpgraphServer)
        present = server.past_requests(operation, variables[:1], self._plan.known.entries)
        seconds, size = [], 0
        with Client(process.port, server.path) as client:
            client.send(present[0])  # so that the document is known
            for number in range(NEW_POSITIONS):
                chosen = variables[(self._round * NEW_POSITIONS + number) % len(variables) :][:1]
                request = server.past_requests(operation, chosen, next(self._new_positions))[0]
                began = time.perf_counter()
                size += len(client.send(request))
                seconds.append(time.perf_counter() - began)
        ordered = sorted(seconds)
        return Load(
            requests=len(ordered),
            seconds=sum(ordered),
            p50_ms=ordered[len(ordered) // 2] * 1000,
            p99_ms=ordered[-1] * 1000,
            max_ms=ordered[-1] * 1000,
            errors=0,
            bytes=size,
        )

    @contextmanager
    def _write(self, server: Server, process: Process, scenario: Scenario) -> Iterator[Callable[[], Writes | None]]:
        """Write to a server within the context, if the scenario says so; yields what ends it and returns the result."""
        if scenario is not Scenario.WRITES:
            yield lambda: None
            return
        command = [sys.executable, "-m", "bench.serving.writer", str(process.port), server.path, server.dialect]
        command += [str(self._codes), "--rate", str(self._plan.writes_per_second), "--token", server.token]
        writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(SETTLE_SECONDS)
            yield lambda: msgspec.json.decode(writer.communicate()[0], type=Writes)
        finally:
            writer.kill()
            writer.wait()

    def _cpu_seconds(self, server: Server, process: Process) -> float:
        return sum(read_usage(pid).cpu_seconds for pid in (process.pid, *server.helper_pids))


def takes_part(server: Server, scenario: Scenario) -> bool:
    """Return whether a server is measured in a scenario."""
    if scenario in OGPGRAPH_ONLY:
        return isinstance(server, OgpgraphServer)
    return server.can_write or scenario is not Scenario.WRITES


def _choose_positions(entries: int) -> Iterator[int]:
    """Yield past positions, each once, all over the later half of the log."""
    step = 7_919  # a prime, so that the positions do not repeat
    return (entries // 2 + number * step % (entries // 2) for number in range(1, entries // 2))
