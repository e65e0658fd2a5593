"""An event that cannot be followed stops the follower right before its save, is named, and hides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.field import Tag
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.readmodel import projector, tags
from ogpgraph.readmodel.projector import ProjectionFailureCode
from ogpgraph.storage.event_log import _hash_leaf
from ogpgraph.system import System, open_system
from tests.conftest import BOTH_ENGINES
from tests.support.writers import change_title, command_context, register_commitment

pytestmark = BOTH_ENGINES


def save_two(system: System, first: str, second: str) -> None:
    """One save of two commitments, appended without being followed."""

    def commands(uow: UnitOfWork) -> None:
        for code in (first, second):
            commitment_commands.register_commitment(uow, code, {"title/en": uow.text_value(f"Title of {code}")})

    system.executor.execute(command_context(), commands)


def alter(system: System, position: int, *, hashed: bool = True, **columns: object) -> dict[str, object]:
    """Change a stored event behind the program's back, with its hash made to fit or not; returns what it was."""
    with system.database.write() as transaction:
        row = dict(transaction.fetch_one("select * from event where position = :position", position=position) or {})
        new = row | columns
        if hashed:
            new["leaf"] = hashed_as(new)
        transaction.execute(
            "update event set topic = :topic, payload = :payload, leaf = :leaf where position = :position",
            **{name: new[name] for name in ("topic", "payload", "leaf", "position")},
        )
    return row


def hashed_as(row: Mapping[str, Any]) -> bytes:
    """The hash that the log would have stored for an event."""
    return _hash_leaf(row["stream"], row["revision"], row["topic"], row["recorded_at"], bytes(row["payload"]))


def codes(system: System) -> list[str]:
    with system.database.read() as transaction:
        sql = "select distinct code from version where aggregate_type = 'commitment' order by code"
        return [row["code"] for row in transaction.fetch_all(sql)]


Poison = Callable[[System], dict[str, object]]


def flipped(system: System) -> dict[str, object]:
    with system.database.read() as transaction:
        payload = bytearray(transaction.fetch_value("select payload from event where position = 8"))
    payload[17] ^= 1
    return alter(system, 8, hashed=False, payload=bytes(payload))


def unknown(system: System) -> dict[str, object]:
    return alter(system, 8, topic="CommitmentSang.1")


def of_the_future(system: System) -> dict[str, object]:
    return alter(system, 8, topic="CommitmentRegistered.9")


def undecodable(system: System) -> dict[str, object]:
    return alter(system, 8, payload=b'{"envelope": 3}')


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        (flipped, ProjectionFailureCode.CORRUPT),
        (unknown, ProjectionFailureCode.UNKNOWN_EVENT),
        (of_the_future, ProjectionFailureCode.UNKNOWN_EVENT),
        (undecodable, ProjectionFailureCode.UNDECODABLE),
    ],
)
def test_the_follower_stops_before_the_save_of_a_poisonous_event(
    system: System, poison: Poison, code: ProjectionFailureCode
) -> None:
    register_commitment(system, "FR0001")
    save_two(system, "FR0002", "FR0003")
    save_two(system, "FR0004", "FR0005")
    save_two(system, "FR0006", "FR0007")
    was = poison(system)

    with capture_logs() as logs:
        system.projection.catch_up()
    assert codes(system) == ["FR0001", "FR0002", "FR0003"]
    stands = system.projection_status()
    assert stands.failure
    assert (stands.position, stands.lag, stands.failure.code) == (6, 8, code)
    assert "event 8" in stands.failure.message
    assert f"the projection stopped: {code}" in system.readiness_problems()
    assert [(line["event"], line["code"]) for line in logs if "code" in line] == [("projection stopped", code)]

    # The past is read, commands of other things are recorded, and nothing is skipped.
    with system.read_session() as reading:
        assert reading.head == 6
        assert reading.at(2).find_by_code("commitment", "FR0001")
    change_title(system, "FR0002", "written meanwhile")
    assert system.projection_status().position == 6

    alter(system, 8, hashed=False, **{name: was[name] for name in ("topic", "payload", "leaf")})
    system.projection._retry_at = 0.0  # a second later
    with capture_logs() as logs, system.read_session() as reading:
        assert reading.head == 15
    assert [line["event"] for line in logs] == ["projection resumed"]
    assert codes(system) == [f"FR{number:04}" for number in range(1, 8)]
    assert system.projection_status().failure is None
    before = system.digest()
    system.rebuild()
    assert system.digest() == before


def test_a_corrupt_event_is_never_served_to_a_command(system: System) -> None:
    for number in range(1, 5):
        register_commitment(system, f"FR{number:04}")
    flipped(system)
    with pytest.raises(Exception, match=r"event 8 .* is not what was recorded"):
        change_title(system, "FR0004", "no")


def test_a_projection_that_fails_is_classified_and_named(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    tag_changes = tags.diff_tags

    def fail(before: Aggregate, after: Aggregate, facts: Iterable[str]) -> tuple[frozenset[Tag], frozenset[Tag]]:
        if after.id.endswith("FR0004"):
            raise ValueError("a secret detail")
        return tag_changes(before, after, facts)

    monkeypatch.setattr(projector, "diff_tags", fail)
    save_two(system, "FR0001", "FR0002")
    save_two(system, "FR0003", "FR0004")
    with capture_logs() as logs:
        system.projection.catch_up()
    stands = system.projection_status()
    assert stands.failure
    assert (stands.position, stands.failure.code) == (4, ProjectionFailureCode.PROJECTION_FAILED)
    assert "ValueError" in stands.failure.message
    assert "secret" not in stands.failure.message
    assert any(line.get("exc_info") for line in logs)
    monkeypatch.setattr(projector, "diff_tags", tag_changes)
    system.projection._failure = None
    with system.read_session() as reading:
        assert reading.head == 8


def test_rows_that_the_database_refuses_stop_the_follower_at_their_save(system: System) -> None:
    """Two events of one id, among many: what comes before is projected."""
    for number in range(40):
        save_two(system, f"FR{number:04}", f"KE{number:04}")
    with system.database.read() as transaction:
        sql = "select payload from event where position = :position"
        first, later = (bytes(transaction.fetch_value(sql, position=position)) for position in (2, 100))
    event_id = first.split(b'"id":"')[1].split(b'"')[0]
    alter(system, 100, payload=later.replace(later.split(b'"id":"')[1].split(b'"')[0], event_id))
    with capture_logs():
        system.projection.catch_up()
    stands = system.projection_status()
    assert stands.failure
    assert (stands.position, stands.failure.code) == (96, ProjectionFailureCode.PROJECTION_FAILED)


def test_what_it_stopped_before_is_not_tried_more_than_once_a_second(system: System) -> None:
    for number in range(1, 5):
        save_two(system, f"FR{number:04}", f"KE{number:04}")
    flipped(system)
    with capture_logs():
        system.projection.catch_up()
        statements = []
        for _ in range(3):
            with system.read_session() as reading:
                statements.append(reading.transaction.statements)
    assert system.projection._projector._limit
    assert max(statements) <= 3


def test_a_rebuild_stops_there_too_and_keeps_what_was(system: System) -> None:
    register_commitment(system, "FR0001")
    save_two(system, "FR0002", "FR0003")
    save_two(system, "FR0004", "FR0005")
    system.projection.catch_up()
    before = system.digest()
    flipped(system)
    with pytest.raises(Exception, match="event 8"), capture_logs():
        system.rebuild()
    assert system.digest() == before


def test_a_program_of_another_projection_does_not_write(system: System, new_database: Callable[[], str]) -> None:
    with system.database.write() as transaction:
        transaction.execute("update projector set projection_version = 999")
    with capture_logs():
        register_commitment(system, "FR0001")
    stands = system.projection_status()
    assert stands.failure
    assert (stands.position, stands.failure.code) == (0, ProjectionFailureCode.OTHER_PROJECTION)
    with open_system(new_database()) as other:
        assert other.projection.is_outdated()
