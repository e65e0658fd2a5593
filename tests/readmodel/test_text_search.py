"""Words are found in titles whatever their case and accents, in what is recorded now, and not in what was removed."""

from __future__ import annotations

import pytest

from ogpgraph.domain import commitment as commitment_commands
from ogpgraph.readmodel.text_search import fold_text
from ogpgraph.system import System
from tests.application.in_memory_log import command_context
from tests.conftest import BOTH_ENGINES
from tests.readmodel.sample_log import code_of_number, record_commitments, snapshot_at


@pytest.fixture
def recorded(system: System) -> System:
    record_commitments(system, 5)
    return system


def find(system: System, text: str, position: int | None = None) -> list[str]:
    """The titles that contain the words of a text."""
    with snapshot_at(system, position) as snapshot:
        references = snapshot.search("commitment", "title", text)
        return sorted(snapshot.session.read_texts(references).values())


def rename(system: System, number: int, title: str) -> None:
    system.execute(
        command_context(),
        lambda uow: commitment_commands.register_commitment(
            uow, code_of_number(number), {"title/en": uow.text_value(title)}
        ),
    )


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Éducation  À Ñ", "education a n"),
        ("STRASSE straße", "strasse strasse"),
        (" a\t b\n", "a b"),
        ("İ", "i"),
        ("ﬁ", "fi"),
        ("", ""),
        ("x" * 1_000 + "É", "x" * 1_000 + "e"),
    ],
)
def test_a_folded_text_has_no_case_accents_and_runs_of_blanks(text: str, folded: str) -> None:
    assert fold_text(text) == folded


@BOTH_ENGINES
def test_all_words_have_to_be_in_a_title_in_any_order(recorded: System) -> None:
    everything = find(recorded, "")
    assert len(everything) > 5
    assert find(recorded, "COMMITMENT") == [each for each in everything if each.startswith("Commitment")]
    one = find(recorded, "commitment")[0]
    assert find(recorded, " ".join(reversed(one.split()))) != []
    assert find(recorded, f"{one} engagement") == []


@BOTH_ENGINES
def test_titles_recorded_later_are_found_then_and_not_before(recorded: System) -> None:
    assert find(recorded, "zanzibar") == []
    with snapshot_at(recorded, None) as snapshot:
        position = snapshot.position
    rename(recorded, 4_711, "Open Zanzibar")
    assert find(recorded, "zanzibar") == ["Open Zanzibar"]
    assert find(recorded, "zanzibar", position) == []
    assert find(recorded, "zanzibar") == ["Open Zanzibar"]


@BOTH_ENGINES
def test_a_removed_text_is_found_no_longer(recorded: System) -> None:
    rename(recorded, 4_711, "Open Zanzibar")
    with snapshot_at(recorded, None) as snapshot:
        (reference,) = snapshot.search("commitment", "title", "zanzibar")
    with recorded.database.write() as transaction:
        transaction.execute("delete from stored_text where reference = :reference", reference=reference)
        transaction.execute("update log set redaction_version = redaction_version + 1")
    assert find(recorded, "zanzibar") == []


@BOTH_ENGINES
def test_many_codes_are_found_as_each_of_them_is(recorded: System) -> None:
    with snapshot_at(recorded, None) as snapshot:
        codes = [code_of_number(number) for number in range(60)]
        one_by_one = {code: found.id for code in codes if (found := snapshot.find_by_code("commitment", code))}
        assert snapshot.find_ids_by_code("commitment", codes) == one_by_one
        lower = [f" {code.lower()} " for code in codes]
        assert list(snapshot.find_ids_by_code("commitment", lower).values()) == list(one_by_one.values())
        assert len(one_by_one) >= 5
