"""The commits of a process on SQLite, which tells of those of others by `PRAGMA data_version`, a number for each."""

from __future__ import annotations

from typing import Any, NamedTuple


class SQLiteCommit(NamedTuple):
    """A writing transaction.

    `number` counts the writing transactions of the process. `others` differs from that of an earlier one if anybody
    else has committed in between. `version` is what `Database.read_version` returns from the commit on, until anything
    else is committed; None before.
    """

    number: int
    others: object
    version: object

    def follows(self, before: SQLiteCommit | None) -> bool:
        """Return whether nothing at all was committed in between."""
        return before is not None and (self.number, self.others) == (before.number + 1, before.others)


class KnownVersion:
    """The version up to which its owner knows all commits, as `KnownCommits` says."""

    def __init__(self) -> None:
        self._version: object = None
        self._last: SQLiteCommit | None = None

    def begin(self, version: Any) -> None:
        """Know of all commits up to a version, and of no later one."""
        self._version = version

    def add(self, commit: Any) -> bool:
        """Know of a commit of this process, too; returns False if others were committed before that are not known."""
        before: SQLiteCommit | None = self._last
        if before is not None and before.number > commit.number:
            return False  # another thread was faster with a later one
        self._last = commit
        if before is None or not commit.follows(before) or self._version != before.version:
            return False
        self._version = commit.version
        return True

    def covers(self, version: Any) -> bool:
        """Return whether it is the known version."""
        return bool(version == self._version)
