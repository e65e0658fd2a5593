"""The program as a whole: made ready, opened, written, read, made again."""

import pytest

from ogpgraph.domain.commitment import register_commitment, withdraw_commitment
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import TablesMissing
from ogpgraph.storage.event_log import read_log_identity
from ogpgraph.system import System, migrate, open_system
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES, DatabaseFactory, SystemFactory


def register(system: System, code: str) -> None:
    system.execute(command_context(), lambda uow: register_commitment(uow, code, {"status": "ACTIVE"}))


@BOTH_ENGINES
def test_a_database_that_was_never_migrated_says_what_to_do(new_database: DatabaseFactory) -> None:
    with pytest.raises(TablesMissing, match="ogpgraph migrate"), open_system(new_database()):
        pass


@BOTH_ENGINES
def test_migrating_again_changes_nothing(make_system: SystemFactory, new_database: DatabaseFactory) -> None:
    system = make_system()
    system.execute(
        command_context(),
        lambda uow: register_commitment(uow, "FR0001", {"title/en": uow.text_value("Words")}),
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
def test_what_was_recorded_is_read_at_once(make_system: SystemFactory) -> None:
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
def test_what_only_the_log_knows_is_projected_by_whoever_reads(make_system: SystemFactory) -> None:
    writer, reader = make_system(), make_system()
    writer.executor.execute(command_context(), lambda uow: register_commitment(uow, "FR0001", {}))
    with reader.read_session() as reading:
        assert reading.head == 2


@BOTH_ENGINES
def test_a_rebuild_makes_the_same_rows(make_system: SystemFactory) -> None:
    system = make_system()
    for number in range(5):
        register(system, f"FR000{number}")
    system.execute(
        command_context(9),
        lambda uow: withdraw_commitment(uow, uow.require_by_code("commitment", "FR0003")),
    )
    digest, told = system.digest(), list[tuple[int, int]]()
    assert system.rebuild(lambda position, head: told.append((position, head))) == 11
    assert system.digest() == digest
    assert told[-1] == (11, 11)


def test_everything_is_closed_at_the_end_though_an_error_comes_in_between(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    with pytest.raises(ZeroDivisionError), open_system(new_database()) as system, system.read_session():
        raise ZeroDivisionError
    with open_system(new_database()) as system, system.read_session() as reading:
        assert reading.head == 0
