"""Detectors of personal data in free text: e-mail addresses, phone numbers and named contacts.

The words they look for are data in `lexicon.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import msgspec
from msgspec import Struct


class PersonalDataKind(StrEnum):
    """What sort of personal data it is."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NAME = "NAME"


class Mark(NamedTuple):
    """Characters of a text, `end` excluded, that are personal data."""

    start: int
    end: int
    kind: PersonalDataKind


class Lexicon(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of all languages; the file says what each list is for."""

    contact: tuple[str, ...]
    phone: tuple[str, ...]
    no_phone: tuple[str, ...]
    units: tuple[str, ...]
    titles: tuple[str, ...]
    particles: tuple[str, ...]
    no_name: tuple[str, ...]


@cache
def load_lexicon() -> Lexicon:
    """Return the words."""
    return msgspec.convert(
        tomllib.loads(files("ogpgraph.personal").joinpath("lexicon.toml").read_text("utf-8")), Lexicon
    )


def alternation(listed: Iterable[str]) -> str:
    """Return an expression that matches any of the words, the longest first."""
    return "|".join(re.escape(word).replace(r"\ ", "[ \u00a0]+") for word in sorted(listed, key=len, reverse=True))


_AT = re.compile(r"[ ]?[@＠][ ]?|[ ]?[\[({][ ]?(?:at|arroba|arobase|@)[ ]?[\])}][ ]?", re.IGNORECASE)
_LOCAL = re.compile(r"(?<![\w.+%-])[\w!#$%&'*+=?^`~.-]{1,64}(?<!\.)$")
_DOMAIN = re.compile(
    r"(?:[\w-]{1,63}(?:\.|[ ]?[\[({][ ]?(?:dot|punto|point)[ ]?[\])}][ ]?)){1,8}[^\W\d_]{2,24}(?!\w)", re.IGNORECASE
)
_LONGEST_LOCAL = 65

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_GAP = "[ \u00a0\u2009\u202f]?[-.\u2010-\u2013/]?[ \u00a0\u2009\u202f]?"
_INTERNATIONAL = rf"(?:\+|\b00)[ ]?[1-9]\d{{0,2}}(?:{_GAP}\(\d{{1,4}}\))?(?:{_GAP}\d{{1,12}}){{1,7}}"
_WITH_AREA = rf"\(0?\d{{1,4}}\){_GAP}\d{{2,4}}(?:[ .\u2010-\u2013-]\d{{2,4}}){{1,3}}"
_AMERICAN = r"\d{3}(?P<gap>[ .\u2010-])\d{3}(?P=gap)\d{4}"
_TRUNK = r"0\d{1,4}(?:[ .\u2010-\u2013/-]\d{2,4}){2,4}"
_MOBILE = r"0[1-9]\d{8,9}"
_SHAPES = re.compile(
    rf"(?<![\w.,/+$€£#=_-])(?:{_INTERNATIONAL}|{_WITH_AREA}|{_AMERICAN}|{_TRUNK}|{_MOBILE})(?!\w|[.,/-]\d)"
)
_LOOSE = "[+(]{0,2}\\d(?:[ \u00a0().\u2010-\u2013-]{0,2}\\d){5,14}"
_LOOSE_NUMBER = re.compile(_LOOSE)
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./ -]\d{1,2}[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -]\d{1,2}[./ -]\d{1,2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
_BEFORE = 40


def find_emails(text: str) -> Iterator[Mark]:
    """Yield the e-mail addresses, also those written to hide from robots: jane (at) ministry.example."""
    for sign in _AT.finditer(text):
        before = max(0, sign.start() - _LONGEST_LOCAL)
        local = _LOCAL.search(text[before : sign.start()])
        domain = _DOMAIN.match(text, sign.end())
        if local and domain:
            yield Mark(before + local.start(), domain.end(), PersonalDataKind.EMAIL)


def find_phones(text: str) -> Iterator[Mark]:
    """Yield the phone numbers, international and local."""
    for match in _labelled().finditer(text):
        for number in _LOOSE_NUMBER.finditer(text, *match.span("numbers")):
            if not _is_date(number.group()):
                yield Mark(number.start(), number.end(), PersonalDataKind.PHONE)
    addresses = [match.span() for match in _URL.finditer(text)]
    for match in _SHAPES.finditer(text):
        if _is_phone(text, match) and not any(start <= match.start() < end for start, end in addresses):
            yield Mark(match.start(), match.end(), PersonalDataKind.PHONE)


def _is_phone(text: str, match: re.Match[str]) -> bool:
    digits = sum(character.isdigit() for character in match.group())
    if not _FEWEST_DIGITS <= digits <= _MOST_DIGITS or _is_date(match.group()):
        return False
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    return not _unit().match(text, match.end()) and not _numbered().search(before)


def _is_date(number: str) -> bool:
    """Tell whether a number holds a date, or two years such as "2018-2020"."""
    return bool(_DATE.search(number)) or len(_YEAR.findall(number)) > 1


@cache
def _labelled() -> re.Pattern[str]:
    more = rf"(?:[ ]?(?:[/,;|]|\b(?:or|o|ou|and|y|et)\b)[ ]?{_LOOSE}){{0,4}}"
    between = "[ .:;,#\u00ba\u00b0()|\\[\\]\u2013-]{0,6}"
    return re.compile(
        rf"(?<!\w)(?i:{alternation(load_lexicon().phone)})(?:\(s\))?{between}(?P<numbers>{_LOOSE}{more})(?!\d)"
    )


@cache
def _unit() -> re.Pattern[str]:
    return re.compile(rf"[ \u00a0]?(?:[%€$£]|(?i:{alternation(load_lexicon().units)})(?!\w))")


@cache
def _numbered() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?i:{alternation(load_lexicon().no_phone)})[ .:#\u00ba\u00b0]{{0,4}}$")


_BLANK = "[ \u00a0]"
_CAPITAL = "[^\\W\\d_a-zß-öø-ÿ]"
_LETTER = "[^\\W\\d_]"
_NEXT = re.compile(rf"{_BLANK}*(?:[,;/&]|(?:and|y|e|et)(?=\s)){_BLANK}*")


def find_names(text: str) -> Iterator[Mark]:
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
    return Mark(match.start("name"), match.end("name"), PersonalDataKind.NAME)


@cache
def _label() -> re.Pattern[str]:
    gloss = rf"(?:{_BLANK}?\([^()\n]{{1,60}}\))?"
    end = rf"{_BLANK}*(?:[:|=\u2013\u2014-]{_BLANK}*\n?|\n){_BLANK}*(?:[•*-]{_BLANK}*)?"
    return re.compile(rf"(?<!\w)(?i:{alternation(load_lexicon().contact)}){gloss}{end}")


@cache
def _name() -> re.Pattern[str]:
    word = rf"(?:{_CAPITAL}(?:{_LETTER}|['’-])*{_LETTER}|{_CAPITAL}\.)(?!\w)"
    titles = rf"(?:(?i:{alternation(load_lexicon().titles)})\.?{_BLANK}+){{0,3}}"
    between = rf"{_BLANK}+(?:(?:{alternation(load_lexicon().particles)}){_BLANK}+){{0,2}}"
    return re.compile(rf"(?P<titles>{titles})(?P<name>{word}(?:{between}{word}){{0,4}})")


@cache
def _no_name() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?i:{alternation(load_lexicon().no_name)})(?!\w)")
