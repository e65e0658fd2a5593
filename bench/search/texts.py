"""Texts with the vocabulary of commitments in three languages, made by a chance that a seed decides.

`words.tsv` has the figures: each word of a language with its number, and of the words that often follow it the numbers.
They were counted in commitments of the open government database, in the pages of some, and in the invented commitments
of `tests/search`; names and rare words were left out. In place of these, texts here have invented words, of which few
are frequent and very many are rare, as are the names in real texts.
"""

from __future__ import annotations

import random
from bisect import bisect
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Final, NamedTuple

LANGUAGES: Final = ("en", "es", "fr")
SHARES: Final = (5, 3, 2)
"""How many of ten commitments are in each of the languages."""
_FOLLOWS: Final = 0.6
"""How often a word is followed by one that often follows it."""
_INVENTED: Final = 0.02
"""The share of invented words."""
_INVENTED_WORDS: Final = 60_000
_SYLLABLES: Final = tuple(first + vowel for first in "bcdfglmnprstv" for vowel in "aeiou")
_SENTENCE: Final = (8, 30)
"""The fewest and the most words of a sentence."""


class _Choice(NamedTuple):
    words: tuple[str, ...]
    limits: tuple[int, ...]

    def draw(self, source: random.Random) -> str:
        return self.words[bisect(self.limits, source.random() * self.limits[-1])]


def _choice(counts: dict[str, int]) -> _Choice:
    return _Choice(tuple(counts), tuple(accumulate(counts.values())))


class _Vocabulary(NamedTuple):
    words: _Choice
    next_words: dict[str, _Choice]


@cache
def _vocabularies() -> dict[str, _Vocabulary]:
    language, counts, following = "", dict[str, dict[str, int]](), dict[str, dict[str, _Choice]]()
    for line in (Path(__file__).parent / "words.tsv").read_text("utf-8").splitlines():
        if line.startswith("# "):
            language = line[2:]
            counts[language], following[language] = {}, {}
            continue
        word, count, *others = line.split("\t")
        counts[language][word] = int(count)
        if others:
            pairs = (pair.rpartition(":") for pair in others[0].split())
            following[language][word] = _choice({other: int(number) for other, _, number in pairs})
    return {language: _Vocabulary(_choice(counts[language]), following[language]) for language in counts}


def frequent_words(language: str, number: int) -> list[str]:
    """Return the most frequent words of a language, the most frequent first."""
    return list(_vocabularies()[language].words.words[:number])


def words_between(language: str, first: int, last: int) -> list[str]:
    """Return words of a language by their ranks, counted from 0."""
    return list(_vocabularies()[language].words.words[first:last])


def choose_language(source: random.Random) -> str:
    """Return one of the languages, each as often as its share says."""
    return source.choices(LANGUAGES, SHARES)[0]


def draw_words(source: random.Random, language: str, number: int) -> list[str]:
    """Return words as they follow one another in texts."""
    vocabulary, words, previous = _vocabularies()[language], list[str](), ""
    for _ in range(number):
        following = vocabulary.next_words.get(previous)
        if source.random() < _INVENTED:
            previous = _invent_word(source)
        elif following and source.random() < _FOLLOWS:
            previous = following.draw(source)
        else:
            previous = vocabulary.words.draw(source)
        words.append(previous)
    return words


def draw_text(source: random.Random, language: str, words: int) -> str:
    """Return sentences of about as many words."""
    sentences = []
    while words > 0:
        length = source.randint(*_SENTENCE)
        sentences.append(" ".join(draw_words(source, language, length)).capitalize() + ".")
        words -= length
    return " ".join(sentences)


def draw_title(source: random.Random, language: str) -> str:
    """Return a title of three to twelve words."""
    return " ".join(draw_words(source, language, source.randint(3, 12))).capitalize()


def _invent_word(source: random.Random) -> str:
    """Return an invented word: the one of rank r about 1 / r as often as the first."""
    rank = int(_INVENTED_WORDS ** source.random())
    syllables = random.Random(rank)
    return "".join(syllables.choices(_SYLLABLES, k=syllables.randint(2, 4)))
