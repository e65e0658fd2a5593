"""The words of texts, in the forms in which they are compared.

A word is a run of letters, digits and their marks; apostrophes and hyphens separate words. A run of a script that is
written without spaces between words, such as Chinese or Thai, gives each pair of neighbouring characters as a word, and
its last character. Forms differ in letters and digits only, not in case, width or the script of the digits; accents are
part of them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_WORD_LENGTH: Final = 64
"""The code points of a word that are compared; no language has longer words."""
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\uff66-\uff9f"
)
"""Thai, Lao, Burmese, Khmer, Chinese characters and Kana."""
_RARE_UNSPACED: Final = "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
"""Rare Kana and Chinese characters, apart from the others: a class of the two-byte characters alone is fast."""
_SOFT_HYPHEN: Final = "\u00ad"
_INSIDE_WORDS: Final = f"{_SOFT_HYPHEN}\u034f\u200c\u200d\u2060" + "".join(map(chr, range(0xFE00, 0xFE10)))
"""Shown as nothing, and allowed between the letters of a word: soft hyphens, what (dis)joins letters, and variants."""
_ACCENTS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]")
"""What may be left out in writing: accents, and the vowel points of Hebrew and Arabic."""
_WITHOUT_DECOMPOSITION: Final = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "\u0640": ""}
    | {"\u0649": "\u064a", "\u0629": "\u0647"}  # yeh without dots, and heh for teh marbuta: often written so in Arabic
)
_SAME_LETTERS: Final = {
    "\u06a9": "\u0643",
    "\u06cc": "\u064a",
    "\u06c1": "\u0647",
    "\u06d5": "\u0647",
    "\u06c0": "\u0647\u0654",
    "\u06c2": "\u0647\u0654",
}
"""Letters of Persian, Urdu and Kurdish → those of Arabic that stand for the same: which one is written depends on the
keyboard. The stemmer of Persian reads both."""
_HAS_UNSPACED: Final = re.compile(f"[{_UNSPACED}{_RARE_UNSPACED}]")
_IN_WORD: Final = 1
_OTHER: Final = 2
"""The kinds of characters: a letter or digit, and what only `find_words` knows; the rest, 0, separates words."""


class Word(NamedTuple):
    """A word of a text, from one code point until before another."""

    text: str
    start: int
    end: int


class WordBounds(NamedTuple):
    """Where the words of a text are, in order: each from one code point until before another."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]


def split_words(text: str) -> list[str]:
    """Return the words of a text as they are written, in order; the place of a word is its number there."""
    if text.isascii() or _is_plain_latin(text):  # which is found much faster
        return _patterns().plain.findall(text)
    if _kinds_of(text).max() == _OTHER:
        return [word.text for word in find_words(text)]
    return _patterns().plain.findall(text)


def locate_words(text: str) -> WordBounds:
    """Return where the words of a text are, as `split_words` returns them.

    A table of characters locates all of them faster than a pattern those of a snippet.
    """
    kinds = _kinds_of(text)
    if kinds.max(initial=0) == _OTHER:
        spans = np.array([(word.start, word.end) for word in find_words(text)], dtype=np.int64).reshape(-1, 2)
        return WordBounds(spans[:, 0], spans[:, 1])
    padded = np.zeros(len(text) + 2, dtype=np.uint8)
    padded[1:-1] = kinds
    (bounds,) = np.nonzero(padded[1:] != padded[:-1])
    return WordBounds(bounds[::2], bounds[1::2])


def _kinds_of(text: str) -> NDArray[np.uint8]:
    """Return of what kind each character is; of those beyond two bytes, _OTHER twice."""
    return _kinds().take(np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2"))


def find_words(text: str) -> Iterator[Word]:
    """Yield the words of a text, as `split_words` returns them, with where they are."""
    patterns = _patterns()
    for match in patterns.run.finditer(text):
        start, end = match.span()
        if match.lastgroup != "unspaced":
            yield Word(match.group(), start, end)
            continue
        for first in range(start, end):
            yield Word(text[first : first + 2][: end - first], first, min(first + 2, end))


def is_unspaced(text: str) -> bool:
    """Return whether a word is of a script that is written without spaces between words."""
    return bool(_HAS_UNSPACED.match(text))


@lru_cache(maxsize=10_000)
def normalize_word(word: str) -> str:
    """Return the form of a word: without differences of case, width, ligatures, digits and keyboards; with accents."""
    if word.isascii():
        return word.lower()[:MAX_WORD_LENGTH]
    plain = unicodedata.normalize("NFKC", word).translate(_unify_letters())
    folded = unicodedata.normalize("NFC", plain.casefold()).replace("i\u0307", "i")  # of a Turkish capital
    return "".join(map(_write_digit, folded[:MAX_WORD_LENGTH]))


def _write_digit(character: str) -> str:
    """Return a digit of any script as that of ASCII, and any other character as it is."""
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def fold_accents(form: str) -> str:
    """Return a form without accents."""
    if form.isascii():
        return form
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", form))
    return sys.intern(unicodedata.normalize("NFC", plain).translate(_WITHOUT_DECOMPOSITION))


@cache
def _unify_letters() -> dict[int, str | None]:
    return dict.fromkeys(map(ord, _INSIDE_WORDS)) | str.maketrans(_SAME_LETTERS)


class _Patterns(NamedTuple):
    plain: re.Pattern[str]
    """Words of texts in which `other` finds nothing, as in nearly all that are not of Asia."""
    other: re.Pattern[str]
    run: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    r"""Return the patterns of words; `\w` lacks the marks that scripts of India write vowels with."""
    marks = "".join(each for code in range(0x300, 0x10000) if (each := chr(code)) and _is_other_mark(each))
    letters, inside = rf"[^\W_{_UNSPACED}]", f"[{re.escape(marks)}{_INSIDE_WORDS}]"
    word = f"{letters}+(?:{inside}+{letters}*)*"
    return _Patterns(
        re.compile(r"[^\W_]+"),
        re.compile(f"[{re.escape(marks)}{_INSIDE_WORDS}{_UNSPACED}]"),
        re.compile(f"(?P<unspaced>(?:[{_UNSPACED}]|[{_RARE_UNSPACED}])+)|(?P<spaced>{word})"),
    )


@cache
def _kinds() -> NDArray[np.uint8]:
    """Return of what kind each character of two bytes is; halves of others are _OTHER."""
    characters = "".join(map(chr, range(0x10000)))
    kinds = np.zeros(len(characters), dtype=np.uint8)
    for kind, pattern in ((_IN_WORD, _patterns().plain), (_OTHER, _patterns().other)):
        for match in pattern.finditer(characters):
            kinds[match.start() : match.end()] = kind
    kinds[0xD800:0xE000] = _OTHER
    return kinds


def _is_plain_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return _SOFT_HYPHEN not in text


def _is_other_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" and not re.match(r"\w", character)
