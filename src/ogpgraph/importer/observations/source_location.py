"""Where a page is published: which source an address means, and by what its server tells whether it changed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ogpgraph.domain.aggregate import Aggregate
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.source import observations, source_id
from ogpgraph.domain.unit_of_work import Provenance, UnitOfWork
from ogpgraph.importer.fetch import FetchedPage, Validators
from ogpgraph.importer.observations.observation import SourceObservation, record_observation

_PAGE_PATH = re.compile(r"(?:/(?P<language>[a-z]{2}))?/members/[^/]+/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_ENGLISH = "en"


def source_id_from_url(url: str) -> str | None:
    """Return the id of the source that an address of a commitment's page seems to mean, None for any other address."""
    found = _PAGE_PATH.search(urlsplit(url).path)
    return source_id("PAGE", found["code"].upper(), found["language"] or _ENGLISH) if found else None


def is_same_url(one: str, other: str) -> bool:
    """Tell whether two addresses are one: scheme, `www.`, the last slash and case make no difference."""
    return _normalize_url(one) == _normalize_url(other)


def _normalize_url(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.netloc.casefold().removeprefix("www."), parts.path.rstrip("/").casefold(), parts.query


def conditional_validators(source: Aggregate, url: str, reader: str) -> Validators | None:
    """Return what to ask a server with whether a page changed; None where it must be sent anyway.

    That is where it was never fetched from there, where its latest bytes came from elsewhere, or where another reader
    read them.
    """
    known = observations(source)
    if not known or known[-1][1].reader != reader or not is_same_url(source.string("url") or "", url):
        return None
    validators = Validators(source.string("etag"), source.string("lastModified"))
    return validators if validators.etag or validators.last_modified else None


def record_location(uow: UnitOfWork, source: str, fetched: FetchedPage | None) -> None:
    """Record where a source was fetched from and its validators; bytes from elsewhere make the former ones void."""
    aggregate = uow.aggregate(source)
    if fetched:
        validators = fetched.validators
        facts: Facts = {"url": fetched.url, "etag": validators.etag, "lastModified": validators.last_modified}
    elif any(event.stream == source and not event.envelope.late for event in uow.pending):
        facts = {"etag": None, "lastModified": None}
    else:
        return
    changed = {path: value for path, value in facts.items() if aggregate.value(path) != value}
    uow.append(source, "SourceLocated", changed, Provenance(origin=Origin.HEADER))


def record_unchanged(uow: UnitOfWork, source: str, content_hash: str) -> None:
    """Record that a source's latest bytes were seen again; raises Conflict where others were observed in between."""
    aggregate = uow.aggregate(source)
    _, latest = observations(aggregate)[-1]
    if latest.content_hash != content_hash:
        raise Conflict("the page was observed by another import in between: please try again")
    kind, code, language = (aggregate.string(path) or "" for path in ("type", "code", "language"))
    record_observation(
        uow, SourceObservation(kind, code, language, uow.context.time, latest.content_hash, "", latest.reader)
    )
