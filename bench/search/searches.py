"""The searches that are measured: words as they follow one another in texts, and the most frequent ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from bench.search.texts import LANGUAGES, draw_words, frequent_words

_MIN_LETTERS: Final = 4
"""Shorter words mostly join others."""
_FREQUENT: Final = 15
"""The words of a language that count as the most frequent."""

DOCUMENT: Final = """query ($text: String!) { search(query: $text, first: 20) { ...Result } }"""
PAST_DOCUMENT: Final = """query ($text: String!, $at: Position!) {
  at(position: $at) { search(query: $text, first: 20) { ...Result } } }"""
RESULT: Final = """
fragment Result on SearchConnection {
  totalCount
  facets(dimensions: [POLICY_AREA, MEMBER]) { dimension values { value count } }
  nodes {
    score
    item { __typename ... on Commitment { code title } ... on Milestone { number title } }
    snippet { text highlights { start end } }
  }
  suggestions
}
"""


def choose_searches(seed: int, number: int) -> dict[str, list[str]]:
    """Return searches by what they are like, each as often as `number` says; the same for the same seed."""
    makers: dict[str, Callable[[random.Random], str]] = {
        "one word": lambda source: _words(source, 1),
        "two words": lambda source: _words(source, 2),
        "three words": lambda source: _words(source, 3),
        "most frequent words": _frequent,
        "phrase": lambda source: f'"{" ".join(draw_words(source, _language(source), 2))}"',
        "prefix": lambda source: _words(source, 1)[:4] + "*",
        "misspelt": lambda source: _misspell(source, _words(source, 1)),
    }
    source = random.Random(seed)
    return {name: [make(source) for _ in range(number)] for name, make in makers.items()}


def _language(source: random.Random) -> str:
    return source.choice(LANGUAGES)


def _words(source: random.Random, number: int) -> str:
    words = draw_words(source, _language(source), 40 * number)
    long = [word for word in words if len(word) >= _MIN_LETTERS]
    start = source.randrange(len(long) - number + 1)
    return " ".join(long[start : start + number])


def _frequent(source: random.Random) -> str:
    frequent = [word for word in frequent_words(_language(source), 100) if len(word) >= _MIN_LETTERS]
    return " ".join(source.sample(frequent[:_FREQUENT], source.randint(1, 3)))


def _misspell(source: random.Random, word: str) -> str:
    place = source.randrange(1, len(word))
    return word[:place] + "x" + word[place + 1 :]
