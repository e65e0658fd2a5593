"""Paths in filters: a path of a field or its beginning, as the changes of entries have them; others are errors.

Which paths there are follows from the declared fields. A rating and an observation have several fields below their
path, and what only one source claims has its path below `claims`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Final

from ogpgraph.domain.aggregate_types import AGGREGATE_TYPES
from ogpgraph.domain.field import PATH_SEGMENTS
from ogpgraph.graphql.known_values import unknown_values
from ogpgraph.readmodel.entry import FIELDS_OF_VALUES

CLAIMS: Final = "claims"
Pattern = tuple[str, ...]
"""The segments of the paths of a field; those in braces are variable."""


def match_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """Return paths without slashes at their ends.

    Raises:
        GraphQLError: UNKNOWN_VALUE, for paths at or below which no field is.
    """
    stripped = tuple(dict.fromkeys(path.strip().strip("/") for path in paths))
    unknown = [path for path in stripped if not _is_path(path)]
    if unknown:
        raise unknown_values("path", unknown, sorted({near for path in unknown for near in _iter_neighbours(path)}))
    return stripped


def _is_path(path: str) -> bool:
    segments = path.split("/")
    return path == CLAIMS or any(_follows(segments, pattern) for pattern in _patterns())


def _follows(segments: Sequence[str], pattern: Pattern) -> bool:
    return len(segments) <= len(pattern) and all(map(_matches, segments, pattern))


def _matches(segment: str, pattern: str) -> bool:
    return segment == pattern or (pattern in PATH_SEGMENTS and bool(_compiled(pattern).fullmatch(segment)))


def _iter_neighbours(path: str) -> Iterator[str]:
    """Yield the paths that are right up to where a path is wrong, with each segment that is possible there."""
    segments = path.split("/")
    right = max(_count_right(segments, pattern) for pattern in _patterns())
    for pattern in _patterns():
        if _count_right(segments, pattern) == right < len(pattern):
            yield from ("/".join([*segments[:right], each]) for each in _possible_segments(pattern[right]))


def _count_right(segments: Sequence[str], pattern: Pattern) -> int:
    matches = [_matches(*pair) for pair in zip(segments, pattern, strict=False)]
    return matches.index(False) if False in matches else len(matches)


def _possible_segments(segment: str) -> Iterable[str]:
    """Return the segments that a fixed one or one of a vocabulary can be; of others there are too many."""
    if segment not in PATH_SEGMENTS:
        return (segment,)
    alternatives = PATH_SEGMENTS[segment].strip("()").split("|")
    return alternatives if all(each.replace("_", "").isalpha() for each in alternatives) else ()


@cache
def _patterns() -> tuple[Pattern, ...]:
    found: dict[Pattern, None] = {}
    for aggregate_type in AGGREGATE_TYPES.values():
        for field in aggregate_type.fields:
            segments = tuple(field.pattern.split("/"))
            found |= dict.fromkeys((*segments, each) for each in FIELDS_OF_VALUES.get(field.type, ()))
            found[segments] = None
    return (*found, *((CLAIMS, *pattern) for pattern in found))


@cache
def _compiled(segment: str) -> re.Pattern[str]:
    return re.compile(PATH_SEGMENTS[segment])
