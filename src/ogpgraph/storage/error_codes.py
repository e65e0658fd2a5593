"""The codes of errors of the storage that clients are told."""

from __future__ import annotations

from ogpgraph.error_code import ErrorCode, Retry


class StorageErrorCode(ErrorCode):
    """The codes of failures of the storage, and of damage that it finds.

    A failure may pass, so a response with one in any field has its status.
    """

    STORAGE_UNAVAILABLE = (
        "STORAGE_UNAVAILABLE",
        503,
        "The disk fails, the database was removed or replaced, or its server does not answer.",
        (
            "Send it again, mutations with their `idempotencyKey`. Operators: repair the cause, and run `ogpgraph "
            "check` after an I/O error."
        ),
        Retry.LATER,
    )
    STORAGE_FULL = (
        "STORAGE_FULL",
        503,
        "There is no space for what should be recorded. Reading goes on.",
        "Operators: free some; nothing has to be restarted.",
        Retry.LATER,
    )
    STORAGE_READ_ONLY = (
        "STORAGE_READ_ONLY",
        503,
        "The disk or the database server permits no writes. Reading goes on.",
        "Operators: permit them.",
        Retry.LATER,
    )
    STORAGE_BUSY = (
        "STORAGE_BUSY",
        503,
        "A lock or a connection was not free in time.",
        "Send it again, mutations with their `idempotencyKey`. Operators: find who holds the lock.",
        Retry.LATER,
    )
    STORAGE_DAMAGED = (
        "STORAGE_DAMAGED",
        503,
        "The database finds its own files damaged, or the disk fails to read them.",
        "Operators: run `ogpgraph check`. If it persists, restore a backup.",
        Retry.LATER,
    )
    CLOCK_BEHIND = (
        "CLOCK_BEHIND",
        503,
        "Nothing can be recorded: the server's clock is too far behind the last entry. Reading goes on.",
        "Operators: see [Clock](production.md#clock).",
        Retry.OPERATOR,
    )
    CLOCK_AHEAD = (
        "CLOCK_AHEAD",
        503,
        "Nothing can be recorded: the server's clock is too far ahead of the time that has passed. Reading goes on.",
        "Operators: see [Clock](production.md#clock).",
        Retry.OPERATOR,
    )
    CORRUPT_EVENT = (
        "CORRUPT_EVENT",
        500,
        (
            "A stored event does not match its hash, is missing, or is not at its place. It is never served, and a "
            "mutation that reads it is refused. Other fields are complete."
        ),
        "Operators: restore that row from a backup.",
        Retry.OPERATOR,
    )
    CORRUPT_TEXT = (
        "CORRUPT_TEXT",
        500,
        "A stored text does not match its hash. The field is null; the rest of the response is complete.",
        "Operators: restore that row from a backup.",
        Retry.OPERATOR,
    )
