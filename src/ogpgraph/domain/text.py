"""Texts where they enter the record: one normal form, no control characters, and something that can be seen.

Every text that is stored passes `normalize_text`, by way of `UnitOfWork.text_ref`. What people send is refused where it
does not fit; what sources publish is cleaned by `clean_published_text` before, so that an import never fails for it.
"""

from __future__ import annotations

import re
import unicodedata

from ogpgraph.domain.errors import Invalid

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
# Soft hyphens and characters without a width, which programs add and drop; those that join letters have a meaning.
_ZERO_WIDTH = re.compile("[\u00ad\u200b\u2060\ufeff]")
_SEPARATORS = re.compile(r"[\x1c-\x1f]")
_INVISIBLE = frozenset(
    # Letters and symbols that show nothing: the fillers of Hangul are Default_Ignorable_Code_Points, the others are
    # blank by definition: a Braille pattern, a note head, hieroglyphs, and the place of an object that is not there.
    "\u115f\u1160\u3164\uffa0\u2800\U0001d159\U00013441\U00013442\ufffc"
)
_VISIBLE_CATEGORIES = frozenset("LNPS")
"""Letters, numbers, punctuation and symbols. Marks show nothing without one of these, and format characters never."""


def normalize_text(text: str, field: str = "a text") -> str:
    r"""Return a text in Unicode normalization form C and with `\n` as its line end, so that equal texts are equal.

    Raises Invalid, naming the field, for a text without any visible character, and for one with half a character or
    with a control character other than a line feed and a tab.
    """
    unix = text.replace("\r\n", "\n")
    if found := _SURROGATE.search(unix):
        raise Invalid(f"{field} cannot contain half a character (position {found.start()})", field)
    if found := _CONTROL.search(unix):
        code = f"U+{ord(found.group()):04X}"
        raise Invalid(f"{field} cannot contain the control character {code} (position {found.start()})", field)
    normalized = unicodedata.normalize("NFC", unix)
    if not has_visible_character(normalized):
        raise Invalid(f"{field} is empty: it has no visible character", field)
    return normalized


def clean_published_text(text: str) -> str:
    r"""Return a published text in normalization form C, with `\n` as its line end, and without control characters.

    Soft hyphens and characters of no width are left out, too. Nothing visible is lost. The result may be empty.
    """
    if text.isascii() and text.isprintable():
        return text
    blank = _SEPARATORS.sub(" ", _LINE_ENDS.sub("\n", _ZERO_WIDTH.sub("", text)))
    # In this order: without what was between them, a letter and an accent become one character.
    return unicodedata.normalize("NFC", _SURROGATE.sub("", _CONTROL.sub("", blank)))


def has_visible_character(text: str) -> bool:
    """Return whether a text has a character that can be seen, so that it is not taken for an empty one."""
    if text.isascii() and text.isprintable():  # nearly always; of these characters only the blank is not seen
        return bool(text) and not text.isspace()
    return any(unicodedata.category(each)[0] in _VISIBLE_CATEGORIES and each not in _INVISIBLE for each in text)


def is_normalized_line(text: str) -> bool:
    """Return whether a string is in normalization form C and has neither control characters nor half a character."""
    if text.isascii() and text.isprintable():
        return True
    return (
        not _CONTROL.search(text)
        and "\n" not in text
        and "\t" not in text
        and not _SURROGATE.search(text)
        and unicodedata.is_normalized("NFC", text)
    )
