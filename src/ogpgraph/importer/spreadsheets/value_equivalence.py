"""Which values are one, though they are spelled, coded or ordered in another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ogpgraph.domain.values import Rating, TextListValue, TextValue, Value

_CHARACTER_VARIANTS = str.maketrans(
    {**dict.fromkeys("’‘`´ʼ", "'"), **dict.fromkeys("‐‑‒–—―", "-"), **dict.fromkeys("“”„«»", '"')}
)
_LEADING_NUMBER = re.compile(r"^(?:commitment\s*)?\d+(?:\.\d+)*\s*[.:)\-]*\s*(?=\D)")
_TITLES = ("title/", "shortTitle/")
_DATES = ("startsOn", "endsOn")
_LEADING_ZEROS = re.compile(r"\b0+(?=\d)")
_TRAILING_PUNCTUATION = " .;:,"


def normalize_spelling(text: str) -> str:
    """Return what makes two wordings one: blind to case, blanks, and the kinds of quotes and dashes."""
    return " ".join(text.translate(_CHARACTER_VARIANTS).casefold().split()).strip(_TRAILING_PUNCTUATION)


def normalize_title(title: str) -> str:
    """Return what makes two titles one: their number in the plan, which older files write before them, does not."""
    plain = normalize_spelling(title)
    return _LEADING_NUMBER.sub("", plain).strip(_TRAILING_PUNCTUATION) or plain


def are_equivalent(path: str, old: Value | None, new: Value | None, words: Mapping[str, str]) -> bool:
    """Tell whether two values of a path mean the same; `words` is reference → wording for both."""
    if old == new:
        return True
    match old, new:
        case Rating(), Rating():
            return _ratings_match(old, new, words)
        case TextValue(), TextValue():
            of = normalize_title if path.startswith(_TITLES) else normalize_spelling
            return _texts_match(words.get(old.text), words.get(new.text), of)
        case TextListValue(), TextListValue():
            return len(old.texts) == len(new.texts) and _normalized_texts(old, words) == _normalized_texts(new, words)
        case tuple(), tuple():
            return sorted(old) == sorted(new)
        case str(), str():
            is_words = path.startswith("database/") and _LEADING_ZEROS.sub(
                "", normalize_spelling(old)
            ) == _LEADING_ZEROS.sub("", normalize_spelling(new))
            return is_words or (path in _DATES and _is_same_month(old, new))
    return False


def _is_same_month(old: str, new: str) -> bool:
    """A spreadsheet keeps a month as its first day."""
    return {old, new} == {old[:7], f"{old[:7]}-01"}


def _ratings_match(old: Rating, new: Rating, words: Mapping[str, str]) -> bool:
    if (old.state, old.value) != (new.state, new.value):
        return False
    if old.state != "UNRECOGNISED" or old.stated_as is None or new.stated_as is None:
        return True
    return _texts_match(words.get(old.stated_as), words.get(new.stated_as), normalize_spelling)


def _texts_match(old: str | None, new: str | None, of: Callable[[str], str]) -> bool:
    return old is not None and new is not None and of(old) == of(new)


def _normalized_texts(value: TextListValue, words: Mapping[str, str]) -> list[str]:
    return sorted(normalize_spelling(words.get(reference, reference)) for reference in value.texts)
