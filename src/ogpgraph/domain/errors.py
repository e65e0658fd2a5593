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


class StoredEventError(Exception):
    """A stored event that this program cannot read: unknown name or version, or a malformed payload."""
