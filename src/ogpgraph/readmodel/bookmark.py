"""Bookmarks: positions that name the history they are of.

A position means something within one history only: after a backup was restored and continued, it may be that of another
entry. The root of the log's tree at a position commits to every entry up to it, so whatever comes back with a position
comes back with the first digits of that root.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

ROOT_DIGITS: Final = 12
"""The number of a root's hexadecimal digits that a bookmark holds: by chance two roots share them once in 2⁴⁸."""
MAX_ROOT_DIGITS: Final = 64
_ROOT: Final = re.compile(rf"[0-9a-f]{{{ROOT_DIGITS},{MAX_ROOT_DIGITS}}}")
_BOOKMARK: Final = re.compile(rf"([0-9]{{1,15}})(?:-([0-9a-f]{{{ROOT_DIGITS},{MAX_ROOT_DIGITS}}}))?")

ADVICE: Final = "Drop what you cached and remembered of the other one, and start again from the beginning."


class Bookmark(NamedTuple):
    """A position and the first digits of the root at it; without digits it does not say which history it is of."""

    position: int
    root: str = ""

    def __str__(self) -> str:
        return f"{self.position}-{self.root}" if self.root else str(self.position)

    def encode(self) -> bytes:
        """Return the bookmark as clients get it."""
        return str(self).encode()


ANY_POSITION: Final = Bookmark(0)
"""What readers ask for who take every position of every history."""


class OtherHistory(Exception):
    """A position comes from another history than that of this log; the message says what to do."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason}: this is another log, or it was restored from a backup. {ADVICE}")


def parse_bookmark(text: str) -> Bookmark:
    """Return the bookmark in a text, or the position if the text is a number; raises ValueError for any other."""
    match = _BOOKMARK.fullmatch(text)
    if match is None:
        raise ValueError("a bookmark is a position, or one with the first digits of its root")
    return Bookmark(int(match[1]), match[2] or "")


def parse_root(text: str) -> str:
    """Return the first digits of a root, in lower case; raises ValueError unless there are 12 to 64."""
    if not _ROOT.fullmatch(lowered := text.lower()):
        raise ValueError(f"a root is given by its first {ROOT_DIGITS} to {MAX_ROOT_DIGITS} hexadecimal digits")
    return lowered
