"""`check` finds every change to what is stored, names it, and changes nothing itself."""

from __future__ import annotations

import gzip
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import pytest

from ogpgraph.maintenance import HISTORY, NoRoomToCheck, advise, check
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import DatabaseError, StorageDamaged, StorageFull
from ogpgraph.storage.integrity import Fault
from ogpgraph.storage.record import compute_leaf
from ogpgraph.system import migrate, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.records import fill_record, no_track, read_digest, read_rows
from tests.support.writers import change_title, register_commitment


def find_faults(url: str) -> list[Fault]:
    return list(check(url, no_track))


def change(url: str, statement: str, **parameters: object) -> None:
    with closing(open_database(url)) as database, database.write() as transaction:
        transaction.execute(statement, **parameters)


@BOTH_ENGINES
def test_an_intact_database_has_no_faults_and_stays_as_it_is(url: str, engine: str) -> None:
    fill_record(url)
    before = read_rows(url), read_digest(url)
    assert find_faults(url) == []
    assert (read_rows(url), read_digest(url)) == before
    assert engine


# Table, statement, what the fault says
RECORD_DAMAGE = [
    ("event", "update event set payload = :bytes where position = 5", "cannot be read"),
    ("event", "update event set leaf = :bytes where position = 5", "does not match its leaf"),
    ("event", "update event set stream = 'commitment-x' where position = 5", "does not match its leaf"),
    ("event", "update event set topic = 'CommitmentRevised.2' where position = 5", "does not match its leaf"),
    ("event", "update event set recorded_at = '2000-01-01T00:00:00.000000Z' where position = 5", "leaf"),
    ("event", "update event set save = 1 where position = 5", "it is of save 1, after one of save"),
    ("event", "update event set command = 'tester/other' where command = 'tester/key 1'", "of its command"),
    ("event", "update event set command = 'other/key 1' where command = 'tester/key 1'", "of its command"),
    ("event", "update event set command = null where command = 'tester/key 1'", "has lost its command"),
    ("event", "update event set command = 'tester/key' where position = 2", "of its command"),
    ("event", "delete from event where position = 3", "in place of revision"),
    ("stored_text", "update stored_text set content = 'Other' where reference = :text", "its reference"),
    ("stored_text", "update stored_text set salt = :bytes where reference = :text", "its reference"),
    ("stored_text", "update stored_text set marks = '[[0,1,\"NAME\"]]' where reference = :text", "its marks"),
    ("stored_text", "update stored_text set marks = '' where reference = :text", "its marks"),
    ("stored_text", "delete from stored_text where reference = :text", "refers to it"),
    ("log", "update log set text_key = :key", "were not made with this key"),
]
READ_MODEL_DAMAGE = [
    ("entry", "update entry set root = :bytes where position = 5", "5", "not what its events give"),
    ("entry", "update entry set recorded_at = recorded_at + 1 where position = 5", "5", "not what its events give"),
    ("entry", "delete from entry where position = 5", "5", "missing"),
    ("version", "update version set code = 'XX0001' where position = 5", "5", "not what its events give"),
    ("version", "update version set delta = :bytes where position = 5", "", "cannot be read after 4"),
    (
        "tag",
        "update tag set since = since + 1 where since = (select min(since) from tag)",
        "",
        "no event that gives it",
    ),
    ("stream", "delete from stream where key = (select max(key) from stream)", "", "missing"),
    ("projector", "update projector set frontier = '00'", "", "the projector's row is damaged"),
]


@pytest.mark.parametrize(("table", "statement", "problem"), RECORD_DAMAGE)
@BOTH_ENGINES
def test_damage_of_the_record_is_found_and_a_backup_advised(
    url: str, engine: str, table: str, statement: str, problem: str
) -> None:
    fill_record(url, commitments=2)
    text = read_rows(url)["stored_text"][0]["reference"]
    values = {":text": text, ":bytes": b"damaged", ":key": bytes(32)}
    used = {name.removeprefix(":"): value for name, value in values.items() if name in statement}
    change(url, statement, **used)
    faults = find_faults(url)
    assert any(fault.table == table and problem in fault.problem for fault in faults), faults
    assert any("ogpgraph restore" in advice for advice in advise({fault.table for fault in faults}))
    assert engine


@BOTH_ENGINES
def test_a_text_that_was_changed_is_not_said_of_the_key_of_the_log(url: str, engine: str) -> None:
    fill_record(url, commitments=2)
    text = read_rows(url)["stored_text"][0]["reference"]
    change(url, "update stored_text set content = 'Other' where reference = :text", text=text)
    assert {(fault.table, fault.key) for fault in find_faults(url)} == {("stored_text", text)}
    assert engine


@pytest.mark.parametrize(("table", "statement", "key", "problem"), READ_MODEL_DAMAGE)
@BOTH_ENGINES
def test_damage_of_the_read_model_is_found_and_a_rebuild_advised(
    url: str, engine: str, table: str, statement: str, key: str, problem: str
) -> None:
    fill_record(url, commitments=2)
    change(url, statement, **({"bytes": b"damaged"} if ":bytes" in statement else {}))
    faults = find_faults(url)
    found = [fault for fault in faults if fault.table == table and problem in fault.problem]
    assert found, faults
    assert key in found[0].key
    assert list(advise({fault.table for fault in faults})) == ["A damaged read model: run `ogpgraph rebuild`."]
    assert engine


@BOTH_ENGINES
def test_events_that_only_the_read_model_still_tells_of_are_missing_and_no_rebuild_is_advised(
    url: str, engine: str
) -> None:
    fill_record(url, commitments=2)
    before, last = (row["position"] for row in read_rows(url)["event"][-2:])
    change(url, "delete from event where position = :last", last=last)
    faults = [fault for fault in find_faults(url) if fault.table == "event"]
    assert faults == [
        Fault("event", str(before), "it is the last one of a save that has lost its command"),
        Fault("event", str(last), "it is missing, and the read model has its entry"),
    ]
    assert not any("damaged read model" in advice for advice in advise({"event", "projector"}))
    assert engine


@BOTH_ENGINES
def test_an_event_that_was_forged_with_its_leaf_is_named(url: str, engine: str) -> None:
    fill_record(url, commitments=2)
    forged = read_rows(url)["event"][4]
    forged["recorded_at"] = forged["recorded_at"].replace("Z", "1Z")  # a later moment of the same microsecond
    leaf = compute_leaf(forged)
    statement = "update event set recorded_at = :recorded_at, leaf = :leaf where position = :position"
    change(url, statement, recorded_at=forged["recorded_at"], leaf=leaf, position=forged["position"])
    faults = [fault for fault in find_faults(url) if fault.table == "event"]
    assert faults == [
        Fault("event", str(forged["position"]), "it is not the event of which the read model has the entry")
    ]
    assert engine


@BOTH_ENGINES
def test_a_log_that_is_not_the_remembered_one_is_named(url: str, engine: str, tmp_path: Path) -> None:
    migrate(url)
    with open_system(url, state=str(tmp_path)) as system:
        register_commitment(system, "FR0001")
        change_title(system, "FR0001", "Register of owners")
    tables = "event", "entry", "version"
    for table in tables:
        change(url, f"delete from {table} where position = (select max(position) from {table})")
    faults = list(check(url, no_track, state=str(tmp_path)))
    remembered = f"the last acknowledged position of the log was {(length := len(read_rows(url)['event'])) + 1}"
    assert faults[0] == Fault(HISTORY, "", f"{remembered}, and it has {length} entries")
    assert any("--accept-history" in advice for advice in advise({HISTORY}))
    assert engine


@pytest.mark.parametrize(
    "statement",
    [
        "update event set payload = :bytes where position = 2",
        "update event set revision = 7 where position = 2",
        "update event set recorded_at = '2090-01-01T00:00:00.000000Z' where position = 2",
    ],
)
def test_the_events_after_a_damaged_one_are_not_blamed_for_it(url: str, statement: str) -> None:
    fill_record(url, commitments=2)
    change(url, statement, **({"bytes": b"damaged"} if ":bytes" in statement else {}))
    faults = [fault for fault in find_faults(url) if fault.table == "event"]
    assert {fault.key for fault in faults} == {"2"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("check") / "log.db"
    fill_record(f"sqlite:///{file}", commitments=2)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return file


@pytest.mark.parametrize("flips", [24, pytest.param(200, marks=pytest.mark.long)])
def test_a_flipped_bit_in_the_file_is_found_or_without_effect(filled: Path, tmp_path: Path, flips: int) -> None:
    """Without effect: in unused room, in numbers that only SQLite reads, and in what nothing else states."""
    intact, found = read_everything(filled), 0
    chosen = random.Random(flips)
    used = [place for place, byte in enumerate(filled.read_bytes()) if byte]  # most of a small file is empty
    for number, place in enumerate(chosen.sample(used, flips)):
        file = tmp_path / f"{number}.db"
        shutil.copy(filled, file)
        with file.open("r+b") as data:
            data.seek(place)
            byte = data.read(1)[0]
            data.seek(place)
            data.write(bytes([byte ^ 1 << chosen.randrange(8)]))
        if is_refused(lambda file=file: find_faults(f"sqlite:///{file}")):  # type: ignore[misc]
            found += 1
        else:
            assert read_everything(file) == intact, f"the byte at {place}"
    assert found > flips // 2


def test_a_full_folder_of_temporary_files_is_no_damage(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StorageFull("database or disk is full")

    def open_full(*_: object) -> IO[bytes]:
        return Path("/dev/full").open("wb", buffering=0)

    with monkeypatch.context() as patched:
        patched.setattr("ogpgraph.maintenance.copy_events", fail)
        with pytest.raises(NoRoomToCheck, match=r"disk is full\): name another folder by TMPDIR"):
            find_faults(f"sqlite:///{filled}")
    monkeypatch.setattr(gzip, "open", open_full)
    with pytest.raises(NoRoomToCheck, match="No space left on device"):
        find_faults(f"sqlite:///{filled}")


def test_a_damaged_definition_that_is_not_unicode_is_named(filled: Path, tmp_path: Path) -> None:
    """SQLite quotes it in its error, which Python cannot decode."""
    file = tmp_path / "log.db"
    data = filled.read_bytes()
    file.write_bytes(data.replace(b"on entry (name, position)", b"on entry (name,\x9aposition)"))
    assert file.read_bytes() != data
    with pytest.raises(StorageDamaged, match="definition of a table or index is damaged"):
        find_faults(f"sqlite:///{file}")


def is_refused(work: Callable[[], list[Fault]]) -> bool:
    try:
        return bool(work())
    except DatabaseError:  # it cannot be opened; any other error would be a traceback
        return True


def read_everything(file: Path) -> Any:
    """Return what the database says: but for names, addresses and labels, which nothing else states."""
    url = f"sqlite:///{file}"
    rows = read_rows(url)
    return {name: rows[name] for name in ("stored_text", "event")}, read_digest(url)
