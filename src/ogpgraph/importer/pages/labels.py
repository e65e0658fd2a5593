"""The labels and words of OGP's pages in each language.

A page in one language contains words of the others, because the machine translation of OGP's site leaves some
untouched. `Labels` of a language therefore look a word up in its own file first, and then in the other files in the
declared order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property, lru_cache, partial
from typing import Literal, get_args

import msgspec

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
from ogpgraph.importer.pages.page_words import PageWords
from ogpgraph.importer.pages.text import (
    Lexicon,
    fold,
    fold_with_positions,
    invert_tables,
    normalize_label,
    normalize_policy_area,
)
from ogpgraph.languages import Languages, shipped_languages

_LONGEST_LISTED = 80
_SHORTEST_BEGINNING = 8  # of a label that was cut: shorter ones may be words of their own
_NOT_BLANK = re.compile(r"[^\s'(),.;:/-]")

DATE_FIELDS = frozenset(("START_DATE", "END_DATE", "START_AND_END"))
"""The fields of an IRM summary that are dates."""
LineKind = Literal[
    "no_plan", "unspecified", "no_institution", "list_heading", "navigation", "commitment", "site_sections"
]
PrefixKind = Literal["robot_trap", "cookies", "starred"]


class Labels:
    """The words of one language, then those of the others, ready for look-up."""

    def __init__(
        self, language: str, own: PageWords, others: Iterable[PageWords], organisation_words: Iterable[str] = ()
    ) -> None:
        self.language = language
        self.organisation = _word_pattern(organisation_words)
        self.own = own
        self.files = (own, *others)
        self.translation_kind = own.translation_kind
        self.is_translated = own.translation_kind == "MACHINE"
        endings = sorted({ending for file in self.files for ending in file.plural_endings})
        self.plural_ending = re.compile(rf"\s*\((?:{'|'.join(map(re.escape, endings))})\)")
        self._conjunctions = sorted({fold(word) for file in self.files for word in file.conjunctions})
        # Each line of a header is normalized many times: as a whole, up to each colon, and again for look-ahead.
        self.normalize = lru_cache(maxsize=16384)(partial(normalize_label, plural_ending=self.plural_ending))

    @cached_property
    def header(self) -> dict[str, str]:
        """Label of the header → its field or heading."""
        return invert_tables((file.header for file in self.files), self.normalize)

    def begins_label(self, text: str) -> bool:
        """Return whether a text is the beginning of a label, and none itself: what is left of one that was cut."""
        is_open = "(" in text and ")" not in text
        plain = self.normalize(text.partition("(")[0] if is_open else text)
        if plain in self.header and not is_open:
            return False
        # An abbreviation, in capitals, may begin like a label.
        in_lists = () if text.isupper() else map(self.normalize, self.own.other_actors)
        labels = (*in_lists, *(self.own_header if len(plain) >= _SHORTEST_BEGINNING else ()))
        return len(plain) > 1 and any(label.startswith(plain) for label in labels)

    @cached_property
    def own_header(self) -> frozenset[str]:
        """The labels of the header in this language alone, by which the language of a page is recognized."""
        return frozenset(invert_tables([self.own.header], self.normalize))

    @cached_property
    def sections(self) -> dict[str, str]:
        """Label in an IRM summary → its section or field."""
        return invert_tables((file.sections for file in self.files), self.normalize)

    def is_label(self, text: str) -> bool:
        """Return whether a text is a label of the header or of an IRM summary, and nothing else."""
        plain = self.normalize(text) if len(text) <= _LONGEST_LISTED else ""
        return plain in self.header or plain in self.sections

    @cached_property
    def date_columns(self) -> dict[str, str]:
        """Name of a column in a table of milestones → the field of an IRM summary that its cells are like."""
        tables = [table for file in self.files for table in (file.date_columns, file.sections)]
        return {name: field for name, field in invert_tables(tables, self.normalize).items() if field in DATE_FIELDS}

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """Heading of an IRM summary → its stage."""
        return invert_tables((file.stages for file in self.files), self.normalize)

    def infer_stage(self, heading: str) -> Stage | None:
        """Return the stage of an IRM summary whose heading is not listed, by the words in it."""
        folded = fold(heading)
        for words in (file.summary_headings for file in self.files):
            if _contains_word(folded, words.irm) and _contains_word(folded, words.summary):
                return next((stage for stage, named in words.stages.items() if _contains_word(folded, named)), None)
        return None

    @cached_property
    def statuses(self) -> Lexicon[CommitmentStatus]:
        """The words of a commitment's status."""
        return Lexicon(invert_tables(file.statuses for file in self.files), self._conjunctions)

    @cached_property
    def ogp_values(self) -> Lexicon[OgpValue]:
        """The words of the OGP values."""
        return Lexicon(invert_tables(file.ogp_values for file in self.files), self._conjunctions)

    @cached_property
    def policy_areas(self) -> Lexicon[str]:
        """The spellings of policy areas as `normalize_policy_area` makes them, each with its canonical name."""
        # The canonical names come last: a language may list one as a spelling of another area.
        tables = [file.policy_areas for file in self.files] + [{area: (area,) for area in POLICY_AREAS}]
        return Lexicon(invert_tables(tables, normalize_policy_area), self._conjunctions)

    @cached_property
    def ratings(self) -> dict[Indicator, Lexicon[RatingState | RatingValue]]:
        """The words of each indicator: its values, and the reasons for having none."""
        return {indicator: Lexicon(self._rating_words(indicator), self._conjunctions) for indicator in Indicator}

    def _rating_words(self, indicator: Indicator) -> dict[str, RatingState | RatingValue]:
        values = invert_tables(
            {value: file.values.get(value, ()) for value in VALUES_OF[indicator]} for file in self.files
        )
        states = invert_tables(file.states for file in self.files)
        return {**values, **states}

    def is_pending(self, text: str) -> bool:
        """Return whether a text says, in whatever order, that a review is pending, and nothing else."""
        folded = fold(text)
        return any(
            pending.search(folded) and not _NOT_BLANK.search(review.sub(" ", pending.sub(" ", folded)))
            for pending, review in self._pending_words
        )

    @cached_property
    def _pending_words(self) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
        return [(_word_pattern(file.pending), _word_pattern(file.review)) for file in self.files if file.pending]

    @cached_property
    def small_words(self) -> frozenset[str]:
        """The words, in folded text, behind which a line that ends in one goes on."""
        listed = [(*file.small_words, *file.conjunctions, *file.dates.of, *file.dates.from_) for file in self.files]
        return frozenset(fold(word) for words in listed for word in words)

    @cached_property
    def other_actors(self) -> re.Pattern[str]:
        """The pattern of labels within lists of institutions, in folded text; a bracket behind one belongs to it."""
        words = _word_pattern(word for file in self.files for word in file.other_actors).pattern
        # Brackets end the longest of them, where no word does.
        return re.compile(words.replace(r"(?!\w)", "") + r"(?:\s*\((?:public|private|civil society|others?)\))?(?!\w)")

    @cached_property
    def plan_word(self) -> re.Pattern[str]:
        """The pattern of what every title of an action plan contains, in folded text: "plan" within any word."""
        heads = {word for file in self.files for label in file.header["ACTION_PLAN"] for word in fold(label).split()}
        return re.compile("|".join(sorted(re.escape(word) for word in heads if "plan" in word) or ["plan"]))

    @cached_property
    def report_noun(self) -> re.Pattern[str]:
        """The pattern of the words, in folded text, by which a text is the name of a report."""
        return _word_pattern(noun for file in self.files for noun in file.report_nouns)

    def is_listed(self, text: str, kind: LineKind) -> bool:
        """Return whether a text is, as a whole, one of the listed texts of a kind in any language."""
        return len(text) <= _LONGEST_LISTED and self.normalize(text) in self._listed[kind]

    def prefix_length(self, text: str, kind: PrefixKind) -> int:
        """Return the number of characters of the listed prefix that a text begins with, 0 where it has none."""
        prefixes = self._prefixes[kind]
        if not fold(text[:_LONGEST_LISTED]).startswith(prefixes):
            return 0
        folded = fold_with_positions(text[:_LONGEST_LISTED])
        start = len(folded.text) - len(folded.text.lstrip())
        return max(folded.positions[start + len(each)] for each in prefixes if folded.text.startswith(each, start))

    def is_site_line(self, line: str) -> bool:
        """Return whether a line belongs to the site around the page: navigation, notices on cookies, the robot trap."""
        return (
            self.is_listed(line, "navigation")
            or self.prefix_length(line, "cookies") > 0
            or self.prefix_length(line, "robot_trap") > 0
        )

    @cached_property
    def _listed(self) -> dict[str, frozenset[str]]:
        return {
            kind: frozenset(self.normalize(text) for file in self.files for text in getattr(file, kind))
            for kind in get_args(LineKind)
        }

    @cached_property
    def _prefixes(self) -> dict[str, tuple[str, ...]]:
        return {
            kind: tuple({fold(text) for file in self.files for text in getattr(file, kind)})
            for kind in get_args(PrefixKind)
        }


def _word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of words in folded text, the longest first; without words, one that matches nothing."""
    escaped = [re.escape(word) for word in sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))]
    return re.compile(rf"(?<!\w)(?:{'|'.join(escaped)})(?!\w)" if escaped else r"(?!)")


def _contains_word(folded: str, words: Iterable[str]) -> bool:
    return any(f" {fold(word)} " in f" {folded} " for word in words)


class LabelSet:
    """The labels of all languages; raises LanguageError and msgspec.ValidationError for missing or wrong tables."""

    def __init__(self, languages: Languages) -> None:
        tables = languages.tables("pages")
        words = {code: msgspec.convert(table, PageWords) for code, table in tables.items()}
        # What is no part of a person's name is part of an organisation's.
        organisations = {
            word
            for language in languages
            for word in language.tables.get("personal_data", {}).get("non_name_words", ())
        }
        self._labels = {
            code: Labels(code, own, [words[other] for other in words if other != code], organisations)
            for code, own in words.items()
        }

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._labels.values())

    @property
    def default(self) -> Labels:
        """The labels of the first language."""
        return next(iter(self))

    def get(self, language: str) -> Labels:
        """Return the labels of a language, the default ones where pages in it cannot be read."""
        return self._labels.get(language, self.default)

    @property
    def codes(self) -> frozenset[str]:
        """The codes of the languages."""
        return frozenset(self._labels)


@cache
def shipped_labels() -> LabelSet:
    """Return the labels of the shipped languages."""
    return LabelSet(shipped_languages())
