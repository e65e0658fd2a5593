"""The projector: each event once, and a stop right before the save of an event that cannot be projected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.event import Event
from ogpgraph.domain.live_statements import ReadEvents
from ogpgraph.domain.timeline import Advance, Timeline, advance_timeline
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel import batch_projection
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.storage.logged_event import hash_leaf
from ogpgraph.storage.payload import compress_payload, decompress_payload
from ogpgraph.system import System, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, command_context, register_commitment

pytestmark = BOTH_ENGINES


def save_two(system: System, first: str, second: str) -> None:
    """Append one save of two commitments, without projecting it."""

    def commands(uow: UnitOfWork) -> None:
        for code in (first, second):
            commitment_commands.register_commitment(uow, code, {"title/en": uow.text_value(f"Title of {code}")})

    system.executor.execute(command_context(), commands)


def alter(system: System, position: int, *, rehash: bool = True, **columns: object) -> dict[str, object]:
    """Change a stored event in the database, with a matching leaf hash or not; returns the former row."""
    with system.database.write() as transaction:
        row = dict(transaction.fetch_one("select * from event where position = :position", position=position) or {})
        new = row | columns
        if rehash:
            new["leaf"] = leaf_of(new)
        transaction.execute(
            "update event set topic = :topic, payload = :payload, leaf = :leaf where position = :position",
            **{name: new[name] for name in ("topic", "payload", "leaf", "position")},
        )
    return row


def leaf_of(row: Mapping[str, Any]) -> bytes:
    """The leaf hash that the log would have stored with an event."""
    payload = decompress_payload(bytes(row["payload"]))
    return hash_leaf(row["stream"], row["revision"], row["topic"], row["recorded_at"], payload)


def codes(system: System) -> list[str]:
    with system.database.read() as transaction:
        sql = (
            "select distinct v.code from version v join entry e on e.position = v.position "
            "join stream s on s.key = e.stream where s.aggregate_type = 'commitment' order by v.code"
        )
        return [row["code"] for row in transaction.fetch_all(sql)]


Poison = Callable[[System], dict[str, object]]
"""Spoils event 8 and returns its former row."""


def flip_bit_of_payload(system: System) -> dict[str, object]:
    with system.database.read() as transaction:
        payload = bytearray(transaction.fetch_value("select payload from event where position = 8"))
    payload[17] ^= 1
    return alter(system, 8, rehash=False, payload=bytes(payload))


def rename_event(system: System) -> dict[str, object]:
    return alter(system, 8, topic="CommitmentSang.1")


def raise_version(system: System) -> dict[str, object]:
    return alter(system, 8, topic="CommitmentRegistered.9")


def replace_payload(system: System) -> dict[str, object]:
    return alter(system, 8, payload=compress_payload(b'{"envelope": 3}'))


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        (flip_bit_of_payload, ProjectionFailureCode.CORRUPT),
        (rename_event, ProjectionFailureCode.UNKNOWN_EVENT),
        (raise_version, ProjectionFailureCode.UNKNOWN_EVENT),
        (replace_payload, ProjectionFailureCode.UNDECODABLE),
    ],
)
def test_projection_stops_before_the_save_of_a_poison_event_and_resumes_after_its_repair(
    system: System, poison: Poison, code: ProjectionFailureCode
) -> None:
    register_commitment(system, "FR0001")
    save_two(system, "FR0002", "FR0003")
    save_two(system, "FR0004", "FR0005")
    save_two(system, "FR0006", "FR0007")
    former = poison(system)

    with capture_logs() as logs:
        system.projection.catch_up()
    assert codes(system) == ["FR0001", "FR0002", "FR0003"]
    status = system.projection_status()
    assert status.failure
    assert (status.position, status.lag, status.failure.code) == (6, 8, code)
    assert "event 8" in status.failure.message
    assert f"the projection stopped: {code}" in system.readiness_problems()
    assert [(line["event"], line["code"]) for line in logs if "code" in line] == [("projection stopped", code)]

    # The past can be read and other commands are recorded, but no later event is projected.
    with system.read_session() as session:
        assert session.head == 6
        assert session.at(2).find_by_code("commitment", "FR0001")
    change_title(system, "FR0002", "recorded meanwhile")
    assert system.projection_status().position == 6

    alter(system, 8, rehash=False, **{name: former[name] for name in ("topic", "payload", "leaf")})
    system.projection._retry_at = 0.0  # a second later
    with capture_logs() as logs, system.read_session() as session:
        assert session.head == 15
    assert [line["event"] for line in logs] == ["projection resumed"]
    assert codes(system) == [f"FR{number:04}" for number in range(1, 8)]
    assert system.projection_status().failure is None
    before = system.digest()
    system.rebuild()
    assert system.digest() == before


def test_corrupt_event_is_never_returned_to_a_command(system: System) -> None:
    for number in range(1, 5):
        register_commitment(system, f"FR{number:04}")
    flip_bit_of_payload(system)
    with pytest.raises(Exception, match=r"event 8 .* does not match its leaf hash"):
        change_title(system, "FR0004", "no")


def test_failed_projection_is_classified_and_exposes_no_details(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(before: Timeline, applied: Event, read: ReadEvents) -> Advance:
        if applied.stream.endswith("FR0004"):
            raise ValueError("a secret detail")
        return advance_timeline(before, applied, read)

    monkeypatch.setattr(batch_projection, "advance_timeline", fail)
    save_two(system, "FR0001", "FR0002")
    save_two(system, "FR0003", "FR0004")
    with capture_logs() as logs:
        system.projection.catch_up()
    status = system.projection_status()
    assert status.failure
    assert (status.position, status.failure.code) == (4, ProjectionFailureCode.PROJECTION_FAILED)
    assert "ValueError" in status.failure.message
    assert "secret" not in status.failure.message
    assert any(line.get("exc_info") for line in logs)
    monkeypatch.setattr(batch_projection, "advance_timeline", advance_timeline)
    system.projection._failure = None
    with system.read_session() as session:
        assert session.head == 8


def test_rows_that_the_database_rejects_stop_the_projection_at_their_save(system: System) -> None:
    """Two events have the same id, among many others; those before the second are projected."""
    for number in range(40):
        save_two(system, f"FR{number:04}", f"KE{number:04}")
    with system.database.read() as transaction:
        sql = "select payload from event where position = :position"
        first, later = (
            decompress_payload(bytes(transaction.fetch_value(sql, position=position))) for position in (2, 100)
        )
    event_id = first.split(b'"id":"')[1].split(b'"')[0]
    alter(system, 100, payload=compress_payload(later.replace(later.split(b'"id":"')[1].split(b'"')[0], event_id)))
    with capture_logs():
        system.projection.catch_up()
    status = system.projection_status()
    assert status.failure
    assert (status.position, status.failure.code) == (96, ProjectionFailureCode.PROJECTION_FAILED)


def test_failed_event_is_not_tried_again_within_a_second(system: System) -> None:
    for number in range(1, 5):
        save_two(system, f"FR{number:04}", f"KE{number:04}")
    flip_bit_of_payload(system)
    with capture_logs():
        system.projection.catch_up()
        statements = []
        for _ in range(3):
            with system.read_session() as session:
                statements.append(session.transaction.statements)
    assert system.projection._projector._limit
    assert max(statements) <= 3


def test_rebuild_stops_at_the_same_event_and_keeps_the_former_rows(system: System) -> None:
    register_commitment(system, "FR0001")
    save_two(system, "FR0002", "FR0003")
    save_two(system, "FR0004", "FR0005")
    system.projection.catch_up()
    before = system.digest()
    flip_bit_of_payload(system)
    with pytest.raises(Exception, match="event 8"), capture_logs():
        system.rebuild()
    assert system.digest() == before


def test_program_with_another_projection_version_does_not_write(
    system: System, new_database: Callable[[], str]
) -> None:
    with system.database.write() as transaction:
        transaction.execute("update projector set projection_version = 999")
    with capture_logs():
        register_commitment(system, "FR0001")
    status = system.projection_status()
    assert status.failure
    assert (status.position, status.failure.code) == (0, ProjectionFailureCode.OTHER_PROJECTION)
    with open_system(new_database()) as other:
        assert other.projection.is_outdated()


def test_each_event_is_evolved_once(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    evolved: list[tuple[str, int]] = []

    def count(before: Timeline, applied: Event, read: ReadEvents) -> Advance:
        evolved.append((applied.stream, applied.revision))
        return advance_timeline(before, applied, read)

    monkeypatch.setattr(batch_projection, "advance_timeline", count)
    for number in range(3):
        register_commitment(system, f"FR{number:04}")
        change_title(system, f"FR{number:04}", f"Title {number}")
    events = [(event.stream, event.revision) for event in system.log.select_notifications(None, 100)]
    assert evolved == events
    evolved.clear()
    system.rebuild()
    assert evolved == events
