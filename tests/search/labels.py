"""Searches over the corpus with the codes that are relevant, and how good an answer to them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

_FOLDER = Path(__file__).parent
HITS = 10
"""The number of first hits in which relevant ones count as found."""


class Kind(StrEnum):
    """What a search exercises."""

    WORDS = "words"
    ACCENTS = "accents"
    MISSPELT = "misspelt"
    INFLECTED = "inflected"
    PHRASE = "phrase"
    INSTITUTION = "institution"
    CODE = "code"
    MINUS = "minus"
    PREFIX = "prefix"
    FIELD = "field"


class LabelledSearch(Struct, frozen=True, forbid_unknown_fields=True):
    """A search; the codes that a reader wants, those that may be the first hit, and those that must not be found."""

    query: str
    language: Literal["en", "es", "fr"]
    kind: Kind
    relevant: frozenset[str]
    first: frozenset[str]
    excluded: frozenset[str] = frozenset()


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    search: tuple[LabelledSearch, ...]


def read_development_searches() -> tuple[LabelledSearch, ...]:
    """Return the searches by which the rules are developed."""
    return _read("labels-development.toml")


def read_held_out_searches() -> tuple[LabelledSearch, ...]:
    """Return the searches that are used only at the end and reported separately."""
    return _read("labels-held-out.toml")


def read_sample_searches() -> tuple[LabelledSearch, ...]:
    """Return the searches of OGP's published files."""
    return _read("labels-samples.toml")


def _read(name: str) -> tuple[LabelledSearch, ...]:
    return msgspec.toml.decode((_FOLDER / name).read_bytes(), type=_File).search


class Quality(Struct, frozen=True):
    """How good the answers to some searches are: both shares are 1 at best."""

    searches: int
    recall: float
    """The mean of the shares of the relevant codes, of ten at most, that are among the first ten hits."""
    first: float
    """The share of the searches whose first hit is an acceptable one, and that found nothing excluded."""
    failures: tuple[str, ...]
    """A line for each search that is not answered as well as possible, with its first hits."""


def judge(answers: Mapping[LabelledSearch, Sequence[str]]) -> Quality:
    """Return the quality of answers: the codes that each search found, without repetitions, the best first."""
    recalls = {search: _recall(search, codes) for search, codes in answers.items()}
    firsts = {search: _is_first_right(search, codes) for search, codes in answers.items()}
    failures = (
        f"{search.query}: recall {float(recalls[search]):.2f}, {_describe(search, codes)}"
        for search, codes in answers.items()
        if recalls[search] < 1 or not firsts[search]
    )
    return Quality(len(answers), _mean(recalls.values()), _mean(firsts.values()), tuple(failures))


def _recall(search: LabelledSearch, codes: Sequence[str]) -> Fraction:
    return Fraction(len(search.relevant.intersection(codes[:HITS])), min(HITS, len(search.relevant)))


def _is_first_right(search: LabelledSearch, codes: Sequence[str]) -> bool:
    return bool(codes) and codes[0] in search.first and search.excluded.isdisjoint(codes)


def _describe(search: LabelledSearch, codes: Sequence[str]) -> str:
    missing = sorted(search.relevant.difference(codes[:HITS]))
    return f"first {' '.join(codes[:3]) or 'none'} for {' '.join(sorted(search.first))}, missing {missing}"


def _mean(values: Iterable[Fraction | bool]) -> float:
    counted = list(values)
    return float(sum(counted, Fraction(0)) / len(counted)) if counted else 1.0
