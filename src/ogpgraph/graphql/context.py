"""What every resolver of one request shares: one reading of the record, with the head pinned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import strawberry

from ogpgraph.graphql.writing import Writing
from ogpgraph.readmodel.model import Reading
from ogpgraph.readmodel.snapshot import Snapshot


@dataclass
class Context:
    """The reading of a request, the version of the schema it is answered with, and the way to write.

    After a write the reading is another one: opened anew, with the head pinned behind what was written.
    """

    reading: Reading
    schema_version: str
    writing: Writing | None = None

    def now(self) -> Snapshot:
        """Return the record as it stands: the head, pinned when the request began."""
        return self.reading.now()


Info = strawberry.Info[Context, Any]
