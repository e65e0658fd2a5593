"""A mark: where in a text personal data stands, and of what sort it is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class PersonalData(StrEnum):
    """What sort of personal data it is."""

    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NAME = "NAME"


class Mark(NamedTuple):
    """Characters of a text, `end` excluded, that are personal data."""

    start: int
    end: int
    kind: PersonalData
