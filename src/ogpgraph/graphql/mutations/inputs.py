"""Inputs of mutations: the fields that all of them share, and the form in which requests are compared.

An omitted field says nothing. Null clears a field of the record that can be cleared, and is refused everywhere else.
"""

from __future__ import annotations

import dataclasses
import re
from enum import Enum
from typing import Any, TypeGuard, cast

import msgspec
import strawberry
from strawberry.utils.str_converters import to_camel_case

from ogpgraph.application.translation import T
from ogpgraph.domain.errors import Invalid
from ogpgraph.graphql.scalars import PartialDate

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,200}")


def optional(description: str) -> Any:
    """Return the declaration of an input field that may be omitted; annotate the field as `T | None`."""
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input
class MutationInput:
    """The five fields that the input of every mutation has."""

    expected_revision: int | None = optional(
        "The `revision` that the object had when it was last read; 0 for an object that does not exist yet. If it has "
        "changed since then, the mutation is refused with `STALE_REVISION`. Omitted: not checked."
    )
    idempotency_key: str | None = optional(
        "A key that the client chooses for this request: 1 to 200 printable ASCII characters without spaces. Repeating "
        "the request with the same key returns the first result at any later time and records nothing; another input "
        "with the same key is refused with `IDEMPOTENCY_KEY_REUSED`. The log has only a keyed hash of it. Omitted: "
        "every request is executed."
    )
    reason: str | None = optional(
        "Why the change is made: a text that everyone can read in the history. Omitted: no reason is recorded "
        "(`correct` and `revertImport` need one)."
    )
    effective_on: PartialDate | None = optional(
        "The date on which the recorded facts became true. Omitted: no such date is recorded."
    )
    source: str | None = optional(
        "The evidence for what is recorded: the id of a source (`source-…`), or the URL of a document (`https://…`), "
        "which becomes a source. Omitted: no source is cited."
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
        return {
            _HASHED_NAMES.get(name, name): _to_plain_data(each)
            for name, each in values.items()
            if each is not strawberry.UNSET
        }
    if isinstance(value, (list, tuple)):
        return [_to_plain_data(each) for each in value]
    return value.value if isinstance(value, Enum) else value


# Validation. `field` is the name of the input field, and becomes the path of the refusal.


def validate_common_inputs(input: MutationInput) -> None:
    """Raise Invalid if one of the fields that all inputs share is null."""
    for field in dataclasses.fields(MutationInput):
        if getattr(input, field.name) is None:
            name = to_camel_case(field.name)
            raise Invalid(f"{name} cannot be null: leave it out, or send a value", name)


def validate_idempotency_key(input: MutationInput) -> str | None:
    """Return the idempotency key, None where there is none; raises Invalid."""
    key = none_if_unset(input.idempotency_key)
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise Invalid("an idempotency key has 1 to 200 printable ASCII characters and no spaces", "idempotencyKey")
    return key
