"""The event log: leaves, order, saves, concurrency, and the detection of damage."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, pairwise

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.storage.clock_guard import ClockBehind, ClockGuard
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database, TablesMissing
from ogpgraph.storage.event_log import EventLog
from ogpgraph.storage.logged_event import CorruptEvent, canonical_bytes, load_event
from ogpgraph.storage.payload import MAX_PAYLOAD_BYTES, compress_payload, decompress_payload
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, DatabaseFactory, TickingClock
from tests.storage.event_logs import append_batch, append_events, flip_bit, open_migrated_database, stored_event

pytestmark = BOTH_ENGINES

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NUMBERS = count()


def all_events(log: EventLog, limit: int = 1000) -> list[tuple[int, str, int]]:
    return [(e.id, e.stream, e.originator_version) for e in log.select_notifications(None, limit)]


# Leaves


def test_bytes_that_a_leaf_covers_never_change() -> None:
    payload = '{"envelope":{"id":"e1"},"facts":{"title/fr":"Données ouvertes"}}'.encode()
    data = canonical_bytes("commitment-1", 2, "CommitmentRevised", 1, "2026-01-01T12:00:00.000001Z", payload)
    assert data == (
        b"ogpgraph event 2\ncommitment-1\n2\nCommitmentRevised\n1\n2026-01-01T12:00:00.000001Z\n"
        b'{"envelope":{"id":"e1"},"facts":{"title/fr":"Donn\xc3\xa9es ouvertes"}}'
    )
    leaf = "a50ef94c0dc15e4c8ae91da51ba275083cb76bbbff5b84d5f0f22c33d16133aa"
    assert sha256(b"\x00" + data).hexdigest() == leaf


def test_leaf_of_a_stored_event_covers_these_bytes(log: EventLog) -> None:
    append_events(log, stored_event("member-1", 1, b'{"a":1}', "MemberRegistered.1"))
    (stored,) = log.read_stream("member-1")
    covered = canonical_bytes("member-1", 1, "MemberRegistered", 1, "2026-01-01T12:00:00.000000Z", b'{"a":1}')
    assert stored.leaf == sha256(b"\x00" + covered).digest()
    assert (stored.name, stored.version) == ("MemberRegistered", 1)


# Time and order


def test_recorded_time_strictly_increases_even_if_the_clock_stops_or_goes_back(
    new_database: DatabaseFactory,
) -> None:
    seconds = iter([0, 10, 10, -1800, 5, 10, 11])
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, lambda: NOON + timedelta(seconds=next(seconds)))
        for n in range(7):
            append_batch(log, f"member-{n}", size=3)
        times = [e.recorded_at for e in log.select_notifications(None, 100)]
    assert len(times) == 21
    assert all(before < after for before, after in pairwise(times))
    assert times[0] == "2026-01-01T12:00:00.000000Z"
    assert times[-3] == "2026-01-01T12:00:11.000000Z"


def test_nothing_is_recorded_while_the_clock_is_far_behind_the_log(new_database: DatabaseFactory) -> None:
    """A clock that was ahead for a while must not make up the times of all later events, unless it is told to."""
    now = NOON + timedelta(days=400)
    with open_migrated_database(new_database()) as database:
        append_batch(EventLog(database, lambda: now), "member-1", size=1)
        log, lenient = (
            EventLog(database, lambda: NOON),
            EventLog(database, lambda: NOON, ClockGuard(max_lag=timedelta(days=401))),
        )
        with pytest.raises(ClockBehind, match=r"it is 2026-01-01T12.* recorded at 2027-02-05T12.*=34563600 lets"):
            append_batch(log, "member-2", size=1)
        with database.read() as transaction:
            assert isinstance(log.find_clock_problem(transaction), ClockBehind)
            assert lenient.find_clock_problem(transaction) is None
        append_batch(lenient, "member-2", size=1)
        times = [e.recorded_at for e in log.select_notifications(None, 100)]
    assert times == ["2027-02-05T12:00:00.000000Z", "2027-02-05T12:00:00.000001Z"]


def test_positions_are_in_the_order_of_the_events(log: EventLog) -> None:
    first = append_events(log, stored_event("member-1", 1), stored_event("plan-1", 1), stored_event("member-1", 2))
    second = append_events(log, stored_event("plan-1", 2))
    found = [(e.stream, e.originator_version, e.save) for e in log.select_notifications(None, 10)]
    assert [e.id for e in log.select_notifications(None, 10)] == first + second
    assert sorted(first + second) == first + second
    assert found == [("member-1", 1, 1), ("plan-1", 1, 1), ("member-1", 2, 1), ("plan-1", 2, 2)]


def test_empty_log_has_no_head(log: EventLog, database: Database) -> None:
    with database.read() as transaction:
        assert log.read_head(transaction) == 0
        assert log.read_saves_after(transaction, 0, 10) == []
    assert log.max_notification_id() is None


@ONLY_SQLITE
@settings(max_examples=25)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), limit=st.integers(1, 7))
def test_saves_are_read_whole_and_each_once(
    sizes: list[int], limit: int, new_database: DatabaseFactory, clock: TickingClock
) -> None:
    with open_migrated_database(new_database(f"log-{next(NUMBERS)}")) as database:
        log = EventLog(database, clock)
        for n, size in enumerate(sizes):
            append_batch(log, f"member-{n}", size)
        chunks = []
        with database.read() as transaction:
            position = 0
            while chunk := log.read_saves_after(transaction, position, limit):
                chunks.append(chunk)
                position = chunk[-1][-1]["position"]
            assert position == log.read_head(transaction)
    read = [each for chunk in chunks for each in chunk]
    assert [len(each) for each in read] == sizes
    assert [row["position"] for each in read for row in each] == list(range(1, sum(sizes) + 1))
    for chunk in chunks:
        assert sum(map(len, chunk)) >= min(limit, sum(sizes) - chunk[0][0]["position"] + 1)
        assert sum(map(len, chunk[:-1])) < limit


def test_gaps_between_positions_are_skipped(log: EventLog, database: Database) -> None:
    append_batch(log, "member-1", 2)
    with database.write() as transaction:
        transaction.execute("delete from event where position = :position", position=1)
    append_batch(log, "member-2", 2)
    with database.read() as transaction:
        assert [[row["position"] for row in each] for each in log.read_saves_after(transaction, 0, 1)] == [[2]]
        assert [[row["position"] for row in each] for each in log.read_saves_after(transaction, 2, 1)] == [[3, 4]]


# Saves


def test_existing_revision_keeps_events_and_texts_from_being_stored(log: EventLog, database: Database) -> None:
    append_events(log, stored_event("member-1", 1))
    with pytest.raises(IntegrityError):
        log.append(
            [stored_event("plan-1", 1), stored_event("member-1", 1)],
            texts={"a" * 64: (b"salt", "a text")},
            command="c",
        )
    assert [stream for _, stream, _ in all_events(log)] == ["member-1"]
    assert log.read_command("c") == []
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from stored_text") == 0


def test_command_is_recorded_once(log: EventLog) -> None:
    append_events(log, stored_event("member-1", 1), stored_event("member-1", 2), command="importer/key")
    with pytest.raises(IntegrityError):
        append_events(log, stored_event("member-2", 1), command="importer/key")
    append_events(log, stored_event("member-3", 1), command="importer/other")
    assert [(e.stream, e.originator_version) for e in log.read_command("importer/key")] == [
        ("member-1", 1),
        ("member-1", 2),
    ]
    assert log.read_command("importer/none") == []
    assert log.read_stream("member-2") == []


def test_topic_without_a_version_is_not_stored(log: EventLog) -> None:
    with pytest.raises(ValueError, match="int"):
        append_events(log, StoredEvent("member-1", 1, "MemberRevised", b"{}"))
    assert all_events(log) == []


# Concurrency


def test_concurrent_appends_lose_no_event(url: str, clock: TickingClock) -> None:
    with open_migrated_database(url) as one, open_migrated_database(url) as other:
        logs = [EventLog(one, clock), EventLog(other, clock)]

        def write(number: int) -> None:
            for revision in range(1, 11):
                append_events(
                    logs[number % 2],
                    stored_event(f"member-{number}", revision),
                    stored_event(f"plan-{number}", revision),
                )

        with ThreadPoolExecutor(6) as threads:
            list(threads.map(write, range(6)))
        found = logs[0].select_notifications(None, 1000)
    assert len(found) == 120
    assert len({(e.stream, e.originator_version) for e in found}) == 120
    assert [e.recorded_at for e in found] == sorted({e.recorded_at for e in found})
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert (first.save, first.originator_version) == (second.save, second.originator_version)


def test_only_one_of_several_appends_of_the_same_revision_succeeds(url: str, clock: TickingClock) -> None:
    with open_migrated_database(url) as one, open_migrated_database(url) as other:
        logs = [EventLog(one, clock), EventLog(other, clock)]

        def append_first(number: int) -> bool:
            try:
                append_events(logs[number % 2], stored_event("member-1", 1, str(number).encode()))
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            succeeded = list(threads.map(append_first, range(8)))
        assert succeeded.count(True) == 1
        assert [e.state for e in logs[0].read_stream("member-1")] == [str(succeeded.index(True)).encode()]


# Corruption


def read_saves(log: EventLog) -> object:
    with log._database.read() as transaction:
        return [load_event(row) for save in log.read_saves_after(transaction, 0, 100) for row in save]


READS: list[Callable[[EventLog], object]] = [
    lambda log: log.read_stream("member-1"),
    lambda log: log.select_notifications(None, 100),
    lambda log: log.read_command("c"),
    read_saves,
    lambda log: append_events(log, stored_event("member-9", 1)),  # which continues the recorded time of the last event
]


@ONLY_SQLITE
@pytest.mark.parametrize("bit", [0, 3, 7])
@pytest.mark.parametrize(
    ("column", "byte"),
    [
        ("payload", 0),
        ("payload", -2),
        ("topic", 0),
        ("topic", -2),
        ("topic", -1),
        ("recorded_at", 0),
        ("recorded_at", -1),
        ("leaf", 5),
    ],
)
def test_flipped_bit_is_detected_however_the_event_is_read(
    column: str, byte: int, bit: int, new_database: DatabaseFactory, clock: TickingClock
) -> None:
    url = new_database()
    with open_migrated_database(url) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("plan-1", 1))
        append_events(log, stored_event("member-1", 1, b'{"name":"France"}'), command="c")
        flip_bit(url, 2, column, byte=byte, bit=bit)
        for read in READS:
            with pytest.raises(CorruptEvent, match=r"event 2 .*member-1.* revision 1"):
                read(log)
        assert len(log.read_stream("plan-1")) == 1
        assert log.max_notification_id() == 2


def test_event_whose_payload_is_cut_off_or_would_fill_the_memory_is_detected(log: EventLog, database: Database) -> None:
    append_events(log, stored_event("member-1", 1, b'{"name":"France"}'))
    bomb = zlib.compress(bytes(MAX_PAYLOAD_BYTES + 1), 9, -15)
    assert len(bomb) < MAX_PAYLOAD_BYTES / 500
    for damaged in (b"", compress_payload(b'{"name":"France"}')[:-2], bomb):
        with database.write() as transaction:
            transaction.execute("update event set payload = :payload", payload=damaged)
        with pytest.raises(CorruptEvent, match="member-1"):
            log.read_stream("member-1")


def test_payload_is_stored_compressed_and_read_as_it_was(log: EventLog, database: Database) -> None:
    payload = b'{"envelope":{"id":"e1","cause":"REPORTED"},"facts":{"ratings/SPECIFICITY/DESIGN":{"type":"rating"}}}'
    append_events(log, stored_event("member-1", 1, payload))
    with database.read() as transaction:
        stored = bytes(transaction.fetch_value("select payload from event"))
    assert len(stored) < len(payload) / 2
    assert decompress_payload(stored) == payload
    (event,) = log.read_stream("member-1")
    assert event.payload == payload


@ONLY_SQLITE
@pytest.mark.parametrize("bit", [0, 7])
def test_flipped_bit_in_the_stream_id_is_detected(bit: int, new_database: DatabaseFactory, clock: TickingClock) -> None:
    url = new_database()
    with open_migrated_database(url) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("member-1", 1))
        flip_bit(url, 1, "stream", byte=-1, bit=bit)
        with pytest.raises(CorruptEvent, match="event 1 "):
            log.select_notifications(None, 10)


def test_changed_revision_or_payload_is_detected(log: EventLog, database: Database) -> None:
    append_events(log, stored_event("member-1", 1), stored_event("plan-1", 1))
    with database.write() as transaction:
        transaction.execute("update event set revision = 2 where stream = 'member-1'")
        transaction.execute(
            "update event set payload = :payload where stream = 'plan-1'", payload=compress_payload(b"[]")
        )
    for stream in ("member-1", "plan-1"):
        with pytest.raises(CorruptEvent, match=stream):
            log.read_stream(stream)


def test_missing_event_of_a_stream_is_detected(log: EventLog, database: Database) -> None:
    append_batch(log, "member-1", 3)
    with database.write() as transaction:
        transaction.execute("delete from event where revision = 2")
    with pytest.raises(CorruptEvent, match=r"member-1 .*revision 2"):
        log.read_stream("member-1")


def test_log_without_tables_names_the_migrate_command(new_database: DatabaseFactory, clock: TickingClock) -> None:
    database = open_database(new_database())
    with pytest.raises(TablesMissing, match="ogpgraph migrate"):
        EventLog(database, clock).read_stream("member-1")
    database.close()
