"""Commands on sources that people cite; the importer records pages and files with its observations."""

from __future__ import annotations

import re

from ogpgraph.application.unit_of_work import UnitOfWork
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.source import source_id

_URL = re.compile(r"https?://[^\s<>\"\x00-\x1f]{3,2000}")


def cite_source(uow: UnitOfWork, source: str) -> str:
    """Return the id of a source given by its id or by a document's URL, which is registered if it is not known yet.

    Raises NotFound for an unknown id, and Invalid for a string that is neither an id nor a URL.
    """
    if source.startswith("source-"):
        if not uow.aggregate(source).revision:
            raise NotFound(f"there is no source {source}", "source")
        return source
    if not _URL.fullmatch(source):
        raise Invalid("a source is given by its id or by a URL such as https://…", "source")
    stream = source_id("DOCUMENT", source, "")
    if not uow.aggregate(stream).string("url"):
        uow.append(stream, "SourceRegistered", {"type": "DOCUMENT", "url": source})
    return stream


def discard_unused_source(uow: UnitOfWork, source: str) -> None:
    """Discard the registration of a cited source if it is the only pending event: then nothing refers to the source."""
    if [(event.stream, event.name) for event in uow.pending] == [(source, "SourceRegistered")]:
        uow.discard_pending()
