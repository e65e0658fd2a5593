from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.importer.pages import canonical
from ogpgraph.importer.pages.canonical import CanonicalPage, decode_page, normalize_lines
from ogpgraph.importer.pages.extraction import UnreadableInput
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.markup import extract_visible_text, is_html
from tests.importer.pages.page_assertions import LIMIT, PAGES, read_page_text

BUDGET = (PAGES / "budget_en.txt").read_text("utf-8")


def canonicalize_page(data: bytes, *, limit_bytes: int) -> CanonicalPage:
    return canonical.canonicalize_page(data, shipped_labels().default, limit_bytes=limit_bytes)


def text_of(page: str) -> str:
    return canonicalize_page(page.encode(), limit_bytes=LIMIT).text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "zero bytes"),
        (b"%PDF-1.4\n\x01", "not a commitment page"),
        ("Budget é".encode("latin-1"), "broken UTF-8 at byte 7"),
        (b"\xff\xfeA", "broken UTF-16"),
        (b"Open Budgets (RU0007)\n\nSome prose.", "truncated page"),
        (b"Open Budgets (RU0007)\n\nAction Plan: Ruritania Action Plan 2018-2020\n", "truncated page"),
        (BUDGET.replace(" (RU0007)", "").encode(), "no title line"),
        (b"A page about something else.\n\nWith prose.\n", "not a commitment page"),
        (b'{"code": "RU0007"}', "not a commitment page"),
        (b"<html><body><p>Nothing here</p></body></html>", "not a commitment page"),
        (b"<html><body>" + b"<div>" * 5000, "too deeply"),
    ],
)
def test_other_input_is_refused_with_a_reason_of_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableInput, match=reason) as refused:
        canonicalize_page(data, limit_bytes=LIMIT)
    assert "\n" not in refused.value.reason


def test_several_pages_in_one_file_are_refused_by_their_titles() -> None:
    other = (PAGES / "presupuesto_es.txt").read_text("utf-8")
    with pytest.raises(UnreadableInput, match=r"several pages in one file \(.*RU0007.* and Presupuestos .*RU0007"):
        canonicalize_page(f"{BUDGET}\n{other}".encode(), limit_bytes=LIMIT)


def test_a_title_that_is_repeated_makes_no_second_page() -> None:
    title = next(line for line in BUDGET.split("\n") if "(RU0007)" in line)
    assert text_of(BUDGET.replace(title, f"{title}\n\n{title}")).count(title) == 2


def test_too_many_bytes_are_refused_undecoded() -> None:
    with pytest.raises(UnreadableInput, match="too large: 11 bytes, the limit is 10"):
        canonicalize_page(b"x" * 11, limit_bytes=10)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_byte_order_mark_have_the_same_text(encoding: str) -> None:
    page = (PAGES / "presupuesto_es.txt").read_text("utf-8")
    assert canonicalize_page(page.encode(encoding), limit_bytes=LIMIT).text == text_of(page)


SPANISH = (PAGES / "presupuesto_es.txt").read_text("utf-8") + "“Ávila, Índice”\n"


def decoded_by_a_browser_as_windows_1252(data: bytes) -> str:
    """Five of its bytes are no characters: browsers show control characters in their place."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)


@pytest.mark.parametrize(
    "decode",
    [
        decoded_by_a_browser_as_windows_1252,
        lambda data: data.decode("latin-1"),
        lambda data: data.decode("mac-roman"),
        lambda data: data.decode().replace("ó", "Ã³").replace("á", "Ã¡").replace("í", "Ã\u00ad").replace("é", "Ã©"),
    ],
    ids=["windows-1252", "latin-1", "mac-roman", "in parts"],
)
def test_utf_8_that_had_been_decoded_as_another_encoding_is_repaired_and_reported(
    decode: Callable[[bytes], str],
) -> None:
    page = canonicalize_page(decode(SPANISH.encode()).encode(), limit_bytes=LIMIT)
    assert page.text == text_of(SPANISH)
    assert page.repaired == "its UTF-8 had been decoded as another encoding"


@pytest.mark.parametrize("sign", ["?", "\ufffd"])
def test_a_page_that_lost_its_accented_letters_is_refused(sign: str) -> None:
    lost = "".join(sign if each.isalpha() and not each.isascii() else each for each in SPANISH)
    with pytest.raises(UnreadableInput, match="accented letters are lost"):
        canonicalize_page(lost.encode(), limit_bytes=LIMIT)


def test_signs_in_place_of_letters_that_were_published_so_and_queries_of_urls_are_no_damage() -> None:
    urls = "https://youtube.example/watch?v=abcde " * 6
    published = BUDGET.replace("in the town hall.", f"in a modi\ufffded town hall, {urls}", 1)
    assert text_of(published).count("\ufffd") == 1


@pytest.mark.parametrize("invisible", ["\u00ad", "\u200b", "\u2060", "\ufeff"])
def test_characters_without_a_width_make_no_other_text(invisible: str) -> None:
    assert text_of(BUDGET.replace("e", f"e{invisible}")) == text_of(BUDGET)


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\u202a", "\u2066"])
def test_marks_of_direction_around_lines_make_no_other_text(mark: str) -> None:
    assert text_of("\n".join(f"{mark}{line}{mark}" for line in BUDGET.split("\n"))) == text_of(BUDGET)


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\u2028"])
def test_line_ends_are_normalized(line_end: str) -> None:
    assert text_of(BUDGET.replace("\n", line_end)) == text_of(BUDGET)


def test_blanks_are_normalized_and_other_characters_unchanged() -> None:
    assert normalize_lines("Open\u00a0Budgets \u2009“é”  \n\n\n\nnext\t") == ["Open Budgets  “é”", "", "next"]


def test_navigation_tooltips_cookies_and_the_robot_trap_are_removed() -> None:
    text = text_of("We use cookies to count.\n" + BUDGET)
    assert text.startswith("Ruritania\n")
    assert "\nDesign\n" in text
    assert "Design i" not in text
    assert "Trap door" not in text
    assert text_of(BUDGET.replace("Design i", "Design\ni")) == text_of(BUDGET)


def test_text_of_the_site_within_the_governments_text_is_not_removed() -> None:
    assert "\nOpen Government Partnership\nEvery" in text_of(
        BUDGET.replace("\nEvery", "\nOpen Government Partnership\nEvery", 1)
    )


def test_the_list_of_siblings_is_split_off_without_its_heading() -> None:
    split = canonicalize_page(BUDGET.encode(), limit_bytes=LIMIT)
    assert split.siblings.startswith("  1. Open Budgets")
    assert split.siblings.endswith("Lantern Policy\n")
    assert split.text.endswith("in the town hall.\n")
    newer = BUDGET[: BUDGET.index("Do NOT")] + "Open Government Partnership\n"
    assert canonicalize_page(newer.encode(), limit_bytes=LIMIT) == split


def test_one_line_of_the_lists_form_in_prose_is_no_list() -> None:
    prose = BUDGET[: BUDGET.index("Commitments\n")].replace("Two bakers", "See\nRU0001, 2015, Aid\nTwo bakers")
    assert canonicalize_page(prose.encode(), limit_bytes=LIMIT).siblings == ""


def test_lines_behind_the_list_are_remarked() -> None:
    page = read_page_text(BUDGET.replace("Do NOT", "Printed in Strelsau\nDo NOT"))
    assert [remark.text for remark in page.remarks if remark.kind == "behind-the-list"] == ["Printed in Strelsau"]


def test_a_canonical_text_is_its_own_canonical_text() -> None:
    for file in PAGES.iterdir():
        text = canonicalize_page(file.read_bytes(), limit_bytes=LIMIT).text
        assert text_of(text) == text


def test_markup_becomes_lines_items_and_cells() -> None:
    markup = (
        "<p>One<br>two   three</p><script>x()</script><ul><li>a</li><li>b</li></ul><ol><li>c</li><li><p>d</p></li></ol>"
        "<table><tr><td>e</td><td>f</td></tr></table><pre>g\n h</pre><nav>menu</nav>"
    )
    assert is_html(markup)
    lines = [line for line in normalize_lines(extract_visible_text(markup)) if line]
    assert lines == ["One", "two three", "  • a", "  • b", "  1. c", "  2. d", "e | f", "g", " h"]


def test_a_text_with_one_tag_is_no_markup() -> None:
    assert not is_html("Line<br/>break, and <b>bold</b> words")


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    with suppress(UnreadableInput):
        assert decode_page(data).strip()
