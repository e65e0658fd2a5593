"""Sources: published pages, lists and files, and their observations.

A source is identified by its kind, its code or the reference of its URL, and its language, never by the name of a local
file. A URL may name a person, so that it is a text: neither an event nor an id has it, nor a hash that can be guessed.
The list of a member's commitments, which each of the member's pages contains, is one source of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from ogpgraph.clock import format_timestamp
from ogpgraph.domain.aggregate import Aggregate, own_sources
from ogpgraph.domain.aggregate_type import AggregateType, EventType
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.field import PATH_SEGMENTS, DerivedDimension, Field, Tag
from ogpgraph.domain.roles import ADMINISTRATORS, NOBODY
from ogpgraph.domain.state_id import require_plain_id
from ogpgraph.domain.text import normalize_text
from ogpgraph.domain.unit_of_work import UnitOfWork
from ogpgraph.domain.values import Observation, TextValue

Instant = Annotated[str, Meta(pattern=f"^{PATH_SEGMENTS['{time}']}$")]
Validator = Annotated[str, Meta(max_length=200, description="A header as a server sent it, not as a person wrote it.")]

MAX_URL_LENGTH = 2000
_USER = (
    rf"[^\s/?#]{{0,{MAX_URL_LENGTH}}}@"  # bounded, as schemes are: a text may be as long as a hundred thousand of them
)
CREDENTIALS = re.compile(
    rf"(?i)\bhttps?:/*{_USER}|\b[a-z][a-z0-9+.-]{{0,30}}://{_USER}|(?<![\w:/])//[^\s/?#:@]{{0,200}}:{_USER}"
)
"""The beginning of a URL of any scheme, or of none, with a user's name or password, which anyone who read it could use.

Without a scheme it has to have a password: an e-mail address may stand behind two slashes.
"""


def validate_url(url: str, field: str = "source") -> str:
    """Return a URL as it is stored; raises Invalid, whose message does not repeat it, for what is none or is secret."""
    if len(url) > MAX_URL_LENGTH:
        raise Invalid(f"a URL of {len(url):,} characters is too long: {MAX_URL_LENGTH:,} are the most", field)
    if CREDENTIALS.search(url):
        raise Invalid("a URL with a user's name or password is refused: send it without these", field)
    normalized = normalize_text(url, field)
    if not _URL.fullmatch(normalized) or not _has_host(normalized):
        raise Invalid("a URL begins with https:// or http:// and a host, and has no spaces", field)
    return normalized


_URL = re.compile(r"(?i)https?://[^\s<>\"\\]{3,}")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets or a port that are none; the message would repeat them
        return False


def observation_tags(source: Aggregate) -> Iterable[Tag]:
    """Yield when a source was last observed."""
    if moment := last_observed_at(source):
        yield LAST_OBSERVED, format_timestamp(moment)


LAST_OBSERVED = "lastObserved"
"""The dimension of sources, and of commitments that a source was about only until then."""
OBSERVED_BY = "observedBy"
"""The dimension of commitments that has the sources that are about them until their last observation."""


SOURCE = AggregateType(
    name="source",
    description="A published page, list or file that facts are read from.",
    fields=(
        Field(
            "type",
            Literal["PAGE", "COMMITMENT_LIST", "DATABASE_FILE", "DOCUMENT"],
            "Type",
            "The type of source: `PAGE` (a commitment's page), `COMMITMENT_LIST` (the list of all of a member's "
            "commitments, which OGP prints on the page of each of them), `DATABASE_FILE` (a file of OGP's commitment "
            "database) or `DOCUMENT`.",
            corrected_by=ADMINISTRATORS,
        ),
        Field(
            "code",
            Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9-]{0,59}$")],
            "Code",
            "The code of the commitment (of a page) or of the member (of a list), or the name of the file.",
            corrected_by=ADMINISTRATORS,
        ),
        Field(
            "language",
            Annotated[str, Meta(pattern="^[a-z]{2,3}$")],
            "Language",
            "The language in which it is published, as a lower-case code.",
            corrected_by=ADMINISTRATORS,
        ),
        Field(
            "url",
            TextValue,
            "URL",
            "The URL at which it is published; null if it is not known.",
            normalize=lambda url: validate_url(url, "url"),
            corrected_by=ADMINISTRATORS,
        ),
        # As a server sent them: nobody corrects them, so that no person's text lies in an event in the clear.
        Field(
            "etag",
            Validator,
            "ETag",
            "The ETag that the server sent with the latest observed bytes.",
            corrected_by=NOBODY,
            is_exported=False,
        ),
        Field(
            "lastModified",
            Validator,
            "Last-Modified",
            "The Last-Modified date that the server sent with the latest observed bytes.",
            corrected_by=NOBODY,
            is_exported=False,
        ),
        # Observations are facts of their time: nobody corrects them.
        Field(
            "observations/{time}", Observation, "Observations", "The observation made at that time.", is_exported=False
        ),
        Field(
            "rowsRead/{time}",
            int,
            "Rows read",
            "The number of rows in the file observed at that time, once all are recorded.",
            is_exported=False,
        ),
        Field(
            "observedUnchanged",
            Instant,
            "Last observed unchanged",
            "When the latest observed bytes were last observed again, unchanged.",
            is_exported=False,
        ),
    ),
    event_types=(
        EventType("SourceRegistered", "A source was registered with its first observation."),
        EventType(
            "SourceObserved",
            "The source was observed with other bytes, or read by a newer version of the importer.",
            ("observations/", "url"),
        ),
        EventType(
            "SourceObservedUnchanged",
            "The same bytes were observed again (recorded once a day).",
            ("observedUnchanged",),
        ),
        EventType(
            "SourceLocated",
            "The URL of the source became known, or its ETag or Last-Modified, by which no change is recognized.",
            ("url", "etag", "lastModified"),
        ),
        EventType("SourceReadCompletely", "All rows of a file were recorded.", ("rowsRead/",)),
        EventType("SourceCorrected", "Facts that had been recorded wrongly were corrected.", amends=True),
        EventType("SourceReverted", "What an import or request had recorded was withdrawn.", amends=True),
    ),
    dimensions=(
        DerivedDimension(
            LAST_OBSERVED,
            ("observations", "observedUnchanged"),
            observation_tags,
            "Last observed",
            "When it was last observed.",
        ),
    ),
)


def source_id(kind: str, code: str, language: str) -> str:
    """Return the id of a source's stream: opaque, and the same for the same kind, code and language.

    A document has the reference of its URL in place of a code: without the key of the text store it cannot be guessed.
    """
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
    again = source.string("observedUnchanged")
    return max([*times, datetime.fromisoformat(again)] if again else times, default=None)


def last_observation_of(aggregate: Aggregate, source: Aggregate) -> datetime | None:
    """Return when a source was last observed to be about an aggregate; None if it never was.

    A file of the database that lists a commitment no longer was about it until the observation before.
    """
    ended = _ended_sources(aggregate)
    return ended[source.id] if source.id in ended else last_observed_at(source)


def _ended_sources(aggregate: Aggregate) -> dict[str | None, datetime | None]:
    """Return the sources that are about an aggregate no longer, each with its last observation that was."""
    return {claim.source: claim.after for claim in aggregate.claims.get("listed", ()) if claim.value is False}


def observer_tags(aggregate: Aggregate) -> Iterable[Tag]:
    """Yield the sources that are about an aggregate, and until when those were that are no longer."""
    ended = _ended_sources(aggregate)
    yield from ((OBSERVED_BY, source) for source in own_sources(aggregate) if source not in ended)
    yield from ((LAST_OBSERVED, format_timestamp(moment)) for moment in ended.values() if moment)


def cite_source(uow: UnitOfWork, source: str) -> str:
    """Return the id of a source given by its id or by a document's URL, which is registered if it is not known yet.

    Raises NotFound for an unknown id, and Invalid for a string that is neither an id nor a URL.
    """
    if source.startswith("source-"):
        if not uow.aggregate(require_plain_id(source, "source")).revision:
            raise NotFound(f"there is no source {source[:80]!r}", "source")
        return source
    if not source.lower().startswith(("http://", "https://")):
        raise Invalid("a source is given by its id or by a URL such as https://…", "source")
    url = uow.text_value(validate_url(source))
    stream = source_id("DOCUMENT", url.text, "")
    if not uow.aggregate(stream).value("url"):
        uow.append(stream, "SourceRegistered", {"type": "DOCUMENT", "url": url})
    return stream


def discard_unused_source(uow: UnitOfWork, source: str) -> None:
    """Discard the registration of a cited source if it is the only pending event: then nothing refers to the source."""
    if [(event.stream, event.name) for event in uow.pending] == [(source, "SourceRegistered")]:
        uow.discard_pending()
