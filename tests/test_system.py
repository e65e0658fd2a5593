"""The program as a whole: made ready, opened, written, read, made again."""

import pytest

from ogpgraph.storage.database import NoTables, open_database
from ogpgraph.storage.identity import read_identity
from ogpgraph.system import System, migrate, open_system
from tests.application.given import act
from tests.conftest import BOTH_ENGINES, MakeSystem, NewDatabase


def register(system: System, code: str) -> None:
    system.record(act(), lambda session: session.register_commitment(code, {"status": "ACTIVE"}))


@BOTH_ENGINES
def test_a_database_that_was_never_migrated_says_what_to_do(new_database: NewDatabase) -> None:
    with pytest.raises(NoTables, match="ogpgraph migrate"), open_system(new_database()):
        pass


@BOTH_ENGINES
def test_migrating_again_changes_nothing(make_system: MakeSystem, new_database: NewDatabase) -> None:
    system = make_system()
    system.record(act(), lambda s: s.register_commitment("FR0001", {"title/en": s.wording("Words")}))
    digest, identity = system.digest(), system.model.identity
    migrate(new_database())
    assert make_system().digest() == digest
    assert make_system().model.identity == identity


def test_every_log_has_an_identity_and_a_key_of_its_own(new_database: NewDatabase) -> None:
    identities = []
    for name in ("one", "other"):
        migrate(new_database(name))
        database = open_database(new_database(name))
        identities.append(read_identity(database))
        database.close()
    one, other = identities
    assert one.id != other.id
    assert one.text_key != other.text_key
    assert len(one.text_key) == 32
    assert (one.epoch, one.redaction_epoch) == (1, 0)


@BOTH_ENGINES
def test_what_was_recorded_is_read_at_once(make_system: MakeSystem) -> None:
    writer, reader = make_system(), make_system()
    for number in range(3):
        code = f"FR000{number}"
        register(writer, code)
        for system in (writer, reader):
            with system.reading() as reading:
                found = reading.now().by_code("commitment", code)
                assert found
                assert found.value("status") == "ACTIVE"


@BOTH_ENGINES
def test_what_only_the_log_knows_is_projected_by_whoever_reads(make_system: MakeSystem) -> None:
    writer, reader = make_system(), make_system()
    writer.register.record(act(), lambda s: s.register_commitment("FR0001", {}))
    with reader.reading() as reading:
        assert reading.head == 2


@BOTH_ENGINES
def test_a_rebuild_makes_the_same_rows(make_system: MakeSystem) -> None:
    system = make_system()
    for number in range(5):
        register(system, f"FR000{number}")
    system.record(act(9), lambda s: s.withdraw_commitment("FR0003"))
    digest, told = system.digest(), list[tuple[int, int]]()
    assert system.rebuild(lambda position, head: told.append((position, head))) == 11
    assert system.digest() == digest
    assert told[-1] == (11, 11)


def test_everything_is_closed_at_the_end_though_an_error_comes_in_between(new_database: NewDatabase) -> None:
    migrate(new_database())
    with pytest.raises(ZeroDivisionError), open_system(new_database()) as system, system.reading():
        raise ZeroDivisionError
    with open_system(new_database()) as system, system.reading() as reading:
        assert reading.head == 0
