"""The table of members and countries: their codes, names and regions.

The letters of a commitment's code are not always the member's: `FR0039` belongs to `FRA`, `UK0090` to `GBR`, `KAD0004`
to `NGKD`. The table `members.toml` is part of the program, so that a result never depends on the edition of a library's
data; a test compares it with ISO 3166.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

MemberKind = Literal["NATIONAL", "LOCAL"]

_COMMITMENT_CODE = re.compile(r"([A-Z]{2,6})\d{4}", re.ASCII | re.IGNORECASE)
_LOCAL_CODE = re.compile(r"[A-Z]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class MemberIdentity:
    """A member's code, with the prefix, kind and English name that belong to it; equal for every spelling of these.

    The codes of its commitments begin with `prefix`; for a local member of the pilot only the older ones do, and the
    others begin with `code`. A local member that is not in the table has no name.
    """

    code: str
    prefix: str
    kind: MemberKind
    name: str | None


def member_of_commitment_code(commitment_code: str) -> MemberIdentity | None:
    """Return the member that the letters of a commitment's code belong to, in any case; None if they are nobody's.

    Four letters are always a local member's code: local members join more often than the table is edited.
    """
    match = _COMMITMENT_CODE.fullmatch(commitment_code.strip())
    if match is None:
        return None
    letters = match[1].upper()
    return _member_table().by_prefix.get(letters) or _local_member(letters)


def lookup_member(code_prefix_or_name: str) -> MemberIdentity | None:
    """Return the member with a code (`FRA`), prefix (`FR`, `KAD`) or English name, whatever the case and the accents.

    A local member that is not in the table is recognised in capitals only: otherwise every name of four letters would
    be a member.
    """
    text = code_prefix_or_name.strip()
    return _member_table().by_name.get(_fold(text)) or _local_member(text)


def spell_member_name(name: str) -> str:
    """Return a name as the table spells it where it differs in case only, any other as it is."""
    return _member_table().spellings.get(name.casefold(), name)


def region_of(member_code: str) -> str | None:
    """Return OGP's region of a member: a local member's is that of the country that its first two letters name."""
    code, table = member_code.strip().upper(), _member_table()
    # A local member's code begins with its country's ISO code: GBSC is in the United Kingdom, though its prefix is UK.
    country = table.by_prefix.get(code[:2]) if _LOCAL_CODE.fullmatch(code) else None
    return table.regions.get(country.code if country else code)


def known_regions() -> frozenset[str]:
    """Return OGP's regions."""
    return frozenset(_member_table().regions.values())


def known_members() -> Mapping[str, MemberIdentity]:
    """Return code → member for all members and countries in the table."""
    return _member_table().by_code


def _local_member(code: str) -> MemberIdentity | None:
    if _LOCAL_CODE.fullmatch(code) is None:
        return None
    return known_members().get(code) or MemberIdentity(code, code, "LOCAL", None)


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    prefix: str
    name: str
    other_prefixes: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()


class _Group(Struct, frozen=True, forbid_unknown_fields=True):
    kind: MemberKind
    members: tuple[_Row, ...]
    region: str | None = None


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    group: tuple[_Group, ...]

    def rows(self) -> Iterator[tuple[MemberIdentity, _Row, str | None]]:
        for group in self.group:
            for row in group.members:
                yield MemberIdentity(row.code, row.prefix, group.kind, row.name), row, group.region


@dataclass(frozen=True, slots=True)
class _MemberTable:
    by_code: Mapping[str, MemberIdentity]
    by_prefix: Mapping[str, MemberIdentity]
    by_name: Mapping[str, MemberIdentity]
    spellings: Mapping[str, str]
    regions: Mapping[str, str]


@cache
def _member_table() -> _MemberTable:
    """Read the table, when it is first needed."""
    data = files("ogpgraph.domain").joinpath("members.toml").read_bytes()
    rows = list(msgspec.toml.decode(data, type=_File).rows())
    return _MemberTable(
        by_code={member.code: member for member, _, _ in rows},
        by_prefix={prefix: member for member, row, _ in rows for prefix in (member.prefix, *row.other_prefixes)},
        by_name={
            _fold(name): member
            for member, row, _ in rows
            for name in (member.code, member.prefix, row.name, *row.other_prefixes, *row.other_names)
        },
        spellings={name.casefold(): name for _, row, _ in rows for name in (row.name, *row.other_names)},
        regions={member.code: region for member, _, region in rows if region},
    )


def _fold(name: str) -> str:
    """Return a form that is equal for spellings that differ only in case, accents or the kind of apostrophe."""
    # NFKD separates a letter from its accents, which are combining characters then.
    letters = unicodedata.normalize("NFKD", name.replace("’", "'"))
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
