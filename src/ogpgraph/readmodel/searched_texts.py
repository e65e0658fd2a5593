"""The texts by which aggregates are found, as rows: each valid at some positions, and on some days.

A row refers to a text that never changes, so its words need no rows: they are a function of the text and of the
language of its path (`ogpgraph.search`). So the table grows with the texts that change, and a text that is removed from
the record takes all its words with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from ogpgraph.clock import MICROSECOND
from ogpgraph.domain.aggregate import Aggregate, Claim, can_be_current
from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.errors import Invalid
from ogpgraph.domain.field import Field, Tag
from ogpgraph.domain.readings import Reading, Readings, reading_on
from ogpgraph.domain.timeline import DATED_TYPES, FIRST_DAY
from ogpgraph.domain.values import day_of, value_text_references
from ogpgraph.readmodel.dimension_tags import FOREVER
from ogpgraph.readmodel.entry_query import entry_term


class SearchedText(NamedTuple):
    """A text that an aggregate has at a path from one day until before another, by its reference."""

    path: str
    reference: str
    first_day: int
    end_day: int

    @property
    def term(self) -> Tag:
        """Return the term of the path."""
        return entry_term("path", self.path)


class TextDifference(NamedTuple):
    """The searched texts that end and that begin between two states."""

    ended: frozenset[SearchedText]
    begun: frozenset[SearchedText]


NO_DIFFERENCE: Final = TextDifference(frozenset(), frozenset())


def diff_searched_texts(
    before: Readings, after: Readings, paths: Iterable[str], *, was_listed: bool, is_listed: bool
) -> TextDifference:
    """Return the difference between the searched texts of two states that differ at most at the given paths.

    An aggregate that no list shows has none.
    """
    if after.timeline.aggregate.type not in DATED_TYPES:  # no other type has searched fields
        return NO_DIFFERENCE
    related = _add_related(before.timeline.aggregate, after.timeline.aggregate, paths)
    is_changed = was_listed != is_listed
    if not related and not is_changed:  # nearly always
        return NO_DIFFERENCE
    ended, begun = (
        searched_texts(each, each.timeline.aggregate.claims if is_changed else related)
        if each_is_listed
        else frozenset[SearchedText]()
        for each, each_is_listed in ((before, was_listed), (after, is_listed))
    )
    return TextDifference(ended - begun, begun - ended)


def searched_texts(readings: Readings, paths: Iterable[str]) -> frozenset[SearchedText]:
    """Return the searched texts at some paths of an aggregate that a list shows."""
    stated = readings.timeline.aggregate.claims
    return frozenset([each for path in paths if path in stated for each in _list_texts(readings, path)])


@lru_cache(maxsize=20_000)
def find_searched_field(aggregate_type: str, path: str) -> Field | None:
    """Return the field of a path if its texts are searched."""
    try:
        field = AGGREGATE_TYPES[aggregate_type].find_field(path)
    except Invalid:  # the path of an older program, or of a newer one
        return None
    return field if field.is_searched else None


def _add_related(before: Aggregate, after: Aggregate, paths: Iterable[str]) -> Collection[str]:
    """Return the searched ones of some paths, with the other languages of required texts.

    Where all languages of these are unknown, the text in one of them is shown: so one depends on the others.
    """
    found: set[str] = set()
    for path in paths:
        if (field := find_searched_field(after.type, path)) is None:
            continue
        found.add(path)
        if field.is_required:
            own = _paths_of(before, field)
            if before.claims.keys() == after.claims.keys():  # nearly always
                after.cache["searched", field.prefix] = own
            found.update(own, _paths_of(after, field))
    return found


def _paths_of(aggregate: Aggregate, field: Field) -> list[str]:
    """Return the paths of a required field: there are as many as it has languages."""
    prefix = field.prefix
    key = "searched", prefix
    if key not in aggregate.cache:
        aggregate.cache[key] = [path for path in aggregate.claims if path.startswith(prefix)]
    paths: list[str] = aggregate.cache[key]
    return paths


def _list_texts(readings: Readings, path: str) -> Iterable[SearchedText]:
    """Return the texts at a path at which something is stated."""
    aggregate = readings.timeline.aggregate
    field = find_searched_field(aggregate.type, path)
    if field is None:
        return ()
    claims = aggregate.claims[path]
    paths = _paths_of(aggregate, field) if field.is_required else [path]
    if len(claims) == len(paths) == 1 and path not in readings.timeline.earlier:  # nearly always
        return _texts_of_claim(path, claims[0], is_required=field.is_required)
    return derive_dated_texts(readings, path, paths)


def _texts_of_claim(path: str, claim: Claim, *, is_required: bool) -> list[SearchedText]:
    """Return the texts at a path where one source states something, and has stated nothing else."""
    if not can_be_current(path, claim):
        return []
    first_day = day_of(claim.before)
    if is_required:  # shown already while it is unknown whether it was so
        first_day = FIRST_DAY if claim.after is None else min(first_day, day_of(claim.after + MICROSECOND))
    return [SearchedText(path, text, first_day, FOREVER) for text in value_text_references(claim.value)]


def derive_dated_texts(readings: Readings, path: str, paths: Iterable[str]) -> Iterator[SearchedText]:
    """Yield the texts at a path, each with the days on which the state has it; they depend on some paths."""
    field = find_searched_field(readings.timeline.aggregate.type, path)
    is_required = field is not None and field.is_required
    by_path = {each: readings[each] for each in paths}
    open_since: dict[str, int] = {}
    for day in sorted({FIRST_DAY, *(each.first_day for at_path in by_path.values() for each in at_path)}):
        at_day = {each: reading_on(at_path, day) for each, at_path in by_path.items()}
        claim = _find_required(path, at_day) if is_required else at_day[path].known
        texts = value_text_references(claim.value) if claim else ()
        for text in open_since.keys() - set(texts):
            yield SearchedText(path, text, open_since.pop(text), day)
        for text in texts:
            open_since.setdefault(text, day)
    for text, first_day in open_since.items():
        yield SearchedText(path, text, first_day, FOREVER)


def _find_required(path: str, readings: Mapping[str, Reading]) -> Claim | None:
    """Return the claim that a state has at a path of a required field, from what all its languages read.

    Where none has a value yet, the one that follows first stands in.
    """
    if any(each.decided for each in readings.values()):
        return readings[path].decided
    following = ((each, claim) for each, reading in readings.items() if (claim := reading.required))
    first = min(following, key=lambda item: (item[1].before, item[0]), default=None)
    return first[1] if first and first[0] == path else None
