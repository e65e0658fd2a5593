"""Control characters are written as escapes, and everything else as it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ogpgraph.control_characters import escape_control_characters

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b]0;title\x07", r"\u001b[31mred\u001b]0;title\u0007"),
        ("\x9b31m\x85\x7f", r"\u009b31m\u0085\u007f"),
        ("\u202eevil\u2069\u200f\u061c", r"\u202eevil\u2069\u200f\u061c"),
        ("a\nb\tc\rd\u2028e", r"a\u000ab\u0009c\u000dd\u2028e"),
        ("\ud800", r"\ud800"),
        ("Ünï ❤️ संविधान می‌خواهم", "Ünï ❤️ संविधान می‌خواهم"),
    ],
)
def test_control_characters_are_shown(text: str, shown: str) -> None:
    assert escape_control_characters(text) == shown


def test_lines_and_tabs_may_be_kept() -> None:
    assert escape_control_characters("a\n\tb\r", keep_lines=True) == "a\n\tb" + r"\u000d"


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Lu"])))
def test_no_control_character_is_left(text: str) -> None:
    shown = escape_control_characters(text)
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in shown)
    assert not any(unicodedata.bidirectional(each) in BIDIRECTIONAL for each in shown)
    assert escape_control_characters(shown) == shown
