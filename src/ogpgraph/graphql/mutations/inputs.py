"""Inputs of mutations: the fields that all of them share, validation, and conversion to the values of facts.

Whatever enters the log through a mutation is validated here or by the path that it is recorded at. A field that is null
counts as omitted, in every input.
"""

from __future__ import annotations

import dataclasses
import re
from enum import Enum
from functools import lru_cache
from typing import Any, TypeGuard, cast

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from ogpgraph.application.translation import T, validate_item_count
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.field import Field
from ogpgraph.graphql.scalars import PartialDate

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_FORMATS = {
    "language": (re.compile(r"[a-z]{2,3}"), "a lower-case language code, such as en or fr"),
    "code": (re.compile(r"[A-Z]{2,4}[0-9]{4}"), "the code of a commitment, such as FR0043"),
    "member": (re.compile(r"[A-Z]{2,6}"), "OGP's code of a member, such as FRA"),
    "number": (re.compile(r"[0-9A-Za-z][0-9A-Za-z.\-]{0,15}"), "a number as published, such as 14.1"),
    "section": (re.compile(r"[A-Z][A-Z0-9_]{0,79}"), "the name of a section in capitals, such as NEXT_STEPS"),
}

# Descriptions of fields that several inputs have.
COMMITMENT = "The commitment, by its current code or a former one, such as `FR0043`. Case does not matter."
ACTION_PLAN = "The action plan, by its code, such as `FRA-2021`, or by its id (`plan-…`)."
LANGUAGE = "The language of the texts in this input: two or three lower-case letters, such as `fr`. Default: `en`."
UNCHANGED = "Omitted or null: unchanged."
NOT_RECORDED = "Omitted or null: nothing is recorded."


def optional(description: str) -> Any:
    """Return the declaration of an input field that may be omitted; annotate the field as `T | None`."""
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input
class MutationInput:
    """The five fields that the input of every mutation has."""

    expected_revision: int | None = optional(
        "The `revision` that the object had when it was last read; 0 for an object that does not exist yet. If it has "
        "changed since then, the mutation is refused with `STALE_REVISION`. Omitted or null: not checked."
    )
    idempotency_key: str | None = optional(
        "A key that the client chooses for this request: 1 to 200 printable ASCII characters without spaces. Repeating "
        "the request with the same key returns the first result at any later time and records nothing; another input "
        "with the same key is refused with `IDEMPOTENCY_KEY_REUSED`. The key is stored in the log, so it must not "
        "identify a person. Omitted or null: every request is executed."
    )
    reason: str | None = optional(
        "Why the change is made: a text that everyone can read in the history. Omitted or null: no reason is recorded "
        "(`correct` and `revertImport` need one)."
    )
    effective_on: PartialDate | None = optional(
        "The date on which the recorded facts became true. Omitted or null: no such date is recorded."
    )
    source: str | None = optional(
        "The evidence for what is recorded: the id of a source (`source-…`), or the URL of a document (`https://…`), "
        "which becomes a source. Omitted or null: no source is cited."
    )


# Fields of an input


def is_set(value: T | None) -> TypeGuard[T]:
    """Return whether a field was sent with a value other than null."""
    return value is not strawberry.UNSET and value is not None


def none_if_unset(value: T | None) -> T | None:
    """Return the value of a field, None where it was omitted."""
    return value if is_set(value) else None


def input_field_names(input: MutationInput) -> list[str]:
    """Return the names of all fields of an input, as in the schema."""
    return [to_camel_case(field.name) for field in dataclasses.fields(cast(Any, input))]


def set_field_names(input: MutationInput) -> list[str]:
    """Return the names of the fields of an input that are set, as in the schema."""
    fields = dataclasses.fields(cast(Any, input))
    return [to_camel_case(field.name) for field in fields if is_set(getattr(input, field.name))]


# A log stores the hash of each request with an idempotency key. A renamed field keeps its original name in the hash,
# so that a request that was recorded before the renaming is still recognized.
_HASHED_NAMES = {"translation_kind": "made"}


def canonical_request(mutation: str, input: MutationInput) -> str:
    """Return a text that is equal for two requests exactly if mutation and input, but for the key, are equal."""
    content = _to_plain_data(input)
    content.pop("idempotency_key", None)
    return msgspec.json.encode([mutation, content], order="sorted").decode()


def _to_plain_data(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {_HASHED_NAMES.get(name, name): _to_plain_data(each) for name, each in values.items() if is_set(each)}
    if isinstance(value, (list, tuple)):
        return [_to_plain_data(each) for each in value]
    return value.value if isinstance(value, Enum) else value


# Validation. `field` is the name of the input field, and becomes the path of the refusal.


def validate_idempotency_key(input: MutationInput) -> str | None:
    """Return the idempotency key, None where there is none; raises Invalid."""
    key = none_if_unset(input.idempotency_key)
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid("an idempotency key has 1 to 200 printable ASCII characters and no spaces", "idempotencyKey")
    return key


def validate_format(text: str, format_name: str, field: str | None = None) -> str:
    """Return a text that matches one of the formats; raises Invalid."""
    pattern, description = _FORMATS[format_name]
    if not pattern.fullmatch(text):
        raise Invalid(f"{text[:40]!r} is not {description}", field or format_name)
    return text


def normalize_commitment_code(text: str, field: str = "commitment") -> str:
    """Return the code of a commitment in capitals; raises Invalid."""
    return validate_format(text.strip().upper(), "code", field)


def normalize_commitment_codes(codes: list[str] | None, field: str) -> list[str]:
    """Return a list of codes in capitals, empty where it was omitted; raises Invalid."""
    return [normalize_commitment_code(code, field) for code in validate_item_count(none_if_unset(codes) or [], field)]


def normalize_language(text: str | None) -> str:
    """Return a language code in lower case, `en` where none was sent; raises Invalid."""
    return validate_format(text.strip().lower(), "language") if is_set(text) else "en"


# Conversion to the values of facts


@lru_cache(maxsize=256)
def find_declared_path(aggregate_type: str, field: str) -> Field:
    """Return the declared path of an input field, whatever its language; raises KeyError if there is none."""
    paths = {path.pattern: path for path in AGGREGATE_TYPES[aggregate_type].fields}
    return paths.get(field) or paths[f"{field}/{{language}}"]
