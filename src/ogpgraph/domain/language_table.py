"""The codes of languages in ISO 639: of the codes that a language has the shortest names it, as in BCP 47.

The table `languages.toml` is part of the program, so that a result never depends on the edition of a library's data; a
test compares it with ISO 639.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct


def find_language(code: str) -> str | None:
    """Return the shortest code of the language that a code means (`fra` and `fre` are `fr`), None for no language."""
    return _shortest_codes().get(code.strip().lower())


class _ThreeLetters(Struct, frozen=True, forbid_unknown_fields=True):
    codes: str


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    two_letters: dict[str, str]
    three_letters: _ThreeLetters


@cache
def _shortest_codes() -> Mapping[str, str]:
    """Read the table, when it is first needed."""
    data = files("ogpgraph.domain").joinpath("languages.toml").read_bytes()
    table = msgspec.toml.decode(data, type=_File)
    shortest = {code: code for code in table.three_letters.codes.split()}
    for short, long in table.two_letters.items():
        shortest |= dict.fromkeys((short, *long.split()), short)
    return shortest
