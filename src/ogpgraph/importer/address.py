"""Where a page is published: which source an address means, and by what its server tells whether it changed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ogpgraph.application import Basis, Session
from ogpgraph.domain.errors import Conflict
from ogpgraph.domain.event import Facts, Origin
from ogpgraph.domain.source import observations, source_id
from ogpgraph.domain.subject import Subject
from ogpgraph.importer.fetch import Fetched, Validators
from ogpgraph.importer.observing import Sight, observe

_PLACE = re.compile(r"(?:/(?P<language>[a-z]{2}))?/members/[^/]+/commitments/(?P<code>[A-Za-z]{2,4}\d{4})/?$")
_ENGLISH = "en"


def source_at(url: str) -> str | None:
    """Return the id of the source that an address of a commitment's page seems to mean, None for any other address."""
    found = _PLACE.search(urlsplit(url).path)
    return source_id("PAGE", found["code"].upper(), found["language"] or _ENGLISH) if found else None


def is_same_place(one: str, other: str) -> bool:
    """Tell whether two addresses are one: scheme, `www.`, the last slash and case make no difference."""
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.netloc.casefold().removeprefix("www."), parts.path.rstrip("/").casefold(), parts.query


def validators_of(source: Subject, url: str, reader: str) -> Validators | None:
    """Return what to ask a server with whether a page changed; None where it must be sent anyway.

    That is where it was never fetched from there, where its latest bytes came from elsewhere, or where another reader
    read them.
    """
    known = observations(source)
    if not known or known[-1][1].reader != reader or not is_same_place(source.text("url") or "", url):
        return None
    validators = Validators(source.text("etag"), source.text("lastModified"))
    return validators if validators.etag or validators.last_modified else None


def note_address(session: Session, source: str, fetched: Fetched | None) -> None:
    """Record where a source was fetched from and its validators; bytes from elsewhere make the former ones void."""
    subject = session.subject(source)
    if fetched:
        validators = fetched.validators
        facts: Facts = {"url": fetched.url, "etag": validators.etag, "lastModified": validators.last_modified}
    elif any(event.stream == source and not event.envelope.late for event in session.pending):
        facts = {"etag": None, "lastModified": None}
    else:
        return
    news = {path: value for path, value in facts.items() if subject.value(path) != value}
    session.say(source, "SourceLocated", news, Basis(origin=Origin.HEADER))


def see_again(session: Session, source: str, content_hash: str) -> None:
    """Record that a source's latest bytes were seen again; raises Conflict where others were observed in between."""
    subject = session.subject(source)
    _, latest = observations(subject)[-1]
    if latest.content_hash != content_hash:
        raise Conflict("the page was observed by another import in between: please try again")
    kind, code, language = (subject.text(path) or "" for path in ("type", "code", "language"))
    observe(session, Sight(kind, code, language, session.act.time, latest.content_hash, "", latest.reader))
