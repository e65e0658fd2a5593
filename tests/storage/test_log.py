from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, pairwise

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from ogpgraph.clock import format_timestamp
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import TablesMissing, Transaction
from ogpgraph.storage.event_log import CorruptEvent, EventLog, canonical_bytes, load_event
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE, DatabaseFactory, TickingClock
from tests.storage.event_logs import append_batch, append_events, flip_bit, open_migrated_database, stored_event

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NUMBERS = count()


def everything(log: EventLog, limit: int = 1000) -> list[tuple[int, str, int]]:
    return [(e.id, e.stream, e.originator_version) for e in log.select_notifications(None, limit)]


# The bytes


def test_the_bytes_that_a_leaf_covers_never_change() -> None:
    payload = '{"envelope":{"id":"e1"},"facts":{"title/fr":"Données ouvertes"}}'.encode()
    data = canonical_bytes("commitment-1", 2, "CommitmentRevised", 1, "2026-01-01T12:00:00.000001Z", payload)
    assert data == (
        b"ogpgraph event 1\ncommitment-1\n2\nCommitmentRevised\n1\n2026-01-01T12:00:00.000001Z\n"
        b'{"envelope":{"id":"e1"},"facts":{"title/fr":"Donn\xc3\xa9es ouvertes"}}'
    )
    leaf = "a4e3ad7db122e88e85ac07a93505509a8f0a80726eeb0820351503a43f878ca7"
    assert sha256(b"\x00" + data).hexdigest() == leaf


@BOTH_ENGINES
def test_the_leaf_of_a_stored_event_covers_these_bytes(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("member-1", 1, b'{"a":1}', "MemberRegistered.1"))
        (stored,) = log.read_stream("member-1")
    covered = canonical_bytes("member-1", 1, "MemberRegistered", 1, "2026-01-01T12:00:00.000000Z", b'{"a":1}')
    assert stored.leaf == sha256(b"\x00" + covered).digest()
    assert (stored.name, stored.version) == ("MemberRegistered", 1)


# Time and order


@BOTH_ENGINES
def test_recorded_time_strictly_increases_even_when_the_clock_goes_back_or_stands_still(
    new_database: DatabaseFactory,
) -> None:
    seconds = iter([0, 10, 10, -3600, 5, 10, 11])
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, lambda: NOON + timedelta(seconds=next(seconds)))
        for n in range(7):
            append_batch(log, f"member-{n}", size=3)
        times = [e.recorded_at for e in log.select_notifications(None, 100)]
    assert len(times) == 21
    assert all(before < after for before, after in pairwise(times))
    assert times[0] == "2026-01-01T12:00:00.000000Z"
    assert times[-3] == "2026-01-01T12:00:11.000000Z"


@BOTH_ENGINES
def test_positions_are_told_in_the_order_of_the_events(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        first = append_events(log, stored_event("member-1", 1), stored_event("plan-1", 1), stored_event("member-1", 2))
        second = append_events(log, stored_event("plan-1", 2))
        found = [(e.stream, e.originator_version, e.save) for e in log.select_notifications(None, 10)]
        assert [e.id for e in log.select_notifications(None, 10)] == first + second
    assert sorted(first + second) == first + second
    assert found == [("member-1", 1, 1), ("plan-1", 1, 1), ("member-1", 2, 1), ("plan-1", 2, 2)]


@BOTH_ENGINES
def test_an_empty_log_has_no_head(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        with database.read() as transaction:
            assert log.read_head(transaction) == 0
            assert log.read_saves_after(transaction, 0, 10) == []
        assert log.max_notification_id() is None


@ONLY_SQLITE
@settings(max_examples=25)
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), limit=st.integers(1, 7))
def test_reading_on_gives_whole_saves_and_each_once(
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


@BOTH_ENGINES
def test_reading_on_goes_over_gaps_between_positions(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_batch(log, "member-1", 2)
        with database.write() as transaction:
            transaction.execute("delete from event where position = :position", position=1)
        append_batch(log, "member-2", 2)
        with database.read() as transaction:
            assert [[row["position"] for row in each] for each in log.read_saves_after(transaction, 0, 1)] == [[2]]
            assert [[row["position"] for row in each] for each in log.read_saves_after(transaction, 2, 1)] == [[3, 4]]


# All or nothing


@BOTH_ENGINES
def test_a_revision_that_is_taken_stores_neither_events_nor_wordings(
    new_database: DatabaseFactory, clock: TickingClock
) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("member-1", 1))
        with pytest.raises(IntegrityError):
            log.append(
                [stored_event("plan-1", 1), stored_event("member-1", 1)],
                texts={"a" * 64: (b"salt", "words")},
                command="c",
            )
        assert [stream for _, stream, _ in everything(log)] == ["member-1"]
        assert log.read_command("c") == []
        with database.read() as transaction:
            assert transaction.fetch_value("select count(*) from stored_text") == 0


@BOTH_ENGINES
def test_a_stream_that_moved_on_meanwhile_keeps_a_save_from_being_stored(
    new_database: DatabaseFactory, clock: TickingClock
) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_batch(log, "account-1", 2)
        for unmoved in ({"account-1": 1}, {"account-1": 2, "account-2": 1}):
            with pytest.raises(IntegrityError):
                log.append([stored_event("member-1", 1)], texts={}, command="c", expected_revisions=unmoved)
        assert log.append(
            [stored_event("member-1", 1)], texts={}, command="c", expected_revisions={"account-1": 2, "account-2": 0}
        )


@BOTH_ENGINES
def test_a_check_under_the_lock_sees_all_that_was_stored_and_may_keep_a_save_from_being_stored(
    new_database: DatabaseFactory, clock: TickingClock
) -> None:
    with open_migrated_database(new_database()) as database:
        log, seen = EventLog(database, clock), list[int]()
        append_batch(log, "member-1", 2)

        def check(transaction: Transaction) -> None:
            seen.append(log.read_head(transaction))
            raise PermissionError

        with pytest.raises(PermissionError):
            log.append([stored_event("member-2", 1)], texts={}, command="c", check=check)
        assert seen == [2]
        assert [stream for _, stream, _ in everything(log)] == ["member-1", "member-1"]


@BOTH_ENGINES
def test_a_command_is_recorded_once(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
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


@BOTH_ENGINES
def test_a_topic_without_a_version_is_not_stored(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        with pytest.raises(ValueError, match="int"):
            append_events(log, StoredEvent("member-1", 1, "MemberRevised", b"{}"))
        assert everything(log) == []


# Many at once


@BOTH_ENGINES
def test_threads_and_connections_append_at_once_and_lose_nothing(
    new_database: DatabaseFactory, clock: TickingClock
) -> None:
    url = new_database()
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


@BOTH_ENGINES
def test_of_two_that_claim_a_revision_one_is_refused(new_database: DatabaseFactory, clock: TickingClock) -> None:
    url = new_database()
    with open_migrated_database(url) as one, open_migrated_database(url) as other:
        logs = [EventLog(one, clock), EventLog(other, clock)]

        def claim(number: int) -> bool:
            try:
                append_events(logs[number % 2], stored_event("member-1", 1, str(number).encode()))
            except IntegrityError:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(claim, range(8)))
        assert won.count(True) == 1
        assert [e.state for e in logs[0].read_stream("member-1")] == [str(won.index(True)).encode()]


# Corruption


def read_on(log: EventLog) -> object:
    with log._database.read() as transaction:
        return [load_event(row) for save in log.read_saves_after(transaction, 0, 100) for row in save]


READS: list[Callable[[EventLog], object]] = [
    lambda log: log.read_stream("member-1"),
    lambda log: log.select_notifications(None, 100),
    lambda log: log.read_command("c"),
    read_on,
    lambda log: append_events(log, stored_event("member-9", 1)),  # it would take its time from the last event
]


@ONLY_SQLITE
@pytest.mark.parametrize("bit", [0, 3, 7])
@pytest.mark.parametrize(
    ("column", "byte"),
    [
        ("payload", 0),
        ("payload", -1),
        ("topic", 0),
        ("topic", -2),
        ("topic", -1),
        ("recorded_at", 0),
        ("recorded_at", -1),
        ("leaf", 5),
    ],
)
def test_a_flipped_bit_is_found_whichever_way_the_event_is_read(
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


@ONLY_SQLITE
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_in_the_name_of_the_stream_is_found(
    bit: int, new_database: DatabaseFactory, clock: TickingClock
) -> None:
    url = new_database()
    with open_migrated_database(url) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("member-1", 1))
        flip_bit(url, 1, "stream", byte=-1, bit=bit)
        with pytest.raises(CorruptEvent, match="event 1 "):
            log.select_notifications(None, 10)


@BOTH_ENGINES
def test_a_changed_revision_or_payload_is_found_in_either_engine(
    new_database: DatabaseFactory, clock: TickingClock
) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_events(log, stored_event("member-1", 1), stored_event("plan-1", 1))
        with database.write() as transaction:
            transaction.execute("update event set revision = 2 where stream = 'member-1'")
            transaction.execute("update event set payload = :payload where stream = 'plan-1'", payload=b"[]")
        for stream in ("member-1", "plan-1"):
            with pytest.raises(CorruptEvent, match=stream):
                log.read_stream(stream)


@BOTH_ENGINES
def test_an_event_that_is_missing_from_its_stream_is_found(new_database: DatabaseFactory, clock: TickingClock) -> None:
    with open_migrated_database(new_database()) as database:
        log = EventLog(database, clock)
        append_batch(log, "member-1", 3)
        with database.write() as transaction:
            transaction.execute("delete from event where revision = 2")
        with pytest.raises(CorruptEvent, match=r"member-1 .*revision 2"):
            log.read_stream("member-1")


@BOTH_ENGINES
def test_a_log_without_tables_says_what_to_do(new_database: DatabaseFactory, clock: TickingClock) -> None:
    database = open_database(new_database())
    with pytest.raises(TablesMissing, match="ogpgraph migrate"):
        EventLog(database, clock).read_stream("member-1")
    database.close()


# Time as text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (datetime(999, 12, 31, tzinfo=UTC), "0999-12-31T00:00:00.000000Z"),
        (datetime.fromisoformat("2026-01-02T03:04:05+02:00"), "2026-01-02T01:04:05.000000Z"),
        (datetime.fromisoformat("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_times_are_written_at_one_width_so_that_texts_sort_as_times_do(moment: datetime, text: str) -> None:
    assert format_timestamp(moment) == text
    assert datetime.fromisoformat(text) == moment


def test_times_beyond_the_calendar_are_its_ends() -> None:
    assert format_timestamp(datetime.fromisoformat("0001-01-01T00:00:00+14:00")) == "0001-01-01T00:00:00.000000Z"
    assert format_timestamp(datetime.fromisoformat("9999-12-31T23:59:59-12:00")) == "9999-12-31T23:59:59.999999Z"
