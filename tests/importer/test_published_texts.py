"""Published texts in any form: decomposed, with control characters, with what cannot be stored, of another member."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.domain.text import clean_published_text, has_visible_character
from ogpgraph.domain.unit_of_work import CommandContext, UnitOfWork
from ogpgraph.importer.run import import_files, printable_name
from ogpgraph.system import System
from tests.conftest import SystemFactory
from tests.graphql.client import dump_state, execute_query, query_commitment, read_position
from tests.importer.sample_pages import (
    FERRIES,
    LIBRARIES,
    LIGHTHOUSE,
    LIMIT,
    Sibling,
    count_events,
    day,
    import_sample_page,
    importer_context,
)
from tests.importer.spreadsheets.spreadsheet_files import (
    build_csv,
    count_recorded_events,
    dump_record,
    import_file,
    remark_kinds,
    row_2024,
)

PERSON = CommandContext(actor="jane", role="publisher", time=day(2))


def decompose(data: bytes) -> bytes:
    return unicodedata.normalize("NFD", data.decode()).encode()


def with_control_characters(data: bytes) -> bytes:
    return data.replace(b"e", b"\x07e").replace(b" the ", b" \xc2\x80the ")


# Forms of the same text


@pytest.mark.parametrize(
    ("page", "change"),
    [(LIBRARIES, decompose), (LIBRARIES, with_control_characters), (LIGHTHOUSE, with_control_characters)],
)
def test_a_page_in_another_form_of_the_same_text_changes_nothing(
    system: System, page: Path, change: Callable[[bytes], bytes]
) -> None:
    data = page.read_bytes()
    assert change(data) != data
    import_sample_page(system, data, 1)
    before = dump_state(system)
    report = import_sample_page(system, change(data), 2)
    assert count_events(report) == {"SourceObserved": 1, "SourceObservedUnchanged": 1}
    unseen = {code: each | {"lastObservedAt": None} for code, each in dump_state(system).items()}
    assert unseen == {code: each | {"lastObservedAt": None} for code, each in before.items()}


def test_accents_and_control_characters_by_reference_are_those_of_the_text(system: System) -> None:
    title = "Cafe&#769; ta&#7;bles e\u0301"
    lines = FERRIES.with_changes(title=title).text.split("\n\n")
    import_sample_page(system, ("<html><body>" + "".join(f"<p>{line}</p>" for line in lines)).encode())
    assert query_commitment(system, "UY0901", "title") == {"title": "Café tables é"}


def test_a_file_in_another_form_of_the_same_text_has_no_changed_row(make_system: SystemFactory) -> None:
    titles = {"Commitment_Title": "Été à l'école", "Lead_Institution": "Ministère\x07 d'État", "Theme": "Réforme"}
    data = build_csv("2024", [row_2024("UY0901", **titles), row_2024("UY0902", URL="écrire à ann@example.org")])
    system, other = make_system("composed"), make_system("decomposed")
    import_file(system, data, 2024)
    report = import_file(system, decompose(data), 2025)
    assert count_recorded_events(report) == {}
    import_file(other, decompose(data), 2024)
    import_file(other, data, 2025)
    assert dump_record(other) == dump_record(system)


@given(st.text(st.characters(codec="ascii")) | st.text(st.sampled_from(" \t\u2800\u0301a")))
def test_a_text_can_be_seen_if_one_of_its_characters_can(text: str) -> None:
    seen = [each for each in text if unicodedata.category(each)[0] in "LNPS" and each != "\u2800"]
    assert has_visible_character(text) == bool(seen)


@given(st.text(st.characters(exclude_categories=())))
def test_cleaning_loses_nothing_that_can_be_seen(text: str) -> None:
    def visible(text: str) -> str:
        normalized = unicodedata.normalize("NFC", text)
        return "".join(each for each in normalized if unicodedata.category(each)[0] in "LNPSM")

    cleaned = clean_published_text(text)
    assert clean_published_text(cleaned) == cleaned
    assert has_visible_character(cleaned) == has_visible_character(text)
    without_controls = "".join(each for each in text if unicodedata.category(each)[0] in "LNPSM")
    assert visible(unicodedata.normalize("NFC", without_controls)) == visible(
        unicodedata.normalize("NFC", "".join(each for each in cleaned if unicodedata.category(each)[0] in "LNPSM"))
    )


# What cannot be stored


def test_a_plan_that_ends_before_it_begins_is_remarked_and_its_years_are_not_recorded(system: System) -> None:
    report = import_sample_page(system, FERRIES.with_changes(plan="Uruguay Action Plan 2020-2018"))
    (remark,) = [each for each in report.warnings if each.kind == "not-recorded"]
    assert remark.text == "endsOn: 2018 is before startsOn, 2020; neither is recorded"
    (plan,) = execute_query(system, "{ actionPlans { nodes { title startsOn endsOn } } }")["actionPlans"]["nodes"]
    assert plan == {"title": "Uruguay Action Plan 2020-2018", "startsOn": None, "endsOn": None}


def test_a_row_whose_period_ends_before_it_begins_is_recorded_without_it(system: System) -> None:
    row = row_2024("UY0901", Start_Date="2020-05-01", End_Date="2019-05-01")
    report = import_file(system, build_csv("2024", [row]), 2024)
    texts = [each.text for each in report.remarks if each.kind == "not-recorded"]
    assert texts == ["endsOn: 2019-05-01 is before startsOn, 2020-05-01; neither is recorded"]
    found = query_commitment(system, "UY0901", "startsOn endsOn title")
    assert found == {"startsOn": None, "endsOn": None, "title": "Ferry tables UY0901"}


# Another member's commitment


def register_in_denmark(system: System, code: str) -> None:
    """Give the code to a commitment of Denmark, as a slip of a person could."""

    def commands(uow: UnitOfWork) -> None:
        denmark = uow.require_by_code("commitment", "DK0001").id
        uow.assign_code("commitment", code, denmark)

    import_sample_page(system, FERRIES.with_changes(code="DK0001", country="Denmark", plan="Denmark Plan 2018-2020"))
    system.execute(PERSON, commands)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_page_is_refused_whose_code_means_a_commitment_of_another_member(
    system: System, tmp_path: Path, dry_run: bool
) -> None:
    register_in_denmark(system, "UY0901")
    before, state = read_position(system), dump_state(system)
    file = tmp_path / "page.txt"
    file.write_bytes(FERRIES.data)
    (report,) = import_files(system, [file], importer_context(3), limit_bytes=LIMIT, dry_run=dry_run)
    assert report.problem == (
        "UY0901 is the code of a commitment of DNK, and the page is one of URY: nothing is recorded"
    )
    assert (read_position(system), dump_state(system)) == (before, state)


def test_a_list_writes_nothing_to_a_commitment_of_another_member(system: System) -> None:
    register_in_denmark(system, "UY0902")
    state = dump_state(system)
    siblings = [Sibling("UY0902", "Trams"), Sibling("UY0903", "Trains")]
    report = import_sample_page(system, FERRIES.with_changes(siblings=siblings), 3)
    (remark,) = [each for each in report.warnings if each.kind == "other-member"]
    assert remark.text == "the list of URY has UY0902, a commitment of DNK; not recorded"
    after = dump_state(system)
    assert after.keys() - state.keys() == {"URY", "URY-2018", "UY0901", "UY0903"}
    assert after["DK0001"] == state["DK0001"]


def test_a_row_writes_nothing_to_a_commitment_of_another_member(system: System) -> None:
    register_in_denmark(system, "UY0902")
    state = dump_state(system)
    report = import_file(system, build_csv("2024", [row_2024("UY0901"), row_2024("UY0902")]), 2024)
    assert "other-member" in remark_kinds(report)
    (text,) = [each.text for each in report.remarks if each.kind == "other-member"]
    assert text == "UY0902 is the code of a commitment of DNK, and the row is of URY; not recorded"
    after = dump_state(system)
    assert after.keys() - state.keys() == {"URY", "URY-2018", "UY0901"}
    assert after["DK0001"] == state["DK0001"]


# URLs


@pytest.mark.parametrize(
    "url",
    [
        "https://user:s3cret@example.org/",
        "HTTPS://s3cret@example.org/members/uruguay/commitments/UY0901/",
        "https://user:s3/cret@example.org/",
        "https://user:s3cret@[::1/",
        "ftp://user:s3cret@example.org/",
        " https://user:s3cret@example.org/",
    ],
)
def test_a_url_with_credentials_is_refused_and_never_repeated(system: System, url: str) -> None:
    (report,) = import_files(system, [url], importer_context(), limit_bytes=LIMIT)
    assert report.problem
    assert "s3" not in str(report.as_json())
    assert "s3" not in printable_name(url)


@pytest.mark.parametrize(
    "url", ["https://example.org/" + "x" * 2000, "https://example.org/\x07", "https://", "http://[::1/"]
)
def test_a_url_that_is_none_is_refused(system: System, url: str) -> None:
    (report,) = import_files(system, [url], importer_context(), limit_bytes=LIMIT)
    assert report.problem


def test_the_name_of_a_file_and_of_a_plain_url_stays() -> None:
    for name in ("C:\\pages\\a@b.txt", "a@b.txt", "https://example.org/@ann", "http://example.org:8080/?a=b@c"):
        assert printable_name(name) == name
