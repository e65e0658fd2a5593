"""Evidence: the very words of a source that a fact was read from."""

from __future__ import annotations

import strawberry

from ogpgraph.domain.event import Evidence as StoredEvidence
from ogpgraph.graphql.node import LazySource, source_node
from ogpgraph.readmodel.entry import words_of_evidence
from ogpgraph.readmodel.snapshot import Snapshot


@strawberry.type(description="The words of a source that a fact was read from.")
class Evidence:
    """A span of a source's canonical text."""

    path: str = strawberry.field(description="The field that was read from it.")
    content_hash: str = strawberry.field(description="The SHA-256 of the bytes of the source as observed.")
    start: int = strawberry.field(
        description="The first character of the words in the source's canonical text, counted from 0."
    )
    end: int = strawberry.field(description="The character after the last.")
    evidence: strawberry.Private[StoredEvidence]
    snapshot: strawberry.Private[Snapshot]

    @strawberry.field(
        description="Of a file of rows: the row, counted from 1 as a spreadsheet does; then `start` and `end` count "
        "the characters of that row's text, `Column: cell` for each of its cells."
    )
    def row(self) -> int | None:
        """Return the row."""
        return self.evidence.row

    @strawberry.field(
        description="Of a file of rows: the column, as the codebook has it; several are parted by commas."
    )
    def column(self) -> str | None:
        """Return the column."""
        return self.evidence.columns.get(self.path)

    @strawberry.field(description="The source.")
    def source(self) -> LazySource | None:
        """Return the source."""
        state = self.snapshot.source(self.evidence.source)
        return source_node(state, self.snapshot) if state else None

    @strawberry.field(description="The very words, taken again from the canonical text; null where that was removed.")
    def quote(self) -> str | None:
        """Return the words of the span."""
        text = self.snapshot.words(self.evidence.text, words_of_evidence) if self.evidence.text else None
        return text[self.start : self.end] if text is not None else None
