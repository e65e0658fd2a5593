"""Codebooks: data that describes how each published layout of OGP's commitment database is read.

There is one file in `codebooks/` for each layout; a layout is added by adding a file, without code. `sheet` matches a
file's header with the codebooks, `row_parser` reads the cells of each column as its codebook says.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from ogpgraph.domain.vocabulary import RatingState, RatingValue
from ogpgraph.importer.pages.text import normalize_policy_area
from ogpgraph.importer.pages.values import DateOrder

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
IDENTITY_PATHS = {
    "code": ("code", "member"),
    "member": ("member",),
    "plan number": ("planNumber", "actionPlan"),
    "cycle": ("cycle", "actionPlan"),
    "number": ("number",),
    "title": ("title/en",),
}
"""The paths of a commitment that hold cells which identify it."""

AREA_PATHS = frozenset({"policyAreas", *(f"policyAreasUndetermined/{state}" for state in RatingState)})
"""The paths that cells of policy areas state together."""

_HTML_TAG = re.compile(r"<[^<>]*>")


class CodebookColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column: how its cells are parsed and the path of a commitment that their values go to.

    A cell that cannot be parsed goes to `database/{fallback}` as it is. The numeric twin is another column that repeats
    these ratings as numbers; `twin_patterns` has a regular expression for the number of each value or state.
    `value_spellings` are needed only where cells do not use the names of the rating's values. `date_order` is that of
    day and month in the column's dates, if they have one: how a cell is read never depends on other rows. A cell that
    has a value has the `pattern`, if there is one; other cells show that the row is damaged.
    """

    parse_as: CellType
    path: str = ""
    aliases: tuple[str, ...] = ()
    fallback: str = ""
    numeric_twin: str = ""
    twin_patterns: dict[str, str] = {}
    value_spellings: dict[RatingValue, tuple[str, ...]] = {}
    date_order: DateOrder | None = None
    pattern: str = ""

    @property
    def paths(self) -> frozenset[str]:
        """Return the paths at which the column may state something."""
        fallback = f"database/{self.fallback}" if self.fallback else ""
        return frozenset(filter(None, (self.path, fallback, *IDENTITY_PATHS.get(self.parse_as, ()))))

    @property
    def own_paths(self) -> frozenset[str]:
        """Return the paths at which no other column states anything."""
        return self.paths - {"actionPlan", "member"}


class StarRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A published rule for the star: its column, and the ratings that a commitment needs to receive it.

    `specificity` is true if the rule requires a specific commitment; `impact` lists the potential impacts that suffice;
    `completion` is the column whose completion counts.
    """

    column: str
    specificity: bool
    impact: tuple[RatingValue, ...]
    completion: str


class Codebook(Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One published layout of the database.

    `areas` maps the column of each policy area to the area's name in the vocabulary; `ignored` maps each column that is
    not read to the reason; `optional` are columns about the action plan that only some files of the layout have.
    """

    version: str
    description: str
    columns: dict[str, CodebookColumn]
    areas: dict[str, str]
    ignored: dict[str, str]
    stars: tuple[StarRule, ...]
    optional: dict[str, CodebookColumn] = {}

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Map the `column_key` of every known spelling of every column to the column's name in this codebook."""
        names = {
            name: name for name in (*self.columns, *self.optional, *self.areas, *self.ignored, *self.numeric_twins)
        }
        known = {**self.columns, **self.optional}
        names |= {alias: name for name, column in known.items() for alias in column.aliases}
        return {column_key(spelling): name for spelling, name in names.items()}

    @cached_property
    def numeric_twins(self) -> tuple[str, ...]:
        """Return the columns that repeat the ratings of another column as numbers."""
        return tuple(column.numeric_twin for column in self.columns.values() if column.numeric_twin)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Return the columns without which a file does not have this layout."""
        return (*self.columns, *self.areas)

    def is_year(self, name: str) -> bool:
        """Return whether the cells of a column are years."""
        return name in self.columns and self.columns[name].parse_as in ("cycle", "year")

    @cached_property
    def column_by_type(self) -> dict[str, str]:
        """Map cell types to columns, for those that occur once in a row: code, member, title and so on."""
        return {column.parse_as: name for name, column in self.columns.items() if not column.path}

    @cached_property
    def published_dates(self) -> dict[str, str]:
        """Map the paths of dates to the paths of their cells as published, where a date is uncertain."""
        dates = [column for column in self.columns.values() if column.parse_as == "date" and column.fallback]
        return {column.path: f"database/{column.fallback}" for column in dates}

    @cached_property
    def taxonomy(self) -> frozenset[str]:
        """Return the policy areas that this layout distinguishes."""
        return frozenset(self.areas.values())

    @cached_property
    def _paths(self) -> frozenset[str]:
        identity = {path for column in self.columns.values() for path in IDENTITY_PATHS.get(column.parse_as, ())}
        own = {column.path for column in self.columns.values() if column.path}
        fallbacks = {f"database/{column.fallback}" for column in self.columns.values() if column.fallback}
        return frozenset(identity | own | fallbacks | AREA_PATHS)

    def covers(self, path: str) -> bool:
        """Return whether this layout has a column for a path of a commitment.

        Only then does a missing value mean that the file no longer reports it.
        """
        return path in self._paths

    def match_header(self, header: list[str]) -> dict[int, str]:
        """Map the positions in a header to the names of known columns.

        Of two columns with the same name the first is read; `Sheet.duplicate_column_remarks` reports where they differ.
        """
        found: dict[str, int] = {}
        for position, cell in enumerate(header):
            name = self.spellings.get(column_key(cell)) if cell.strip() else None
            if name is not None:
                found.setdefault(name, position)
        return {position: name for name, position in found.items()}


class OtherForm(Struct, frozen=True, forbid_unknown_fields=True):
    """A form of OGP that is not read: its name, columns that only it has, and what to do with such a file."""

    name: str
    columns: tuple[str, ...]
    advice: str


def column_key(name: str) -> str:
    """Return a column's name without differences in case, accents, punctuation, white space and HTML tags."""
    return normalize_policy_area(_HTML_TAG.sub(" ", name.replace("\ufeff", "")))


@cache
def load_codebooks() -> tuple[Codebook, ...]:
    """Return all codebooks, the oldest layout first."""
    folder = files("ogpgraph.importer.spreadsheets").joinpath("codebooks")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(msgspec.convert(tomllib.loads(file.read_text("utf-8")), Codebook) for file in found)


@cache
def load_other_forms() -> tuple[OtherForm, ...]:
    """Return the forms that are recognized and not read."""
    file = files("ogpgraph.importer.spreadsheets").joinpath("other_forms.toml")
    return msgspec.convert(tomllib.loads(file.read_text("utf-8"))["forms"], tuple[OtherForm, ...])


def find_other_form(header: Iterable[str]) -> OtherForm | None:
    """Return the form that is not read of which a header has columns, None if it has none."""
    keys = {column_key(cell) for cell in header if cell.strip()}
    return next((form for form in load_other_forms() if not keys.isdisjoint(map(column_key, form.columns))), None)


def find_codebook(version: str) -> Codebook | None:
    """Return the codebook of a version, None where there is none, as for the reader of a page."""
    return next((book for book in load_codebooks() if book.version == version), None)
