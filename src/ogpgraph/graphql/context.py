"""What every resolver of one request shares: one reading of the record, with the head pinned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import strawberry

from ogpgraph.readmodel.model import Reading
from ogpgraph.readmodel.snapshot import Snapshot


@dataclass(frozen=True)
class Context:
    """The reading of a request, and the version of the schema it is answered with."""

    reading: Reading
    schema_version: str

    def now(self) -> Snapshot:
        """Return the record as it stands: the head, pinned when the request began."""
        return self.reading.now()


Info = strawberry.Info[Context, Any]
