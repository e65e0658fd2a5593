"""Layout is no change: words broken into other lines, spaced or bulleted otherwise, are still the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import structs

from ogpgraph.domain.text import Wording, Wordings
from ogpgraph.domain.values import Rating, Value

WordsOf = Callable[[str], str | None]

_BULLET = re.compile(r"^\s*[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff](?=\s)", re.MULTILINE)
_NO_INK = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")


def same_words(one: str | None, other: str | None) -> bool:
    """Tell whether two texts are the same but for blanks, line breaks, bullets, and characters that nobody sees."""
    return one is not None and other is not None and _ink(one) == _ink(other)


def as_before(value: Value | None, before: Iterable[Value | None], words_of: WordsOf) -> Value | None:
    """Return the first of some earlier values that says the same in another layout, else the value itself."""
    return next((each for each in before if each is not None and _says(each, value, words_of)), value)


def _ink(text: str) -> str:
    return _NO_INK.sub("", _BULLET.sub("", text))


def _says(old: Value, new: Value | None, words_of: WordsOf) -> bool:
    match old, new:
        case Wording(), Wording():
            return old.made == new.made and _one(old.text, new.text, words_of)
        case Wordings(), Wordings():
            # As one text each: where a list breaks its lines is layout, too.
            return old.made == new.made and same_words(_joined(old, words_of), _joined(new, words_of))
        case Rating(), Rating():
            return structs.replace(old, stated_as=None, irm_report=None) == structs.replace(
                new, stated_as=None, irm_report=None
            ) and all(
                _one(one, other, words_of)
                for one, other in ((old.stated_as, new.stated_as), (old.irm_report, new.irm_report))
            )
    return old == new


def _joined(value: Wordings, words_of: WordsOf) -> str | None:
    words = [words_of(reference) for reference in value.texts]
    return None if None in words else "\n".join(filter(None, words))


def _one(old: str | None, new: str | None, words_of: WordsOf) -> bool:
    if old is None or new is None:
        return old is new
    return old == new or same_words(words_of(old), words_of(new))
