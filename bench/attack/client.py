"""The client beside the attacker: cheap queries, writes, feeds and probes, and how long each of them takes."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from bench.attack.attacks import VICTIM_ADDRESS
from bench.attack.connections import Connection, encode_get, encode_post
from bench.servers import resident_bytes
from bench.subscribers import Arrivals, connect_many

QUERY_SECONDS = 0.025
WRITE_SECONDS = 0.6
"""Less often than the default limit of 120 writes a minute."""
PROBE_SECONDS = 0.25
MEMORY_SECONDS = 0.05
TIMEOUT_SECONDS = 10.0
START_SECONDS = 120
_QUERY = encode_post("{ meta { position } }")
_FIND = encode_post("{ commitments(first: 1) { nodes { code } } }")
_EVENT_ID = re.compile(rb"\nid: (\d+)")
_WRITE = """mutation W($title: String!) {
  reviseCommitment(input: {commitment: "%s", title: $title, reason: "A measurement."}) { errors { code message } } }"""


@dataclass
class Observations:
    """What one phase has shown; times are in milliseconds, `feeds` those from sending a write to its arrival."""

    queries: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)
    feeds: list[float] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    refused: int = 0
    peak_bytes: int = 0


class Client:
    """Measures a server from one address, with the token of an account that may write."""

    def __init__(self, pid: int, port: int, token: str) -> None:
        self._pid = pid
        self._port = port
        self._token = token
        self._mutation = ""
        self._numbers = count()
        self._idle: list[Connection] = []
        self._socket = Arrivals()
        self._events = Arrivals()
        self._following: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(START_SECONDS):
            while await self._time(encode_get("/ready")) == TIMEOUT_SECONDS * 1000:  # noqa: ASYNC110 - it is far away
                await asyncio.sleep(0.2)
        answer = await (await self._connect()).request(_FIND)
        self._mutation = _WRITE % json.loads(answer.body)["data"]["commitments"]["nodes"][0]["code"]
        await connect_many(self._port, 1, "subscription { entries { position } }", self._socket)
        events = await Connection.open(self._port, VICTIM_ADDRESS)
        events.writer.write(encode_get("/feed"))
        await events.reader.readuntil(b"event: log")
        self._following.append(asyncio.create_task(self._follow(events)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._following:
            task.cancel()

    async def settle(self, seconds: float) -> None:
        """Wait until a few queries in succession are fast again, or for so many seconds."""
        until, fast = time.monotonic() + seconds, 0
        while fast < 10 and time.monotonic() < until:
            fast = fast + 1 if await self._time(_QUERY) < 30 else 0
            await asyncio.sleep(0.05)

    async def observe(self, seconds: float) -> Observations:
        """Send queries, writes and probes for so many seconds; returns how long they took."""
        seen = Observations()
        writes: dict[int, float] = {}
        work = [
            self._every(QUERY_SECONDS, seconds, lambda: self._query(seen)),
            self._every(WRITE_SECONDS, seconds, lambda: self._write(seen, writes)),
            self._every(PROBE_SECONDS, seconds, lambda: self._probe(seen, "/health")),
            self._every(2 * PROBE_SECONDS, seconds, lambda: self._probe(seen, "/ready")),
            self._every(MEMORY_SECONDS, seconds, lambda: self._weigh(seen)),
        ]
        await asyncio.gather(*work)
        until = time.monotonic() + TIMEOUT_SECONDS
        for position, sent in writes.items():
            seen.feeds += [await _measure_arrival(feed, position, sent, until) for feed in (self._socket, self._events)]
        return seen

    async def _every(self, interval: float, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Begin work at a regular interval, whether what was begun before is done or not; wait for all of it."""
        began, running = time.monotonic(), []
        for number in range(int(seconds / interval)):
            await asyncio.sleep(began + number * interval - time.monotonic())
            running.append(asyncio.ensure_future(work()))
        await asyncio.gather(*running)

    async def _query(self, seen: Observations) -> None:
        seen.queries.append(await self._time(_QUERY))

    async def _probe(self, seen: Observations, path: str) -> None:
        seen.probes.append(await self._time(encode_get(path)))

    async def _weigh(self, seen: Observations) -> None:
        seen.peak_bytes = max(seen.peak_bytes, resident_bytes(self._pid))

    async def _write(self, seen: Observations, writes: dict[int, float]) -> None:
        title = f"Measured {next(self._numbers)} times"
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = await self._connect()
                answer = await connection.request(encode_post(self._mutation, {"title": title}, self._token))
                self._idle.append(connection)
        except (TimeoutError, OSError, EOFError):
            seen.refused += 1
            return
        seen.writes.append((time.perf_counter() - began) * 1000)
        if b'"errors":[]' in answer.body and answer.status == 200:
            writes[answer.position] = began
        else:
            seen.refused += 1

    async def _time(self, request: bytes) -> float:
        """Return the milliseconds that a request takes; the whole timeout, where it fails."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = await self._connect()
                answer = await connection.request(request)
        except (TimeoutError, OSError, EOFError):
            return TIMEOUT_SECONDS * 1000
        if answer.status != 200:
            connection.close()
            return TIMEOUT_SECONDS * 1000
        self._idle.append(connection)
        return (time.perf_counter() - began) * 1000

    async def _connect(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof():
                return connection
        return await Connection.open(self._port, VICTIM_ADDRESS)

    async def _follow(self, events: Connection) -> None:
        while received := await events.reader.read(1 << 20):
            for position in _EVENT_ID.findall(b"\n" + received):
                self._events.record(int(position))


async def _measure_arrival(feed: Arrivals, position: int, sent: float, until: float) -> float:
    """Return the milliseconds from sending a write to the arrival of its entry; those of the timeout after `until`."""
    try:
        return (await feed.wait_for_all(position, 1, max(0, until - time.monotonic())) - sent) * 1000
    except TimeoutError:
        return TIMEOUT_SECONDS * 1000
