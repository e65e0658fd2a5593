import pytest

from ogpgraph.storage import texts
from ogpgraph.storage.database import Database
from ogpgraph.storage.texts import TextKeeper, Texts, insert_rows, marked
from tests.conftest import BOTH_ENGINES, NewDatabase
from tests.storage.logs import opened

KEEPER = TextKeeper(b"k" * 32)


def keep(database: Database, *wordings: str) -> list[str]:
    kept = {}
    for wording in wordings:
        reference, salt = KEEPER.salted(wording)
        kept[reference] = (salt, wording)
    with database.write() as transaction:
        insert_rows(transaction, marked(kept))
    return list(kept)


def test_the_same_wording_has_the_same_reference() -> None:
    assert KEEPER.salted("Open the budget") == TextKeeper(b"k" * 32).salted("Open the budget")


def test_another_wording_has_another_reference_and_salt() -> None:
    one, other = KEEPER.salted("Open the budget"), KEEPER.salted("Open the budget ")
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_with_another_key_the_same_wording_has_another_reference() -> None:
    assert KEEPER.salted("Open the budget")[0] != TextKeeper(b"o" * 32).salted("Open the budget")[0]


@BOTH_ENGINES
def test_wordings_are_read_as_they_were_written(new_database: NewDatabase) -> None:
    wordings = [
        "",
        "Données ouvertes",
        "a\nb\r\n\tc",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 e\u0301",
        "'; drop table wording; --",
        "%s :name %(x)s",
    ]
    with opened(new_database()) as database:
        references = keep(database, *wordings)
        with database.read() as transaction:
            found = Texts().many(transaction, references)
    assert [found[reference] for reference in references] == wordings


@BOTH_ENGINES
def test_a_wording_said_again_is_kept_once(new_database: NewDatabase) -> None:
    with opened(new_database()) as database:
        assert keep(database, "once") == keep(database, "once")
        with database.read() as transaction:
            assert transaction.value("select count(*) from wording") == 1


@BOTH_ENGINES
def test_more_references_than_one_statement_takes_are_read_in_a_few(new_database: NewDatabase) -> None:
    with opened(new_database()) as database:
        references = keep(database, *(f"wording {n}" for n in range(1201)))
        reader = Texts()
        with database.read() as transaction:
            found = reader.many(transaction, [*references, "0" * 64])
            assert transaction.statements == 3
            assert len(found) == 1201
            assert reader.many(transaction, references) == found
            assert transaction.statements == 3


@BOTH_ENGINES
def test_what_is_not_kept_is_left_out(new_database: NewDatabase) -> None:
    with opened(new_database()) as database, database.read() as transaction:
        assert Texts().many(transaction, []) == {}
        assert Texts().many(transaction, ["0" * 64]) == {}


def test_the_cache_is_bounded_and_long_wordings_are_not_in_it(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "CACHED_WORDINGS", 10)
    with opened(new_database()) as database:
        references = keep(database, *(f"wording {n}" for n in range(30)), "l" * (texts.LONGEST_CACHED + 1))
        reader = Texts()
        with database.read() as transaction:
            found = reader.many(transaction, references)
            assert len(found) == 31
            assert len(reader._cache) == 10
            assert references[-1] not in reader._cache
            assert reader.many(transaction, references) == found


def test_what_is_forgotten_is_read_anew(new_database: NewDatabase) -> None:
    with opened(new_database()) as database:
        (reference,) = keep(database, "a name")
        reader = Texts()
        with database.read() as transaction:
            assert reader.many(transaction, [reference])
        with database.write() as transaction:
            transaction.execute("delete from wording")
        reader.forget()
        with database.read() as transaction:
            assert reader.many(transaction, [reference]) == {}
