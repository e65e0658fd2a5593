"""Refusals: the reasons why a command does not record what it was asked to record."""

from __future__ import annotations

from typing import ClassVar

from ogpgraph.error_code import ErrorCode, Retry


class RefusalCode(ErrorCode):
    """The codes of refusals: stable, for programs to act on."""

    UNAUTHENTICATED = (
        "UNAUTHENTICATED",
        401,
        "The request has no token, or the token is wrong, expired, revoked or meant for another service.",
        "Send a valid token as `Authorization: Bearer …`.",
    )
    FORBIDDEN = (
        "FORBIDDEN",
        403,
        "The account has no role that may use this field of this mutation, or not for this member.",
        "Use an account with one of the roles that the description of the mutation names.",
    )
    RATE_LIMITED = (
        "RATE_LIMITED",
        429,
        "The account or the address sent too many mutations; `message` says how long to wait.",
        "Wait, then send it again.",
        Retry.LATER,
    )
    NOT_FOUND = (
        "NOT_FOUND",
        404,
        "An object that the input refers to does not exist; or, with status 404, the path of the URL does not.",
        "Correct the id, the code or the path.",
    )
    INVALID = (
        "INVALID",
        400,
        "A value does not have the format of its field, or is not in its vocabulary.",
        "Correct the value that `message` and `path` name.",
    )
    CONFLICT = (
        "CONFLICT",
        409,
        (
            "The change contradicts the record: a code is taken, for example. Or concurrent changes of the same "
            "objects prevented it; then sending it again helps."
        ),
        "Read the objects again, and decide whether the change is still meant.",
    )
    STALE_REVISION = (
        "STALE_REVISION",
        409,
        "The object has changed since `expectedRevision`; `currentRevision` and `changes` say how.",
        "Look at the changes, and send the mutation with `currentRevision` if it is still meant.",
    )
    READ_ONLY = (
        "READ_ONLY",
        503,
        (
            "Nothing can be recorded until an operator intervenes: the log is not the one that was served before, but "
            "an older backup or another log."
        ),
        "Operators: see [The remembered position](production.md#the-remembered-position).",
        Retry.OPERATOR,
    )
    IDEMPOTENCY_KEY_REUSED = (
        "IDEMPOTENCY_KEY_REUSED",
        409,
        "The idempotency key was used before, with another input.",
        "Choose a new key for each request, and repeat a request unchanged.",
    )


class Refusal(Exception):
    """A command is refused: `code` is stable, `message` is for people, `path` names the input at fault."""

    code: ClassVar[RefusalCode]

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path


class NotFound(Refusal):
    """The aggregate that the command names does not exist."""

    code = RefusalCode.NOT_FOUND


class Invalid(Refusal):
    """A value does not have the type or is not in the vocabulary of its path."""

    code = RefusalCode.INVALID


class Conflict(Refusal):
    """The command contradicts what is recorded, or another writer changed the same things at the same time."""

    code = RefusalCode.CONFLICT


class KeyReused(Refusal):
    """An idempotency key was sent again with another request."""

    code = RefusalCode.IDEMPOTENCY_KEY_REUSED


class StaleRevision(Conflict):
    """The aggregate changed since the client read it; nothing was overwritten."""

    code = RefusalCode.STALE_REVISION

    def __init__(self, stream: str, expected: int, current: int) -> None:
        super().__init__(f"it is at revision {current} now, not at {expected}", "expectedRevision")
        self.stream = stream
        self.expected = expected
        self.current = current


class Unauthenticated(Refusal):
    """The caller is not known, and only known accounts may write."""

    code = RefusalCode.UNAUTHENTICATED


class Forbidden(Refusal):
    """The rights of the account do not permit the command."""

    code = RefusalCode.FORBIDDEN


class RateLimited(Refusal):
    """The account or its address wrote too much within a minute."""

    code = RefusalCode.RATE_LIMITED

    def __init__(self, wait_seconds: int) -> None:
        super().__init__(f"too many writes within a minute: please wait {wait_seconds} seconds")
        self.wait_seconds = wait_seconds


class ReadOnly(Refusal):
    """Nothing can be recorded at the moment, by anyone; the message says what an operator has to do."""

    code = RefusalCode.READ_ONLY


class StoredEventError(Exception):
    """A stored event cannot be read: its name or version is unknown, or its payload is malformed."""


class UnknownEvent(StoredEventError):
    """A stored event of a name or version that this program does not know: a newer program recorded it."""
