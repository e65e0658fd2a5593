"""Codebooks: how each published form of OGP's database is read, as data in `codebooks/*.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.folding import area_key

Reads = Literal[
    "code",
    "member",
    "member code",
    "region",
    "category",
    "plan number",
    "plan id",
    "plan end",
    "plan duration",
    "cycle",
    "number",
    "title",
    "wording",
    "institutions",
    "date",
    "year",
    "rating",
    "status",
    "codes",
    "numbers",
    "text",
    "co-creation",
]
_TAG = re.compile(r"<[^<>]*>")
IDENTITY = {
    "code": ("code", "member"),
    "member": ("member",),
    "plan number": ("planNumber", "actionPlan"),
    "cycle": ("cycle", "actionPlan"),
    "number": ("number",),
    "title": ("title/en",),
}


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """A column: how its cells are read, to which path, its other spellings, and its numeric twin."""

    reads: Reads
    path: str = ""
    also: tuple[str, ...] = ()
    rest: str = ""  # the column of `database/` that holds cells which are no date, list or code
    twin: str = ""
    codes: dict[str, str] = {}  # value or state → an expression for the numbers that its twin writes
    words: dict[RatingValue, tuple[str, ...]] = {}


class StarRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A published rule of the star: the columns it is in and rests on, and what a commitment had to reach."""

    column: str
    specificity: bool
    impact: tuple[RatingValue, ...]
    completion: str


class Codebook(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One published form of the database."""

    version: str
    meaning: str
    date_order: Literal["day first", "month first", "both"]
    columns: dict[str, Column]
    areas: dict[str, str]
    ignored: dict[str, str]
    stars: tuple[StarRule, ...]
    optional: dict[str, Column] = {}  # columns of the plan that only some files of the form have

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Return the key of every spelling of every column that is known → the column's name here."""
        names = {name: name for name in (*self.columns, *self.optional, *self.areas, *self.ignored, *self.twins)}
        known = {**self.columns, **self.optional}
        names |= {also: name for name, column in known.items() for also in column.also}
        return {column_key(spelling): name for spelling, name in names.items()}

    @cached_property
    def twins(self) -> tuple[str, ...]:
        """Return the columns that hold numbers for the words of another."""
        return tuple(column.twin for column in self.columns.values() if column.twin)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Return the columns that a file of this form has to have."""
        return (*self.columns, *self.areas)

    @cached_property
    def by_reading(self) -> dict[str, str]:
        """Return how a column is read → its name, for what a row has once: its code, member, title and so on."""
        return {column.reads: name for name, column in self.columns.items() if not column.path}

    @cached_property
    def taxonomy(self) -> frozenset[str]:
        """Return the policy areas that this form knows."""
        return frozenset(self.areas.values())

    @cached_property
    def _paths(self) -> frozenset[str]:
        identity = {path for column in self.columns.values() for path in IDENTITY.get(column.reads, ())}
        own = {column.path for column in self.columns.values() if column.path}
        rest = {f"database/{column.rest}" for column in self.columns.values() if column.rest}
        states = {f"policyAreasWithout/{state}" for state in RatingState}
        return frozenset(identity | own | rest | states | {"policyAreas"})

    def covers(self, path: str) -> bool:
        """Tell whether this form has a column for what stands at a path of a commitment."""
        return path in self._paths

    def names_of(self, header: list[str]) -> dict[int, str]:
        """Return position → column for the cells of a header line that name one; the first of two of a name counts."""
        found: dict[str, int] = {}
        for place, cell in enumerate(header):
            name = self.spellings.get(column_key(cell)) if cell.strip() else None
            if name is not None:
                found.setdefault(name, place)
        return {place: name for name, place in found.items()}


def column_key(name: str) -> str:
    """Return what makes two spellings one column: blind to case, accents, punctuation, blanks and HTML tags."""
    return area_key(_TAG.sub(" ", name.replace("\ufeff", "")))


@cache
def codebooks() -> tuple[Codebook, ...]:
    """Return every codebook, the oldest first; a form is added by adding a file."""
    folder = files("ogpgraph.importer").joinpath("codebooks")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(msgspec.convert(tomllib.loads(file.read_text("utf-8")), Codebook) for file in found)


def codebook_of(version: str) -> Codebook | None:
    """Return the codebook of a version, None where there is none."""
    return next((book for book in codebooks() if book.version == version), None)
