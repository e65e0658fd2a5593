"""Fields: what an aggregate type records, each declared once, next to its aggregate.

A declaration has everything that concerns one field: the path, type and meaning of its values, who may record and
correct them, and how they are filtered, sorted, counted, labelled, searched and exported. Derived from it are the
validation and the JSON Schema of events, the permissions to correct, the tags of the read model, the filters, orders,
facets and output fields of GraphQL, and the reference of fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, get_args, get_origin

from msgspec import Struct

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.roles import NOBODY, Roles
from ogpgraph.domain.values import COMMITMENT_CODE, Observation, PartialDate, Rating, TextListValue, TextValue
from ogpgraph.domain.vocabulary import CoCreation, Finding, Indicator, OgpValue, RatingState, Stage


def _alternation(values: type[Indicator | Stage | OgpValue | Finding | RatingState | CoCreation]) -> str:
    return "(" + "|".join(values) + ")"


PATH_SEGMENTS = {
    "{language}": "[a-z]{2,3}",
    "{code}": COMMITMENT_CODE.strip("^$"),
    "{commitment}": r"commitment-[0-9A-Za-z\-]{1,100}",
    "{number}": r"[0-9A-Z]([0-9A-Z.\-]{0,14}[0-9A-Z])?",
    "{indicator}": _alternation(Indicator),
    "{stage}": _alternation(Stage),
    "{ogpValue}": _alternation(OgpValue),
    "{finding}": _alternation(Finding),
    "{state}": _alternation(RatingState),
    "{coCreation}": _alternation(CoCreation),
    "{column}": "[A-Z][A-Z0-9_]{0,79}",
    "{section}": "[A-Z][A-Z0-9_]{0,79}",
    "{time}": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z",
}
"""The variable segments of path patterns, and the regular expressions that they stand for."""
ANY_PATH = "*"
"""In the paths of a derived dimension: it depends on everything that the aggregate records."""

FindAggregate = Callable[[str], Aggregate]
"""Returns an aggregate by its id, at revision 0 if there is none."""

Tag = tuple[str, str]
"""A dimension of the index, and a value of it."""


class Dependency(StrEnum):
    """What a response that contains a field depends on, besides the position that is read."""

    VERSION = "VERSION"
    """The version of the aggregate at that position alone."""
    TEXT_STORE = "TEXT_STORE"
    """The text store, too: a redaction removes a text at all positions."""


class FilterKind(StrEnum):
    """The conditions that a filter offers."""

    TEXT = "TEXT"
    CODE = "CODE"
    """A text in upper case, which is compared in any case."""
    NUMBER = "NUMBER"
    DATE = "DATE"
    """A partial date, which matches if one of its days does."""
    ENUM = "ENUM"
    BOOLEAN = "BOOLEAN"
    SEARCH = "SEARCH"
    """Part of a text, whatever its language, case and accents."""
    OBJECT = "OBJECT"
    """Conditions on several values at once. Their input is not derived, but written in `graphql.filters`."""


class Filter(Struct, frozen=True):
    """How a field is filtered: the name in GraphQL's filter input, and the conditions that it offers.

    Without a kind it follows from the field's type, without a description it is the field's. `form` is the regular
    expression of the codes that can be asked for although nothing has them; any other unknown word is refused.
    """

    name: str
    kind: FilterKind | None = None
    description: str = ""
    form: str = ""


class Field(Struct, frozen=True, dict=True):
    """A field of an aggregate type.

    `pattern` is its path, with variable segments (`milestones/{number}/title/{language}`). `label` is how a reader sees
    it named; `description` is its meaning, with its unit or vocabulary. `validate` raises Invalid for a value that has
    the type and is still not possible at a concrete path. `normalize` returns a text as people send it in the form in
    which it is stored, and raises Invalid for a text that is not possible, before only its reference is known.

    `refers_to` is the aggregate type of the aggregates whose ids are the values. `validate_in` raises Invalid for a
    value that is possible in general, but not for this aggregate, which has it already, among the others (`find`).

    `written_by` may record it by a command of its own, `corrected_by` by `correct` (None: the same). If `is_required`,
    every aggregate of the type has it: no command takes the last value of it away. If `is_clearable`, null as an input
    of a command clears it.

    `dimension` is the dimension of the index that has its values: by default its name if it is filtered, sorted or
    counted, otherwise none. `facet` is the name of that dimension in the counts of GraphQL (None: it is not counted).
    If `is_exported`, tables of data that are downloaded have a column of the field's name.

    `search_weight` is how much it says about a thing that a word is in this field, compared with the others; 0 if its
    texts are not searched.

    `is_exported` and `depends_on` state what downloads and the caching of parts of responses are to follow; no layer
    reads them yet.
    """

    pattern: str
    type: Any
    label: str
    description: str
    validate: Callable[[str, Any], object] | None = None
    refers_to: str = ""
    validate_in: Callable[[FindAggregate, Aggregate, str, Any], None] | None = None
    normalize: Callable[[str], str] | None = None
    written_by: Roles = NOBODY
    corrected_by: Roles | None = None
    is_required: bool = False
    is_clearable: bool = False
    filter: Filter | None = None
    is_sortable: bool = False
    facet: str | None = None
    dimension: str | None = None
    search_weight: int = 0
    is_exported: bool = True

    @cached_property
    def name(self) -> str:
        """Return the last fixed segment of the pattern, such as `title` of `milestones/{number}/title/{language}`."""
        return next(segment for segment in reversed(self.pattern.split("/")) if not segment.startswith("{"))

    @property
    def group(self) -> str:
        """Return the first segment of the pattern: permissions to correct are by aggregate type and group."""
        return self.pattern.partition("/")[0]

    @property
    def prefix(self) -> str:
        """Return the part of the pattern before its first variable segment: all concrete paths begin with it."""
        return self.pattern.partition("{")[0]

    @property
    def is_localized(self) -> bool:
        """Return whether the field has a value for each language."""
        return self.pattern.endswith("/{language}")

    @property
    def regex(self) -> str:
        """Return the pattern as an anchored regular expression."""
        return (
            "^" + "/".join(PATH_SEGMENTS.get(segment, re.escape(segment)) for segment in self.pattern.split("/")) + "$"
        )

    @property
    def is_searched(self) -> bool:
        """Return whether the full-text search searches the texts of the field."""
        return self.search_weight > 0

    @property
    def is_set(self) -> bool:
        """Return whether the field is a set: a path for each item, where the value is true until it is taken away."""
        return self.validate is validate_item

    @property
    def correction_roles(self) -> Roles:
        """Return the roles that may correct the field by `correct`."""
        return self.written_by if self.corrected_by is None else self.corrected_by

    @property
    def index_dimension(self) -> str | None:
        """Return the dimension of the index that has the field's values, None if no index has them."""
        return self.dimension or (self.name if self.filter or self.is_sortable or self.facet else None)

    @property
    def filter_kind(self) -> FilterKind:
        """Return the kind of the field's filter: the declared one, or the one that suits the type."""
        return self.filter.kind if self.filter and self.filter.kind else filter_kind_of(self.type)

    @property
    def depends_on(self) -> Dependency:
        """Return what a response that contains the field depends on."""
        has_texts = self.type in (TextValue, TextListValue, Rating, Observation)
        return Dependency.TEXT_STORE if has_texts else Dependency.VERSION


def fields_by_name(fields: Iterable[Field]) -> dict[str, Field]:
    """Return name → field, for declarations that refer to fields with different names."""
    return {field.name: field for field in fields}


def validate_item(path: str, value: bool) -> None:
    """Raise Invalid unless a value says that the last segment of its path is an item of a set: null takes it away."""
    if value is not True:
        raise Invalid(f"{path} is true, or null once the item is taken away", path)


def items_of(aggregate: Aggregate, name: str) -> tuple[str, ...]:
    """Return the items of a set of an aggregate, sorted; `name` is the first segment of their paths."""
    return tuple(path[len(name) + 1 :] for path, _ in aggregate.claims_under(f"{name}/"))


class ScaleOrder(Struct, frozen=True):
    """An order of lists by the place of a value on a scale, the lowest first; other values count as none.

    `name` is that in GraphQL, `dimension` the one of the index that has the values.
    """

    name: str
    dimension: str
    scale: tuple[str, ...]
    description: str


class DerivedDimension(Struct, frozen=True):
    """A dimension of the index that is computed from several fields.

    `compute` returns the tags of an aggregate, whose dimensions begin with `name`; `orders` sort by them. The others
    say what the tags depend on, so that after a change only those that may differ are computed again.
    """

    name: str
    paths: tuple[str, ...]
    """Patterns of the paths that the tags depend on, ANY_PATH for all. The paths in which the variable segments of a
    pattern stand for the same are a group: its tags depend on its own paths alone."""
    compute: Callable[[Aggregate], Iterable[Tag]]
    label: str
    description: str
    filter: Filter | None = None
    facet: str | None = None
    reads_texts: bool = True
    """Whether the tags depend on the wording of texts, not only on whether there is a text."""
    names_groups: bool = True
    """Whether the tags of a group depend on what the variable segments stand for, not only on the values."""
    reads_values: tuple[str, ...] | None = None
    """For a dimension of all paths: those whose values it reads, None for all. Of the others it reads only which
    sources state something, and where the current value comes from."""
    orders: tuple[ScaleOrder, ...] = ()

    @property
    def index_dimension(self) -> str:
        """Return the dimension of the index that has the values."""
        return self.name

    @property
    def filter_kind(self) -> FilterKind:
        """Return the kind of the filter; the values of a dimension are texts unless another kind is declared."""
        return self.filter.kind if self.filter and self.filter.kind else FilterKind.TEXT


def filter_kind_of(value_type: Any) -> FilterKind:
    """Return the kind of filter that suits the values of a type; a list is filtered by its items."""
    if value_type == PartialDate:
        return FilterKind.DATE
    if value_type in (TextValue, TextListValue):
        return FilterKind.SEARCH
    if get_origin(value_type) in (Annotated, tuple):
        return filter_kind_of(get_args(value_type)[0])
    if isinstance(value_type, type) and issubclass(value_type, StrEnum):
        return FilterKind.ENUM
    if value_type is bool:
        return FilterKind.BOOLEAN
    return FilterKind.NUMBER if value_type is int else FilterKind.TEXT
