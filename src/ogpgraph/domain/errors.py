"""Refusals: the reasons why a command does not record what it was asked to record."""

from __future__ import annotations


class Refusal(Exception):
    """A command is refused: `code` is stable, `message` is for people, `path` names the input at fault."""

    code = "REFUSED"

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class NotFound(Refusal):
    """The aggregate that the command names does not exist."""

    code = "NOT_FOUND"


class Invalid(Refusal):
    """A value does not have the type or is not in the vocabulary of its path."""

    code = "INVALID"


class Conflict(Refusal):
    """The command contradicts what is recorded, or another writer changed the same things at the same time."""

    code = "CONFLICT"


class KeyReused(Refusal):
    """An idempotency key was sent again with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class StaleRevision(Conflict):
    """The aggregate changed since the client read it; nothing was overwritten."""

    code = "STALE_REVISION"

    def __init__(self, stream: str, expected: int, current: int) -> None:
        super().__init__(f"it is at revision {current} now, not at {expected}", "expectedRevision")
        self.stream = stream
        self.expected = expected
        self.current = current


class Unauthenticated(Refusal):
    """The caller is not known, and only known accounts may write."""

    code = "UNAUTHENTICATED"


class Forbidden(Refusal):
    """The rights of the account do not permit the command."""

    code = "FORBIDDEN"


class RateLimited(Refusal):
    """The account or its address wrote too much within a minute."""

    code = "RATE_LIMITED"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"too many writes within a minute: please wait {wait_seconds} seconds")
        self.wait_seconds = wait_seconds


class ReadOnly(Refusal):
    """Nothing can be recorded at the moment, by anyone; the message says what an operator has to do."""

    code = "READ_ONLY"


class StoredEventError(Exception):
    """A stored event cannot be read: its name or version is unknown, or its payload is malformed."""


class UnknownEvent(StoredEventError):
    """A stored event of a name or version that this program does not know: a newer program recorded it."""
