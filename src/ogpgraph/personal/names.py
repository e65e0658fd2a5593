"""Persons named in free text behind a word such as "Contact:" or "Responsible person:", and nowhere else.

Words that only institutions, functions or labels hold ("Ministry", "Director") are no part of a person's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ogpgraph.personal.mark import Mark, PersonalData
from ogpgraph.personal.words import one_of, words

_BLANK = "[ \u00a0]"
_CAPITAL = "[^\\W\\d_a-zß-öø-ÿ]"
_LETTER = "[^\\W\\d_]"
_NEXT = re.compile(rf"{_BLANK}*(?:[,;/&]|(?:and|y|e|et)(?=\s)){_BLANK}*")


def names_in(text: str) -> Iterator[Mark]:
    """Yield the names behind a label, several where they are listed; forms of address stay readable."""
    for label in _label().finditer(text):
        at: int | None = label.end()
        while at is not None and (person := _person(text, at)):
            yield person
            onward = _NEXT.match(text, person.end)
            at = onward.end() if onward else None


def _person(text: str, at: int) -> Mark | None:
    """Return the name that stands at a place: two words or more, or one behind a title; None where none does."""
    match = _name().match(text, at)
    if match is None or _no_name().search(match["name"]):
        return None
    if not match["titles"] and not re.search(r"\s", match["name"]):
        return None
    return Mark(match.start("name"), match.end("name"), PersonalData.NAME)


@cache
def _label() -> re.Pattern[str]:
    gloss = rf"(?:{_BLANK}?\([^()\n]{{1,60}}\))?"
    end = rf"{_BLANK}*(?:[:|=\u2013\u2014-]{_BLANK}*\n?|\n){_BLANK}*(?:[•*-]{_BLANK}*)?"
    return re.compile(rf"(?<!\w)(?i:{one_of(words().contact)}){gloss}{end}")


@cache
def _name() -> re.Pattern[str]:
    word = rf"(?:{_CAPITAL}(?:{_LETTER}|['’-])*{_LETTER}|{_CAPITAL}\.)(?!\w)"
    titles = rf"(?:(?i:{one_of(words().titles)})\.?{_BLANK}+){{0,3}}"
    between = rf"{_BLANK}+(?:(?:{one_of(words().particles)}){_BLANK}+){{0,2}}"
    return re.compile(rf"(?P<titles>{titles})(?P<name>{word}(?:{between}{word}){{0,4}})")


@cache
def _no_name() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?i:{one_of(words().no_name)})(?!\w)")
