"""Takes an import back: everything it recorded is unsaid by further events, in one save."""

from __future__ import annotations

from ogpgraph.application import Act
from ogpgraph.readmodel.model import require_all_shown
from ogpgraph.system import System


def revert_import(system: System, correlation: str, act: Act) -> int:
    """Take back all that was recorded under a correlation; returns by how many events, 0 where nothing is left of it.

    Raises NotFound where nothing was recorded under it, Conflict while the follower stands still.
    """
    with system.reading() as reading:
        require_all_shown(reading.stop())
        rows = reading.transaction.rows(
            "select distinct stream from entry where correlation = :correlation order by stream",
            correlation=correlation,
        )
    streams = [row["stream"] for row in rows]
    return len(system.record(act, lambda session: session.revert(correlation, streams)).events)
