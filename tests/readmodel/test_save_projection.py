"""What a process saves is projected in the transaction of the save, and afterwards where that is not possible."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel import batch_projection
from ogpgraph.readmodel.error_codes import ProjectionFailureCode
from ogpgraph.readmodel.projection import read_progress
from ogpgraph.readmodel.save_projection import SaveProjection
from ogpgraph.storage.append import StoredSaves
from ogpgraph.storage.database import Transaction
from ogpgraph.system import System
from tests.conftest import BOTH_ENGINES, SystemFactory
from tests.support.writers import change_title, command_context, register_commitment

pytestmark = BOTH_ENGINES
CODE = "FR0001"


class Interrupted(BaseException):
    """The process ends."""


class EndsAfterCommit(SaveProjection):
    """The process ends when the saves are committed, before anything else."""

    def follow(self, stored: StoredSaves) -> None:  # noqa: ARG002 - the name of what it replaces
        raise Interrupted


class FailsOnce(SaveProjection):
    """Projects saves, and then keeps their transaction from being committed."""

    def project(self, transaction: Transaction, stored: StoredSaves) -> None:
        super().project(transaction, stored)
        raise ValueError("not this time")


def record(system: System, projection: type[SaveProjection], code: str) -> None:
    """Register a commitment, with another projection of what is saved."""

    @contextmanager
    def follow_saves() -> Iterator[SaveProjection]:
        with projection.begin(system.projection, system.heads) as begun:
            yield begun

    system.executor.execute(
        command_context(),
        lambda uow: commitment_commands.register_commitment(uow, code, {"status": "ACTIVE"}),
        follow_saves=follow_saves,
    )


def progress(system: System) -> tuple[int, bool]:
    """Return how many entries there are, and whether events are missing, as another process would read them."""
    with system.database.read() as transaction:
        found = read_progress(transaction)
    return found.position, found.is_behind


def test_a_process_that_ends_after_a_commit_has_projected_it(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    register_commitment(system, CODE)
    with pytest.raises(Interrupted):
        record(system, EndsAfterCommit, "FR0002")
    assert progress(other) == (4, False)


def test_saves_that_cannot_be_projected_are_stored_alone_and_the_failure_is_named(system: System) -> None:
    register_commitment(system, CODE)
    with system.database.write() as transaction:  # what the next save is projected to is there already
        columns = "code, chain, delta, frame, fold"
        transaction.execute(f"insert into version (position, {columns}) select 4, {columns} from version limit 1")
    with capture_logs():
        change_title(system, CODE, "A title")
        receipt = change_title(system, CODE, "Another title")
    assert receipt.positions == (system.log.max_notification_id(),)
    status = system.projection_status()
    assert status.failure
    assert (status.position, status.failure.code) == (3, ProjectionFailureCode.PROJECTION_FAILED)


def test_what_was_projected_and_rolled_back_leaves_no_trace(system: System) -> None:
    register_commitment(system, CODE)
    with capture_logs():
        record(system, FailsOnce, "FR0002")
    change_title(system, CODE, "A title")
    change_title(system, "FR0002", "Another title")
    assert progress(system) == (6, False)
    before = system.digest()
    system.rebuild()
    assert system.digest() == before


def test_an_event_that_fails_in_the_projection_is_stored(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    register_commitment(system, CODE)

    def fail(*_: object) -> None:
        raise ValueError("a mistake in the program")

    with monkeypatch.context() as patched, capture_logs():
        patched.setattr(batch_projection, "advance_timeline", fail)
        receipt = change_title(system, CODE, "A title")
    assert receipt.positions == (3,)
    assert system.projection_status().lag == 1


def test_rows_that_are_behind_are_led_on_before_later_saves(make_system: SystemFactory) -> None:
    system, other = make_system(), make_system()
    register_commitment(system, CODE)
    other.executor.execute(
        command_context(), lambda uow: commitment_commands.register_commitment(uow, "FR0002", {"status": "ACTIVE"})
    )
    assert progress(system) == (2, True)
    change_title(system, CODE, "A title")
    assert progress(system) == (5, False)
    before = system.digest()
    system.rebuild()
    assert system.digest() == before


def test_saves_do_not_wait_for_another_thread_that_projects(system: System) -> None:
    register_commitment(system, CODE)
    assert system.projection.try_hold()
    later = threading.Timer(0.2, system.projection.release)
    later.start()
    register_commitment(system, "FR0002")
    later.join()
    assert progress(system) == (4, False)
    assert not system.projection.is_running


def test_a_save_longer_than_a_batch_is_projected_after_it(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    register_commitment(system, CODE)
    monkeypatch.setattr(system.projection._projector, "_limit", 1)
    register_commitment(system, "FR0002")
    assert progress(system) == (4, False)
    assert system.projection.notifier.position == 4
