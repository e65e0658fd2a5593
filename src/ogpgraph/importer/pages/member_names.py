"""The names of members in the languages of pages: by them a page names its member, and by nothing else.

English names and codes are in the table of members; the others are data of each language file.
"""

from __future__ import annotations

from functools import cache

from ogpgraph.domain.member_table import (
    MemberIdentity,
    known_members,
    lookup_member,
    member_of_commitment_code,
    spell_member_name,
)
from ogpgraph.importer.pages.labels import shipped_labels
from ogpgraph.importer.pages.text import fold

_SHORTEST_NAME = 4
_TABLE_LANGUAGE = "en"
"""The language of the names in the table of members."""


def find_named_member(text: str) -> MemberIdentity | None:
    """Return the member that a text names, in whatever language; None for anything else, codes included."""
    name = text.strip()
    if len(name) < _SHORTEST_NAME or name in known_members():
        return None
    code = _codes_by_name().get(fold(name))
    if code:
        return known_members()[code]
    found = lookup_member(name)
    return found if found and found.name is not None else None


def spell_name(text: str) -> str:
    """Return a name of a member, in whatever language, as it is listed where it differs in case only; others as is."""
    return _spellings().get(text.casefold()) or spell_member_name(text)


def is_name_of(text: str, commitment_code: str, language: str) -> bool:
    """Return whether a text is a name of the member that a commitment's code belongs to.

    A local member that has no name in the table, or none in the language, may have any with its country in it.
    """
    member = member_of_commitment_code(commitment_code)
    if member is None:
        return False
    if named := find_named_member(text):
        return named.code == member.code
    is_listed = member.name is not None if language == _TABLE_LANGUAGE else False
    return member.kind == "LOCAL" and not is_listed and names_place_of(text, member)


def names_place_of(text: str, member: MemberIdentity) -> bool:
    """Return whether a text has a name of the member, or of a local member's country, among its words.

    So it is with "Strelsau, Ruritania" for a local member that no table has.
    """
    code = member.code[:2] if member.kind == "LOCAL" else member.code
    folded = f" {_spaced(text)} "
    return any(f" {_spaced(name)} " in folded for name in _names_of(code))


@cache
def _names_of(code: str) -> frozenset[str]:
    """Return all names of a member by its code, or of a country by the first letters of its local members' codes."""
    meant = lookup_member(code)
    if meant is None:
        return frozenset()
    own = {name for name, each in _codes_by_name().items() if each == meant.code}
    return frozenset(own | ({fold(meant.name)} if meant.name else set()))


@cache
def _spellings() -> dict[str, str]:
    listed = (names for labels in shipped_labels() for names in labels.own.member_names.values())
    return {name.casefold(): name for names in listed for name in names}


@cache
def _codes_by_name() -> dict[str, str]:
    return {
        fold(name): code
        for labels in shipped_labels()
        for code, names in labels.own.member_names.items()
        for name in names
        if code in known_members()
    }


def _spaced(text: str) -> str:
    return " ".join("".join(each if each.isalnum() else " " for each in fold(text)).split())
