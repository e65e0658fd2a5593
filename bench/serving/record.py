"""The record that is measured: OGP's size in commitments, and a history of revisions that rest on documents.

It is made through commands, as any record is, and kept in `bench/.data` or the folder that `OGPGRAPH_BENCH_DATA` names.
A run works on a copy, so the kept database stays as it was made.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path

from bench.data import COMMITMENTS, FOLDER, MEMBERS, RATED, database, random_text
from ogpgraph.cli.progress import create_progress, track_task
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.commitment import revise_commitment
from ogpgraph.domain.event import Evidence, Facts
from ogpgraph.domain.source import cite_source
from ogpgraph.domain.unit_of_work import CommandContext, Provenance, UnitOfWork
from ogpgraph.domain.values import Rating
from ogpgraph.domain.vocabulary import VALUES_OF, RatingState
from ogpgraph.readmodel.tables import PROJECTION_VERSION
from ogpgraph.storage.database import ProgressCallback
from ogpgraph.storage.log_identity import LOG_FORMAT
from ogpgraph.system import System, migrate, open_system

FOLDER_VARIABLE = "OGPGRAPH_BENCH_DATA"
ENTRIES = 100_000
REVISIONS_IN_UNIT = 250
"""The revisions that one unit of work records: the larger, the faster, and all of a unit rest on one document."""
DOCUMENTS = 700
DOCUMENT_CHARACTERS = 3_000
STATUSES = ("NOT_STARTED", "LIMITED", "SUBSTANTIAL", "COMPLETE")
REASONS = ("As published.", "Progress report.", "The mid-term report is out.")
_START = datetime(2025, 6, 1, tzinfo=UTC)
_FIRST_ID = 10**7
"""Ids of revisions begin here, after those of the registered commitments."""


def data_folder() -> Path:
    """Return the folder that the databases are kept in."""
    return Path(os.environ.get(FOLDER_VARIABLE) or FOLDER)


def open_record(scale: int) -> Path:
    """Return the SQLite database with `scale` times the commitments and entries; it is made where it is missing."""
    return keep_record(f"serving-{scale}", partial(_make_record, scale))


def keep_record(name: str, make: Callable[[Path], None]) -> Path:
    """Return the SQLite database of a name, which `make` makes where it is missing.

    There is a file for each version of the read model, so that checkouts that differ in it can share a folder; it is
    made from one of another version if there is one.
    """
    folder, stem = data_folder(), f"{name}-format-{LOG_FORMAT}"
    file = folder / f"{stem}-projection-{PROJECTION_VERSION}.db"
    if file.exists():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.{os.getpid()}.part"
    former = sorted(folder.glob(f"{stem}-projection-*.db"))
    try:
        if former:
            _rebuild_record(former[-1], part)
        else:
            make(part)
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("pragma journal_mode = delete")  # all in one file, which can be copied
        part.rename(file)
    finally:
        for leftover in folder.glob(f"{part.name}*"):
            leftover.unlink()
    return file


def _rebuild_record(former: Path, part: Path) -> None:
    shutil.copy(former, part)
    with create_progress("events") as progress:
        migrate(f"sqlite:///{part}", progress=track_task(progress, "rebuilding the read model"))


def _make_record(scale: int, part: Path) -> None:
    registered = database(MEMBERS * scale, COMMITMENTS * scale, folder=part.parent)
    shutil.copy(registered.removeprefix("sqlite:///"), part)
    with create_progress("entries") as progress:
        revise_until(f"sqlite:///{part}", ENTRIES * scale, track_task(progress, "revising"))


def copy_record(file: Path, folder: Path) -> Path:
    """Return a copy of a database, which a run may write to."""
    return Path(shutil.copy(file, folder / "record.db"))


def revise_until(url: str, entries: int, track: ProgressCallback) -> None:
    """Revise random commitments of a database until its log has as many entries, and project them."""
    random_source, clock = random.Random(7), _Clock()
    numbers = count(_FIRST_ID)
    with open_system(url, clock=clock, new_id=lambda: f"{next(numbers):08x}") as system:
        streams = sorted(system.executor.list_streams("commitment"))
        head = system.log.max_notification_id() or 0
        while head < entries:
            batch = random_source.sample(streams, min(REVISIONS_IN_UNIT, len(streams), entries - head))
            head = _record_unit(system, clock, random_source, batch)
            system.projection.catch_up()
            track(head, entries)


def _record_unit(system: System, clock: Callable[[], datetime], random_source: random.Random, batch: list[str]) -> int:
    context = CommandContext(
        actor=f"user-{random_source.randint(1, 200)}",
        role="publisher",
        time=clock(),
        reason=random_source.choice(REASONS),
    )
    receipt = system.executor.execute(context, partial(_revise_all, random_source=random_source, streams=batch))
    return receipt.positions[-1]


def _revise_all(uow: UnitOfWork, random_source: random.Random, streams: list[str]) -> None:
    source = cite_source(uow, f"https://example.org/reports/{random_source.randrange(DOCUMENTS)}")
    text = random_text(random_source, DOCUMENT_CHARACTERS)
    observed = Evidence(
        source=source, content_hash=f"sha256:{hashlib.sha256(text.encode()).hexdigest()}", text=uow.text_ref(text)
    )
    for stream in streams:
        commitment = uow.aggregate(stream)
        facts = _choose_facts(uow, random_source, commitment)
        start = random_source.randrange(DOCUMENT_CHARACTERS - 200)
        spans = {path: (start, start + random_source.randint(20, 120)) for path in facts}
        evidence = Evidence(source=source, content_hash=observed.content_hash, text=observed.text, spans=spans)
        revise_commitment(uow, commitment, facts, Provenance(source=source, evidence=(evidence,)))


def _choose_facts(uow: UnitOfWork, random_source: random.Random, commitment: Aggregate) -> Facts:
    """Return what a revision changes: mostly the status of a milestone or a rating, sometimes a text."""
    chosen = random_source.random()
    milestones = sorted({path.split("/")[1] for path in commitment.current_claims if path.startswith("milestones/")})
    if chosen < 0.45 and milestones:
        milestone = random_source.choice(milestones)
        facts: Facts = {f"milestones/{milestone}/status": random_source.choice(STATUSES)}
        if random_source.random() < 0.3:
            facts[f"milestones/{milestone}/endsOn"] = (
                f"{random_source.randint(2012, 2025)}-{random_source.randint(1, 12):02}"
            )
        return facts
    if chosen < 0.75:
        indicator, stage = random_source.choice(RATED)
        value = random_source.choice(sorted(VALUES_OF[indicator]))
        rating = Rating(RatingState.RATED, value, uow.text_ref(value.title()), None)
        return {f"ratings/{indicator}/{stage}": rating}
    if chosen < 0.9:
        return {"title/en": uow.text_value(random_text(random_source, 60))}
    return {"description/en": uow.text_value(random_text(random_source, 1_500))}


class _Clock:
    """A clock that goes on by 20 ms whenever it is asked."""

    def __init__(self) -> None:
        self._now = _START

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=20)
        return self._now
