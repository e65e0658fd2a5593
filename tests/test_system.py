"""The whole program: migrate, open, write, read and rebuild."""

import pytest

from ogpgraph.application.commands import commitments
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import TablesMissing
from ogpgraph.storage.event_log import read_log_identity
from ogpgraph.system import System, migrate, open_system
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory


def register(system: System, code: str) -> None:
    system.execute(command_context(), lambda uow: commitments.register_commitment(uow, code, {"status": "ACTIVE"}))


@BOTH_ENGINES
def test_opening_a_database_without_tables_names_the_command_that_creates_them(new_database: DatabaseFactory) -> None:
    with pytest.raises(TablesMissing, match="ogpgraph migrate"), open_system(new_database()):
        pass


@BOTH_ENGINES
def test_migrating_again_changes_nothing(make_system: SystemFactory, new_database: DatabaseFactory) -> None:
    system = make_system()
    system.execute(
        command_context(),
        lambda uow: commitments.register_commitment(uow, "FR0001", {"title/en": uow.text_value("Words")}),
    )
    digest, identity = system.digest(), system.model.log_identity
    migrate(new_database())
    assert make_system().digest() == digest
    assert make_system().model.log_identity == identity


def test_every_log_has_an_identity_and_a_key_of_its_own(new_database: DatabaseFactory) -> None:
    identities = []
    for name in ("one", "other"):
        migrate(new_database(name))
        database = open_database(new_database(name))
        with database.read() as transaction:
            identities.append(read_log_identity(transaction))
        database.close()
    one, other = identities
    assert one.id != other.id
    assert one.text_key != other.text_key
    assert len(one.text_key) == 32
    assert (one.epoch, one.redaction_epoch) == (1, 0)


@BOTH_ENGINES
def test_recorded_events_are_visible_at_once_in_every_process(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    for number in range(3):
        code = f"FR000{number}"
        register(writer, code)
        for system in (writer, reader):
            with system.read_session() as reading:
                found = reading.at_head().find_by_code("commitment", code)
                assert found
                assert found.value("status") == "ACTIVE"


@BOTH_ENGINES
def test_a_read_session_projects_pending_events(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    writer.executor.execute(command_context(), lambda uow: commitments.register_commitment(uow, "FR0001", {}))
    with reader.read_session() as reading:
        assert reading.head == 2


@BOTH_ENGINES
def test_a_rebuild_writes_the_same_rows(make_system: SystemFactory) -> None:
    system = make_system()
    for number in range(5):
        register(system, f"FR000{number}")
    system.execute(
        command_context(9),
        lambda uow: commitments.withdraw_commitment(uow, uow.require_by_code("commitment", "FR0003")),
    )
    digest, progress = system.digest(), list[tuple[int, int]]()
    assert system.rebuild(lambda position, head: progress.append((position, head))) == 11
    assert system.digest() == digest
    assert progress[-1] == (11, 11)


def test_the_database_is_closed_after_an_error(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    with pytest.raises(ZeroDivisionError), open_system(new_database()) as system, system.read_session():
        raise ZeroDivisionError
    with open_system(new_database()) as system, system.read_session() as reading:
        assert reading.head == 0
