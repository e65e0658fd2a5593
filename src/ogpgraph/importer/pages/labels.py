"""The labels and words of OGP's pages in each language, and how labels are found in lines.

The words are data, the table [pages] of each language file. A page in one language contains words of the others,
because the machine translation of OGP's site leaves some untouched. `Labels` of a language therefore look a word up in
its own file first, and then in the other files in the declared order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property, lru_cache, partial
from itertools import pairwise
from typing import Literal, get_args

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
from ogpgraph.importer.pages.text import (
    Lexicon,
    Line,
    fold,
    fold_with_positions,
    invert_tables,
    normalize_label,
    normalize_policy_area,
)
from ogpgraph.languages import Languages, shipped_languages

RATING_FIELDS = frozenset(indicator.value for indicator in Indicator)
HEADINGS = frozenset(
    (
        "OVERVIEW",
        "AT_A_GLANCE",
        "INSTITUTIONS",
        "POLICY_AREAS",
        "IRM_REVIEW",
        "DESIGN",
        "IMPLEMENTATION",
        "DESCRIPTION",
        "INCEPTION_REPORT_SUMMARY",
    )
)
"""Labels of the header that have no value on their line."""
SUMMARY_FIELDS = frozenset(
    ("START_DATE", "END_DATE", "START_AND_END", "LEAD_INSTITUTION", "SUPPORT_INSTITUTIONS", "MIDTERM", "END_OF_TERM")
)
"""Labels of an IRM summary that have their value on their line; all others are headings with text below them."""
_LONGEST_LABEL = 90  # with its gloss; longer lines are prose, which is not searched for labels
_LONGEST_LISTED = 80
_COLONS = 3  # a gloss in a label may contain a colon itself
_SHORTEST_BEGINNING = 8  # of a label that was cut: shorter ones may be words of their own
_MIN_SIMILARITY = 0.88  # one short word more or less in a label of usual length
_NOT_BLANK = re.compile(r"[^\s'(),.;:/-]")

LineKind = Literal[
    "no_plan", "unspecified", "no_institution", "list_heading", "navigation", "commitment", "site_sections"
]
PrefixKind = Literal["robot_trap", "cookies", "starred"]
TableName = Literal["header", "sections", "stages"]


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
    """Patterns of sentences that rate an indicator; a group `values` captures the OGP values that are rated."""

    indicator: Indicator
    value: RatingValue
    patterns: tuple[str, ...]


class ProseRatingRules(Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of a language, and the words before a match that negate it or make it a wish."""

    negations: tuple[str, ...]
    hedges: tuple[str, ...]
    rules: tuple[ProseRatingRule, ...]


class SummaryHeadings(Struct, frozen=True, forbid_unknown_fields=True):
    """The words by which an unlisted heading of an IRM summary and its stage are recognized."""

    irm: tuple[str, ...]
    summary: tuple[str, ...]
    stages: dict[Stage, tuple[str, ...]]


class PageWords(Struct, frozen=True, forbid_unknown_fields=True):
    """The table [pages] of a language file; en.toml explains each list."""

    translation_kind: str
    conjunctions: tuple[str, ...]
    plural_endings: tuple[str, ...]
    no_plan: tuple[str, ...]
    unspecified: tuple[str, ...]
    no_institution: tuple[str, ...]
    list_heading: tuple[str, ...]
    starred: tuple[str, ...]
    commitment: tuple[str, ...]
    report_nouns: tuple[str, ...]
    navigation: tuple[str, ...]
    cookies: tuple[str, ...]
    robot_trap: tuple[str, ...]
    header: dict[str, tuple[str, ...]]
    stages: dict[Stage, tuple[str, ...]]
    summary_headings: SummaryHeadings
    sections: dict[str, tuple[str, ...]]
    statuses: dict[CommitmentStatus, tuple[str, ...]]
    states: dict[RatingState, tuple[str, ...]]
    values: dict[RatingValue, tuple[str, ...]]
    ogp_values: dict[OgpValue, tuple[str, ...]]
    policy_areas: dict[str, tuple[str, ...]]
    dates: DateWords
    prose_ratings: ProseRatingRules
    # What a language may lack: its pages are read without.
    pending: tuple[str, ...] = ()
    review: tuple[str, ...] = ()
    other_actors: tuple[str, ...] = ()
    site_sections: tuple[str, ...] = ()
    member_names: dict[str, tuple[str, ...]] = {}
    small_words: tuple[str, ...] = ()


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


# Labels in lines


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """The field or heading that a line begins with, where its value begins, and whether the label is only similar."""

    field: str
    value_start: int
    guessed: bool = False


def match_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of the header that a line begins with, None where it begins with none."""
    # The whole line first, because a label may contain a colon; without a colon last, because that is least certain.
    if len(text) <= _LONGEST_LABEL and (field := _match_whole_line(text, labels)):
        return LabelMatch(field, len(text))
    for colon in _colon_positions(text):
        if field := labels.header.get(labels.normalize(text[:colon])):
            return LabelMatch(field, colon + 1)
    return _match_without_colon(text, labels)


def guess_label(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label to which the beginning of a line, up to a colon, is similar."""
    for colon in _colon_positions(text):
        similar = get_close_matches(labels.normalize(text[:colon]), labels.own_header, 1, _MIN_SIMILARITY)
        # A wrong heading would do more harm than a wrong field: it would end the value before it.
        if similar and labels.header[similar[0]] not in HEADINGS:
            return LabelMatch(labels.header[similar[0]], colon + 1, guessed=True)
    return None


def _colon_positions(text: str) -> list[int]:
    return [match.start() for match in re.finditer("[:：]", text[:_LONGEST_LABEL])][:_COLONS]


def _match_whole_line(text: str, labels: Labels) -> str | None:
    label = labels.normalize(text)
    return labels.header.get(label) or labels.header.get(label.removesuffix(" i"))  # "i" is the mark of a tooltip


def _match_without_colon(text: str, labels: Labels) -> LabelMatch | None:
    """Return the label of a line such as "Verifiable Yes": it counts only before words that its field can have."""
    if len(text) > _LONGEST_LABEL:
        return None
    words = text.split()
    for count in range(len(words) - 1, 0, -1):  # the longest label first
        head = " ".join(words[:count])
        field = labels.header.get(labels.normalize(head))
        start = text.find(words[count], len(head) - 1)
        if field and is_field_value(field, text[start:], labels):
            return LabelMatch(field, start)
    return None


def is_field_value(field: str, text: str, labels: Labels) -> bool:
    """Return whether a text consists of words that the field of a rating, or of the status, can have."""
    if field == "STATUS":
        return labels.statuses.match_all(text) is not None
    if field not in RATING_FIELDS:
        return False
    if labels.ratings[Indicator(field)].match_all(text) is not None or labels.is_pending(text):
        return True
    return field == "RELEVANCE" and labels.ogp_values.match_all(text) is not None


def split_at_labels(line: Line, labels: Labels, table: TableName) -> Iterator[Line]:
    """Split a line where a label is joined to the text before or behind it, as compact crawls have it."""
    folded = fold_with_positions(line.text)
    cuts = {0}
    for match in _label_pattern(labels, table).finditer(folded.text):
        start, end = folded.span(match.start(1), match.end(1))
        has_value = match["colon"] is not None
        # A label in lower case is a word of the prose.
        if line.text[start].isupper() and (has_value or _is_heading(line.text, end, match[1], labels, table)):
            cuts |= {start} if has_value else {start, _end_of_tooltip(line.text, end)}
    edges = [*sorted(cut for cut in cuts if cut < len(line.text)), len(line.text)]
    yield from (piece for piece in (line.slice(*edge) for edge in pairwise(edges)) if piece.text)


def _is_heading(text: str, end: int, label: str, labels: Labels, table: TableName) -> bool:
    """Return whether a label without a colon ends the line, or the next sentence begins right behind it."""
    if table == "header" and labels.header[labels.normalize(label)] not in HEADINGS:
        return False
    if table == "sections" and labels.sections[labels.normalize(label)] in SUMMARY_FIELDS:
        return False
    rest = text[_end_of_tooltip(text, end) :]
    return not rest.strip(" :") or rest[0].isupper()


def _end_of_tooltip(text: str, end: int) -> int:
    """Return where a heading ends together with the "i" of its tooltip."""
    return end + 2 if text[end : end + 2] == " i" and (len(text) == end + 2 or text[end + 2].isupper()) else end


@cache
def _label_pattern(labels: Labels, table: TableName) -> re.Pattern[str]:
    words = {
        fold(word).rstrip(" ?") for file in labels.files for group in getattr(file, table).values() for word in group
    }
    plural = f"(?:{labels.plural_ending.pattern})?"
    # The longest first: an alternation takes the first of its parts that matches, not the longest.
    spaced = (rf"{plural}\s".join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True))
    colon = rf"{plural}(?:\s?\?)?(?P<colon>(?:\s*\([^()]*\))?\s*:)?"
    return re.compile(rf"(?:^|(?<=[\w).,;:!?\"'%\]]))({'|'.join(spaced)}){colon}")
