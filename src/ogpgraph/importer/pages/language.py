"""Decides which language a page is in, by its labels and, where these leave a doubt, by its whole text.

Languages share labels ("Status", "Impacto potencial"), so a few of them prove nothing: a page is read in a language
only if nearly all its labels are that language's, or most of them and the text is in it, too. The text alone does not
decide either, since a government's own words stand in any language on OGP's English pages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from ogpgraph.importer.pages.extraction import UnreadableInput, UnrecognizedPage
from ogpgraph.importer.pages.label_matching import match_label
from ogpgraph.importer.pages.labels import Labels, LabelSet
from ogpgraph.importer.pages.text import Line

_LINES_WITH_LABELS = 60  # a header has some thirty lines
_LONGEST_LABEL = 48
_MOST_LABEL_WORDS = 6
_SURE_SHARE = 0.9
"""The share of a page's labels that decides: a crawl may have a new one, and some are left in English."""
_ENGLISH_FRAME_SHARE = 0.75
_LEAST_SHARE = 0.45
_SURE = 0.6
"""The probability at which the language of a text counts as known."""
_SHORTEST_TEXT = 80  # characters; in a shorter one a language is a guess


class _Frame(NamedTuple):
    """The language that most labels of a page are in, and their share in all that have the form of labels."""

    labels: Labels
    share: float


def choose_labels(lines: Sequence[Line], text: str, label_set: LabelSet) -> Labels:
    """Return the labels of the language of a page, from the lines below its title and its text.

    Raises UnreadableInput, with the name of the language, where it is none of the label set.
    """
    frame = _find_frame(lines, label_set)
    if frame.share >= _SURE_SHARE:
        return frame.labels
    language = identify_language(text)
    is_read = language is None or language in label_set.codes
    # A translated page is translated whole; on the others the body may be in any language.
    if frame.share >= _ENGLISH_FRAME_SHARE and (is_read or not frame.labels.is_translated):
        return frame.labels
    if frame.share >= _LEAST_SHARE and is_read and language in (None, frame.labels.language):
        return frame.labels
    raise UnreadableInput(_refusal(None if language == frame.labels.language else language, label_set))


def explain_refusal(unrecognized: UnrecognizedPage, label_set: LabelSet) -> UnreadableInput:
    """Return why a text is no page: its language where that is not read, since its labels are not known then."""
    language = identify_language(unrecognized.text)
    if language is None or language in label_set.codes:
        return unrecognized
    return UnreadableInput(f"{_refusal(language, label_set)} ({unrecognized.reason})")


def _refusal(language: str | None, label_set: LabelSet) -> str:
    names = _language_names()
    read = sorted(names.get(code, code) for code in label_set.codes)
    known = f"{', '.join(read[:-1])} and {read[-1]}" if len(read) > 1 else read[0]
    found = f"in {names.get(language, language)}" if language else "in a language that is not recognized"
    return f"the page is {found}, and pages are read in {known}"


def _find_frame(lines: Sequence[Line], label_set: LabelSet) -> _Frame:
    """Return the language with most labels below the title; of several, the first in the declared order."""
    known: list[str] = []
    unknown = waiting = 0
    for line in lines[:_LINES_WITH_LABELS]:
        # The default labels contain those of all languages, so they find the labels in any of them.
        match = match_label(line.text, label_set.default)
        if match:
            known.append(label_set.default.normalize(line.text[: match.value_start]))
            unknown, waiting = unknown + waiting, 0
        elif _has_form_of_label(line.text):
            waiting += 1  # counts only if another label follows: below the header are the government's own labels
        if match and match.field == "DESCRIPTION":
            break
    counts = {labels: sum(label in labels.own_header for label in known) for labels in label_set}
    best = max(counts, key=lambda labels: counts[labels])
    own = counts[best]
    # Labels of another language are half a reason against this one: some are left as they were in every translation.
    return _Frame(best, own / max(own + (len(known) - own) / 2 + unknown, 1))


def _has_form_of_label(text: str) -> bool:
    head, colon, _ = text.partition(":")
    is_short = len(head) <= _LONGEST_LABEL and 0 < len(head.split()) <= _MOST_LABEL_WORDS
    # Letters without capitals are those of a title: those of Arabic, Georgian, …
    begins_so = head[:1].isalpha() and head[:1] == head[:1].title()
    return bool(colon) and is_short and begins_so and not head.endswith(("http", "https"))


def identify_language(text: str) -> str | None:
    """Return the code of the language of a text, None where it is too short or too mixed to tell."""
    if len(text.strip()) < _SHORTEST_TEXT:
        return None
    code, probability = _identifier().classify(text)
    return str(code) if probability >= _SURE and code in _language_names() else None


@cache
def _identifier() -> Any:
    # Imported on first use: its model takes a second and 100 MB, and most pages leave no doubt.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _language_names() -> dict[str, str]:
    return tomllib.loads(files(__package__).joinpath("language_names.toml").read_text("utf-8"))
