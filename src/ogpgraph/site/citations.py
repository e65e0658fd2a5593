"""How a page is cited: as a sentence, for BibTeX, and as CSL-JSON (https://citationstyles.org)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

_ESCAPED: Final = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Citation:
    """A page at a position. `url` is its permanent address, `root` the root hash of the log there."""

    title: str
    url: str
    position: int
    root: str
    recorded_at: datetime | None

    @property
    def note(self) -> str:
        """Return what makes the citation verifiable."""
        return f"position {self.position}, root {self.root}"

    @property
    def text(self) -> str:
        """Return the citation as a sentence."""
        recorded = f", {self.recorded_at:%Y-%m-%d}" if self.recorded_at else ""
        return f"“{self.title}”. ogpgraph{recorded}, {self.note}. {self.url}"

    @property
    def bibtex(self) -> str:
        """Return an entry for BibTeX."""
        fields = {"title": f"{{{_escape(self.title)}}}", "howpublished": f"\\url{{{self.url}}}", "note": self.note}
        if self.recorded_at:
            fields["year"] = str(self.recorded_at.year)
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@misc{{ogpgraph-{self.position},\n{lines}\n}}"

    @property
    def csl_json(self) -> str:
        """Return an item of CSL-JSON."""
        item: dict[str, object] = {
            "id": f"ogpgraph-{self.position}",
            "type": "webpage",
            "title": self.title,
            "container-title": "ogpgraph",
            "URL": self.url,
            "note": self.note,
        }
        if self.recorded_at:
            parts = [self.recorded_at.year, self.recorded_at.month, self.recorded_at.day]
            item["issued"] = {"date-parts": [parts]}
        return msgspec.json.format(msgspec.json.encode([item]), indent=2).decode()


def _escape(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in text)
