"""A rebuild gives the same rows in a second set of tables, and swaps it with the live one in one transaction."""

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
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE
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


def test_rebuild_gives_the_same_rows(filled: System) -> None:
    before = filled.digest()
    for _ in range(3):
        assert filled.rebuild() == 15
        assert filled.digest() == before
    assert not has_leftovers(filled.database)


def test_progress_is_reported_in_log_positions(filled: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ogpgraph.readmodel.projector.BATCH_SIZE", 4)
    progress: list[tuple[int, int]] = []
    Rebuild(filled.database, filled.log).run(lambda at, head: progress.append((at, head)))
    assert progress == sorted(progress)
    assert progress[-1][0] == progress[-1][1]


def test_readers_and_writers_go_on_during_rebuilds(filled: System, url: str) -> None:
    """Every reader sees a complete read model, and nothing that was written during a rebuild is missing after it."""
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
        with system.read_session() as session:
            counts = [
                session.transaction.fetch_value(f"select count(*) from {table}")
                for table in ("entry", "version", "projector")
            ]
            # All as one transaction sees them, which may begin after the head was confirmed.
            assert counts[0] == counts[1] >= session.head
            assert counts[2] == 1
            assert session.head >= 15
            seen.append(session.head)

    def write(system: System, number: int) -> None:
        change_title(system, "FR0001", f"During a rebuild {number}")

    threads = [threading.Thread(target=run, args=(work,)) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    rebuilds, deadline = 0, time.monotonic() + 120
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


def test_interrupted_rebuild_leaves_the_former_rows_and_can_be_repeated(filled: System) -> None:
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


@pytest.mark.parametrize("moment", ["in a step", "before the switch"])
def test_later_of_two_concurrent_rebuilds_wins(filled: System, moment: str) -> None:
    before = filled.digest()
    first = Rebuild(filled.database, filled.log)
    first._begin()
    if moment == "before the switch":
        first._step()
    filled.rebuild() if moment == "in a step" else Rebuild(filled.database, filled.log)._begin()
    with pytest.raises(RebuildStopped, match="another rebuild"):
        first._switch() if moment == "before the switch" else first._step()
    assert filled.digest() == before


def test_failure_in_the_swap_leaves_the_former_rows(filled: System, monkeypatch: pytest.MonkeyPatch) -> None:
    before = filled.digest()

    def fail_halfway(transaction: Transaction) -> None:
        tables.drop_tables(transaction, tables.LIVE_PREFIX)
        raise OSError("in the middle of the swap")

    monkeypatch.setattr(rebuild, "swap_tables", fail_halfway)
    with pytest.raises(OSError, match="middle"):
        filled.rebuild()
    monkeypatch.undo()
    assert filled.digest() == before
    filled.rebuild()
    assert filled.digest() == before


@ONLY_SQLITE
def test_file_is_no_larger_after_a_rebuild(filled: System, url: str) -> None:
    def pages() -> int:
        with filled.database.read() as transaction:
            return int(transaction.fetch_value("select page_count from pragma_page_count"))

    filled.rebuild()
    before = pages()
    for _ in range(3):
        filled.rebuild()
    assert pages() <= before
    with open_system(url) as other:
        assert other.digest() == filled.digest()


@pytest.mark.parametrize(
    "damage", ["update version set delta = null, frame = null", "drop table tag", "delete from projector"]
)
def test_rebuild_needs_nothing_of_the_rows_it_replaces(filled: System, damage: str) -> None:
    before = filled.digest()
    with filled.database.write() as transaction:
        transaction.execute(
            damage.replace("= null", "= :damaged"), **({"damaged": b"damaged"} if "=" in damage else {})
        )
    assert Rebuild(filled.database, filled.log).run() == 15
    assert filled.digest() == before


def test_migration_rebuilds_rows_of_another_projection_version(filled: System, url: str) -> None:
    before = filled.digest()
    with filled.database.write() as transaction:
        transaction.execute("update projector set projection_version = 0")
        transaction.execute("delete from entry")
    migrate(url)
    assert filled.digest() == before
    migrate(url)
    assert filled.digest() == before


def test_migration_after_a_rebuild_creates_no_index_twice(filled: System, url: str, engine: str) -> None:
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
