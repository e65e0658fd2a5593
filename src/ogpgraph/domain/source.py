"""Sources: a published page, list or file, and every observation of it.

A source is (kind, code or address, language), never a file name. The list of a member's
commitments stands on each of its pages and is one source of its own.
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
        Path("type", Literal["PAGE", "COMMITMENT_LIST", "DATABASE_FILE", "DOCUMENT"], "What sort of source it is."),
        Path("code", str, "The code of the commitment or member the source is about, or the name of the file."),
        Path("language", Annotated[str, Meta(pattern="^[a-z]{2,3}$")], "The language it is published in."),
        Path("url", str, "Where it is published, where that is known."),
        Path("etag", str, "The ETag that its server gave with the latest observed bytes."),
        Path("lastModified", str, "When they were changed, in the words of its server."),
        Path("observations/{time}", Observation, "What was observed at that time."),
        Path("readToEnd/{time}", int, "How many rows the file observed at that time had, once all were in the record."),
        Path("seenAgain", Instant, "When the latest observed bytes were last seen again unchanged."),
    ),
    event_types=(
        EventType("SourceRegistered", "A source came into the record with its first observation."),
        EventType(
            "SourceObserved",
            "The source was observed with other bytes, or read by a newer reader.",
            ("observations/", "url"),
        ),
        EventType("SourceSeenAgain", "The same bytes were seen again (recorded once a day at most).", ("seenAgain",)),
        EventType(
            "SourceLocated",
            "Where the source is published, or how its server tells whether it changed, became known.",
            ("url", "etag", "lastModified"),
        ),
        EventType("SourceReadToEnd", "All that a file says is in the record.", ("readToEnd/",)),
        EventType("SourceCorrected", "Something recorded of the source was wrong and was put right."),
    ),
)


def source_id(kind: str, code: str, language: str) -> str:
    """Return the id of a source's stream: opaque, and the same for the same kind, code or address, and language."""
    return "source-" + sha256(f"{kind}\n{code}\n{language}".encode()).hexdigest()[:32]


def content_hash(data: bytes) -> str:
    """Return the hash by which an observation's bytes are known."""
    return "sha256:" + sha256(data).hexdigest()


def observations(source: Aggregate) -> list[tuple[datetime, Observation]]:
    """Return every observation of a source with its time, oldest first."""
    return [
        (datetime.fromisoformat(path.partition("/")[2]), claim.value)
        for path, claim in source.claims_under("observations/")
        if isinstance(claim.value, Observation)
    ]


def last_observed_at(source: Aggregate) -> datetime | None:
    """Return when the source was last observed, sightings of unchanged bytes included."""
    times = [time for time, _ in observations(source)]
    again = source.string("seenAgain")
    return max([*times, datetime.fromisoformat(again)] if again else times, default=None)
