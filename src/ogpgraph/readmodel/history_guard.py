"""The guard of a log's history: remembers its head outside of the database, and finds at start whether it is there.

A log that is shorter than remembered, or has another root at the remembered position, was replaced: by an older backup,
perhaps grown on since, or by another log. It is served, but nothing is recorded in it until an operator accepts it.
Nor is anything before the log could be compared, whatever is the reason.
What it cannot find: a file that was restored or deleted together with the database, what was lost before anything was
remembered, and a database of PostgreSQL that is replaced while processes have it open.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from ogpgraph.domain.errors import ReadOnly
from ogpgraph.readmodel.error_codes import ReadErrorCode
from ogpgraph.readmodel.session import ReadSession
from ogpgraph.storage.clock_guard import ClockGuard
from ogpgraph.storage.database import StorageError
from ogpgraph.storage.head_file import HeadFile, HeadUnreadable, RememberedHead

NOT_REMEMBERED = (
    "the last acknowledged position is not remembered, so an older backup in place of the log would not be noticed: "
    "set OGPGRAPH_STATE"
)
NOT_CHECKED = (
    "nothing can be recorded: the log cannot be compared with its last acknowledged position, because its newest "
    "entries cannot be read. `ogpgraph check` says what is damaged"
)
HOW_TO_ACCEPT = (
    "Nothing is recorded until an operator has run `ogpgraph serve` or `ogpgraph migrate` with --accept-history once."
)
OpenSession = Callable[[], AbstractContextManager[ReadSession]]

log = structlog.stdlib.get_logger(__name__)


class HistoryGuard:
    """Guards one log. It remembers nothing before `check` has found the log to be the remembered one.

    With each position it remembers the last reading of the clock that the guard of the clock took for right.
    """

    def __init__(self, file: HeadFile | None, log_id: str, clock_guard: ClockGuard) -> None:
        self._file = file
        self._log_id = log_id
        self._clock_guard = clock_guard
        self._open_session: OpenSession | None = None
        self._lock = threading.Lock()
        self._is_checked = False
        self.remembered: RememberedHead | None = None
        self._problem: tuple[ReadErrorCode, str] | None = None
        # Before anything else is read: another process may remember a newer position than this one sees by then.
        try:
            self.remembered = file.read() if file else None
        except HeadUnreadable as error:
            self._report(
                ReadErrorCode.HEAD_UNREADABLE, f"the last acknowledged position of the log is not known: {error}"
            )

    def check(self, open_session: OpenSession) -> None:
        """Compare the log with what is remembered, and report a difference.

        Where it cannot be read, whatever is wrong with it, that is logged, and the next writer tries again.
        """
        with self._lock:
            self._open_session = open_session
            try:
                self._compare()
            except Exception:
                log.warning("the history of the log cannot be checked", exc_info=True)

    def accept(self, open_session: OpenSession) -> None:
        """Remember the log as it is, whatever was remembered; raises what keeps it from being read."""
        with open_session() as session:
            if self._file:
                self._file.replace(self._describe_head(session.head, session.root_at(session.head)))
        self._problem = None
        self._is_checked = True

    def remember(self, position: int, root: str) -> None:
        """Remember a position whose entries are stored durably."""
        if self._file and self._is_checked:
            self._file.remember(self._describe_head(position, root))

    def close(self) -> None:
        """Write what is to be remembered."""
        if self._file:
            self._file.close()

    def require_writable(self) -> None:
        """Raise ReadOnly where the history is another one, or is not known; StorageError where it cannot be read."""
        if self._is_checked:
            return
        with self._lock:
            if self._problem is None and not self._is_checked:
                self._compare()
            if self._problem is not None:
                code, message = self._problem
                raise ReadOnly(f"{code}: {message}. {HOW_TO_ACCEPT}")

    def describe(self) -> dict[str, object] | None:
        """Return what operators should know, None where all is well."""
        if self._problem is not None:
            code, message = self._problem
            return {"code": code, "message": f"{message}. {HOW_TO_ACCEPT}", "readOnly": True}
        if not self._is_checked:
            return {"code": ReadErrorCode.NOT_CHECKED, "message": NOT_CHECKED, "readOnly": True}
        return (
            None if self._file else {"code": ReadErrorCode.NOT_REMEMBERED, "message": NOT_REMEMBERED, "readOnly": False}
        )

    def _compare(self) -> None:
        """Find out whether the log is the remembered one; raises ReadOnly or StorageError where that is not known."""
        if self._problem is not None:
            return
        if self._file is None:
            self._is_checked = True
            return
        if self._open_session is None:
            raise ReadOnly(f"{ReadErrorCode.NOT_CHECKED}: {NOT_CHECKED}")
        try:
            with self._open_session() as session:
                problem, head, root = self._find_problem(session), session.head, session.root_at(session.head)
        except StorageError:
            raise
        except Exception as error:
            raise ReadOnly(f"{ReadErrorCode.NOT_CHECKED}: {NOT_CHECKED}") from error
        if problem is not None:
            self._report(ReadErrorCode.OTHER_HISTORY, problem)
            return
        self._is_checked = True
        self.remember(head, root)

    def _report(self, code: ReadErrorCode, problem: str) -> None:
        self._problem = code, problem
        log.error(
            "the log is served read-only, because its history is not the remembered one",
            code=code,
            reason=problem,
            remembered=self.remembered and self.remembered.position,
        )

    def _describe_head(self, position: int, root: str) -> RememberedHead:
        before = self.remembered.clock if self.remembered else None
        return RememberedHead(self._log_id, position, root, self._clock_guard.reading or before)

    def _find_problem(self, session: ReadSession) -> str | None:
        known = self.remembered
        if known is None:
            return None
        root = session.root_at(known.position) if known.position <= session.head else None
        if root is None and session.is_behind:  # events are stored that cannot be projected
            root = session.compute_root(known.position)
        return describe_other_history(known, self._log_id, session.head, root)


def describe_other_history(known: RememberedHead, log_id: str, length: int, root: str | None) -> str | None:
    """Return why a log of some length is not the remembered one, None where it is.

    `root` is that at the remembered position, None where the log has fewer entries.
    """
    if known.position == 0:
        return None
    if known.log_id != log_id:
        return f"another log was served here before, whose last acknowledged position was {known.position}"
    if root == known.root:
        return None
    found = f"it has {length} entries"
    if root is not None:
        found = f"its entries up to there are others, although {found}"
    return f"the last acknowledged position of the log was {known.position}, and {found}"
