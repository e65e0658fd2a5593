"""The codes of errors of reading: of positions that cannot be read, and of entries that cannot be projected."""

from __future__ import annotations

from ogpgraph.error_code import ErrorCode, Retry


class ReadErrorCode(ErrorCode):
    """The codes of what is wrong with a position, or with what is remembered of the log."""

    BAD_POSITION = (
        "BAD_POSITION",
        400,
        "A position is not a whole number, is before the first entry or after the newest one, or is missing.",
        "Correct it. `meta { position }` is the newest one.",
    )
    OTHER_HISTORY = (
        "OTHER_HISTORY",
        409,
        (
            "A position with a root, a cursor or a bookmark is of another history of the log: it was restored from a "
            "backup, or is another log."
        ),
        (
            "Drop what was cached and remembered, and start again from the beginning: see "
            "[Histories](clients.md#histories). Operators: see "
            "[The remembered position](production.md#the-remembered-position)."
        ),
    )
    HEAD_UNREADABLE = (
        "HEAD_UNREADABLE",
        200,
        (
            "`/ready` and mutations say that the file with the last acknowledged position cannot be read, so that "
            "nothing is recorded: the log may be an older backup."
        ),
        "Operators: see [The remembered position](production.md#the-remembered-position).",
        Retry.OPERATOR,
    )
    NOT_CHECKED = (
        "NOT_CHECKED",
        200,
        (
            "`/ready` and mutations say that the log cannot be compared with its last acknowledged position, because "
            "its newest entries cannot be read, so that nothing is recorded."
        ),
        "Operators: run `ogpgraph check`.",
        Retry.OPERATOR,
    )
    NOT_REMEMBERED = (
        "NOT_REMEMBERED",
        200,
        (
            "`/ready` warns that nothing remembers the newest position outside of the database, so that an older "
            "backup would be served unnoticed."
        ),
        "Operators: see [The remembered position](production.md#the-remembered-position).",
        Retry.OPERATOR,
    )


class ProjectionFailureCode(ErrorCode):
    """Why an event cannot be projected. Everything before it can be read; `/ready` responds 503."""

    CORRUPT = (
        "CORRUPT",
        503,
        "Its content was altered: it does not have its hash.",
        "Operators: restore that row from a backup.",
        Retry.OPERATOR,
    )
    UNKNOWN_EVENT = (
        "UNKNOWN_EVENT",
        503,
        "This version of the program does not know its kind of event: a newer one recorded it.",
        "Operators: run that version.",
        Retry.OPERATOR,
    )
    UNDECODABLE = (
        "UNDECODABLE",
        503,
        "Its content does not have the form that its kind and version prescribe.",
        "Operators: restore it from a backup, or report a bug.",
        Retry.OPERATOR,
    )
    PROJECTION_FAILED = (
        "PROJECTION_FAILED",
        503,
        "Its content is valid, but the program failed to process it; the log of the server has the details.",
        "Operators: report a bug.",
        Retry.OPERATOR,
    )
    OTHER_PROJECTION = (
        "OTHER_PROJECTION",
        503,
        "Another version of the program has taken over the processing of entries.",
        "Operators: run that version in all processes.",
        Retry.OPERATOR,
    )
