"""Measures searches in one process: without HTTP, by the executor that serves every client."""

from __future__ import annotations

import gc
import math
import resource
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from bench.search.searches import DOCUMENT, PAST_DOCUMENT, RESULT
from ogpgraph.clock import system_clock
from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.system import System
from ogpgraph.web.garbage_collection import collecting_young
from tests.graphql.client import execute_query

_PAGE: Final = resource.getpagesize()
_TABLE: Final = "searched_text"


class Timing(Struct, frozen=True):
    """The processor time that searches of one kind take, in milliseconds, and how many hits they have."""

    searches: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    median_hits: float


class Size(Struct, frozen=True):
    """What the search takes, beside what the record takes without it."""

    commitments: int
    texts_bytes: int
    """The bytes of all texts of the record, which are searched but are there anyway."""
    disk_bytes_per_commitment: float
    memory_bytes_per_commitment: float
    build_seconds: float
    """The processor time of the first search, which builds what is in memory."""


def summarize(milliseconds: Sequence[float], hits: Sequence[int]) -> Timing:
    """Return the timing of searches from that of each."""
    ordered = sorted(milliseconds)
    return Timing(
        searches=len(ordered),
        p50_ms=round(statistics.median(ordered), 2),
        p95_ms=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        max_ms=round(ordered[-1], 2),
        median_hits=statistics.median(hits),
    )


@contextmanager
def collected_as_served() -> Iterator[None]:
    """Collect garbage as a serving process does: young objects only, and never what was there before."""
    with collecting_young():
        gc.collect()
        gc.freeze()
        yield


def load_all(system: System) -> None:
    """Load what a server has in memory some time after its start: all states, and as many of their texts as fit."""
    system.model.warm(seconds=math.inf, pause=lambda _worked_seconds: False)


def measure_searches(system: System, searches: Sequence[str], at: int | None = None) -> Timing:
    """Measure each search once, of the present or at a position."""
    timed = [_time(partial(search, system, text, at)) for text in searches]
    return summarize([milliseconds for milliseconds, _ in timed], [result["totalCount"] for _, result in timed])


def measure_after_writes(system: System, searches: Sequence[str]) -> Timing:
    """Measure the first search after each of some writes."""
    codes = _some_codes(system, len(searches))
    timed = []
    for number, (code, text) in enumerate(zip(codes, searches, strict=True)):
        _change_title(system, code, f"Changed title {number} about {text}")
        timed.append(_time(partial(search, system, text)))
    return summarize([milliseconds for milliseconds, _ in timed], [result["totalCount"] for _, result in timed])


def measure_size(system: System, file: Path, commitments: int, text: str) -> Size:
    """Measure what the first search of a process builds, and what is on disk for it."""
    execute_query(system, "{ commitments(first: 1) { totalCount } }")  # loads all else
    before = resident_bytes()
    milliseconds, _ = _time(partial(search, system, text))
    memory = resident_bytes() - before
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        disk = connection.execute("select sum(pgsize) from dbstat where name like ?", (f"%{_TABLE}%",)).fetchone()[0]
        texts = connection.execute("select sum(length(cast(content as blob))) from stored_text").fetchone()[0]
    return Size(
        commitments=commitments,
        texts_bytes=texts,
        disk_bytes_per_commitment=round((disk or 0) / commitments, 1),
        memory_bytes_per_commitment=round(memory / commitments, 1),
        build_seconds=round(milliseconds / 1_000, 2),
    )


def search(system: System, text: str, at: int | None = None) -> Any:
    """Return the result of a search of the present, or at a position."""
    if at is None:
        return execute_query(system, DOCUMENT + RESULT, text=text)["search"]
    return execute_query(system, PAST_DOCUMENT + RESULT, text=text, at=at)["at"]["search"]


def resident_bytes() -> int:
    """Return the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE


def _time(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = run()
    return (time.process_time() - began) * 1_000, result


def _some_codes(system: System, number: int) -> list[str]:
    nodes = execute_query(system, "{ commitments(first: 100) { nodes { code } } }")["commitments"]["nodes"]
    return [nodes[each % len(nodes)]["code"] for each in range(number)]


def _change_title(system: System, code: str, title: str) -> None:
    def change(uow: UnitOfWork) -> None:
        commitment = uow.require_by_code("commitment", code)
        revise_commitment(uow, commitment, {"title/en": uow.text_value(title)})

    context = CommandContext(actor="bench", role="publisher", time=system_clock())
    system.executor.execute(context, change)
    system.projection.catch_up()
