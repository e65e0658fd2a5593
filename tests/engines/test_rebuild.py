"""A rebuild makes the same rows beside those that are read, and puts them in their place in one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from ogpgraph.readmodel import rebuild, tables
from ogpgraph.readmodel.rebuild import Rebuild, RebuildStopped
from ogpgraph.storage.database import Database, TablesMissing, Transaction
from ogpgraph.system import System, migrate, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, register_commitment

pytestmark = BOTH_ENGINES


@pytest.fixture
def filled(system: System) -> System:
    for number in range(5):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    return system


def has_leftovers(database: Database) -> bool:
    with suppress(TablesMissing), database.read() as transaction:
        transaction.fetch_value("select count(*) from next_projector")
        return True
    return False


def test_the_same_events_make_the_same_rows(filled: System) -> None:
    before = filled.digest()
    for _ in range(3):
        assert filled.rebuild() == 15
        assert filled.digest() == before
    assert not has_leftovers(filled.database)


def test_progress_is_told_in_positions_of_the_log(filled: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogpgraph.readmodel.projector.BATCH_SIZE", 4)
    told: list[tuple[int, int]] = []
    Rebuild(filled.database, filled.log).run(lambda at, head: told.append((at, head)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_readers_writers_and_followers_go_on_meanwhile(filled: System, url: str) -> None:
    """Readers see a whole read model whenever they look; nothing that was written meanwhile is missing after."""
    stop, seen, problems = threading.Event(), [], []

    def run(work: Callable[[System, int], None]) -> None:
        try:
            with open_system(url) as system:
                number = 0
                while not stop.is_set():
                    work(system, number)
                    number += 1
        except Exception as error:
            problems.append(error)

    def read(system: System, _number: int) -> None:
        with system.read_session() as reading:
            counts = [
                reading.transaction.fetch_value(f"select count(*) from {table}")
                for table in ("entry", "version", "projector")
            ]
            assert counts == [reading.head, reading.head, 1]
            assert reading.head >= 15
            seen.append(reading.head)

    def write(system: System, number: int) -> None:
        change_title(system, "FR0001", f"Meanwhile {number}")

    threads = [threading.Thread(target=run, args=(work,)) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    rebuilds, deadline = 0, time.monotonic() + 60
    while rebuilds < 6 or (not any(head > 15 for head in list(seen)) and not problems and time.monotonic() < deadline):
        filled.rebuild()
        rebuilds += 1
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert max(seen) > 15
    before = filled.digest()
    filled.rebuild()
    assert filled.digest() == before


def test_an_interrupted_rebuild_leaves_what_was_and_starts_again(filled: System) -> None:
    before = filled.digest()

    def interrupt(_position: int, _head: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled.rebuild(interrupt)
    assert has_leftovers(filled.database)
    assert filled.digest() == before
    register_commitment(filled, "FR0009")
    before = filled.digest()
    filled.rebuild()
    assert filled.digest() == before
    assert not has_leftovers(filled.database)


@pytest.mark.parametrize("moment", ["in the midst", "before the switch"])
def test_of_two_rebuilds_at_once_the_later_wins(filled: System, moment: str) -> None:
    before = filled.digest()
    first = Rebuild(filled.database, filled.log)
    first._begin()
    if moment == "before the switch":
        first._step()
    filled.rebuild() if moment == "in the midst" else Rebuild(filled.database, filled.log)._begin()
    with pytest.raises(RebuildStopped, match="another rebuild"):
        first._switch() if moment == "before the switch" else first._step()
    assert filled.digest() == before


def test_a_failure_in_the_switch_leaves_what_was(filled: System, monkeypatch: pytest.MonkeyPatch) -> None:
    before = filled.digest()

    def half(transaction: Transaction) -> None:
        tables.drop_tables(transaction, tables.LIVE_PREFIX)
        raise OSError("in the midst of the switch")

    monkeypatch.setattr(rebuild, "swap_tables", half)
    with pytest.raises(OSError, match="midst"):
        filled.rebuild()
    monkeypatch.undo()
    assert filled.digest() == before
    filled.rebuild()
    assert filled.digest() == before


def test_migrating_makes_the_rows_of_another_projection_again(filled: System, url: str) -> None:
    before = filled.digest()
    with filled.database.write() as transaction:
        transaction.execute("update projector set projection_version = 0")
        transaction.execute("delete from entry")
    migrate(url)
    assert filled.digest() == before
    migrate(url)
    assert filled.digest() == before


def test_migrating_after_a_rebuild_adds_no_index_twice(filled: System, url: str, engine: str) -> None:
    sql = {
        "sqlite": "select count(*) from sqlite_master where type = 'index'",
        "postgres": "select count(*) from pg_indexes where schemaname = 'public'",
    }[engine]

    def indexes() -> int:
        with filled.database.read() as transaction:
            return int(transaction.fetch_value(sql))

    before = indexes()
    filled.rebuild()
    migrate(url)
    assert indexes() == before
