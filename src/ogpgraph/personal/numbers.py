"""E-mail addresses and phone numbers in free text.

A number is a phone number only where its shape or a word before it says so: years, dates, amounts, codes and
addresses of the web stay readable. Written without a word before it, nine digits in threes may as well be an amount.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ogpgraph.personal.mark import Mark, PersonalData
from ogpgraph.personal.words import one_of, words

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


def emails_in(text: str) -> Iterator[Mark]:
    """Yield the e-mail addresses, also those written to hide from robots: jane (at) ministry.example."""
    for sign in _AT.finditer(text):
        before = max(0, sign.start() - _LONGEST_LOCAL)
        local = _LOCAL.search(text[before : sign.start()])
        domain = _DOMAIN.match(text, sign.end())
        if local and domain:
            yield Mark(before + local.start(), domain.end(), PersonalData.EMAIL)


def phones_in(text: str) -> Iterator[Mark]:
    """Yield the phone numbers, international and local."""
    for match in _labelled().finditer(text):
        for number in _LOOSE_NUMBER.finditer(text, *match.span("numbers")):
            if not _is_date(number.group()):
                yield Mark(number.start(), number.end(), PersonalData.PHONE)
    addresses = [match.span() for match in _URL.finditer(text)]
    for match in _SHAPES.finditer(text):
        if _is_phone(text, match) and not any(start <= match.start() < end for start, end in addresses):
            yield Mark(match.start(), match.end(), PersonalData.PHONE)


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
    return re.compile(rf"(?<!\w)(?i:{one_of(words().phone)})(?:\(s\))?{between}(?P<numbers>{_LOOSE}{more})(?!\d)")


@cache
def _unit() -> re.Pattern[str]:
    return re.compile(rf"[ \u00a0]?(?:[%€$£]|(?i:{one_of(words().units)})(?!\w))")


@cache
def _numbered() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?i:{one_of(words().no_phone)})[ .:#\u00ba\u00b0]{{0,4}}$")
