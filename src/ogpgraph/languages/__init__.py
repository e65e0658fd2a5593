"""The languages of published pages. Everything that depends on a language is data in its file, `en.toml` and so on.

A file has one table for each package that reads it, which also checks it: `[pages]` for `importer.pages`,
`[personal_data]` for `personal`. Adding a language means adding a file; no code names one.

Files declare their order. It alone decides which language is the default (the first) and which one is preferred where
several fit equally well, so a new file never changes how pages in the other languages are read.

The codes are needed wherever there is a schema, the tables by few commands: they are read when somebody asks for them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from ogpgraph.lazy import cached_property

__all__ = ["Language", "LanguageError", "Languages", "load_languages", "shipped_languages"]


class LanguageError(ValueError):
    """A language file contradicts another one or lacks what every file must have; the message names it."""


@dataclass(frozen=True)
class Language:
    """One language file: its code, its place among the languages, and what reads its tables."""

    code: str
    order: int
    read_tables: Callable[[], dict[str, Any]]

    @cached_property
    def tables(self) -> dict[str, Any]:
        """The tables, which are not checked yet. Raises TOMLDecodeError where the file is broken."""
        return self.read_tables()


class Languages:
    """Languages in the declared order; the first is the default. Raises LanguageError where codes or orders repeat."""

    def __init__(self, languages: Iterable[Language]) -> None:
        # Not by code or file name: then adding `de.toml` would make German the default.
        self._languages = sorted(languages, key=lambda language: language.order)
        if not self._languages:
            raise LanguageError("there is no language")
        for attribute in ("code", "order"):
            values = [getattr(language, attribute) for language in self._languages]
            if repeated := {value for value in values if values.count(value) > 1}:
                raise LanguageError(f"two languages have the {attribute} {repeated.pop()}")

    def __iter__(self) -> Iterator[Language]:
        return iter(self._languages)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the languages in the declared order."""
        return tuple(language.code for language in self._languages)

    def tables(self, name: str) -> dict[str, Any]:
        """Return code → table of that name, in the declared order. Raises LanguageError where a file lacks it."""
        for language in self._languages:
            if name not in language.tables:
                raise LanguageError(f"the language {language.code} has no table [{name}]")
        return {language.code: language.tables[name] for language in self._languages}


def load_languages(folder: Traversable) -> Languages:
    """Return the languages of a folder's TOML files. Raises LanguageError, and TOMLDecodeError for broken ones."""
    return Languages(_load_file(file) for file in folder.iterdir() if file.name.endswith(".toml"))


@cache
def shipped_languages() -> Languages:
    """Return the languages that are part of this package."""
    # Through importlib.resources, so that it works from a zip file, too.
    return load_languages(files(__name__))


def _load_file(file: Traversable) -> Language:
    text = file.read_text("utf-8")
    head = tomllib.loads(text.partition("\n[")[0])
    code, order = head.get("language"), head.get("order")
    if not isinstance(code, str) or not isinstance(order, int):
        raise LanguageError(f"{file.name} does not declare its `language` and its `order`")
    return Language(code, order, partial(tomllib.loads, text))
