"""The moment that a page shows: a position or a time of the record, and a date on the axis of what was so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ogpgraph.clock import format_timestamp, parse_rfc3339
from ogpgraph.domain.values import PARTIAL_DATE
from ogpgraph.graphql.scalars import MAX_POSITION, SCALAR_FORMS
from ogpgraph.web.errors import bad_request

_BETWEEN_DEFINITIONS: Final = "\n\n"
_POSITION: Final = re.compile(r"[0-9]{1,16}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_at(text: str, name: str = "at") -> int | str:
    """Return a position, or a time in RFC 3339; a day stands for its last instant in UTC.

    Raises:
        RequestRejected: 400, with the name of the parameter, if it is neither.
    """
    if _POSITION.fullmatch(text) and int(text) <= MAX_POSITION:
        return int(text)
    try:
        return format_timestamp(parse_rfc3339(f"{text}T23:59:59.999999Z" if _DAY.fullmatch(text) else text))
    except ValueError:
        raise bad_request(
            f"`{name}` is a position of the record, such as 216, a day, such as 2018-12-31, or a time with its offset, "
            "such as 2018-12-31T12:00:00Z."
        ) from None


def parse_date(text: str, name: str = "asOf") -> str:
    """Return a partial date; raises RequestRejected (400), with the name of the parameter, for anything else."""
    if not re.fullmatch(PARTIAL_DATE, text):
        raise bad_request(f"`{name}` is {SCALAR_FORMS['PartialDate']}.")
    return text


def parse_day(text: str, name: str) -> str:
    """Return the first instant (UTC) of a day in RFC 3339; raises RequestRejected (400) for anything else."""
    try:
        return format_timestamp(parse_rfc3339(f"{text}T00:00:00Z"))
    except ValueError:
        raise bad_request(f"`{name}` is a day, such as 2018-12-31.") from None


@dataclass(frozen=True)
class Moment:
    """What `?at=` and `?asOf=` name; both None at the present. `at` is a position, or a time in RFC 3339."""

    at: int | str | None = None
    as_of: str | None = None

    @property
    def is_present(self) -> bool:
        """Return whether neither axis is named."""
        return self.at is None and self.as_of is None

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters of a URL that name the moment."""
        named = {"at": self.at, "asOf": self.as_of}
        return {name: str(value) for name, value in named.items() if value is not None}

    @property
    def variables(self) -> dict[str, int | str]:
        """Return the variables of a document that is read at the moment."""
        axis = "position" if isinstance(self.at, int) else "time"
        named = {axis: self.at, "date": self.as_of}
        return {name: value for name, value in named.items() if value is not None}


def read_at(document: str, moment: Moment) -> str:
    """Return a printed document, whose first definition is its one operation, read at a moment.

    The root fields of the operation are in a fragment. At the present it is the document itself.
    """
    if moment.is_present:
        return document
    declarations, fields = [], []
    if moment.at is not None:
        name, type_ = ("position", "Position") if isinstance(moment.at, int) else ("time", "DateTime")
        declarations.append(f"${name}: {type_}!")
        fields.append(f"at({name}: ${name})")
    if moment.as_of is not None:
        declarations.append("$date: PartialDate!")
        fields.append("asOf(date: $date)")
    return _wrap(document, ", ".join(declarations), fields)


def _wrap(document: str, declarations: str, fields: list[str]) -> str:
    # As text: parsing and printing the documents of all pages again would take a tenth of the time of a start.
    operation, separator, fragments = document.partition(_BETWEEN_DEFINITIONS)
    head, brace, selection = operation.partition("{")
    head = head.strip()
    head = f"{head[:-1]}, {declarations})" if head.endswith(")") else f"{head}({declarations})"
    nested = brace + selection
    for field in reversed(fields):
        nested = f"{{ {field} {nested} }}"
    return f"{head} {nested}{separator}{fragments}"
