"""Personal data in wordings: marked as they are stored, masked as they are read, on tables of any age."""

from __future__ import annotations

import json

from ogpgraph.storage import texts
from ogpgraph.storage.connect import open_database
from ogpgraph.storage.database import Database
from ogpgraph.storage.texts import TextReader, TextReferencer, build_rows, insert_rows, read_unmasked
from ogpgraph.system import migrate
from tests.conftest import BOTH_ENGINES, DatabaseFactory

KEEPER = TextReferencer(b"k" * 32)
SECRET = "Contact: Jane Doe, jane@gov.example"
MASKED = "Contact: ████████, ████████████████"
OLD_TABLE = "create table wording (reference text primary key, salt blob not null, wording text not null)"


def keep(database: Database, wording: str) -> str:
    reference, salt = KEEPER.create_reference(wording)
    with database.write() as transaction:
        insert_rows(transaction, build_rows({reference: (salt, wording)}))
    return reference


def read(database: Database, reference: str) -> str | None:
    with database.read() as transaction:
        return TextReader().read_many(transaction, [reference]).get(reference)


@BOTH_ENGINES
def test_a_wording_is_masked_for_the_public_and_kept_as_it_came_in(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    database = open_database(new_database())
    try:
        reference = keep(database, SECRET)
        assert read(database, reference) == MASKED
        with database.read() as transaction:
            assert read_unmasked(transaction, reference) == SECRET
            assert read_unmasked(transaction, "0" * 64) is None
            marks = json.loads(transaction.fetch_value("select marks from stored_text"))
        assert marks == [[9, 17, "NAME"], [19, 35, "EMAIL"]]
        assert read(database, keep(database, "Open the budget of 2018-2020")) == "Open the budget of 2018-2020"
    finally:
        database.close()


@BOTH_ENGINES
def test_a_table_from_before_marks_were_kept_gets_them_and_what_it_holds_is_masked(
    new_database: DatabaseFactory,
) -> None:
    migrate(new_database())
    database = open_database(new_database())
    try:
        database.apply_ddl(f"drop table stored_text; {OLD_TABLE}")
        reference, salt = KEEPER.create_reference(SECRET)
        with database.write() as transaction:
            transaction.execute(
                "insert into wording (reference, salt, wording) values (:reference, :salt, :wording)",
                reference=reference,
                salt=salt,
                wording=SECRET,
            )
        texts.create_text_table(database)
        texts.create_text_table(database)
        assert read(database, reference) == MASKED
        assert read(database, keep(database, SECRET + "!")) == MASKED + "!"
    finally:
        database.close()


@BOTH_ENGINES
def test_marks_are_decided_when_a_wording_first_comes_in(new_database: DatabaseFactory) -> None:
    migrate(new_database())
    database = open_database(new_database())
    try:
        reference = keep(database, SECRET)
        with database.write() as transaction:
            transaction.execute("update stored_text set marks = :none", none="[]")
        assert keep(database, SECRET) == reference
        assert read(database, reference) == SECRET
    finally:
        database.close()
