"""Refusals: what a command answers when it may not record what it was asked to record."""

from __future__ import annotations


class Refusal(Exception):
    """A command refused: a stable `code`, a sentence for people, and the path of the input at fault."""

    code = "REFUSED"

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class NotFound(Refusal):
    """The thing the command speaks of does not exist."""

    code = "NOT_FOUND"


class Invalid(Refusal):
    """A value is not of the form or vocabulary its path asks for."""

    code = "INVALID"


class Conflict(Refusal):
    """Somebody else recorded something in between, or what is asked contradicts what is so."""

    code = "CONFLICT"


class KeyReused(Refusal):
    """An idempotency key came back with other content."""

    code = "IDEMPOTENCY_KEY_REUSED"


class StaleRevision(Conflict):
    """The thing changed since the writer last read it; nothing was overwritten."""

    code = "STALE_REVISION"

    def __init__(self, stream: str, expected: int, current: int) -> None:
        super().__init__(f"it is at revision {current} now, not {expected}: look at what changed", "expectedRevision")
        self.stream = stream
        self.expected = expected
        self.current = current


class Unauthenticated(Refusal):
    """Nobody knows who asks, and only known accounts may write."""

    code = "UNAUTHENTICATED"


class Forbidden(Refusal):
    """The account may not do what it asks."""

    code = "FORBIDDEN"


class RateLimited(Refusal):
    """Too much was written within a minute."""

    code = "RATE_LIMITED"

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"too many writes within a minute: please wait {wait_seconds} seconds")
        self.wait_seconds = wait_seconds


class StoredEventError(Exception):
    """A stored event that this program cannot read: unknown name or version, or a malformed payload."""
