"""Which values are one, though they are spelled, coded or ordered in another way."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ogpgraph.domain.text import Wording, Wordings
from ogpgraph.domain.values import Rating, Value

_SAME = str.maketrans({**dict.fromkeys("’‘`´ʼ", "'"), **dict.fromkeys("‐‑‒–—―", "-"), **dict.fromkeys("“”„«»", '"')})
_NUMBERED = re.compile(r"^(?:commitment\s*)?\d+(?:\.\d+)*\s*[.:)\-]*\s*(?=\D)")
_TITLES = ("title/", "shortTitle/")
_DATES = ("startsOn", "endsOn")
_ZEROS = re.compile(r"\b0+(?=\d)")
_END = " .;:,"


def spelling(text: str) -> str:
    """Return what makes two wordings one: blind to case, blanks, and the kinds of quotes and dashes."""
    return " ".join(text.translate(_SAME).casefold().split()).strip(_END)


def title_spelling(title: str) -> str:
    """Return what makes two titles one: their number in the plan, which older files write before them, does not."""
    plain = spelling(title)
    return _NUMBERED.sub("", plain).strip(_END) or plain


def same(path: str, old: Value | None, new: Value | None, words: Mapping[str, str]) -> bool:
    """Tell whether two values of a path mean the same; `words` is reference → wording for both."""
    if old == new:
        return True
    match old, new:
        case Rating(), Rating():
            return _same_rating(old, new, words)
        case Wording(), Wording():
            of = title_spelling if path.startswith(_TITLES) else spelling
            return _one(words.get(old.text), words.get(new.text), of)
        case Wordings(), Wordings():
            return len(old.texts) == len(new.texts) and _spelled(old, words) == _spelled(new, words)
        case tuple(), tuple():
            return sorted(old) == sorted(new)
        case str(), str():
            is_words = path.startswith("database/") and _ZEROS.sub("", spelling(old)) == _ZEROS.sub("", spelling(new))
            return is_words or (path in _DATES and _one_month(old, new))
    return False


def _one_month(old: str, new: str) -> bool:
    """A spreadsheet keeps a month as its first day."""
    return {old, new} == {old[:7], f"{old[:7]}-01"}


def _same_rating(old: Rating, new: Rating, words: Mapping[str, str]) -> bool:
    if (old.state, old.value) != (new.state, new.value):
        return False
    if old.state != "UNRECOGNISED" or old.stated_as is None or new.stated_as is None:
        return True
    return _one(words.get(old.stated_as), words.get(new.stated_as), spelling)


def _one(old: str | None, new: str | None, of: Callable[[str], str]) -> bool:
    return old is not None and new is not None and of(old) == of(new)


def _spelled(value: Wordings, words: Mapping[str, str]) -> list[str]:
    return sorted(spelling(words.get(reference, reference)) for reference in value.texts)
