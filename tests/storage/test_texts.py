"""The text store: references, reading in batches, and the masking of personal data."""

from __future__ import annotations

import json

import pytest

from ogpgraph.storage.database import Database, Parameters
from ogpgraph.storage.texts import (
    MAX_ROWS_RETURNED,
    CorruptText,
    TextReader,
    TextReferencer,
    build_rows,
    find_corrupt_texts,
    insert_rows,
    read_unmasked,
)
from tests.conftest import BOTH_ENGINES, ONLY_SQLITE

pytestmark = BOTH_ENGINES

REFERENCER = TextReferencer(b"k" * 32)
UNKNOWN = "0" * 64
PERSONAL = "Contact: Jane Doe, jane@gov.example"
MASKED = "Contact: ████████, ████████████████"


def store(database: Database, *stored: str) -> list[str]:
    """Store texts; returns their references."""
    rows = {}
    for text in stored:
        reference, salt = REFERENCER.create_reference(text)
        rows[reference] = (salt, text)
    with database.write() as transaction:
        insert_rows(transaction, build_rows(rows))
    return list(rows)


def read(database: Database, reference: str) -> str | CorruptText | None:
    with database.read() as transaction:
        return TextReader().read_many(transaction, [reference], 0).get(reference)


# References


def test_equal_texts_have_equal_references() -> None:
    again = TextReferencer(b"k" * 32)
    assert REFERENCER.create_reference("Open the budget") == again.create_reference("Open the budget")


def test_different_texts_have_different_references_and_salts() -> None:
    one, other = REFERENCER.create_reference("Open the budget"), REFERENCER.create_reference("Open the budget ")
    assert one[0] != other[0]
    assert one[1] != other[1]


def test_reference_depends_on_the_key() -> None:
    other = TextReferencer(b"o" * 32)
    assert REFERENCER.create_reference("Open the budget")[0] != other.create_reference("Open the budget")[0]


# Reading


def test_texts_are_read_as_they_were_stored(database: Database) -> None:
    stored = [
        "",
        "Données ouvertes",
        "a\nb\r\n\tc",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 👩‍👩‍👧 e\u0301",
        "'; drop table stored_text; --",
        "%s :name %(x)s",
    ]
    references = store(database, *stored)
    with database.read() as transaction:
        found = TextReader().read_many(transaction, references, 0)
    assert [found[reference] for reference in references] == stored


def test_equal_texts_are_stored_once(database: Database) -> None:
    assert store(database, "once") == store(database, "once")
    with database.read() as transaction:
        assert transaction.fetch_value("select count(*) from stored_text") == 1


def test_only_texts_that_were_not_stored_before_are_returned_and_kept_as_they_will_be_read(database: Database) -> None:
    store(database, "Open the budget")
    texts = ["Open the budget", PERSONAL, "Close the budget"]
    references = {text: REFERENCER.create_reference(text) for text in texts}
    reader = TextReader()
    with database.write() as transaction:
        stored = insert_rows(transaction, build_rows({r: (salt, text) for text, (r, salt) in references.items()}))
        reader.keep(stored)
    assert [row["content"] for row in stored] == [PERSONAL, "Close the budget"]
    for text, (reference, _) in references.items():
        assert reader.cache.get(reference) == (None if text == "Open the budget" else read(database, reference))
    assert insert_rows_of(database, [f"Text {number}" for number in range(MAX_ROWS_RETURNED + 1)]) == []


def insert_rows_of(database: Database, texts: list[str]) -> list[Parameters]:
    references = [(*REFERENCER.create_reference(text), text) for text in texts]
    with database.write() as transaction:
        return list(insert_rows(transaction, build_rows({r: (salt, text) for r, salt, text in references})))


def test_more_references_than_one_statement_takes_are_read_in_a_few_statements(database: Database) -> None:
    references = store(database, *(f"text {n}" for n in range(1201)))
    reader = TextReader()
    with database.read() as transaction:
        found = reader.read_many(transaction, [*references, UNKNOWN], 0)
        assert transaction.statements == 3
        assert len(found) == 1201
        assert reader.read_many(transaction, references, 0) == found
        assert transaction.statements == 3


def test_unknown_references_are_left_out(database: Database) -> None:
    with database.read() as transaction:
        assert TextReader().read_many(transaction, [], 0) == {}
        assert TextReader().read_many(transaction, [UNKNOWN], 0) == {}


def test_cache_is_bounded_by_bytes_and_holds_nothing_that_would_fill_it(database: Database) -> None:
    references = store(database, *(f"text {n}" for n in range(60)), "l" * 1_000)
    reader = TextReader(max_bytes=10_000)
    with database.read() as transaction:
        found = reader.read_many(transaction, references, 0)
        assert len(found) == 61
        assert 20 < reader.cache.use().items < 60
        assert 5_000 < reader.cache.use().bytes <= 10_000
        assert reader.cache.get(references[-1]) is None
        assert reader.read_many(transaction, references, 0) == found


def test_removed_text_is_not_read_once_the_version_of_redaction_is_another(database: Database) -> None:
    (reference,) = store(database, "a name")
    reader = TextReader()
    with database.read() as transaction:
        assert reader.read_many(transaction, [reference], 0)
    with database.write() as transaction:
        transaction.execute("delete from stored_text")
    reader.follow_redaction(1)
    with database.read() as transaction:
        assert reader.read_many(transaction, [reference], 1) == {}


def test_what_a_reader_from_before_a_removal_still_sees_is_not_kept_for_others(database: Database) -> None:
    (reference,) = store(database, "a name")
    reader = TextReader()
    with database.read() as before:
        assert before.fetch_value("select count(*) as texts from stored_text") == 1
        with database.write() as transaction:
            transaction.execute("delete from stored_text")
        reader.follow_redaction(1)
        assert reader.read_many(before, [reference], 0) == {reference: "a name"}
    with database.read() as after:
        assert reader.read_many(after, [reference], 1) == {}


# Personal data


def test_personal_data_is_masked_for_responses_and_stored_unmasked(database: Database) -> None:
    (reference,) = store(database, PERSONAL)
    assert read(database, reference) == MASKED
    with database.read() as transaction:
        assert read_unmasked(transaction, reference) == PERSONAL
        assert read_unmasked(transaction, UNKNOWN) is None
        marks = json.loads(transaction.fetch_value("select marks from stored_text"))
    assert marks == [[9, 17, "NAME"], [19, 35, "EMAIL"]]
    (without,) = store(database, "Open the budget of 2018-2020")
    assert read(database, without) == "Open the budget of 2018-2020"


def test_marks_are_decided_when_a_text_is_first_stored(database: Database) -> None:
    (reference,) = store(database, PERSONAL)
    with database.write() as transaction:
        transaction.execute("update stored_text set marks = :none", none="[]")
    assert store(database, PERSONAL) == [reference]
    assert read(database, reference) == PERSONAL


# Integrity


@pytest.mark.parametrize(
    "damage",
    [
        "content = 'Close the budget'",
        "content = ''",
        "salt = x'00'",
        "marks = 'damaged'",
    ],
)
def test_changed_text_is_named_and_never_returned(database: Database, damage: str, engine: str) -> None:
    changed, whole = store(database, "Open the budget", "Close the budget")
    if engine == "postgres":
        damage = damage.replace("x'00'", "'\\x00'")
    with database.write() as transaction:
        transaction.execute(f"update stored_text set {damage} where reference = :reference", reference=changed)
    with database.read() as transaction:
        found = TextReader().read_many(transaction, [changed, whole], 0)
        corrupt = found[changed]
        assert isinstance(corrupt, CorruptText)
        assert (corrupt.code, changed in corrupt.explanation) == ("CORRUPT_TEXT", True)
        assert found[whole] == "Close the budget"
        assert [each.reference for each in find_corrupt_texts(transaction)] == [changed]
        assert not corrupt.is_repaired(transaction)
        if not damage.startswith("marks"):
            with pytest.raises(CorruptText, match=changed):
                read_unmasked(transaction, changed)


@ONLY_SQLITE
def test_text_of_another_type_or_encoding_is_named(database: Database) -> None:
    for damage in ("7", "x'ff'", "cast(x'ff' as text)"):
        [reference] = store(database, f"Open the budget {damage}")
        with database.write() as transaction:
            transaction.execute(f"update stored_text set content = {damage} where reference = :it", it=reference)
        assert isinstance(read(database, reference), CorruptText)


def test_text_that_was_verified_is_not_read_again(database: Database) -> None:
    [reference] = store(database, "Open the budget")
    reader = TextReader()
    with database.read() as transaction:
        reader.read_many(transaction, [reference], 0)
        before = transaction.statements
        assert reader.read_many(transaction, [reference], 0) == {reference: "Open the budget"}
        assert transaction.statements == before
