"""The numbers of milestones: the form in which they are recorded, their order, and those that a commitment has.

A milestone is identified by its number within its commitment. One that gets another number leaves a path behind that
leads from the former number to the new one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, structs

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.command import Format
from ogpgraph.domain.event import Event
from ogpgraph.domain.field import PATH_SEGMENTS

RENUMBERED_TO = "renumberedTo"
"""The last segment of the path at which the former number of a milestone leads to its number."""
_LEADING_ZEROS = re.compile(r"(?<![0-9A-Za-z])0+(?=[0-9])")


def normalize_milestone_number(number: str) -> str:
    """Return a published number in the one form in which it identifies a milestone: ` 01.1a. ` is `1.1A`.

    Full-width and other compatibility characters become plain ones, letters capitals. Spaces around the number, dots
    and hyphens at its end, and zeros at the beginning of its parts go. Everything else stays as published.
    """
    plain = unicodedata.normalize("NFKC", number).strip().rstrip(".- ")
    return _LEADING_ZEROS.sub("", plain).upper()


def normalize_milestone_path(path: str) -> str:
    """Return a path with the number of its milestone normalized, any other path as it is."""
    first, _, rest = path.partition("/")
    number, separator, field = rest.partition("/")
    return (
        f"{first}/{normalize_milestone_number(number)}{separator}{field}" if first == "milestones" and number else path
    )


def milestone_numbers(commitment: Aggregate) -> list[str]:
    """Return the numbers of a commitment's milestones in natural order (14.2 before 14.10)."""
    if "milestones" not in commitment.cache:
        numbers = find_milestone_numbers(commitment.paths_under("milestones/"))
        commitment.cache["milestones"] = sorted(numbers, key=natural_sort_key)
    return list(commitment.cache["milestones"])


def find_milestone_numbers(paths: Iterable[str]) -> set[str]:
    """Return the numbers of the milestones that paths are about."""
    return {number for number in map(_find_number, paths) if number is not None}


@lru_cache(maxsize=10_000)  # most commitments number their milestones alike
def _find_number(path: str) -> str | None:
    """Return the number of the milestone that a path is about, None if it says which other number that has now."""
    return None if is_renumbering(path) else path.split("/", 2)[1]


def is_renumbering(path: str) -> bool:
    """Return whether a path leads from the former number of a milestone to its number."""
    return path.endswith(f"/{RENUMBERED_TO}")


def renumberings(event: Event) -> Iterator[tuple[str, str]]:
    """Yield the numbers of the milestones that an event renumbered, each with its new number."""
    if event.name == "MilestoneRenumbered":
        for path, value in event.facts.items():
            if is_renumbering(path) and isinstance(value, str):
                yield path.split("/")[1], value


def find_new_number(commitment: Aggregate, number: str) -> str | None:
    """Return the number that the milestone with this number got, None if it has kept it."""
    return commitment.string(f"milestones/{number}/{RENUMBERED_TO}")


@lru_cache(maxsize=10_000)
def natural_sort_key(number: str) -> tuple[tuple[int, str], ...]:
    """Return a key that sorts published numbers by the value of their parts."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in number.replace("-", ".").split("."))


_NUMBER_FORMAT = Format(
    PATH_SEGMENTS["{number}"], "the number of a milestone as published, such as 14.1", normalize_milestone_number
)
MilestoneNumber = Annotated[
    str,
    Meta(
        description="The number of the milestone as published, such as `14.1`: up to 16 letters, digits, dots and "
        "hyphens. Case, spaces around it, dots and hyphens at its end and leading zeros do not matter."
    ),
    _NUMBER_FORMAT,
]
NewMilestoneNumber = Annotated[
    MilestoneNumber, structs.replace(_NUMBER_FORMAT, pattern=rf"(?!.*[.\-]{{2}}){_NUMBER_FORMAT.pattern}")
]
"""A number that a milestone gets: one dot or hyphen between two parts. What was recorded before may have several."""
