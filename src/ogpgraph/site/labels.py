"""The words for what the record has codes for: vocabulary values, kinds of entries, and paths of fields.

They are derived from the codes, apart from those in `_WORDS`, and translated by the catalogues, which have all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import lru_cache
from typing import Any, Final, Literal, Union, get_args, get_origin

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.event import Cause, Origin
from ogpgraph.domain.overdue import OverdueBasis
from ogpgraph.domain.values import Rating, TranslationKind
from ogpgraph.domain.vocabulary import (
    CoCreation,
    CoCreationValue,
    CommitmentStatus,
    Finding,
    Indicator,
    MemberStatus,
    MilestoneStatus,
    OgpValue,
    PlanStatus,
    RatingState,
    RatingValue,
    Stage,
)
from ogpgraph.languages import shipped_languages

Translate = Callable[[str], str]

_VOCABULARIES: Final = (
    *(Indicator, Stage, RatingState, RatingValue, OgpValue, CommitmentStatus, MilestoneStatus, MemberStatus),
    *(PlanStatus, Finding, CoCreation, CoCreationValue, Cause, Origin, TranslationKind, OverdueBasis),
)
_WORDS: Final = {
    # Indicators and states, in the words of the IRM
    "DID_IT_OPEN_GOVERNMENT": "Did it open government?",
    "RELEVANCE": "Relevant to OGP values",
    "END_OF_TERM": "End of term",
    "DID_IT_OPEN_GOVERNMENT_NOTE": "Did it open government? (note)",
    "NO_DATA": "No data",
    "UNRECOGNISED": "Not recognised",
    # Why an entry was made
    "REPORTED": "Reported",
    "SOURCE_CHANGED": "Source changed",
    "EXTRACTION": "Read again",
    "METHODOLOGY": "Method changed",
    "REDACTION": "Removed",
    # Where a value was stated
    "HEADER": "Fact sheet of the page",
    "DESCRIPTION": "The government's text",
    "NARRATIVE": "The IRM's text",
    "PLAN": "Action plan, as the page repeats it",
    "SIBLING_LIST": "List of the member's commitments",
    "REFERENCE": "Reference table",
    "DATABASE": "OGP's database",
    "PERSON": "A person",
    # Fields, where their names alone do not say it
    "IRM_ASSESSED": "IRM assessed",
    "STARRED_BEFORE_JUNE_2014": "Starred before June 2014",
    "irmReports": "IRM reports",
    "publishedId": "Published ID",
    "coCreation": "Co-creation",
    "url": "Address",
    "etag": "Version of the page",
    # Kinds of sources
    "PAGE": "Page",
    "DATABASE_FILE": "File of OGP's database",
    "NO_PROGRESS_REPORTED": "No progress reported",
    "COMMITMENT_LIST": "List of a member's commitments",
    "DOCUMENT": "Document",
}
_OF_NAMES: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def describe_code(code: str) -> str:
    """Return the English words for a code: `NOT_STARTED` → `Not started`, `MilestoneAdded` → `Milestone added`."""
    if code in _WORDS:
        return _WORDS[code]
    words = code.replace("_", " ") if code.isupper() else _OF_NAMES.sub(" ", code)
    return words[:1].upper() + words[1:].lower()


def describe_path(path: str, translate: Translate) -> str:
    """Return the words for the path of a field: `ratings/COMPLETION/MIDTERM/value` → `Rating: Completion, Midterm`."""
    if path.startswith("claims/"):
        prefix = translate("Stated, but not shown")
        return f"{prefix}: {describe_path(path.removeprefix('claims/'), translate)}"
    name, *rest = path.split("/")
    words = [translate(describe_code(name.removesuffix("s") if rest and name in _LISTS else name))]
    details = rest[:1] if name in _NAMED else []
    details += [
        _describe_part(part, translate) for part in rest[len(details) :] if part != "value" and not ID.fullmatch(part)
    ]
    return f"{words[0]}: {', '.join(details)}" if details else words[0]


@lru_cache(maxsize=4_096)  # more than there are, apart from those with a number or a time
def has_codes(path: str) -> bool:
    """Return whether the texts at a path are codes of a vocabulary, which have words.

    All others are shown as they were published, also those in capitals: `TUN`, `CNIL`.
    """
    return any(each.fullmatch(path.removeprefix("claims/")) for each in _CODED)


def _is_vocabulary(value_type: Any) -> bool:
    types = get_args(value_type) if get_origin(value_type) is Union else (value_type,)
    return any(
        get_origin(each) is Literal or (isinstance(each, type) and issubclass(each, Enum | Rating)) for each in types
    )


ID: Final = re.compile(r"[a-z]+-[0-9a-f]{32}")
"""The id of a thing, which the paths of links end with."""
_CODED: Final = [
    re.compile(f"{field.regex.removesuffix('$')}(/.*)?")
    for aggregate in AGGREGATE_TYPES.values()
    for field in aggregate.fields
    if _is_vocabulary(field.type)
]
_LISTS: Final = frozenset({"ratings", "milestones", "narratives", "findings", "updates"})

_NAMED: Final = frozenset({"milestones", "codes"})
"""What has things by a number or code, which stands next in the path and is none of a vocabulary."""


def _describe_part(part: str, translate: Translate) -> str:
    return translate(describe_code(part)) if part.isupper() or (part.isalpha() and len(part) > 3) else part


def all_words() -> Iterator[str]:
    """Yield the English words for everything that has a code, which every catalogue translates."""
    for vocabulary in _VOCABULARIES:
        yield from (describe_code(each.name) for each in vocabulary)
    for aggregate in AGGREGATE_TYPES.values():
        yield describe_code(aggregate.name)
        yield from (describe_code(each.name) for each in aggregate.event_types)
        yield from (describe_code(each.name) for each in aggregate.fields)
        yield from (
            describe_code(each.pattern.split("/")[0].removesuffix("s"))
            for each in aggregate.fields
            if each.pattern.split("/")[0] in _LISTS
        )
    sections = shipped_languages().tables("pages")["en"]["sections"]
    yield from map(describe_code, sections)
    yield from _WORDS.values()
