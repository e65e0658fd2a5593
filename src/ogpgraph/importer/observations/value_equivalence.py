"""Decides which values are the same although they are written differently.

A difference that these rules ignore is not recorded as a change of the source. Two readings of a page may differ in
layout only (`is_equal_in_layout`); releases of the commitment database also differ in case, punctuation, coding and
the order of lists (`is_equivalent_cell_value`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value
from ogpgraph.domain.vocabulary import RatingState

TextLookup = Callable[[str], str | None]
"""Returns the text of a reference, None where the text is not stored."""
LoadTexts = Callable[[Iterable[str]], dict[str, str]]
"""Returns reference → text, unmasked, without those that are not stored."""

_BULLET = re.compile(r"^\s*[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff](?=\s)", re.MULTILINE)
_INVISIBLE = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_CHARACTER_VARIANTS = str.maketrans(
    {**dict.fromkeys("’‘`´ʼ", "'"), **dict.fromkeys("‐‑‒–—―", "-"), **dict.fromkeys("“”„«»", '"')}
)
_LEADING_NUMBER = re.compile(r"^(?:commitment\s*)?\d+(?:\.\d+)*\s*[.:)\-]*\s*(?=\D)")
_LEADING_LABEL = re.compile(r"^(?:[a-z]{0,3}\d+[a-z]?|[a-z]|[ivx]{1,5})(?:[.\-]\w{1,3})*\s*[.:)\-]\s*(?=\w)")
_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")
_TRAILING_PUNCTUATION = " .;:,"
TITLES = ("title/", "shortTitle/")
_NAMES = ("title/", "name/")
_DATES = ("startsOn", "endsOn")


def is_same_text(one: str | None, other: str | None) -> bool:
    """Return whether two texts differ only in white space, line breaks, bullets and invisible characters."""
    return _is_equal_after(_visible_characters, one, other)


def normalize_spelling(text: str) -> str:
    """Return a text without differences in case, white space, kinds of quotes and dashes, and final punctuation."""
    return " ".join(text.translate(_CHARACTER_VARIANTS).casefold().split()).strip(_TRAILING_PUNCTUATION)


def normalize_title(title: str) -> str:
    """Return a title with normalized spelling and without the commitment's number, which older files put before it."""
    plain = normalize_spelling(title)
    return _LEADING_NUMBER.sub("", plain).strip(_TRAILING_PUNCTUATION) or plain


def strip_label(title: str) -> str:
    """Return a normalized title without a label of any form before it: `A22.`, `b)`, `iv -`, `1.2:`."""
    plain = normalize_title(title)
    return _LEADING_LABEL.sub("", plain) or plain


def _visible_characters(text: str) -> str:
    return _INVISIBLE.sub("", _BULLET.sub("", text))


def _is_equal_after(normalize: Callable[[str], str], one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and normalize(one) == normalize(other)


# Pages

_REST_OF_ITEM = re.compile(r"\s*[,;.(\n–—-]|\s+\n")


def is_cut_off_in_page(lookup_text: TextLookup, path: str, value: Value, whole: Value) -> bool:
    """Return whether a text read from a page, or the last item of a list, is the beginning of what it was.

    It is not where the missing rest is a sentence, a line or an item of its own; names are never shortened so.
    """
    match value, whole:
        case TextValue(), TextValue():
            return _is_beginning(lookup_text(value.text), lookup_text(whole.text), is_name=path.startswith(_NAMES))
        case TextListValue(texts=[*items, last], translation_kind=_), TextListValue(texts=others):
            read = [lookup_text(each) for each in items], [lookup_text(each) for each in others]
            if len(others) <= len(items) or read[0] != read[1][: len(items)]:
                return False
            return _is_beginning(lookup_text(last), read[1][len(items)], is_name=False)
    return False


def is_shortened(former: Value, value: Value, lookup_text: TextLookup) -> bool:
    """Return whether a text, or a list, says less than before and nothing else."""
    match former, value:
        case TextValue(), TextValue():
            lines = [lookup_text(each.text) or "" for each in (former, value)]
            before, now = ([line.strip() for line in text.split("\n") if line.strip()] for text in lines)
            return len(now) < len(before) and set(now) <= set(before)
        case TextListValue(), TextListValue():
            return {lookup_text(each) for each in value.texts} < {lookup_text(each) for each in former.texts}
        case tuple(), tuple():
            return set(value) < set(former)
    return False


def _is_beginning(text: str | None, whole: str | None, *, is_name: bool) -> bool:
    if not text or not whole or len(text) >= len(whole) or not whole.startswith(text):
        return False
    return is_name or not (text[-1] in ".!?:;\n" or _REST_OF_ITEM.match(whole[len(text) :]))


def is_equal_in_layout(lookup_text: TextLookup, _path: str, old: Value, new: Value) -> bool:
    """Return whether two values that were read from pages differ in nothing but the layout of their texts."""
    match old, new:
        case TextValue(), TextValue():
            return old.translation_kind == new.translation_kind and _is_equal_reference(old.text, new.text, lookup_text)
        case TextListValue(), TextListValue():
            # Compared as one text each, because the line breaks that divide a list into items are layout, too.
            return old.translation_kind == new.translation_kind and is_same_text(
                _join_texts(old, lookup_text), _join_texts(new, lookup_text)
            )
        case Rating(), Rating():
            return _is_equal_rating(old, new, lookup_text) and _is_equal_reference(
                old.irm_report, new.irm_report, lookup_text
            )
    return old == new


def _join_texts(value: TextListValue, lookup_text: TextLookup) -> str | None:
    texts = [lookup_text(reference) for reference in value.texts]
    return None if None in texts else "\n".join(filter(None, texts))


def _is_equal_reference(old: str | None, new: str | None, lookup_text: TextLookup) -> bool:
    if old is None or new is None:
        return old is new
    return old == new or is_same_text(lookup_text(old), lookup_text(new))


def _is_equal_rating(old: Rating, new: Rating, lookup_text: TextLookup) -> bool:
    """Compare state and value; the published words count only where they could not be understood.

    "Yes" and "Yes Starred", in which an icon has its name beside it, are one rating.
    """
    if (old.state, old.value) != (new.state, new.value):
        return False
    if old.state != RatingState.UNRECOGNISED or old.stated_as is None or new.stated_as is None:
        return True
    return _is_equal_after(normalize_spelling, lookup_text(old.stated_as), lookup_text(new.stated_as))


# Spreadsheets


def is_equivalent_cell_value(path: str, old: Value | None, new: Value | None, lookup_text: TextLookup) -> bool:
    """Return whether two values of a path, from two releases of the commitment database, mean the same."""
    if old == new:
        return True
    match old, new:
        case Rating(), Rating():
            return _is_equal_rating(old, new, lookup_text)
        case TextValue(), TextValue():
            normalize = normalize_title if path.startswith(TITLES) else normalize_spelling
            return _is_equal_after(normalize, lookup_text(old.text), lookup_text(new.text))
        case TextListValue(), TextListValue():
            return _sorted_spellings(old, lookup_text) == _sorted_spellings(new, lookup_text)
        case tuple(), tuple():
            return sorted(old) == sorted(new)
        case str(), str() if path.startswith("database/"):
            return _is_equal_after(_normalize_raw_cell, old, new)
        case str(), str() if path in _DATES:
            # A spreadsheet stores a month as its first day.
            return {old, new} == {old[:7], f"{old[:7]}-01"}
    return False


def _sorted_spellings(value: TextListValue, lookup_text: TextLookup) -> list[str]:
    return sorted(normalize_spelling(lookup_text(reference) or reference) for reference in value.texts)


def _normalize_raw_cell(text: str) -> str:
    return _LEADING_ZEROS.sub("", normalize_spelling(text))
