"""Identities of states: a thing, or a part of it, and the position and the day at which it was read.

Clients keep what they have read by its id. One id for all states of a thing would show them the past as the present, so
a state that was asked for has the position in its id, even at the head: an object that did not change between two
positions may lead to one that did. The present, which moves on, has the plain id. A state as of a day has the day, too;
without a position it is what is known at present about that day, and moves on like the present.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Final, NamedTuple

from ogpgraph.domain.errors import Invalid

_STATE_ID: Final = re.compile(
    r"(?P<stream>[^@~/]+)(?:@(?P<position>[1-9][0-9]{0,14}))?(?:~(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2}))?"
    r"(?:/(?P<path>[^@~]+))?"
)


class StateId(NamedTuple):
    """Identifies a state: of a thing (a stream or an event) or, with a path, of a part of it.

    `position` is None for the present, and `day` for all that was stated. As text: `commitment-…`, `commitment-…@216`,
    `commitment-…@216~2016-08-01`, `commitment-…@216/milestones/1`.
    """

    stream: str
    path: str = ""
    position: int | None = None
    day: date | None = None

    def __str__(self) -> str:
        return "".join((self.stream, self.qualifier, "/" if self.path else "", self.path))

    @property
    def qualifier(self) -> str:
        """Return what distinguishes the state from other states of the same thing: `@216~2016-08-01`, or nothing."""
        position = "" if self.position is None else f"@{self.position}"
        return position if self.day is None else f"{position}~{self.day.isoformat()}"

    @property
    def stable(self) -> StateId:
        """Return the identity of the thing or part, whatever its state."""
        return StateId(self.stream, self.path)


def parse_state_id(text: str) -> StateId:
    """Return the identity that a text stands for; raises ValueError for a text that `str` never returns."""
    match = _STATE_ID.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not an id")
    try:
        day = date.fromisoformat(match["day"]) if match["day"] else None
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not an id: there is no {match['day']}") from None
    position = int(match["position"]) if match["position"] else None
    return StateId(match["stream"], match["path"] or "", position, day)


def require_plain_id(sent: str, path: str) -> str:
    """Return an id that a command was sent; raises Invalid, at the path, if it is that of a state.

    A command changes the present. Taken by its plain part, the id of a state would have something changed that may no
    longer be what was seen.
    """
    if "@" in sent or "~" in sent:
        plain = re.split("[@~]", sent)[0][:80]
        raise Invalid(
            f"{sent[:80]} is the id of a state; changes are made to the present: send the stableId, {plain}, and "
            "expectedRevision if nothing may have changed since",
            path,
        )
    return sent
