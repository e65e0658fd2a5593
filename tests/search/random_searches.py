"""Searches that a seed chooses from the words of the corpus, in every form that a search can have."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator

from tests.search.corpus import Commitment, read_plans

_WORD = re.compile(r"\w+")


def corpus_texts() -> list[str]:
    """Return the texts of the corpus, in order."""
    return [text for plan in read_plans() for each in plan.commitment for text in _texts_of(each)]


def _texts_of(commitment: Commitment) -> Iterator[str]:
    yield from (commitment.title, commitment.text, *commitment.lead, *commitment.milestones)
    yield from (commitment.review, *commitment.titles.values(), *commitment.texts.values())


def choose_searches(seed: int, number: int) -> list[str]:
    """Return as many searches, the same for the same seed: words of one text, some of them changed, and operators."""
    source = random.Random(seed)
    texts = [words for text in corpus_texts() if (words := _WORD.findall(text))]
    codes = [each.code for plan in read_plans() for each in plan.commitment]
    return [_choose_search(source, texts, codes) for _ in range(number)]


def _choose_search(source: random.Random, texts: list[list[str]], codes: list[str]) -> str:
    if source.random() < 0.05:
        return source.choice(codes).swapcase()
    words = source.choice(texts)
    start = source.randrange(len(words))
    chosen = words[start : start + source.randint(1, 3)]
    if source.random() < 0.15:
        return f'"{" ".join(chosen)}"'
    parts = [_change(source, word) for word in chosen]
    if source.random() < 0.15:
        parts.append("-" + source.choice(source.choice(texts)))
    return " ".join(parts)


def _change(source: random.Random, word: str) -> str:
    match source.randrange(10):
        case 0:
            return word[: max(2, len(word) // 2)] + "*"
        case 1:
            return misspell(source, word)
        case 2:
            return source.choice(("title", "institution", "description", "milestone")) + ":" + word
        case 3:
            return remove_accents(word)
        case 4:
            return word.upper()
        case _:
            return word


def misspell(source: random.Random, word: str) -> str:
    """Return a word with a letter missing, doubled, replaced or exchanged with the next one."""
    place = source.randrange(len(word))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return source.choice([before + after, before + letter + letter + after, before + "e" + after, _swap(word, place)])


def _swap(word: str, place: int) -> str:
    return word[:place] + word[place : place + 2][::-1] + word[place + 2 :]


def remove_accents(text: str) -> str:
    """Return a text without accents."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
