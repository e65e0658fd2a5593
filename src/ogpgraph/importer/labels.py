"""The labels, headings and words of OGP's pages in each language: data in `labels/*.toml`, found by folded words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files

import msgspec
from msgspec import Struct

from ogpgraph.domain.vocabulary import (
    POLICY_AREAS,
    VALUES_OF,
    CommitmentStatus,
    Indicator,
    OgpValue,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.importer.folding import area_key, fold, folded, label_key
from ogpgraph.importer.words import Words, inverted

_LONGEST_PREFIX = 80


class DateWords(Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The words of dates."""

    months: tuple[tuple[str, ...], ...]
    of: tuple[str, ...]
    to: tuple[str, ...]
    from_: tuple[str, ...]
    semester: tuple[str, ...]
    quarter: tuple[str, ...]
    ordinals: tuple[tuple[str, ...], ...]
    day_endings: tuple[str, ...]
    beyond: tuple[str, ...]
    vague: tuple[str, ...]


class Claim(Struct, frozen=True, forbid_unknown_fields=True):
    """How the IRM says in prose that an indicator has a value; a group `values` catches the OGP values it is about."""

    indicator: Indicator
    value: RatingValue
    patterns: tuple[str, ...]


class Claims(Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a language, with the words that make a sentence deny or only wish what it seems to claim."""

    negations: tuple[str, ...]
    hedges: tuple[str, ...]
    found: tuple[Claim, ...]


class Summaries(Struct, frozen=True, forbid_unknown_fields=True):
    """The words by which a heading of an IRM summary is told in any wording."""

    irm: tuple[str, ...]
    words: tuple[str, ...]
    stages: dict[Stage, tuple[str, ...]]


class Reports(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of which every name of an IRM report has one."""

    nouns: tuple[str, ...]


class LabelFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One language's file, checked when it is loaded."""

    language: str
    made_by: str
    not_a_plan: tuple[str, ...]
    unspecified: tuple[str, ...]
    nobody: tuple[str, ...]
    siblings: tuple[str, ...]
    starred: tuple[str, ...]
    commitment: tuple[str, ...]
    navigation: tuple[str, ...]
    cookies: tuple[str, ...]
    trap: tuple[str, ...]
    header: dict[str, tuple[str, ...]]
    stages: dict[Stage, tuple[str, ...]]
    summaries: Summaries
    sections: dict[str, tuple[str, ...]]
    statuses: dict[CommitmentStatus, tuple[str, ...]]
    states: dict[RatingState, tuple[str, ...]]
    values: dict[RatingValue, tuple[str, ...]]
    ogp_values: dict[OgpValue, tuple[str, ...]]
    reports: Reports
    policy_areas: dict[str, tuple[str, ...]]
    dates: DateWords
    claims: Claims


class Labels:
    """The words of one language, with those of the others behind: pages mix languages, since machines skip words."""

    def __init__(self, own: LabelFile, others: Iterable[LabelFile]) -> None:
        self.own = own
        self.files = (own, *others)
        self.language = own.language
        self.made_by = own.made_by

    @cached_property
    def header(self) -> dict[str, str]:
        """Label of the header zone → the field or heading it stands for."""
        return inverted((file.header for file in self.files), label_key)

    @cached_property
    def own_header(self) -> frozenset[str]:
        """The labels of the header zone in this language alone, by which a page's language is told."""
        return frozenset(inverted([self.own.header], label_key))

    def knows(self, label: str) -> bool:
        """Tell whether a label is one of this very language."""
        return label_key(label) in self.own_header

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Heading of an IRM summary → the stage that it sums up."""
        return inverted((file.stages for file in self.files), label_key)

    def stage_by_words(self, heading: str) -> Stage | None:
        """Return the stage of an IRM summary's heading that no list has, by the words in it."""
        plain = fold(heading)
        for told in (file.summaries for file in self.files):
            if has_word(plain, told.irm) and has_word(plain, told.words):
                return next((stage for stage, words in told.stages.items() if has_word(plain, words)), None)
        return None

    @cached_property
    def sections(self) -> dict[str, str]:
        """Heading or label within an IRM summary → the section or field it stands for."""
        return inverted((file.sections for file in self.files), label_key)

    @cached_property
    def statuses(self) -> Words[CommitmentStatus]:
        """The words of a commitment's status."""
        return Words(inverted(file.statuses for file in self.files))

    @cached_property
    def ogp_values(self) -> Words[OgpValue]:
        """The words of the OGP values."""
        return Words(inverted(file.ogp_values for file in self.files))

    @cached_property
    def policy_areas(self) -> Words[str]:
        """Spelling of a policy area → its canonical label; looked up by `area_key`."""
        canonical = {area: (area,) for area in POLICY_AREAS}
        return Words(inverted((*(file.policy_areas for file in self.files), canonical), area_key))

    @cached_property
    def report_noun(self) -> re.Pattern[str]:
        """Expression that finds, in folded text, the word which makes a text the name of a report."""
        nouns = {fold(noun) for file in self.files for noun in file.reports.nouns}
        return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, nouns)))})(?!\w)")

    @cached_property
    def ratings(self) -> dict[Indicator, Words[RatingState | RatingValue]]:
        """The words of each indicator: its values, and why it may have none."""
        return {indicator: Words(self._rating_words(indicator)) for indicator in Indicator}

    def _rating_words(self, indicator: Indicator) -> dict[str, RatingState | RatingValue]:
        values = inverted({value: file.values.get(value, ()) for value in VALUES_OF[indicator]} for file in self.files)
        states = inverted(file.states for file in self.files)
        words: dict[str, RatingState | RatingValue] = {**values, **states}
        return words

    def one_of(self, text: str, kind: str) -> bool:
        """Tell whether a text is one of the whole-line words of a kind, such as `nobody`, in any language."""
        return len(text) <= _LONGEST_PREFIX and label_key(text) in self._lines[kind]

    def begins_with(self, text: str, kind: str) -> int:
        """Return how many characters of the text a beginning of that kind takes (`trap`, `starred`), 0 for none."""
        if not fold(text[:_LONGEST_PREFIX]).startswith(self._prefixes[kind]):
            return 0
        plain = folded(text[:_LONGEST_PREFIX])
        start = len(plain.text) - len(plain.text.lstrip())
        return max(plain.at[start + len(each)] for each in self._prefixes[kind] if plain.text.startswith(each, start))

    def is_site(self, line: str) -> bool:
        """Tell whether a line is of the site around the page: navigation, a notice on cookies, the link for robots."""
        return self.one_of(line, "navigation") or any(self.begins_with(line, kind) for kind in ("cookies", "trap"))

    @cached_property
    def _prefixes(self) -> dict[str, tuple[str, ...]]:
        kinds = ("trap", "cookies", "starred")
        return {kind: tuple({fold(word) for file in self.files for word in getattr(file, kind)}) for kind in kinds}

    @cached_property
    def _lines(self) -> dict[str, frozenset[str]]:
        kinds = ("not_a_plan", "unspecified", "nobody", "siblings", "navigation", "commitment")
        return {
            kind: frozenset(label_key(word) for file in self.files for word in getattr(file, kind)) for kind in kinds
        }


def has_word(plain: str, words: Iterable[str]) -> bool:
    """Tell whether a folded text holds one of the words, whole."""
    return any(f" {fold(word)} " in f" {plain} " for word in words)


@cache
def files_by_language() -> dict[str, LabelFile]:
    """Return every language's file; a language is added by adding a file."""
    found = sorted(files("ogpgraph.importer").joinpath("labels").iterdir(), key=lambda file: file.name)
    read = [
        msgspec.convert(tomllib.loads(file.read_text("utf-8")), LabelFile)
        for file in found
        if file.name.endswith(".toml")
    ]
    return {file.language: file for file in read}


@cache
def labels_of(language: str) -> Labels:
    """Return the labels of a language; KeyError when there is no such language."""
    known = files_by_language()
    return Labels(known[language], (file for name, file in known.items() if name != language))


def languages() -> tuple[str, ...]:
    """Return the languages that pages can be read in."""
    return tuple(files_by_language())
