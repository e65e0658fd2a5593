"""The words of OGP's pages as a language file has them, in its table [pages]."""

from __future__ import annotations

from msgspec import Struct

from ogpgraph.domain.vocabulary import CommitmentStatus, Indicator, OgpValue, RatingState, RatingValue, Stage


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
    date_columns: dict[str, tuple[str, ...]] = {}
