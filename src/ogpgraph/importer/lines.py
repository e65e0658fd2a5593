"""Lines of a text that know where in it they stand, so that whatever is read from them has its span."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ogpgraph.importer.reading import Span

_BULLET = re.compile(r"^[•·▪◦‣○●■□✓➢❖*\-–\ue000-\uf8ff]\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or a piece of one, without the blanks around it; `number` counts the text's lines from 1."""

    text: str
    start: int
    number: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)

    @property
    def is_bullet(self) -> bool:
        return bool(_BULLET.match(self.text))

    def part(self, start: int, end: int | None = None) -> Line:
        """Return a piece of the line, blanks around it off."""
        piece = self.text[start:end]
        return Line(piece.strip(), self.start + start + len(piece) - len(piece.lstrip()), self.number)

    def without_bullet(self) -> Line:
        mark = _BULLET.match(self.text)
        return self.part(mark.end()) if mark else self


def lines_of(text: str, start: int = 0, end: int | None = None) -> list[Line]:
    """Return the lines of text[start:end] that are not blank."""
    number = text.count("\n", 0, start) + 1
    found = []
    at = start
    for raw in text[start:end].split("\n"):
        if stripped := raw.strip():
            found.append(Line(stripped, at + raw.index(stripped), number))
        at += len(raw) + 1
        number += 1
    return found


def trimmed(text: str, start: int, end: int) -> Span | None:
    """Return the span without blanks around it, None when nothing is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return None
    begin = start + len(piece) - len(piece.lstrip())
    return Span(begin, begin + len(stripped))
