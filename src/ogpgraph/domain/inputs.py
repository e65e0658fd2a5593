"""Inputs that commands on several aggregates have in common: commitments by their codes, and languages."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.command import Format, ReferenceTo
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import COMMITMENT_CODE

UNKNOWN_COMMITMENT = "if the commitment is unknown"
"""When commands on a commitment are refused with `NOT_FOUND`."""


def normalize_code(text: str) -> str:
    """Return a code in capitals, without surrounding spaces."""
    return text.strip().upper()


def normalize_language(text: str) -> str:
    """Return a language's code in lower case, without surrounding spaces."""
    return text.strip().lower()


def find_commitment(uow: UnitOfWork, code: str) -> Aggregate:
    """Return the commitment that a current or former code means; raises Invalid and NotFound."""
    normalized = normalize_code(code)
    if not re.fullmatch(COMMITMENT_CODE, normalized):
        raise Invalid(f"{normalized[:40]!r} is not {_COMMITMENT_CODE.form}", "commitment")
    return uow.require_by_code("commitment", normalized)


_COMMITMENT_CODE = Format(COMMITMENT_CODE, "the code of a commitment, such as FR0043", normalize_code)

NewCommitmentCode = Annotated[
    str, Meta(description="The code: two to four letters and four digits, such as `FR0043`."), _COMMITMENT_CODE
]
"""A code that no commitment needs to have yet."""

CommitmentByCode = Annotated[Aggregate, ReferenceTo("commitment", find_commitment)]
CommitmentReference = Annotated[
    CommitmentByCode,
    Meta(description="The commitment, by its current code or a former one, such as `FR0043`. Case does not matter."),
]
Language = Annotated[
    str,
    Meta(
        description="The language of the texts in this input: two or three lower-case letters, such as `fr`. Default: "
        "`en`."
    ),
    Format("[a-z]{2,3}", "a lower-case language code, such as en or fr", normalize_language),
]
