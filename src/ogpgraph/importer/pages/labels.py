"""The labels, headings and words of OGP's pages in each language: data in `languages/*.toml`, found by folded words."""

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
from ogpgraph.importer.pages.lexicon import Lexicon, invert_tables
from ogpgraph.importer.pages.text_normalization import fold, fold_with_positions, normalize_label, normalize_policy_area

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


class ProseRatingRule(Struct, frozen=True, forbid_unknown_fields=True):
    """How the IRM says in prose that an indicator has a value; a group `values` catches the OGP values it is about."""

    indicator: Indicator
    value: RatingValue
    patterns: tuple[str, ...]


class ProseRatingRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a language, with the words that make a sentence deny or only wish what it seems to claim."""

    negations: tuple[str, ...]
    hedges: tuple[str, ...]
    rules: tuple[ProseRatingRule, ...]


class SummaryHeadings(Struct, frozen=True, forbid_unknown_fields=True):
    """The words by which a heading of an IRM summary is told in any wording."""

    irm: tuple[str, ...]
    words: tuple[str, ...]
    stages: dict[Stage, tuple[str, ...]]


class ReportNameWords(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of which every name of an IRM report has one."""

    nouns: tuple[str, ...]


class LabelFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One language's file, checked when it is loaded."""

    language: str
    translation_kind: str
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
    summaries: SummaryHeadings
    sections: dict[str, tuple[str, ...]]
    statuses: dict[CommitmentStatus, tuple[str, ...]]
    states: dict[RatingState, tuple[str, ...]]
    values: dict[RatingValue, tuple[str, ...]]
    ogp_values: dict[OgpValue, tuple[str, ...]]
    reports: ReportNameWords
    policy_areas: dict[str, tuple[str, ...]]
    dates: DateWords
    prose_ratings: ProseRatingRules


class Labels:
    """The words of one language, with those of the others behind: pages mix languages, since machines skip words."""

    def __init__(self, own: LabelFile, others: Iterable[LabelFile]) -> None:
        self.own = own
        self.files = (own, *others)
        self.language = own.language
        self.translation_kind = own.translation_kind

    @cached_property
    def header(self) -> dict[str, str]:
        """Label of the header zone → the field or heading it stands for."""
        return invert_tables((file.header for file in self.files), normalize_label)

    @cached_property
    def own_header(self) -> frozenset[str]:
        """The labels of the header zone in this language alone, by which a page's language is told."""
        return frozenset(invert_tables([self.own.header], normalize_label))

    def has_header_label(self, label: str) -> bool:
        """Tell whether a label is one of this very language."""
        return normalize_label(label) in self.own_header

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Heading of an IRM summary → the stage that it sums up."""
        return invert_tables((file.stages for file in self.files), normalize_label)

    def infer_stage(self, heading: str) -> Stage | None:
        """Return the stage of an IRM summary's heading that no list has, by the words in it."""
        plain = fold(heading)
        for told in (file.summaries for file in self.files):
            if contains_word(plain, told.irm) and contains_word(plain, told.words):
                return next((stage for stage, words in told.stages.items() if contains_word(plain, words)), None)
        return None

    @cached_property
    def sections(self) -> dict[str, str]:
        """Heading or label within an IRM summary → the section or field it stands for."""
        return invert_tables((file.sections for file in self.files), normalize_label)

    @cached_property
    def statuses(self) -> Lexicon[CommitmentStatus]:
        """The words of a commitment's status."""
        return Lexicon(invert_tables(file.statuses for file in self.files))

    @cached_property
    def ogp_values(self) -> Lexicon[OgpValue]:
        """The words of the OGP values."""
        return Lexicon(invert_tables(file.ogp_values for file in self.files))

    @cached_property
    def policy_areas(self) -> Lexicon[str]:
        """Spelling of a policy area → its canonical label; looked up by `area_key`."""
        canonical = {area: (area,) for area in POLICY_AREAS}
        return Lexicon(invert_tables((*(file.policy_areas for file in self.files), canonical), normalize_policy_area))

    @cached_property
    def report_noun(self) -> re.Pattern[str]:
        """Expression that finds, in folded text, the word which makes a text the name of a report."""
        nouns = {fold(noun) for file in self.files for noun in file.reports.nouns}
        return re.compile(rf"(?<!\w)(?:{'|'.join(sorted(map(re.escape, nouns)))})(?!\w)")

    @cached_property
    def ratings(self) -> dict[Indicator, Lexicon[RatingState | RatingValue]]:
        """The words of each indicator: its values, and why it may have none."""
        return {indicator: Lexicon(self._rating_words(indicator)) for indicator in Indicator}

    def _rating_words(self, indicator: Indicator) -> dict[str, RatingState | RatingValue]:
        values = invert_tables(
            {value: file.values.get(value, ()) for value in VALUES_OF[indicator]} for file in self.files
        )
        states = invert_tables(file.states for file in self.files)
        words: dict[str, RatingState | RatingValue] = {**values, **states}
        return words

    def is_listed(self, text: str, kind: str) -> bool:
        """Tell whether a text is one of the whole-line words of a kind, such as `nobody`, in any language."""
        return len(text) <= _LONGEST_PREFIX and normalize_label(text) in self._lines[kind]

    def prefix_length(self, text: str, kind: str) -> int:
        """Return how many characters of the text a beginning of that kind takes (`trap`, `starred`), 0 for none."""
        if not fold(text[:_LONGEST_PREFIX]).startswith(self._prefixes[kind]):
            return 0
        plain = fold_with_positions(text[:_LONGEST_PREFIX])
        start = len(plain.text) - len(plain.text.lstrip())
        return max(
            plain.positions[start + len(each)] for each in self._prefixes[kind] if plain.text.startswith(each, start)
        )

    def is_site_line(self, line: str) -> bool:
        """Tell whether a line is of the site around the page: navigation, a notice on cookies, the link for robots."""
        return self.is_listed(line, "navigation") or any(self.prefix_length(line, kind) for kind in ("cookies", "trap"))

    @cached_property
    def _prefixes(self) -> dict[str, tuple[str, ...]]:
        kinds = ("trap", "cookies", "starred")
        return {kind: tuple({fold(word) for file in self.files for word in getattr(file, kind)}) for kind in kinds}

    @cached_property
    def _lines(self) -> dict[str, frozenset[str]]:
        kinds = ("not_a_plan", "unspecified", "nobody", "siblings", "navigation", "commitment")
        return {
            kind: frozenset(normalize_label(word) for file in self.files for word in getattr(file, kind))
            for kind in kinds
        }


def contains_word(plain: str, words: Iterable[str]) -> bool:
    """Tell whether a folded text holds one of the words, whole."""
    return any(f" {fold(word)} " in f" {plain} " for word in words)


@cache
def load_label_files() -> dict[str, LabelFile]:
    """Return every language's file; a language is added by adding a file."""
    found = sorted(files("ogpgraph.importer.pages").joinpath("languages").iterdir(), key=lambda file: file.name)
    read = [
        msgspec.convert(tomllib.loads(file.read_text("utf-8")), LabelFile)
        for file in found
        if file.name.endswith(".toml")
    ]
    return {file.language: file for file in read}


@cache
def load_labels(language: str) -> Labels:
    """Return the labels of a language; KeyError when there is no such language."""
    known = load_label_files()
    return Labels(known[language], (file for name, file in known.items() if name != language))


def supported_languages() -> tuple[str, ...]:
    """Return the languages that pages can be read in."""
    return tuple(load_label_files())
