"""Texts without what words are compared regardless of: case, accents and runs of blanks."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

CACHED_TEXTS: Final = 100_000
MAX_CACHED_CHARACTERS: Final = 500
"""At a hundred characters a text, which is usual, the cache has 30 MB when it is full."""


def fold_text(text: str) -> str:
    """Return a text without case, accents and runs of blanks."""
    return _fold_cached(text) if len(text) <= MAX_CACHED_CHARACTERS else _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().split())


_fold_cached: Final = lru_cache(maxsize=CACHED_TEXTS)(_fold)
