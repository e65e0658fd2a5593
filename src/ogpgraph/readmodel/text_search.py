"""The search for words in texts, regardless of case, accents and runs of blanks.

The texts of a dimension are folded once for a process. When some of them change, those are; when one is removed from
the record, all are read again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from ogpgraph.readmodel.index import Index

MAX_CACHED_CHARACTERS: Final = 100
"""Longer texts are no words of a vocabulary, which are folded again and again."""
FoldedText = tuple[str, str]
"""The reference of a text, and the folded text."""
ReadTexts = Callable[[Iterable[str]], Mapping[str, str]]


def fold_text(text: str) -> str:
    """Return a text without case, accents and runs of blanks."""
    return _fold_cached(text) if len(text) <= MAX_CACHED_CHARACTERS else _fold(text)


def _fold(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    plain = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    return " ".join(plain.casefold().split())


_fold_cached: Final = lru_cache(maxsize=5_000)(_fold)


class _Folded(NamedTuple):
    values: object
    redaction_version: int
    position: int
    texts: Sequence[FoldedText]


class FoldedTexts:
    """The folded texts of dimensions whose values are references, as they were read last at the latest position."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], _Folded] = {}

    def get(self, index: Index, dimension: str, redaction_version: int, read_texts: ReadTexts) -> Sequence[FoldedText]:
        """Return the texts of a dimension of an index, without those that were removed; raises CorruptText."""
        key, values = (index.aggregate_type, dimension), index.values(dimension)
        latest = self._latest.get(key)
        if latest and latest.redaction_version != redaction_version:
            latest = None
        if latest and latest.values is values:
            return latest.texts
        known = dict(latest.texts) if latest else {}
        read = read_texts([reference for reference in values if reference not in known])
        known |= {reference: _fold(text) for reference, text in index.check(read.items())}
        texts = [(reference, known[reference]) for reference in values if reference in known]
        if latest is None or index.position >= latest.position:
            self._latest[key] = _Folded(values, redaction_version, index.position, texts)
        return texts
