"""The words by which personal data is found: data in `words.toml`, read once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """The words of all languages; the file says what each list is for."""

    contact: tuple[str, ...]
    phone: tuple[str, ...]
    no_phone: tuple[str, ...]
    units: tuple[str, ...]
    titles: tuple[str, ...]
    particles: tuple[str, ...]
    no_name: tuple[str, ...]


@cache
def words() -> Words:
    """Return the words."""
    return msgspec.convert(tomllib.loads(files("ogpgraph.personal").joinpath("words.toml").read_text("utf-8")), Words)


def one_of(listed: Iterable[str]) -> str:
    """Return an expression that matches any of the words, the longest first."""
    return "|".join(re.escape(word).replace(r"\ ", "[ \u00a0]+") for word in sorted(listed, key=len, reverse=True))
