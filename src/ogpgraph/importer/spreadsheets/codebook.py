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
from ogpgraph.importer.pages.text_normalization import normalize_policy_area

CellType = Literal[
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
    "text",
    "institutions",
    "date",
    "year",
    "rating",
    "status",
    "codes",
    "numbers",
    "line",
    "co-creation",
]
_TAG = re.compile(r"<[^<>]*>")
IDENTITY_PATHS = {
    "code": ("code", "member"),
    "member": ("member",),
    "plan number": ("planNumber", "actionPlan"),
    "cycle": ("cycle", "actionPlan"),
    "number": ("number",),
    "title": ("title/en",),
}


class CodebookColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column: how its cells are read, to which path, its other spellings, and its numeric twin."""

    parse_as: CellType
    path: str = ""
    aliases: tuple[str, ...] = ()
    fallback: str = ""  # the column of `database/` that holds cells which are no date, list or code
    numeric_twin: str = ""
    twin_patterns: dict[str, str] = {}  # value or state → an expression for the numbers that its twin writes
    value_spellings: dict[RatingValue, tuple[str, ...]] = {}


class StarRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A published rule of the star: the columns it is in and rests on, and what a commitment had to reach."""

    column: str
    specificity: bool
    impact: tuple[RatingValue, ...]
    completion: str


class Codebook(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One published form of the database."""

    version: str
    description: str
    date_order: Literal["day first", "month first", "both"]
    columns: dict[str, CodebookColumn]
    areas: dict[str, str]
    ignored: dict[str, str]
    stars: tuple[StarRule, ...]
    optional: dict[str, CodebookColumn] = {}  # columns of the plan that only some files of the form have

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Return the key of every spelling of every column that is known → the column's name here."""
        names = {
            name: name for name in (*self.columns, *self.optional, *self.areas, *self.ignored, *self.numeric_twins)
        }
        known = {**self.columns, **self.optional}
        names |= {alias: name for name, column in known.items() for alias in column.aliases}
        return {column_key(spelling): name for spelling, name in names.items()}

    @cached_property
    def numeric_twins(self) -> tuple[str, ...]:
        """Return the columns that hold numbers for the words of another."""
        return tuple(column.numeric_twin for column in self.columns.values() if column.numeric_twin)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Return the columns that a file of this form has to have."""
        return (*self.columns, *self.areas)

    @cached_property
    def column_by_type(self) -> dict[str, str]:
        """Return how a column is read → its name, for what a row has once: its code, member, title and so on."""
        return {column.parse_as: name for name, column in self.columns.items() if not column.path}

    @cached_property
    def taxonomy(self) -> frozenset[str]:
        """Return the policy areas that this form knows."""
        return frozenset(self.areas.values())

    @cached_property
    def _paths(self) -> frozenset[str]:
        identity = {path for column in self.columns.values() for path in IDENTITY_PATHS.get(column.parse_as, ())}
        own = {column.path for column in self.columns.values() if column.path}
        rest = {f"database/{column.fallback}" for column in self.columns.values() if column.fallback}
        states = {f"policyAreasWithout/{state}" for state in RatingState}
        return frozenset(identity | own | rest | states | {"policyAreas"})

    def covers(self, path: str) -> bool:
        """Tell whether this form has a column for what stands at a path of a commitment."""
        return path in self._paths

    def match_header(self, header: list[str]) -> dict[int, str]:
        """Return position → column for the cells of a header line that name one; the first of two of a name counts."""
        found: dict[str, int] = {}
        for place, cell in enumerate(header):
            name = self.spellings.get(column_key(cell)) if cell.strip() else None
            if name is not None:
                found.setdefault(name, place)
        return {place: name for name, place in found.items()}


def column_key(name: str) -> str:
    """Return what makes two spellings one column: blind to case, accents, punctuation, blanks and HTML tags."""
    return normalize_policy_area(_TAG.sub(" ", name.replace("\ufeff", "")))


@cache
def load_codebooks() -> tuple[Codebook, ...]:
    """Return every codebook, the oldest first; a form is added by adding a file."""
    folder = files("ogpgraph.importer.spreadsheets").joinpath("codebooks")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(msgspec.convert(tomllib.loads(file.read_text("utf-8")), Codebook) for file in found)


def find_codebook(version: str) -> Codebook | None:
    """Return the codebook of a version, None where there is none."""
    return next((book for book in load_codebooks() if book.version == version), None)
