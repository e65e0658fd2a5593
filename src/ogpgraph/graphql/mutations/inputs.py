"""What all inputs of mutations share, and how what people send becomes what the record keeps, or is refused."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from enum import Enum
from typing import Any, cast

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from ogpgraph.application.unit_of_work import validate_text
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.vocabulary import POLICY_AREAS
from ogpgraph.graphql.scalars import PartialDate

MAX_TEXT_LENGTH = 100_000
MAX_ITEMS = 200
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_FORMATS = {
    "language": (re.compile(r"[a-z]{2,3}"), "a language as a lower-case code, such as en or fr"),
    "code": (re.compile(r"[A-Z]{2,4}[0-9]{4}"), "a commitment's code, such as FR0043"),
    "member": (re.compile(r"[A-Z]{2,6}"), "OGP's code of a member, such as FRA"),
    "number": (re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}"), "a number as published, such as 14.1"),
    "section": (re.compile(r"[A-Z][A-Z0-9_]{0,79}"), "a section's name in capitals, such as NEXT_STEPS"),
}
_POLICY_AREAS = {area.casefold(): area for area in POLICY_AREAS}


@strawberry.input
class MutationInput:
    """The five fields that every mutation takes."""

    expected_revision: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The revision that the thing had when it was last read; refused if it has changed since.",
    )
    idempotency_key: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="A key of the client's own, 1 to 200 plain characters. Sent again with the same content it returns "
        "the first answer, for ever, and writes nothing. It is kept in the log, so it should name nobody.",
    )
    reason: str | None = strawberry.field(
        default=strawberry.UNSET, description="Why, in words that everyone can read in the history."
    )
    effective_on: PartialDate | None = strawberry.field(
        default=strawberry.UNSET, description="The day on which what is said became true, where that is another day."
    )
    source: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What it rests on: the id of a source in the record, or the address of a document (`https://…`).",
    )


def is_set(value: Any) -> bool:
    """Tell whether a field was sent; null counts as not sent."""
    return value is not strawberry.UNSET and value is not None


def input_field_names(sent: MutationInput) -> list[str]:
    """Return the names, as clients write them, of all fields of an input."""
    return [to_camel_case(each.name) for each in dataclasses.fields(cast(Any, sent))]


def sent_field_names(sent: MutationInput) -> list[str]:
    """Return the names, as clients write them, of the fields that were sent."""
    fields = dataclasses.fields(cast(Any, sent))
    return [to_camel_case(each.name) for each in fields if is_set(getattr(sent, each.name))]


def canonical_request(mutation: str, sent: object) -> str:
    """Return a mutation and its input as one text, the idempotency key left out: equal for equal requests only."""
    content = _as_plain_data(sent)
    content.pop("idempotency_key", None)
    return msgspec.json.encode([mutation, content], order="sorted").decode()


# A log holds the hash of each request with an idempotency key: a field that was renamed keeps its first name in it.
_HASHED_NAMES = {"translation_kind": "made"}


def _as_plain_data(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        sent = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return {_HASHED_NAMES.get(name, name): _as_plain_data(each) for name, each in sent.items() if is_set(each)}
    if isinstance(value, (list, tuple)):
        return [_as_plain_data(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def parse_idempotency_key(sent: MutationInput) -> str | None:
    """Return the key that was sent, if any; raises Invalid for one that is none."""
    if not is_set(sent.idempotency_key):
        return None
    key = str(sent.idempotency_key)
    if not _KEY.fullmatch(key):
        raise Invalid("an idempotency key is 1 to 200 plain characters without spaces", "idempotencyKey")
    return key


def normalize_text(text: str, field: str) -> str:
    """Return a wording as it is kept, in Unicode's composed form; raises Invalid where it cannot be kept."""
    if not text.strip():
        raise Invalid(f"{field} is empty", field)
    if len(text) > MAX_TEXT_LENGTH:
        raise Invalid(f"{field} has {len(text):,} characters; {MAX_TEXT_LENGTH:,} are the most", field)
    try:
        return unicodedata.normalize("NFC", validate_text(text))
    except Invalid as invalid:
        raise Invalid(f"{field}: {invalid.message}", field) from invalid


def match_format(text: str, form: str, field: str | None = None) -> str:
    """Return a short text that has the form its field asks for; raises Invalid, saying which form that is."""
    pattern, example = _FORMATS[form]
    if not pattern.fullmatch(text):
        raise Invalid(f"{text[:40]!r} is not {example}", field or form)
    return text


def normalize_code(text: str, field: str = "commitment") -> str:
    """Return a commitment's code in capitals; raises Invalid."""
    return match_format(text.strip().upper(), "code", field)


def normalize_language(text: str | None) -> str:
    """Return a language in lower case, English where none is given; raises Invalid."""
    return match_format(text.strip().lower(), "language") if isinstance(text, str) else "en"


def normalize_texts(texts: Sequence[str], field: str) -> tuple[str, ...]:
    """Return the wordings of a list; raises Invalid."""
    if len(texts) > MAX_ITEMS:
        raise Invalid(f"{field} has {len(texts)} items; {MAX_ITEMS} are the most", field)
    return tuple(normalize_text(text, field) for text in texts)


def normalize_policy_areas(areas: Sequence[str]) -> tuple[str, ...]:
    """Return policy areas in the vocabulary's spelling; raises Invalid for an unknown one, with what may be meant."""
    unknown = next((area for area in areas if area.casefold() not in _POLICY_AREAS), None)
    if unknown is not None:
        near = get_close_matches(unknown, POLICY_AREAS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise Invalid(f"OGP has no policy area {unknown[:80]!r}{meant}", "policyAreas")
    return tuple(dict.fromkeys(_POLICY_AREAS[area.casefold()] for area in areas))
