"""Sources: published pages, lists and files, and their observations.

A source is identified by its kind, its code or URL, and its language, never by the name of a local file. The list of a
member's commitments, which each of the member's pages contains, is one source of its own.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.aggregate_type import PATH_SEGMENTS, AggregateType, EventType, Path
from ogpgraph.domain.values import Observation

Instant = Annotated[str, Meta(pattern=f"^{PATH_SEGMENTS['{time}']}$")]

SOURCE = AggregateType(
    name="source",
    description="A published page, list or file that facts are read from.",
    paths=(
        Path("type", Literal["PAGE", "COMMITMENT_LIST", "DATABASE_FILE", "DOCUMENT"], "The kind of source."),
        Path("code", str, "The code of the commitment or member that the source is about, or the name of the file."),
        Path("language", Annotated[str, Meta(pattern="^[a-z]{2,3}$")], "The language in which it is published."),
        Path("url", str, "The URL at which it is published, if known."),
        Path("etag", str, "The ETag that the server sent with the latest observed bytes."),
        Path("lastModified", str, "The Last-Modified date that the server sent with them."),
        Path("observations/{time}", Observation, "The observation made at that time."),
        Path("readToEnd/{time}", int, "The number of rows in the file observed at that time, once all are recorded."),
        Path("seenAgain", Instant, "When the latest observed bytes were last observed again, unchanged."),
    ),
    event_types=(
        EventType("SourceRegistered", "A source was registered with its first observation."),
        EventType(
            "SourceObserved",
            "The source was observed with other bytes, or read by a newer version of the reader.",
            ("observations/", "url"),
        ),
        EventType("SourceSeenAgain", "The same bytes were observed again (recorded once a day).", ("seenAgain",)),
        EventType(
            "SourceLocated",
            "The URL of the source, or the validators that its server sends, became known.",
            ("url", "etag", "lastModified"),
        ),
        EventType("SourceReadToEnd", "All rows of a file were recorded.", ("readToEnd/",)),
        EventType("SourceCorrected", "Facts that had been recorded wrongly were corrected."),
    ),
)


def source_id(kind: str, code: str, language: str) -> str:
    """Return the id of a source's stream: opaque, and the same for the same kind, code or URL, and language."""
    # Half of the digest: 128 bits are enough against accidental collisions, and ids are in every event and row.
    return "source-" + sha256(f"{kind}\n{code}\n{language}".encode()).hexdigest()[:32]


def content_hash(data: bytes) -> str:
    """Return the hash that identifies the bytes of an observation."""
    return "sha256:" + sha256(data).hexdigest()


def observations(source: Aggregate) -> list[tuple[datetime, Observation]]:
    """Return the observations of a source and their times, oldest first."""
    return [
        (datetime.fromisoformat(path.partition("/")[2]), claim.value)
        for path, claim in source.claims_under("observations/")
        if isinstance(claim.value, Observation)
    ]


def last_observed_at(source: Aggregate) -> datetime | None:
    """Return when a source was last observed, including observations of unchanged bytes; None if it never was."""
    times = [time for time, _ in observations(source)]
    again = source.string("seenAgain")
    return max([*times, datetime.fromisoformat(again)] if again else times, default=None)
