"""The guard of a log's history: remembers its head outside of the database, and finds at start whether it is there.

A log that is shorter than remembered, or has another root at the remembered position, was replaced: by an older backup,
perhaps grown on since, or by another log. It is served, but nothing is recorded in it until an operator accepts it.
What it cannot find: a file that was restored or deleted together with the database, what was lost before anything was
remembered, and a database that is replaced while processes have it open.
"""

from __future__ import annotations

import structlog

from ogpgraph.domain.errors import ReadOnly
from ogpgraph.readmodel.bookmark import Bookmark, OtherHistory
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.snapshot import PositionError, ReadSession
from ogpgraph.storage.head_file import HeadFile, RememberedHead

NOT_REMEMBERED = (
    "the last acknowledged position is not remembered, so an older backup in place of the log would not be noticed: "
    "set OGPGRAPH_STATE"
)
HOW_TO_ACCEPT = (
    "Nothing is recorded until an operator has run `ogpgraph serve` or `ogpgraph migrate` with --accept-history once."
)

log = structlog.stdlib.get_logger(__name__)


class HistoryGuard:
    """Guards one log. It remembers nothing before `check` has found the log to be the remembered one."""

    def __init__(self, file: HeadFile | None, log_id: str) -> None:
        self._file = file
        self._log_id = log_id
        # Before anything else is read: another process may remember a newer position than this one sees by then.
        self._remembered = file.read() if file else None
        self._is_checked = False
        self.problem: str | None = None

    def check(self, session: ReadSession) -> None:
        """Compare the log with what is remembered, and report a difference."""
        self.problem = self._find_problem(session)
        if self.problem is not None:
            known = self._remembered
            log.error(
                "the history of the log is another one: it is served read-only",
                code=ReadErrorCode.OTHER_HISTORY,
                reason=self.problem,
                remembered=known and known.position,
                position=session.head,
            )
            return
        self._is_checked = True
        self.remember(session.head, session.root_at(session.head))

    def accept(self, session: ReadSession) -> None:
        """Remember the log as it is, whatever was remembered."""
        if self._file:
            self._file.replace(RememberedHead(self._log_id, session.head, session.root_at(session.head)))
        self._is_checked = True

    def remember(self, position: int, root: str) -> None:
        """Remember a position whose entries are stored durably."""
        if self._file and self._is_checked:
            self._file.remember(RememberedHead(self._log_id, position, root))

    def close(self) -> None:
        """Sync what is remembered."""
        if self._file:
            self._file.close()

    def require_writable(self) -> None:
        """Raise ReadOnly where the history is another one."""
        if self.problem is not None:
            raise ReadOnly(f"{ReadErrorCode.OTHER_HISTORY}: {self.problem}. {HOW_TO_ACCEPT}")

    def describe(self) -> dict[str, object] | None:
        """Return what operators should know, None where all is well."""
        if self.problem is not None:
            return {
                "code": ReadErrorCode.OTHER_HISTORY,
                "message": f"{self.problem}. {HOW_TO_ACCEPT}",
                "readOnly": True,
            }
        return (
            None if self._file else {"code": ReadErrorCode.NOT_REMEMBERED, "message": NOT_REMEMBERED, "readOnly": False}
        )

    def _find_problem(self, session: ReadSession) -> str | None:
        known = self._remembered
        if known is None:
            return None
        if known.log_id != self._log_id:
            return f"another log was served here before, whose last acknowledged position was {known.position}"
        try:
            session.require(Bookmark(known.position, known.root))
        except OtherHistory:
            length = f"it has {session.head} entries"
            if session.head >= known.position:
                length = f"its entries up to there are others, although {length}"
            return f"the last acknowledged position of the log was {known.position}, and {length}"
        except PositionError:  # events are stored that cannot be projected: their roots are not known
            stored = session.head + session.projection_status().lag
            if stored < known.position:
                return f"the last acknowledged position of the log was {known.position}, and it has {stored} events"
        return None
