from __future__ import annotations

import pytest

from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.text import fold, fold_with_positions, quote


@pytest.mark.parametrize("one", ["d'appui", "d’appui", "D`APPUI", "d´appui"])
def test_folding_ignores_case_accents_and_kinds_of_apostrophes(one: str) -> None:
    assert fold(one) == "d'appui"
    assert fold("  Mise\u00a0en  ŒUVRE ") == "mise en oeuvre"
    assert fold("2014–2016") == fold("2014-2016")


def test_damage_from_scanning_is_read_as_the_lost_ligature() -> None:
    assert fold("modiᴀ밄có") == "modifico"
    assert shipped_labels().default.normalize("Veriᴀ밄able:") == "verifiable"


def test_a_folded_text_knows_the_positions_of_its_characters() -> None:
    text = "a\u00a0 Œuvre é́ modiᴀ밄có"
    plain = fold_with_positions(text)
    start = plain.text.index("modifico")
    assert text[slice(*plain.span(start, start + 8))] == "modiᴀ밄có"
    start = plain.text.index("oeuvre")
    assert text[slice(*plain.span(start, start + 6))] == "Œuvre"
    assert text[slice(*plain.span(0, len(plain.text)))] == text


def test_a_quote_that_is_cut_within_an_address_shows_no_part_of_it() -> None:
    text = f"{'Ask ' * 48}jane.doe@ministry.example"
    assert quote(text).rstrip("█") == "Ask " * 48
