"""Wordings by reference: what an event carries in place of the words people wrote.

The words themselves and their salts lie in the text store, outside the log. An event holds
only the salted hash, so a wording can be deleted later without rewriting history, and anyone
who is given wording and salt can check that they are what the event spoke of.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Made(StrEnum):
    """How a wording in its language came about."""

    ORIGINAL = "ORIGINAL"
    HUMAN = "HUMAN"
    MACHINE = "MACHINE"
    UNKNOWN = "UNKNOWN"


class Wording(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="wording", tag_field="type"):
    """One wording in one language, by reference."""

    text: str
    made: Made = Made.UNKNOWN


class Wordings(Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag="wordings", tag_field="type"):
    """A list of wordings in one language, by reference; an empty list is said to be empty."""

    texts: tuple[str, ...]
    made: Made = Made.UNKNOWN
