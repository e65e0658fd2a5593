import pytest

from ogpgraph.storage import texts
from ogpgraph.storage.database import Database
from ogpgraph.storage.texts import TextReader, TextReferencer, build_rows, insert_rows
from tests.conftest import BOTH_ENGINES, DatabaseFactory
from tests.storage.event_logs import open_migrated_database

pytestmark = BOTH_ENGINES

KEEPER = TextReferencer(b"k" * 32)


def keep(database: Database, *wordings: str) -> list[str]:
    kept = {}
    for wording in wordings:
        reference, salt = KEEPER.create_reference(wording)
        kept[reference] = (salt, wording)
    with database.write() as transaction:
        insert_rows(transaction, build_rows(kept))
    return list(kept)


def test_the_same_wording_has_the_same_reference() -> None:
    assert KEEPER.create_reference("Open the budget") == TextReferencer(b"k" * 32).create_reference("Open the budget")


def test_another_wording_has_another_reference_and_salt() -> None:
    one, other = KEEPER.create_reference("Open the budget"), KEEPER.create_reference("Open the budget ")
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_with_another_key_the_same_wording_has_another_reference() -> None:
    assert (
        KEEPER.create_reference("Open the budget")[0]
        != TextReferencer(b"o" * 32).create_reference("Open the budget")[0]
    )


@BOTH_ENGINES
def test_wordings_are_read_as_they_were_written(new_database: DatabaseFactory) -> None:
    wordings = [
        "",
        "Données ouvertes",
        "a\nb\r\n\tc",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 e\u0301",
        "'; drop table stored_text; --",
        "%s :name %(x)s",
    ]
    with open_migrated_database(new_database()) as database:
        references = keep(database, *wordings)
        with database.read() as transaction:
            found = TextReader().read_many(transaction, references)
    assert [found[reference] for reference in references] == wordings


@BOTH_ENGINES
def test_a_wording_said_again_is_kept_once(new_database: DatabaseFactory) -> None:
    with open_migrated_database(new_database()) as database:
        assert keep(database, "once") == keep(database, "once")
        with database.read() as transaction:
            assert transaction.fetch_value("select count(*) from stored_text") == 1


@BOTH_ENGINES
def test_more_references_than_one_statement_takes_are_read_in_a_few(new_database: DatabaseFactory) -> None:
    with open_migrated_database(new_database()) as database:
        references = keep(database, *(f"wording {n}" for n in range(1201)))
        reader = TextReader()
        with database.read() as transaction:
            found = reader.read_many(transaction, [*references, "0" * 64])
            assert transaction.statements == 3
            assert len(found) == 1201
            assert reader.read_many(transaction, references) == found
            assert transaction.statements == 3


@BOTH_ENGINES
def test_what_is_not_kept_is_left_out(new_database: DatabaseFactory) -> None:
    with open_migrated_database(new_database()) as database, database.read() as transaction:
        assert TextReader().read_many(transaction, []) == {}
        assert TextReader().read_many(transaction, ["0" * 64]) == {}


def test_the_cache_is_bounded_and_long_wordings_are_not_in_it(
    new_database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "CACHE_SIZE", 10)
    with open_migrated_database(new_database()) as database:
        references = keep(database, *(f"wording {n}" for n in range(30)), "l" * (texts.MAX_CACHED_LENGTH + 1))
        reader = TextReader()
        with database.read() as transaction:
            found = reader.read_many(transaction, references)
            assert len(found) == 31
            assert len(reader._cache) == 10
            assert references[-1] not in reader._cache
            assert reader.read_many(transaction, references) == found


def test_what_is_forgotten_is_read_anew(new_database: DatabaseFactory) -> None:
    with open_migrated_database(new_database()) as database:
        (reference,) = keep(database, "a name")
        reader = TextReader()
        with database.read() as transaction:
            assert reader.read_many(transaction, [reference])
        with database.write() as transaction:
            transaction.execute("delete from stored_text")
        reader.clear_cache()
        with database.read() as transaction:
            assert reader.read_many(transaction, [reference]) == {}
