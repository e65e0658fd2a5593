"""Finds and masks personal data by patterns that are built from the words of every language at once.

A text may be in any language, and pages mix several, so the words of all language files are looked for together. All
patterns are bounded, so that their time is proportional to the length of the text, which anybody may send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache
from typing import NamedTuple

import msgspec
from msgspec import Struct

from ogpgraph.languages import Languages, shipped_languages
from ogpgraph.personal.folding import fold_hidden

MASK = "█"


class PersonalDataKind(StrEnum):
    """The kinds of personal data that are found."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NAME = "NAME"


class Mark(NamedTuple):
    """The characters of a text, `end` excluded, that are personal data."""

    start: int
    end: int
    kind: PersonalDataKind


class PersonalDataWords(Struct, frozen=True, forbid_unknown_fields=True):
    """The table [personal_data] of a language file; en.toml explains each list."""

    at: tuple[str, ...]
    dot: tuple[str, ...]
    contact_labels: tuple[str, ...]
    phone_labels: tuple[str, ...]
    other_number_labels: tuple[str, ...]
    units: tuple[str, ...]
    titles: tuple[str, ...]
    name_particles: tuple[str, ...]
    between_names: tuple[str, ...]
    between_numbers: tuple[str, ...]
    non_name_words: tuple[str, ...]


_AT_BEGINNINGS = "@©[({"
"""The characters that the sign of an address may begin with."""
_LOCAL_PART = re.compile(r"(?<![\w.+%-])[\w!#$%&'*+=?^`~.-]{1,64}(?<!\.)$")
_LONGEST_LOCAL_PART = 65

_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
_GAP = "[ \u00a0\u2009\u202f]?[-.\u2010-\u2013/]?[ \u00a0\u2009\u202f]?"
_INTERNATIONAL = rf"(?:\+|\b00)[ ]?[1-9]\d{{0,2}}(?:{_GAP}\(\d{{1,4}}\))?(?:{_GAP}\d{{1,12}}){{1,7}}"
_WITH_AREA_CODE = rf"\(0?\d{{1,4}}\){_GAP}\d{{2,4}}(?:[ .\u2010-\u2013-]\d{{2,4}}){{1,3}}"
_NORTH_AMERICAN = r"\d{3}(?P<gap>[ .\u2010-])\d{3}(?P=gap)\d{4}"
_WITH_TRUNK_PREFIX = r"0\d{1,4}(?:[ .\u2010-\u2013/-]\d{2,4}){2,4}"
_MOBILE = r"0[1-9]\d{8,9}"
_PHONE = re.compile(
    rf"(?<![\w.,/+$€£#=_-])(?:{_INTERNATIONAL}|{_WITH_AREA_CODE}|{_NORTH_AMERICAN}|{_WITH_TRUNK_PREFIX}|{_MOBILE})"
    r"(?!\w|[.,/-]\d)"
)
_IN_QUERY = re.compile(r"(?<==)\+[1-9](?:[ .-]?\d){7,14}(?!\w)")
"""A number in the query of a URL: elsewhere in one, digits are parts of paths and ids."""
# Behind a word such as "Tel." any group of digits is a phone number.
_LABELLED_NUMBER = "[+(]{0,2}\\d(?:[ \u00a0().\u2010-\u2013-]{0,2}\\d){5,14}"
_LABELLED_NUMBERS = re.compile(_LABELLED_NUMBER)
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./ -]\d{1,2}[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -]\d{1,2}[./ -]\d{1,2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DIGITS = "0123456789"
_FEWEST_LABELLED_DIGITS = 6
_DIGIT_RUN = re.compile("[\\d +()/.\u00a0\u2009\u202f\u2010-\u2013-]{6,}")
"""What every number that is found is within."""
_MOST_AFTER_LABEL = len("(s)") + 6
"""Characters between a label and its number, at most."""
_FEWEST_DIGITS, _MOST_DIGITS = 8, 15
_CONTEXT = 40
"""The characters before a number in which a word may state what it is the number of."""

_MOST_BEFORE_CONTACT = 200
_LONGEST_ACRONYM = 4
_ACRONYM = re.compile(rf"\b[^\W\d_]{{2,{_LONGEST_ACRONYM}}}\b(?!\.)")
_FEWEST_SHARED_LETTERS = 3

_BLANK = "[ \u00a0]"
_CAPITAL = "[^\\W\\d_a-zß-öø-ÿ]"
_LETTER = "[^\\W\\d_]"
_NAME_WORD = rf"(?:{_CAPITAL}(?:{_LETTER}|['’-])*{_LETTER}|{_CAPITAL}\.)(?!\w)"


def _alternatives(words: Iterable[str]) -> str:
    """Return an expression for any of the words, the longest first, with any number of blanks between their parts."""
    escaped = (re.escape(word).replace(r"\ ", "[ \u00a0]+") for word in sorted(words, key=len, reverse=True))
    return "|".join(escaped)


class _Labels:
    """Words of labels by which it is found, much faster than by searching, that a text has none of the labels."""

    def __init__(self, labels: Iterable[str]) -> None:
        # Only in ASCII are two letters the same in either case if, and only if, they are in lower case.
        words = {max(label.lower().split(), key=len) for label in labels if label.isascii()}
        self._words = [word for word in words if not any(other in word for other in words - {word})]

    def may_be_in(self, text: str) -> bool:
        """Return whether a text may have one of the labels."""
        lower = text.lower()
        return not text.isascii() or any(map(lower.__contains__, self._words))


class PersonalDataDetector:
    """Finds personal data in texts by the words of some languages.

    Raises LanguageError and msgspec.ValidationError where the table [personal_data] of a language is missing or wrong.
    """

    def __init__(self, languages: Languages) -> None:
        tables = languages.tables("personal_data").values()
        files = [msgspec.convert(table, PersonalDataWords) for table in tables]
        lists = {
            name: {word for file in files for word in getattr(file, name)}
            for name in PersonalDataWords.__struct_fields__
        }
        words = {name: _alternatives(of_name) for name, of_name in lists.items()}
        self._contact_labels, self._phone_labels = _Labels(lists["contact_labels"]), _Labels(lists["phone_labels"])
        # E-mail addresses: the sign between the parts, which scanning may turn into "©", and the part behind it.
        self._at = re.compile(rf"[ ]?[@©][ ]?|[ ]?[\[({{][ ]?(?:{words['at']}|@)[ ]?[\])}}][ ]?", re.IGNORECASE)
        self._domain = re.compile(
            rf"(?:[\w-]{{1,63}}(?:\.|[ ]?[\[({{][ ]?(?:{words['dot']})[ ]?[\])}}][ ]?)){{1,8}}[^\W\d_]{{2,24}}(?!\w)",
            re.IGNORECASE,
        )
        # Phone numbers: a word with the numbers behind it, and what makes a number something else.
        more_numbers = rf"(?:[ ]?(?:[/,;|]|\b(?:{words['between_numbers']})\b)[ ]?{_LABELLED_NUMBER}){{0,4}}"
        self._labelled_numbers = re.compile(
            rf"(?<!\w)(?i:{words['phone_labels']})(?:\(s\))?[ .:;,#\u00ba\u00b0()|\[\]\u2013-]{{0,6}}"
            rf"(?P<numbers>{_LABELLED_NUMBER}{more_numbers})(?!\d)"
        )
        # The end of a label is near its number, while there may be any number of blanks within it.
        last_words = {label.split()[-1] for label in lists["phone_labels"]}
        self._phone_label_end = re.compile(rf"(?i:{_alternatives(last_words)})")
        self._most_before_number = _MOST_AFTER_LABEL + max(map(len, last_words))
        self._unit = re.compile(rf"[ \u00a0]?(?:[%€$£]|(?i:{words['units']})(?!\w))")
        self._other_number_label = re.compile(rf"(?<!\w)(?i:{words['other_number_labels']})[ .:#\u00ba\u00b0]{{0,4}}$")
        # Names: a label up to the name, which may be on the next line; the name itself; the separator of the next one.
        self._contact_label = re.compile(
            rf"(?<!\w)(?i:{words['contact_labels']})(?:{_BLANK}?\([^()\n]{{1,60}}\))?"
            rf"{_BLANK}*(?:[:|=\u2013\u2014-]{_BLANK}*\n?|\n){_BLANK}*(?:[•*-]{_BLANK}*)?"
        )
        titles = rf"(?:(?i:{words['titles']})\.?{_BLANK}+){{0,3}}"
        between = rf"{_BLANK}+(?:(?:{words['name_particles']}){_BLANK}+){{0,2}}"
        self._name = re.compile(rf"(?P<titles>{titles})(?P<name>{_NAME_WORD}(?:{between}{_NAME_WORD}){{0,4}})")
        # Right before an address or number: "Jane Doe (", "Jane Doe - ", with or without titles.
        self._name_before = re.compile(
            rf"(?P<titles>(?<!\w){titles})(?P<name>(?<!\w){_NAME_WORD}(?:{between}{_NAME_WORD}){{1,3}})"
            rf"(?P<link>{_BLANK}{{0,3}}[(,:;|<\u2010-\u2014-]?{_BLANK}{{0,3}}[(<]?)$"
        )
        self._titled_name = re.compile(
            rf"(?<!\w)(?P<titles>(?:(?i:{words['titles']})\.?{_BLANK}+){{1,3}})"
            rf"(?P<name>{_NAME_WORD}(?:{between}{_NAME_WORD}){{1,4}})"
        )
        self._next_name = re.compile(rf"{_BLANK}*(?:[,;/&]|(?:{words['between_names']})(?=\s)){_BLANK}*")
        self._non_name_word = re.compile(rf"(?<!\w)(?i:{words['non_name_words']})(?!\w)")

    def find(self, text: str) -> tuple[Mark, ...]:
        """Return the personal data in a text, in order; of marks that overlap, the one that begins first."""
        folded = fold_hidden(text)
        shown = folded.text
        contacts = [*self._find_emails(shown), *self._find_phones(shown)]
        names = [*self._find_names(shown), *self._find_names_beside(shown, contacts)]
        marks: list[Mark] = []
        for found in sorted([*contacts, *names]):
            mark = Mark(folded.starts[found.start], folded.ends[found.end - 1], found.kind)
            if not marks or mark.start >= marks[-1].end:
                marks.append(mark)
        return tuple(marks)

    def _find_emails(self, text: str) -> Iterator[Mark]:
        """Yield e-mail addresses, also those written to hide from robots: jane (at) ministry.example."""
        if not any(sign in text for sign in _AT_BEGINNINGS):  # nearly always
            return
        # From the sign outwards: searching for the part before it from every position would take quadratic time.
        for sign in self._at.finditer(text):
            before = max(0, sign.start() - _LONGEST_LOCAL_PART)
            local_part = _LOCAL_PART.search(text[before : sign.start()])
            domain = self._domain.match(text, sign.end())
            if local_part and domain:
                yield Mark(before + local_part.start(), domain.end(), PersonalDataKind.EMAIL)

    def _find_phones(self, text: str) -> Iterator[Mark]:
        """Yield phone numbers: any number behind a word for one, elsewhere only what has the form of one."""
        if sum(map(text.count, _DIGITS)) < _FEWEST_LABELLED_DIGITS:  # nearly always, and found at once
            return
        runs = [run for run in _DIGIT_RUN.finditer(text) if _count_digits(run.group()) >= _FEWEST_LABELLED_DIGITS]
        if not runs:
            return
        for labelled in self._labelled_numbers.finditer(text) if self._may_be_labelled(text, runs) else ():
            for number in _LABELLED_NUMBERS.finditer(text, *labelled.span("numbers")):
                if not _contains_date(number.group()):
                    yield Mark(number.start(), number.end(), PersonalDataKind.PHONE)
        for number in _IN_QUERY.finditer(text) if "=+" in text else ():
            yield Mark(number.start(), number.end(), PersonalDataKind.PHONE)
        phones = [number for number in _PHONE.finditer(text) if self._is_phone(text, number)]
        # Paths of URLs contain dates and numbers in every form.
        urls = [url.span() for url in _URL.finditer(text)] if phones else []
        for number in phones:
            if not any(start <= number.start() < end for start, end in urls):
                yield Mark(number.start(), number.end(), PersonalDataKind.PHONE)

    def _may_be_labelled(self, text: str, runs: Iterable[re.Match[str]]) -> bool:
        """Return whether one of some runs of digits may have a label, which is found much faster than the label."""
        if not self._phone_labels.may_be_in(text):
            return False
        before = self._most_before_number
        return any(self._phone_label_end.search(text, max(0, run.start() - before), run.end()) for run in runs)

    def _is_phone(self, text: str, number: re.Match[str]) -> bool:
        if not _FEWEST_DIGITS <= _count_digits(number.group()) <= _MOST_DIGITS or _contains_date(number.group()):
            return False
        before = text[max(0, number.start() - _CONTEXT) : number.start()]
        return not self._unit.match(text, number.end()) and not self._other_number_label.search(before)

    def _find_names(self, text: str) -> Iterator[Mark]:
        """Yield the names behind a label for contacts, several where they are listed."""
        for label in self._contact_label.finditer(text) if self._contact_labels.may_be_in(text) else ():
            position: int | None = label.end()
            while position is not None and (name := self._match_name(text, position)):
                yield name
                separator = self._next_name.match(text, name.end)
                position = separator.end() if separator else None

    def _match_name(self, text: str, position: int) -> Mark | None:
        """Return the name at a position, without its titles. One word is a name only behind a title."""
        match = self._name.match(text, position)
        return self._mark_name(match) if match and self._is_name(match) else None

    def _is_name(self, match: re.Match[str]) -> bool:
        """Return whether words with capitals are a person's name, and not that of an organisation or an office."""
        name = match["name"]
        if self._non_name_word.search(name):
            return False
        # "Social TIC" has an acronym; "ANA PAZ" is written in capitals.
        has_acronym = any(word.isupper() for word in _ACRONYM.findall(name)) and not name.isupper()
        return bool(match["titles"]) or (not has_acronym and bool(re.search(r"\s", name)))

    def _mark_name(self, match: re.Match[str]) -> Mark:
        return Mark(match.start("name"), match.end("name"), PersonalDataKind.NAME)

    def _find_names_beside(self, text: str, contacts: Iterable[Mark]) -> Iterator[Mark]:
        """Yield the names that stand right before an address or number, and those with titles on the same line."""
        for contact in contacts:
            start = max(text.rfind("\n", 0, contact.start) + 1, contact.start - _MOST_BEFORE_CONTACT)
            match = self._name_before.search(text, start, contact.start)
            if match and self._is_name(match) and _is_of_name(text, contact, match["name"]):
                yield self._mark_name(match)
            for titled in self._titled_name.finditer(text, start, contact.start):
                if self._is_name(titled):
                    yield self._mark_name(titled)


def _is_of_name(text: str, contact: Mark, name: str) -> bool:
    """Return whether an address has part of the name before it: elsewhere an organisation may be before its address."""
    if contact.kind is PersonalDataKind.PHONE:
        return True
    address = text[contact.start : contact.end].casefold()
    return any(
        word[:_FEWEST_SHARED_LETTERS] in address
        for word in name.casefold().split()
        if len(word) >= _FEWEST_SHARED_LETTERS
    )


def _count_digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _contains_date(number: str) -> bool:
    """Return whether digits are a date, or two years such as "2018-2020", rather than a phone number."""
    return bool(_DATE.search(number)) or len(_YEAR.findall(number)) > 1


@cache
def _shipped_detector() -> PersonalDataDetector:
    # Made on first use, because reading the language files and compiling the patterns takes a while.
    return PersonalDataDetector(shipped_languages())


def find_personal_data(text: str) -> tuple[Mark, ...]:
    """Return the personal data in a text by the words of the shipped languages, in order and without overlap."""
    return _shipped_detector().find(text)


def mask_personal_data(text: str, marks: Iterable[Mark] | None = None) -> str:
    """Return the text with each character of its personal data replaced by a block; the length stays the same.

    `marks` are those of the text if they are known already.
    """
    pieces: list[str] = []
    position = 0
    for mark in find_personal_data(text) if marks is None else marks:
        pieces += [text[position : mark.start], MASK * (mark.end - mark.start)]
        position = mark.end
    return "".join([*pieces, text[position:]])
