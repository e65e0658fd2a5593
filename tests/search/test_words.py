"""Words are found in every script, where they are, and compared without case and width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.search.words import find_words, fold_accents, locate_words, normalize_word, split_words


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("Open Government", ["open", "government"]),
        ("L'eau d’Été", ["l", "eau", "d", "été"]),
        ("co-création, FR0043!", ["co", "création", "fr0043"]),
        ("a_b __ c", ["a", "b", "c"]),
        ("ﬁnance ＢＵＤＧＥＴ Straße STRASSE", ["finance", "budget", "strasse", "strasse"]),
        ("İstanbul ISTANBUL", ["istanbul", "istanbul"]),
        ("bud\u00adget می\u200cخواهم", ["budget", "م\u064aخواهم"]),
        ("cafe\u0301", ["café"]),
        ("bud\u2060get\ufe0f \ufe0f", ["budget"]),
        ("٢٠٢٤ २०२४ ۲۰۲۴ ２０２４ x²", ["2024", "2024", "2024", "2024", "x2"]),
        ("شفاف\u06cc\u062a \u06a9تاب", ["شفاف\u064a\u062a", "\u0643تاب"]),
        ("خان\u06c0 خان\u0647\u0654 ش\u06c1ر", ["خان\u0647\u0654", "خان\u0647\u0654", "ش\u0647ر"]),
        ("ელექტრონული", ["ელექტრონული"]),
        ("सूचना का", ["सूचना", "का"]),
        ("開放政府 open", ["開放", "放政", "政府", "府", "open"]),
        ("政", ["政"]),
        ("\U00020000\U00020001", ["\U00020000\U00020001", "\U00020001"]),
        ("█████ \x00 \ud800 👩\u200d👧", []),
    ],
)
def test_the_words_of_a_text_have_these_forms(text: str, forms: list[str]) -> None:
    assert [normalize_word(each) for each in split_words(text)] == forms


@pytest.mark.parametrize(
    ("form", "folded"),
    [
        ("été", "ete"),
        ("ñandú", "nandu"),
        ("łódź", "lodz"),
        ("œuvre", "oeuvre"),
        ("ısı", "isi"),
        ("الْحُكُومَة", "الحكومه"),
        ("مصطفى", "مصطفي"),
    ],
)
def test_a_form_without_accents_is_this(form: str, folded: str) -> None:
    assert fold_accents(form) == folded


@pytest.mark.parametrize("text", ["thé", "सूचना", "が"])
def test_marks_that_are_letters_are_kept(text: str) -> None:
    assert normalize_word(text) == text


@given(st.text() | st.text(alphabet="aé開政ก\u0301 '-_*\u200d\U00020000", max_size=30))
def test_words_are_parts_of_the_text_in_order_and_the_same_however_they_are_found(text: str) -> None:
    words = list(find_words(text))
    assert [word.text for word in words] == split_words(text)
    assert all(text[word.start : word.end] == word.text for word in words)
    assert [word.start for word in words] == sorted({word.start for word in words})


@given(st.text())
def test_a_form_is_the_form_of_itself(text: str) -> None:
    for word in split_words(text):
        form = normalize_word(word)
        assert normalize_word(form) == form
        assert fold_accents(fold_accents(form)) == fold_accents(form)


@given(
    st.text()
    | st.text(alphabet="aé開 \n._'", max_size=400)
    | st.text(alphabet="aéœक\u093f\u0301\u00ad\u200d開. \ud800\U00020000", max_size=300)
)
def test_words_are_located_where_they_are_found_one_after_the_other(text: str) -> None:
    words = locate_words(text)
    found = list(find_words(text))
    assert words.starts.tolist() == [each.start for each in found]
    assert words.ends.tolist() == [each.end for each in found]
